// Package bench times the two steps of a search on fixed architectures: a step of the supernet's weights (forward,
// backward, update) and one of the policy's rewards (two architectures forward). It is comparable with the peer in
// bench/, which runs the same. It stands above supernet and below the command bench.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"nat/bench"
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/kernel"
	"nat/internal/primitive"
	"nat/internal/random"
	"nat/internal/supernet"
)

// Settings say what is timed.
type Settings struct {
	Channels, Layers int // of the supernet, whose cells have 4 nodes
	Batch            int // images of a step
	Repeat           int // how often all of the architectures are run
	Threads          int
	Kernels          string          // the set of kernels, one of kernel.Sets; empty: the fastest
	Card             string          // the ID of a graphics card that computes; empty: the processor
	Precision        graph.Precision // what a card computes dense convolutions in; empty: single precision
	Convolution      kernel.Algorithm
	Operations       bool // time every operation too, which slows the steps a little
}

// Report is what was measured.
type Report struct {
	Weights, Policy time.Duration // means of a step
	Operations      []Operation   // by step, the slowest first
	Parameters      int           // of the supernet
	Kernels         string        // the set of kernels
	Device          string        // what computed
	Limits          Limits        // of the processor, measured before and after the steps, the better of both; none of a card
	DeviceMemory    int           // bytes of a card that were in use at once
}

// seed is that of weights and images. Times depend on neither.
const seed = 1

// benchmark is what the steps run on.
type benchmark struct {
	settings   Settings
	supernet   *supernet.Supernet
	device     *graph.Device
	solver     graph.SGD
	batch      dataset.Batch
	operations ledger
}

// Run measures. Progress, if not nil, is told how many of the steps are done. Every architecture is run the same number
// of times; before the measurement, the first one is run once for warming up.
func Run(ctx context.Context, s Settings, progress func(done, total int)) (Report, error) {
	entries, err := architectures()
	if err != nil {
		return Report{}, err
	}
	if s.Batch < 1 || s.Repeat < 1 || s.Threads < 1 {
		return Report{}, fmt.Errorf("batches of %d images, %d repeats and %d threads can't be: each must be 1 or more", s.Batch, s.Repeat, s.Threads)
	}
	b, err := newBenchmark(s)
	if err != nil {
		return Report{}, err
	}
	defer b.device.Close()
	if _, _, err := b.run(entries[0]); err != nil {
		return Report{}, err
	}
	b.operations.clear()
	r := Report{Kernels: b.device.Kernels(), Device: b.device.Name()}
	if s.Card == "" {
		r.Limits = limits(b.device.Workers())
	}
	steps := s.Repeat * len(entries)
	for done := range steps {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		w, theta, err := b.run(entries[done%len(entries)])
		if err != nil {
			return Report{}, err
		}
		r.Weights, r.Policy = r.Weights+w, r.Policy+theta
		if progress != nil {
			progress(done+1, steps)
		}
	}
	r.Weights, r.Policy = r.Weights/time.Duration(steps), r.Policy/time.Duration(steps)
	r.Operations = b.operations.slowest(steps)
	if s.Card == "" {
		r.Limits = r.Limits.or(limits(b.device.Workers()))
	}
	r.DeviceMemory = b.device.PeakMemory()
	for _, p := range b.supernet.Parameters() {
		r.Parameters += len(p.Data)
	}
	return r, nil
}

// open returns the device to measure.
func (s *Settings) open() (*graph.Device, error) {
	device, err := s.device()
	if err != nil || s.Precision == "" {
		return device, err
	}
	if err := device.Compute(s.Precision); err != nil {
		device.Close()
		return nil, err
	}
	return device, nil
}

func (s *Settings) device() (*graph.Device, error) {
	if s.Card != "" {
		return graph.OpenCard(s.Card, s.Threads)
	}
	return graph.NewCPUOf(s.Threads, s.Kernels, s.Convolution)
}

func newBenchmark(s Settings) (*benchmark, error) {
	config := supernet.Default(supernet.FullyConcat)
	config.Channels, config.Layers = s.Channels, s.Layers
	net, err := supernet.New(config)
	if err != nil {
		return nil, err
	}
	net.Initialise(seed)
	device, err := s.open()
	if err != nil {
		return nil, err
	}
	b := &benchmark{
		settings: s, supernet: net, device: device, operations: newLedger(),
		solver: graph.SGD{Rate: 0.01, Momentum: 0.9, Decay: 3e-4},
		batch:  noise(s.Batch, config.Classes, config.ImageSize),
	}
	if device.CanHold() {
		b.batch = onCard(b.batch)
	}
	if err := device.Hold(net.Parameters()); err != nil {
		device.Close()
		return nil, err
	}
	if s.Operations {
		b.device.Observe = b.operations.observe
	}
	return b, nil
}

// onCard returns a batch of the same size of which a card keeps the images, as in a search.
func onCard(b dataset.Batch) dataset.Batch {
	set := &dataset.Images{
		Channels: b.Channels, Height: b.Height, Width: b.Width, Mean: make([]float64, b.Channels), Std: make([]float64, b.Channels),
		Pixels: make([]byte, len(b.Images)), Labels: make([]uint16, b.N),
	}
	for c := range b.Channels {
		set.Mean[c], set.Std[c] = 0.5, 0.25
	}
	for i, x := range b.Images {
		set.Pixels[i] = byte(min(255, max(0, 128+64*x)))
	}
	b.Images, b.Set = nil, set
	for i := range b.N {
		b.Places = append(b.Places, int32(i), 0, 0, 0, 0, 0, 0, 0)
	}
	return b
}

// noise returns a batch of n images of noise with labels drawn at random.
func noise(n, classes, size int) dataset.Batch {
	const channels = 3
	b := dataset.Batch{N: n, Channels: channels, Height: size, Width: size, Images: make([]float32, n*channels*size*size)}
	stream := random.New(seed, "bench")
	for range n {
		b.Labels = append(b.Labels, int32(stream.IntN(classes)))
	}
	for i := range b.Images {
		b.Images[i] = float32(stream.NormFloat64())
	}
	return b
}

// run makes one step of each kind and returns the times.
func (b *benchmark) run(e entry) (w, theta time.Duration, err error) {
	start := time.Now()
	b.operations.phase = "w"
	if err := b.stepWeights(e.weights); err != nil {
		return 0, 0, err
	}
	if err := b.device.Wait(); err != nil {
		return 0, 0, err
	}
	w = time.Since(start)
	start = time.Now()
	b.operations.phase = "theta"
	if _, err := b.supernet.EvaluateAll(b.device, b.batch, e.policy...); err != nil {
		return 0, 0, err
	}
	return w, time.Since(start), nil
}

func (b *benchmark) stepWeights(g genotype.Genotype) error {
	used, wait, err := b.supernet.Begin(b.device, b.batch, g)
	if err != nil {
		return err
	}
	start := time.Now()
	if err = graph.Step(&b.solver, used); err != nil {
		return err
	}
	if b.settings.Operations {
		if err := b.device.Wait(); err != nil {
			return err
		}
		b.operations.observe(graph.Observation{Operation: "solver", Took: time.Since(start)})
	}
	_, err = wait()
	return err
}

// entry is what is run once.
type entry struct {
	weights genotype.Genotype
	policy  []genotype.Genotype
}

// cells are the two cells of an architecture in the embedded file.
type cells struct{ Normal, Reduce []edge }

// edge is written as operation, source and target.
type edge genotype.Edge

func (e *edge) UnmarshalJSON(text []byte) error {
	var fields [3]json.RawMessage
	var name string
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	if err := errors.Join(json.Unmarshal(fields[0], &name), json.Unmarshal(fields[1], &e.From), json.Unmarshal(fields[2], &e.To)); err != nil {
		return err
	}
	id, ok := primitive.ByName(name)
	if !ok {
		return fmt.Errorf("no operation %q", name)
	}
	e.Op = id
	return nil
}

// architectures reads the embedded file.
func architectures() ([]entry, error) {
	var file []struct {
		W     cells
		Theta []cells
	}
	if err := json.Unmarshal(bench.Architectures(), &file); err != nil {
		return nil, fmt.Errorf("embedded architectures: %w", err)
	}
	var entries []entry
	for _, f := range file {
		e := entry{weights: f.W.genotype()}
		for _, c := range f.Theta {
			e.policy = append(e.policy, c.genotype())
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (c cells) genotype() genotype.Genotype {
	return genotype.Genotype{Normal: cellOf(c.Normal), Reduce: cellOf(c.Reduce)}
}

// cellOf makes a cell of edges. Its concat list, which a supernet doesn't use, has all nodes.
func cellOf(edges []edge) genotype.Cell {
	var c genotype.Cell
	for _, e := range edges {
		c.Edges = append(c.Edges, genotype.Edge(e))
	}
	for t := range c.Nodes() {
		c.Concat = append(c.Concat, t+2)
	}
	return c
}
