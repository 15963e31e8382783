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
	pass := pass{network: n, mode: block.Evaluation, batch: b}
	g, err := graph.Build(func(g *graph.Graph) error {
		pass.build(g, g.Input("images", b.Images, b.N, b.Channels, b.Height, b.Width))
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
		used, err = g.Backward(pass.build(g, g.Input("images", b.Images, b.N, b.Channels, b.Height, b.Width)))
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
	zeros   int         // leaves of zeros made so far
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
	n, size := p.network, p.batch.N*p.network.size.Classes
	p.zeros, p.result = 0, Result{Images: p.batch.N, Logits: make([]float32, size)}
	before, last := p.stem(g, images)
	var auxiliary *graph.Node
	edges := 0
	for i, c := range n.cells {
		before, last = last, p.cell(g, c, before, last, edges)
		edges += len(c.edges)
		if i == 2*n.size.Layers/3 && p.mode == block.Training && p.Auxiliary != 0 && n.auxiliary != nil {
			auxiliary = p.head(g, last)
		}
	}
	logits := p.from("classifier.").Classify(g, g.GlobalAverage(last))
	loss := g.SmoothCrossEntropy(logits, p.batch.Labels, float32(p.Smoothing), &p.correct)
	g.Keep(logits, p.result.Logits)
	if auxiliary != nil {
		p.result.AuxiliaryLogits = make([]float32, size)
		g.Keep(auxiliary, p.result.AuxiliaryLogits)
		beside := g.SmoothCrossEntropy(auxiliary, p.batch.Labels, float32(p.Smoothing), new(int))
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

// from returns the parameters whose names begin with prefix.
func (p *pass) from(prefix string) block.Source { return p.network.set.From(prefix, p.mode) }

// stem returns what the first cell takes for the outputs of the two cells before it.
func (p *pass) stem(g *graph.Graph, images *graph.Node) (before, last *graph.Node) {
	parts := p.network.stem
	before = parts[0].Apply(g, images, p.from(parts[0].name))
	last = before
	for _, next := range parts[1:] {
		last = next.Apply(g, last, p.from(next.name))
	}
	return before, last
}

// head adds the auxiliary head and returns its logits.
func (p *pass) head(g *graph.Graph, x *graph.Node) *graph.Node {
	features := g.ReLU(p.network.auxiliary.Apply(g, x, p.from(p.network.auxiliary.name)))
	return p.from(auxiliaryClassifier).Classify(g, g.GlobalAverage(features))
}

// cell adds a cell, whose first edge is number first of all, and returns its output. Both inputs are preprocessed even
// where no edge leaves them: in training, the running statistics there follow too.
func (p *pass) cell(g *graph.Graph, c cellBlocks, before, last *graph.Node, first int) *graph.Node {
	nodes := make([]*graph.Node, c.design.Nodes()+2)
	for i, x := range []*graph.Node{before, last} {
		nodes[i] = c.preprocess[i].Apply(g, x, p.from(c.preprocess[i].name))
	}
	for i, e := range c.design.Edges {
		if y := p.edge(g, c, i, nodes[e.From], first); nodes[e.To] == nil {
			nodes[e.To] = y
		} else if y != nil {
			nodes[e.To] = g.Add(nodes[e.To], y)
		}
		if i%2 == 1 && nodes[e.To] == nil {
			nodes[e.To] = p.zero(g, c)
		}
	}
	var output []*graph.Node
	for _, t := range c.design.Concat {
		output = append(output, nodes[t])
	}
	return g.Concat(output...)
}

// edge adds edge i of a cell, whose first is number first of all; that of null is nil.
func (p *pass) edge(g *graph.Graph, c cellBlocks, i int, x *graph.Node, first int) *graph.Node {
	if c.design.Edges[i].Op == primitive.NullOp {
		return nil
	}
	y := c.edges[i].Apply(g, x, p.from(c.edges[i].name))
	if p.dropped != nil && p.dropped[first+i] != nil {
		y = g.ScaleImages(y, p.dropped[first+i])
	}
	return y
}

// zero adds the zeros that a node of a cell is whose two edges are null. Other than in a supernet, they are not passed on as
// zeros: every normalisation shifts them.
func (p *pass) zero(g *graph.Graph, c cellBlocks) *graph.Node {
	p.zeros++
	shape := []int{p.batch.N, c.channels, c.result().size, c.result().size}
	return g.Input(fmt.Sprintf("zeros.%d", p.zeros), make([]float32, shape[0]*shape[1]*shape[2]*shape[3]), shape...)
}
