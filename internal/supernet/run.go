package supernet

import (
	"fmt"

	"nat/internal/block"
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/primitive"
)

// Result is what running an architecture on a batch gave.
type Result struct {
	Loss    float64   // cross-entropy, averaged over the batch
	Correct int       // images whose label has the largest logit
	Images  int       // in the batch
	Logits  []float32 // [Images, Classes]
}

// Accuracy returns the share of correct images.
func (r Result) Accuracy() float64 { return float64(r.Correct) / float64(r.Images) }

// Evaluate runs an architecture forward on a batch, normalising with the batch's statistics. Primitives outside the search
// space are run as their stand-ins. Concat lists are not used.
func (s *Supernet) Evaluate(d *graph.Device, b dataset.Batch, a genotype.Genotype) (Result, error) {
	var r Result
	g, err := s.build(b, a, &r, func(*graph.Graph, *graph.Node) error { return nil })
	if err != nil {
		return r, err
	}
	return r.run(d, g)
}

// Gradients runs an architecture forward and backward on a batch. It returns the parameters that are on a path to the
// loss, with their gradients in them; the others' are left as they were.
func (s *Supernet) Gradients(d *graph.Device, b dataset.Batch, a genotype.Genotype) (r Result, used []*graph.Parameter, err error) {
	g, err := s.build(b, a, &r, func(g *graph.Graph, loss *graph.Node) (err error) {
		used, err = g.Backward(loss)
		return err
	})
	if err != nil {
		return r, nil, err
	}
	r, err = r.run(d, g)
	return r, used, err
}

// runnable is a graph and where its loss and the number of correct images go.
type runnable struct {
	*graph.Graph
	loss    []float32
	correct *int
}

// build makes the graph of an architecture, which keeps loss and logits, and has extend add to it.
func (s *Supernet) build(b dataset.Batch, a genotype.Genotype, r *Result, extend func(g *graph.Graph, loss *graph.Node) error) (runnable, error) {
	if err := s.Fits(a); err != nil {
		return runnable{}, err
	}
	c := s.config
	if b.Channels != c.ImageChannels || b.Height != c.ImageSize || b.Width != c.ImageSize {
		return runnable{}, fmt.Errorf("images of %d×%d pixels and %d channels don't fit a supernet for %d×%d and %d", b.Height, b.Width, b.Channels, c.ImageSize, c.ImageSize, c.ImageChannels)
	}
	*r = Result{Images: b.N, Logits: make([]float32, b.N*c.Classes)}
	run := runnable{loss: make([]float32, 1), correct: new(int)}
	var err error
	run.Graph, err = graph.Build(func(g *graph.Graph) error {
		images := g.Input("images", b.Images, b.N, b.Channels, b.Height, b.Width)
		logits := s.logits(g, images, a)
		loss := g.CrossEntropy(logits, b.Labels, run.correct)
		g.Keep(logits, r.Logits)
		g.Keep(loss, run.loss)
		return extend(g, loss)
	})
	return run, err
}

func (r Result) run(d *graph.Device, g runnable) (Result, error) {
	err := graph.NewMachine(d, g.Graph).RunAll()
	r.Loss, r.Correct = float64(g.loss[0]), *g.correct
	return r, err
}

// Fits checks that the supernet can run an architecture: that it is valid and has the supernet's number of nodes.
func (s *Supernet) Fits(a genotype.Genotype) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if a.Nodes() != s.config.Nodes {
		return fmt.Errorf("a genotype of %d nodes does not fit a supernet of %d (%s): take a checkpoint of %d nodes", a.Nodes(), s.config.Nodes, s.config.OpType, a.Nodes())
	}
	return nil
}

// logits adds the network of an architecture. A nil node stands for zeros: what comes of null edges, since every
// operation makes zeros of zeros.
func (s *Supernet) logits(g *graph.Graph, images *graph.Node, a genotype.Genotype) *graph.Node {
	before := s.stem.Apply(g, images, s.from("stem."))
	last := before
	for _, l := range s.cells {
		before, last = last, s.addCell(g, l, before, last, a)
	}
	var average *graph.Node
	if last != nil {
		average = g.GlobalAverage(last)
	} else {
		n, features := images.Shape()[0], s.set.Parameter("classifier.weight").Shape[1]
		average = g.Input("zeros", make([]float32, n*features), n, features)
	}
	return s.from("classifier.").Classify(g, average)
}

// from returns the parameters whose names begin with prefix.
func (s *Supernet) from(prefix string) block.Source { return s.set.From(prefix, block.BatchOnly) }

func (s *Supernet) addCell(g *graph.Graph, l cell, before, last *graph.Node, a genotype.Genotype) *graph.Node {
	c := a.Normal
	if l.reduce {
		c = a.Reduce
	}
	sources := c.Sources()
	nodes := make([]*graph.Node, c.Nodes()+2)
	for i, x := range []*graph.Node{before, last} {
		if x != nil && sources[i] {
			nodes[i] = l.before[i].Apply(g, x, s.from(fmt.Sprintf("%spreprocess%d.", l.name, i)))
		}
	}
	for _, e := range c.Edges {
		if y := s.addEdge(g, l, e, nodes[e.From]); nodes[e.To] == nil {
			nodes[e.To] = y
		} else if y != nil {
			nodes[e.To] = g.Add(nodes[e.To], y)
		}
	}
	some := false
	for t := range nodes[2:] {
		if s.config.OpType == LooseEnd && sources[t+2] {
			nodes[t+2] = nil
		}
		some = some || nodes[t+2] != nil
	}
	if !some {
		return nil
	}
	return g.Concat(nodes[2:]...)
}

func (s *Supernet) addEdge(g *graph.Graph, l cell, e genotype.Edge, x *graph.Node) *graph.Node {
	id := e.Op.StandIn()
	if x == nil || id == primitive.NullOp {
		return nil
	}
	return block.Of(id, l.channels, l.stride(e.From), block.Supernet).Apply(g, x, s.from(l.bank(e.From, e.To, id)))
}
