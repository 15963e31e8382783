// Package network is one architecture as a network of its own, trained from scratch to judge it (spec section 9): what it
// costs, its parameters and running statistics under the published names, and how it runs in training and in evaluation. It
// stands above block and below train.
package network

import (
	"fmt"

	"nat/internal/genotype"
)

// Stem says how images enter the network (spec section 9).
type Stem uint8

const (
	// SmallStem is CIFAR-10's: one 3×3 convolution at full resolution.
	SmallStem Stem = iota
	// LargeStem is ImageNet's: three 3×3 convolutions of stride 2, after which the first cell counts as following a
	// reduce cell.
	LargeStem
)

// String returns the stem's name in files.
func (s Stem) String() string {
	if s == LargeStem {
		return "large"
	}
	return "small"
}

// ParseStem reads what String writes.
func ParseStem(name string) (Stem, error) {
	for _, s := range []Stem{SmallStem, LargeStem} {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("stem %q is unknown: it is %s or %s", name, SmallStem, LargeStem)
}

// MarshalText writes the stem's name.
func (s Stem) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Stem) UnmarshalText(text []byte) (err error) {
	*s, err = ParseStem(string(text))
	return err
}

// Size is everything that an architecture does not say about its network.
type Size struct {
	Stem      Stem
	Channels  int // of the first cells' operations, doubled by each of the two reduce cells
	Layers    int // cells
	Classes   int
	ImageSize int // height and width in pixels; images have 3 channels
}

// CIFAR10 returns the published size for CIFAR-10.
func CIFAR10() Size { return Size{SmallStem, 36, 20, 10, 32} }

// ImageNet returns the published size for ImageNet.
func ImageNet() Size { return Size{LargeStem, 48, 14, 1000, 224} }

// The largest sizes that are accepted. Within them no cost overflows: the dearest cells, of MaxNodes nodes, stay below
// 2⁶³ multiply-adds.
const (
	MaxChannels  = 2048
	MaxLayers    = 1000
	MaxClasses   = 1 << 20
	MaxImageSize = 1024
)

// Validate checks that a network of that size can be built.
func (s Size) Validate() error {
	for _, setting := range []struct {
		name       string
		value, max int
	}{
		{"channels", s.Channels, MaxChannels}, {"layers", s.Layers, MaxLayers},
		{"classes", s.Classes, MaxClasses}, {"image size", s.ImageSize, MaxImageSize},
	} {
		if setting.value < 1 || setting.value > setting.max {
			return fmt.Errorf("%s %d: choose 1 to %d", setting.name, setting.value, setting.max)
		}
	}
	if s.Stem == LargeStem && s.Channels%2 != 0 {
		return fmt.Errorf("channels %d: the ImageNet stem begins with half as many, choose an even number", s.Channels)
	}
	return nil
}

// feature is the shape of one image inside the network: channels × size × size.
type feature struct{ channels, size int }

// pixels returns the feature's height times its width.
func (f feature) pixels() int { return f.size * f.size }

// halved returns the feature after a stride of 2: half the size, rounded up.
func (f feature) halved() feature { return feature{f.channels, (f.size + 1) / 2} }

// cell is one cell of the stack: what comes in, with how many channels its operations work, and which they are.
type cell struct {
	inputs   [2]feature // outputs of the cell before the previous one, and of the previous one
	channels int
	reduce   bool
	reduced  bool // the previous cell, or what stands for it, halved its input
	design   genotype.Cell
}

// operand returns the shape on which operations that leave the cell's inputs work, before any stride.
func (c cell) operand() feature { return feature{c.channels, c.inputs[1].size} }

// result returns the shape of every node of the cell.
func (c cell) result() feature {
	if c.reduce {
		return c.operand().halved()
	}
	return c.operand()
}

// output returns the shape that the cell passes on: its concatenated nodes.
func (c cell) output() feature {
	return feature{len(c.design.Concat) * c.channels, c.result().size}
}

// edge returns the height and width of what the operation on e works on, and its stride: 2 where it leaves an input of a
// reduce cell.
func (c cell) edge(e genotype.Edge) (size, stride int) {
	switch {
	case e.From >= 2:
		return c.result().size, 1
	case c.reduce:
		return c.operand().size, 2
	default:
		return c.operand().size, 1
	}
}

// stack lays the network's cells out (spec sections 5 and 9): cells layers/3 and 2·layers/3, counted from 0, are reduce
// cells and double the channels. It returns the cells, the shape that reaches the classifier and the one that reaches the
// auxiliary head, which follows cell 2·layers/3.
func stack(g genotype.Genotype, s Size) (cells []cell, last, auxiliary feature) {
	before := feature{3 * s.Channels, s.ImageSize}
	last = before
	if s.Stem == LargeStem {
		before = feature{s.Channels, s.ImageSize}.halved().halved()
		last = before.halved()
	}
	channels, reduced := s.Channels, s.Stem == LargeStem
	for i := range s.Layers {
		c := cell{inputs: [2]feature{before, last}, reduced: reduced, design: g.Normal}
		if i == s.Layers/3 || i == 2*s.Layers/3 {
			channels *= 2
			c.reduce, c.design = true, g.Reduce
		}
		c.channels = channels
		cells = append(cells, c)
		before, last, reduced = last, c.output(), c.reduce
		if i == 2*s.Layers/3 {
			auxiliary = last
		}
	}
	return cells, last, auxiliary
}
