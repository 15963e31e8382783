package supernet

import (
	"fmt"
	"math"
	"slices"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
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

// Hits returns by image whether its label has the largest logit, the first one in a tie.
func (r Result) Hits(labels []int32) []bool {
	hits := make([]bool, r.Images)
	for i := range hits {
		logits := r.of(i)
		hits[i] = slices.Index(logits, slices.Max(logits)) == int(labels[i])
	}
	return hits
}

// Losses returns the cross-entropy of every image.
func (r Result) Losses(labels []int32) []float64 {
	losses := make([]float64, r.Images)
	for i := range losses {
		logits := r.of(i)
		highest, total := float64(slices.Max(logits)), 0.0
		for _, x := range logits {
			total += math.Exp(float64(x) - highest)
		}
		losses[i] = math.Log(total) + highest - float64(logits[labels[i]])
	}
	return losses
}

// of returns the logits of an image.
func (r Result) of(image int) []float32 {
	classes := len(r.Logits) / r.Images
	return r.Logits[image*classes:][:classes]
}

// Evaluate runs an architecture forward on a batch, normalising with the batch's statistics. Primitives outside the search
// space are run as their stand-ins. Concat lists are not used.
func (s *Supernet) Evaluate(d *graph.Device, b dataset.Batch, a genotype.Genotype) (Result, error) {
	results, err := s.EvaluateAll(d, b, a)
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// EvaluateAll is Evaluate of several architectures. What they have in common, from the images on, is computed once; the
// results are the same to the bit.
func (s *Supernet) EvaluateAll(d *graph.Device, b dataset.Batch, all ...genotype.Genotype) ([]Result, error) {
	results := make([]Result, len(all))
	g, err := s.build(b, all, results, func(*graph.Graph, *graph.Node) error { return nil })
	if err != nil {
		return nil, err
	}
	return results, g.run(d, results)
}

// Gradients runs an architecture forward and backward on a batch. It returns the parameters that are on a path to the
// loss, with their gradients in them; the others' are left as they were.
func (s *Supernet) Gradients(d *graph.Device, b dataset.Batch, a genotype.Genotype) (r Result, used []*graph.Parameter, err error) {
	used, wait, err := s.Begin(d, b, a)
	if err != nil {
		return r, nil, err
	}
	r, err = wait()
	return r, used, err
}

// Begin begins what Gradients does, and returns what waits for the result. Solvers may move the parameters before that.
func (s *Supernet) Begin(d *graph.Device, b dataset.Batch, a genotype.Genotype) (
	used []*graph.Parameter, wait func() (Result, error), err error,
) {
	results := make([]Result, 1)
	g, err := s.build(b, []genotype.Genotype{a}, results, func(g *graph.Graph, loss *graph.Node) (err error) {
		used, err = g.Backward(loss)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	done := g.start(d, results)
	return used, func() (Result, error) {
		err := done()
		return results[0], err
	}, nil
}

// inputOf adds a batch's images.
func inputOf(g *graph.Graph, b dataset.Batch) *graph.Node {
	if b.Places != nil {
		return g.Placed("images", b.Set, b.Places, b.N, b.Channels, b.Height, b.Width)
	}
	return g.Input("images", b.Images, b.N, b.Channels, b.Height, b.Width)
}

// runnable is a graph and where, for each architecture, its loss and the number of correct images go.
type runnable struct {
	*graph.Graph
	losses  [][]float32
	correct []int
	same    []int // the first architecture that has the same network
}

// build makes the graph of architectures, which keeps losses and logits, and has extend add to it for each loss.
func (s *Supernet) build(
	b dataset.Batch, all []genotype.Genotype, results []Result, extend func(g *graph.Graph, loss *graph.Node) error,
) (runnable, error) {
	for _, a := range all {
		if err := s.Fits(a); err != nil {
			return runnable{}, err
		}
	}
	c := s.config
	if b.Channels != c.ImageChannels || b.Height != c.ImageSize || b.Width != c.ImageSize {
		return runnable{}, fmt.Errorf("images of %d×%d pixels and %d channels don't fit a supernet for %d×%d and %d", b.Height, b.Width, b.Channels, c.ImageSize, c.ImageSize, c.ImageChannels)
	}
	run := runnable{losses: make([][]float32, len(all)), correct: make([]int, len(all)), same: make([]int, len(all))}
	for i := range all {
		results[i] = Result{Images: b.N, Logits: make([]float32, b.N*c.Classes)}
		run.losses[i] = make([]float32, 1)
	}
	var err error
	run.Graph, err = graph.Build(func(g *graph.Graph) error {
		n := newNetwork(s, g)
		images := inputOf(g, b)
		seen := map[*graph.Node]int{}
		for i, a := range all {
			if len(all) > 1 && i == (len(all)+1)/2 {
				g.Branch()
			}
			logits := n.logits(images, a)
			if first, ok := seen[logits]; ok {
				run.same[i] = first
				continue
			}
			seen[logits], run.same[i] = i, i
			loss := g.CrossEntropy(logits, b.Labels, &run.correct[i])
			g.Keep(loss, run.losses[i])
			g.Keep(logits, results[i].Logits)
			if err := extend(g, loss); err != nil {
				return err
			}
		}
		return nil
	})
	return run, err
}

func (g runnable) run(d *graph.Device, results []Result) error { return g.start(d, results)() }

// start begins the run, and returns what waits for the results.
func (g runnable) start(d *graph.Device, results []Result) (wait func() error) {
	done := graph.NewMachine(d, g.Graph).Start()
	return func() error {
		err := done()
		for i, first := range g.same {
			results[i].Loss, results[i].Correct = float64(g.losses[first][0]), g.correct[first]
			copy(results[i].Logits, results[first].Logits)
		}
		return err
	}
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
