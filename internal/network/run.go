package network

import (
	"fmt"
	"math/rand/v2"

	"nat/internal/block"
	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/primitive"
)

// imageChannels is what images have.
const imageChannels = 3

// Training is what a training pass has beside the network (spec section 9).
type Training struct {
	DropPath  float64    // probability with which an edge's output is zero for an image
	Random    *rand.Rand // that the dropped paths are drawn from; needed if DropPath is above 0
	Smoothing float64    // of labels
	Auxiliary float64    // weight of the auxiliary head's loss; 0 leaves the head out
}

// Result is what running a network on a batch gave.
type Result struct {
	Loss            float64   // in training with the auxiliary head's; averaged over the batch
	Correct, Images int       // images whose label has the largest logit, and all of the batch
	Logits          []float32 // [Images, Classes]
	AuxiliaryLogits []float32 // in training, if the head took part
}

// Evaluate runs the network forward on a batch, normalising by the running statistics. The loss is the plain cross-entropy.
func (n *Network) Evaluate(d *graph.Device, b dataset.Batch) (Result, error) {
	if err := n.fits(b); err != nil {
		return Result{}, err
	}
	if err := d.Fetch(); err != nil { // scales and shifts are folded into the running statistics here
		return Result{}, err
	}
	pass := pass{network: n, mode: block.Evaluation, batch: b}
	g, err := graph.Build(func(g *graph.Graph) error {
		pass.build(g, inputOf(g, b))
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	return pass.run(d, g)
}

// Gradients runs the network forward and backward on a batch, normalising by the batch, and has the running statistics
// follow. It returns the parameters that are on a path to the loss, with their gradients in them; the others' are left as
// they were.
func (n *Network) Gradients(d *graph.Device, b dataset.Batch, t Training) (r Result, used []*graph.Parameter, err error) {
	if err := n.fits(b); err != nil {
		return r, nil, err
	}
	pass := pass{network: n, mode: block.Training, batch: b, Training: t}
	pass.drop()
	g, err := graph.Build(func(g *graph.Graph) (err error) {
		used, err = g.Backward(pass.build(g, inputOf(g, b)))
		return err
	})
	if err != nil {
		return r, nil, err
	}
	if r, err = pass.run(d, g); err != nil {
		return r, nil, err
	}
	n.set.Follow()
	return r, used, nil
}

// inputOf adds a batch's images.
func inputOf(g *graph.Graph, b dataset.Batch) *graph.Node {
	if b.Places != nil {
		return g.Placed("images", b.Set, b.Places, b.N, b.Channels, b.Height, b.Width)
	}
	return g.Input("images", b.Images, b.N, b.Channels, b.Height, b.Width)
}

// fits checks that the batch's images are of the network's size.
func (n *Network) fits(b dataset.Batch) error {
	if s := n.size.ImageSize; b.Channels != imageChannels || b.Height != s || b.Width != s {
		return fmt.Errorf("images of %d×%d pixels and %d channels don't fit a network for %d×%d and %d", b.Height, b.Width, b.Channels, s, s, imageChannels)
	}
	return nil
}

// pass is one run of a network on a batch.
type pass struct {
	Training
	network *Network
	mode    block.Mode
	batch   dataset.Batch

	dropped [][]float32 // by cell and edge, in order: factors of the images; nil for what is never dropped
	loss    [1]float32
	correct int
	result  Result
}

// drop draws which images every edge's output is dropped for: all but those of identities and null (spec section 9).
func (p *pass) drop() {
	if p.DropPath == 0 {
		return
	}
	keep := 1 - p.DropPath
	for _, c := range p.network.cells {
		for _, e := range c.design.Edges {
			var factors []float32
			if _, stride := c.edge(e); e.Op != primitive.NullOp && (e.Op != primitive.SkipConnect || stride > 1) {
				factors = make([]float32, p.batch.N)
				for i := range factors {
					if p.Random.Float64() < keep {
						factors[i] = float32(1 / keep)
					}
				}
			}
			p.dropped = append(p.dropped, factors)
		}
	}
}

// build adds the network to a graph, which keeps loss and logits, and returns the loss.
func (p *pass) build(g *graph.Graph, images *graph.Node) *graph.Node {
	size := p.batch.N * p.network.size.Classes
	p.result = Result{Images: p.batch.N, Logits: make([]float32, size)}
	auxiliary := p.mode == block.Training && p.Auxiliary != 0
	logits, head := Build(p.network, Builder[*graph.Node](&inGraph{Graph: g, pass: p}), images, auxiliary)
	loss := g.SmoothCrossEntropy(logits, p.batch.Labels, float32(p.Smoothing), &p.correct)
	g.Keep(logits, p.result.Logits)
	if head != nil {
		p.result.AuxiliaryLogits = make([]float32, size)
		g.Keep(head, p.result.AuxiliaryLogits)
		beside := g.SmoothCrossEntropy(head, p.batch.Labels, float32(p.Smoothing), new(int))
		loss = g.Add(loss, g.Weighted(beside, float32(p.Auxiliary)))
	}
	g.Keep(loss, p.loss[:])
	return loss
}

func (p *pass) run(d *graph.Device, g *graph.Graph) (Result, error) {
	err := graph.NewMachine(d, g).RunAll()
	p.result.Loss, p.result.Correct = float64(p.loss[0]), p.correct
	return p.result, err
}

// inGraph builds the network of a pass in a graph.
type inGraph struct {
	*graph.Graph
	pass  *pass
	zeros int // leaves of zeros made so far
}

func (b *inGraph) from(prefix string) block.Source {
	return b.pass.network.set.From(prefix, b.pass.mode)
}

func (b *inGraph) At(prefix string) block.Builder[*graph.Node] { return b.from(prefix).In(b.Graph) }

func (b *inGraph) Edge(number int, y *graph.Node) *graph.Node {
	if b.pass.dropped == nil || b.pass.dropped[number] == nil {
		return y
	}
	return b.ScaleImages(y, b.pass.dropped[number])
}

func (b *inGraph) Zeros(channels, size int) *graph.Node {
	b.zeros++
	n := b.pass.batch.N
	return b.Input(fmt.Sprintf("zeros.%d", b.zeros), make([]float32, n*channels*size*size), n, channels, size, size)
}

func (b *inGraph) Classify(prefix string, x *graph.Node) *graph.Node {
	return b.from(prefix).Classify(b.Graph, b.GlobalAverage(x))
}
