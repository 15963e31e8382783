package graph

import (
	"fmt"

	"nat/internal/gpu"
)

// Pictures is a data set that a card takes into its memory, to make batches of it there.
type Pictures interface {
	// Bytes returns the levels of all images [N, C, H, W], and Levels what those of each channel are normalised to, [C, 256].
	Bytes() []byte
	Levels() []float32
}

// pictures is where a card has a data set.
type pictures struct{ bytes, levels Memory }

// used returns how many bytes of a card are in use.
func (d *Device) used() int {
	if d.card == nil {
		return 0
	}
	return d.card.Used()
}

// CanHold tells whether the device makes batches of a data set that it holds, as Graph.Placed needs it.
func (d *Device) CanHold() bool { return d.card != nil }

// Ahead returns how many steps may be begun before the results of the first are waited for: on a card, what waits leaves it
// idle; the processor has done a step when it has begun it.
func (d *Device) Ahead() int {
	if d.card == nil {
		return 0
	}
	return 16
}

// picturesOf returns where the card has a data set, which it is sent when it is first used.
func (d *Device) picturesOf(set Pictures) pictures {
	if p, ok := d.pictures[set]; ok {
		return p
	}
	bytes, levels := set.Bytes(), set.Levels()
	p := pictures{d.card.Take((len(bytes) + 3) / 4), d.card.Take(len(levels))}
	d.card.WriteBytes(p.bytes, bytes)
	d.card.Write(p.levels, levels)
	if d.pictures == nil {
		d.pictures = map[Pictures]pictures{}
	}
	d.pictures[set] = p
	return p
}

// placed is a leaf whose values are images of a data set.
type placed struct {
	set    Pictures
	places []int32
	shape  [4]int
}

// Placed adds a leaf of images [N, C, H, W] of a data set, each as its place of gpu.PlaceSize numbers says. Only a card can run
// it. The places must be left alone until the run has begun.
func (g *Graph) Placed(name string, set Pictures, places []int32, n, c, h, w int) *Node {
	if len(places) != n*gpu.PlaceSize {
		panic(fmt.Sprintf("graph: %d numbers of places for %d images", len(places), n))
	}
	node := g.leaf(name, []int{n, c, h, w})
	g.placed[node] = placed{set, places, [4]int{n, c, h, w}}
	return node
}

// make has the card compute the images, in memory that is to be freed.
func (p placed) make(d *Device) Memory {
	of := d.picturesOf(p.set)
	y := d.card.Take(p.shape[0] * p.shape[1] * p.shape[2] * p.shape[3])
	d.card.Augment(y, of.bytes, of.levels, p.places, p.shape[1], p.shape[2], p.shape[3])
	return y
}
