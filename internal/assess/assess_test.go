package assess

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/random"
	"nat/internal/supernet"
)

const testSize = 8 // pixels

func newModel(t *testing.T) *model.Model {
	t.Helper()
	m, err := model.New(
		supernet.Config{OpType: supernet.FullyConcat, Nodes: 3, Channels: 2, Layers: 3, Classes: 4, ImageChannels: 3, ImageSize: testSize},
		policy.Config{Embedding: 4, Features: 8, Hidden: 6},
	)
	if err != nil {
		t.Fatal(err)
	}
	m.Supernet.Initialise(1)
	m.Policy.Initialise(1)
	return m
}

// noise returns random images of random classes.
func noise(seed uint64, n int) *dataset.Images {
	stream := random.New(seed, "noise")
	m := &dataset.Images{
		Name: "noise", Classes: []string{"a", "b", "c", "d"}, Channels: 3, Height: testSize, Width: testSize,
		Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{0.25, 0.25, 0.25},
	}
	for range n {
		m.Labels = append(m.Labels, uint16(stream.IntN(4)))
		for range 3 * testSize * testSize {
			m.Pixels = append(m.Pixels, byte(stream.Uint32()))
		}
	}
	return m
}

func options(images *dataset.Images) Options {
	return Options{Inputs: 4, Candidates: 3, Seed: 5, Images: images, BatchSize: 16}
}

func run(t *testing.T, o Options, threads int) Report {
	t.Helper()
	d := graph.NewCPU(threads)
	defer d.Close()
	r, err := Run(context.Background(), d, newModel(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// choicesOf returns the genotypes that were chosen, by trial and way.
func choicesOf(g Group) (all [][]genotype.Genotype) {
	for _, t := range g.Trials {
		var row []genotype.Genotype
		for _, c := range t.Choices {
			row = append(row, c.Genotype)
		}
		all = append(all, row)
	}
	return all
}

func TestReport(t *testing.T) {
	o := options(noise(1, 41))
	o.Published = []genotype.Genotype{genotype.Random(random.New(1, "test"), 3)}
	r := run(t, o, 2)
	if r.ChoiceImages != 20 || r.GainImages != 21 || len(r.Random.Trials) != 4 || len(r.Published.Trials) != 1 {
		t.Fatalf("%d and %d images, %d and %d trials", r.ChoiceImages, r.GainImages, len(r.Random.Trials), len(r.Published.Trials))
	}
	for _, g := range []Group{r.Random, r.Published} {
		for w, s := range g.Ways {
			if s.Way != Ways()[w] || s.Gain.Low > s.Gain.Mean || s.Gain.High < s.Gain.Mean {
				t.Errorf("%s: way %s has gain %+v", Ways()[w], s.Way, s.Gain)
			}
			if math.Abs(s.Accuracy-g.InputAccuracy-s.Gain.Mean) > 1e-12 {
				t.Errorf("%s: accuracy %g is not that of the inputs, %g, and the gain %g", s.Way, s.Accuracy, g.InputAccuracy, s.Gain.Mean)
			}
			if all := s.Changes.Kept + s.Changes.Replaced + s.Changes.Dropped; s.Way != RandomSearch && math.Abs(all-1) > 1e-9 {
				t.Errorf("%s: shares of edges add up to %g", s.Way, all)
			}
			if s.Way != AllSkip && s.Way != RandomSearch && (s.MAdds > 1 || s.Parameters > 1) {
				t.Errorf("%s: choices cost %g and %g of their inputs", s.Way, s.MAdds, s.Parameters)
			}
		}
		if zero := (Interval{}); g.Ways[0].Behind != zero {
			t.Errorf("the policy is ahead of itself by %+v", g.Ways[0].Behind)
		}
	}
	for _, trial := range r.Random.Trials {
		for _, e := range trial.Choices[3].Normal.Edges {
			if e.Op != primitive.SkipConnect {
				t.Errorf("all skip: %v", trial.Choices[3])
			}
		}
	}
	if again := run(t, o, 1); !reflect.DeepEqual(again, r) {
		t.Error("another number of threads gives another report")
	}
}

// TestGainImagesDecideNothing permutes the labels of the images that gains are measured on.
func TestGainImagesDecideNothing(t *testing.T) {
	honest := run(t, options(noise(1, 40)), 2)
	o := options(noise(1, 40))
	for i := range 20 {
		o.Images.Labels[20+i] = (o.Images.Labels[20+i] + 1) % 4
	}
	if permuted := run(t, o, 2); !reflect.DeepEqual(choicesOf(honest.Random), choicesOf(permuted.Random)) {
		t.Error("labels of the images of gains change what is chosen")
	}
	for i := range 20 {
		o.Images.Labels[i] = (o.Images.Labels[i] + 1) % 4
	}
	if moved := run(t, o, 2); reflect.DeepEqual(choicesOf(honest.Random), choicesOf(moved.Random)) {
		t.Error("labels of the images that are chosen on change nothing")
	}
}

// TestChoiceIsTheMostAccurate holds a choice against running all that was proposed.
func TestChoiceIsTheMostAccurate(t *testing.T) {
	d := graph.NewCPU(1)
	defer d.Close()
	a := assessment{Options: options(noise(3, 32)), device: d, model: newModel(t)}
	if err := a.prepare(); err != nil {
		t.Fatal(err)
	}
	trial, err := a.try(context.Background(), genotype.Random(random.New(2, "test"), 3), 0)
	if err != nil {
		t.Fatal(err)
	}
	proposals, err := a.propose(trial, 0)
	if err != nil {
		t.Fatal(err)
	}
	correct := func(g genotype.Genotype) int {
		n := 0
		for _, b := range dataset.NewLoader(a.choose, dataset.LoaderOptions{BatchSize: 16}).Epoch(context.Background(), 0, 0) {
			r, err := a.model.Supernet.Evaluate(d, b, g)
			if err != nil {
				t.Fatal(err)
			}
			n += r.Correct
		}
		return n
	}
	for w, p := range proposals {
		if want := 3; Ways()[w] != AllSkip && len(p.candidates) != want {
			t.Errorf("%s evaluates %d candidates, not %d", Ways()[w], len(p.candidates), want)
		}
		for _, g := range p.candidates {
			if correct(g) > correct(trial.Choices[w].Genotype) {
				t.Errorf("%s: %v is more accurate than what was chosen", Ways()[w], g)
			}
		}
	}
}

func TestBootstrap(t *testing.T) {
	all := func(x int8) [][]int8 { return [][]int8{{x, x, x}, {x, x, x}} }
	if got, want := bootstrap(all(1), 1), (Interval{1, 1, 1, 1, 1}); got != want {
		t.Errorf("of ones: %+v", got)
	}
	// 100 architectures that agree on 100 images, of which 60 gain: what the images happen to be is all that is uncertain, as
	// in a binomial distribution with a standard deviation of 0.049. The other way round, what the architectures happen to be.
	var agreeing, differing [][]int8
	for i := range 100 {
		row, same := make([]int8, 100), make([]int8, 100)
		for j := range 100 {
			if j < 60 {
				row[j] = 1
			}
			if i < 60 {
				same[j] = 1
			}
		}
		agreeing, differing = append(agreeing, row), append(differing, same)
	}
	near := func(x, y float64) bool { return math.Abs(x-y) < 0.02 }
	got := bootstrap(agreeing, 1)
	if got.Mean != 0.6 || !near(got.Low, 0.6) || !near(got.High, 0.6) || !near(got.WideLow, 0.504) || !near(got.WideHigh, 0.696) {
		t.Errorf("with images that differ: %+v, want 0.6, and 0.504 to 0.696 with other images", got)
	}
	if bootstrap(agreeing, 1) != got || bootstrap(agreeing, 2) == got {
		t.Error("the interval must follow from the seed")
	}
	got = bootstrap(differing, 1)
	if got.Mean != 0.6 || !near(got.Low, 0.504) || !near(got.High, 0.696) || !near(got.WideLow, 0.504) || !near(got.WideHigh, 0.696) {
		t.Errorf("with architectures that differ: %+v, want 0.504 to 0.696 both times", got)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"no architectures": {func(o *Options) { o.Inputs = 0 }, "0 architectures"},
		"no candidates":    {func(o *Options) { o.Candidates = 0 }, "0 candidates"},
		"one image":        {func(o *Options) { o.Images = noise(1, 1) }, "1 images"},
		"other nodes":      {func(o *Options) { o.Published = []genotype.Genotype{genotype.Random(random.New(1, "test"), 4)} }, "4 nodes"},
	} {
		o := options(noise(1, 8))
		c.change(&o)
		d := graph.NewCPU(1)
		_, err := Run(context.Background(), d, newModel(t), o)
		d.Close()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	d := graph.NewCPU(1)
	defer d.Close()
	if _, err := Run(stopped, d, newModel(t), options(noise(1, 8))); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: error %v", err)
	}
}
