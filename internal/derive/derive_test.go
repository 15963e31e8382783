package derive

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/network"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/random"
	"nat/internal/supernet"
)

const testSize = 8 // pixels

// fixture is a model of random weights, and what derivations with it need.
type fixture struct {
	device          *graph.Device
	model           *model.Model
	selection, test *dataset.Images
}

func newFixture(t testing.TB, nodes int) fixture {
	t.Helper()
	opType := supernet.FullyConcat
	if nodes == 5 {
		opType = supernet.LooseEnd
	}
	m, err := model.New(
		supernet.Config{OpType: opType, Nodes: nodes, Channels: 2, Layers: 3, Classes: 4, ImageChannels: 3, ImageSize: testSize},
		policy.Config{Embedding: 4, Features: 8, Hidden: 6},
	)
	if err != nil {
		t.Fatal(err)
	}
	m.Supernet.Initialise(1)
	m.Policy.Initialise(1)
	d := graph.NewCPU(2)
	t.Cleanup(d.Close)
	return fixture{d, m, noise(1, 40), noise(2, 24)}
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

func (f fixture) options() Options {
	return Options{Candidates: 5, WithMode: true, Seed: 3, Selection: f.selection, Test: f.test, BatchSize: 16}
}

func (f fixture) derive(t testing.TB, g genotype.Genotype, o Options) Result {
	t.Helper()
	r, err := Derive(context.Background(), f.device, f.model, g, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// architecture makes a genotype whose two cells have the same edges, written as (operation, from), two for each node; all
// nodes are concatenated.
func architecture(t testing.TB, edges ...any) genotype.Genotype {
	t.Helper()
	var c genotype.Cell
	for i := 0; i < len(edges); i += 2 {
		op, ok := primitive.ByName(edges[i].(string))
		if !ok {
			t.Fatalf("no primitive %s", edges[i])
		}
		c.Edges = append(c.Edges, genotype.Edge{Op: op, From: edges[i+1].(int), To: 2 + i/4})
	}
	for node := range c.Nodes() {
		c.Concat = append(c.Concat, node+2)
	}
	return genotype.Genotype{Name: "Test", Normal: c, Reduce: c.Clone()}
}

// checkLegal holds a result against what must be true of all.
func checkLegal(t *testing.T, r Result) {
	t.Helper()
	in, out := r.Input, r.Output
	if err := out.Validate(); err != nil {
		t.Errorf("%s: the output is invalid: %v", in.Name, err)
	}
	if out.Cost.Parameters > in.Cost.Parameters || out.Cost.MAdds > in.Cost.MAdds {
		t.Errorf("%s: the output costs %+v, the input %+v", in.Name, out.Cost, in.Cost)
	}
	if out.Selection.Correct < in.Selection.Correct {
		t.Errorf("%s: the output has %+v right, the input %+v", in.Name, out.Selection, in.Selection)
	}
	if !dependsOnInput(out.Genotype) {
		t.Errorf("%s: the output of %v doesn't depend on the images", in.Name, out.Genotype)
	}
	for _, c := range []struct {
		in, out genotype.Cell
		choices []Choice
	}{{in.Normal, out.Normal, r.Normal}, {in.Reduce, out.Reduce, r.Reduce}} {
		if !slices.Equal(c.in.Concat, c.out.Concat) {
			t.Errorf("%s: the output concatenates %v, the input %v", in.Name, c.out.Concat, c.in.Concat)
		}
		for i, e := range c.in.Edges {
			if o := c.out.Edges[i]; o.From != e.From || o.To != e.To || !e.Op.Allows(o.Op) || o.Op != c.choices[i].Chosen || e != c.choices[i].Edge {
				t.Errorf("%s: edge %v became %v (reported: %v)", in.Name, e, o, c.choices[i])
			}
		}
	}
}

func TestRandomArchitectures(t *testing.T) {
	for nodes := 1; nodes <= 5; nodes++ {
		f := newFixture(t, nodes)
		for i := range 3 {
			g := genotype.Random(random.New(9, "test", nodes, i), nodes)
			g.Name = "Random"
			checkLegal(t, f.derive(t, g, f.options()))
		}
	}
}

// TestOnCard derives on a card what the processor derives.
func TestOnCard(t *testing.T) {
	f := newFixture(t, 3)
	g := genotype.Random(random.New(5, "test"), 3)
	want := f.derive(t, g, f.options())
	f.device = graph.NewCard(gputest.Open(t), 1)
	defer f.device.Close()
	got := f.derive(t, g, f.options())
	checkLegal(t, got)
	if off := got.Output.Selection.Correct - want.Output.Selection.Correct; off < -1 || off > 1 {
		t.Errorf("the card's choice has %+v right, the processor's %+v", got.Output.Selection, want.Output.Selection)
	}
	if off := got.Input.Selection.Correct - want.Input.Selection.Correct; off < -1 || off > 1 {
		t.Errorf("on the card the input has %+v right, on the processor %+v", got.Input.Selection, want.Input.Selection)
	}
}

// TestRepeats derives the same twice, and after other architectures, with other images and thread counts in between.
func TestRepeats(t *testing.T) {
	f := newFixture(t, 3)
	g := genotype.Random(random.New(1, "test"), 3)
	first := f.derive(t, g, f.options())
	o := f.options()
	o.Selection, o.Test, o.BatchSize = f.test, f.selection, 7
	f.derive(t, genotype.Random(random.New(2, "test"), 3), o)
	if again := f.derive(t, g, f.options()); !reflect.DeepEqual(again, first) {
		t.Errorf("derived again: %+v, first: %+v", again, first)
	}
	f.device = graph.NewCPU(1)
	defer f.device.Close()
	if again := f.derive(t, g, f.options()); !reflect.DeepEqual(again, first) {
		t.Errorf("derived with another number of threads: %+v, first: %+v", again, first)
	}
}

func TestSeedAndNumberOfCandidates(t *testing.T) {
	f := newFixture(t, 4)
	g := genotype.Random(random.New(5, "test"), 4)
	drawn := func(change func(o *Options)) []genotype.Genotype {
		d := derivation{device: f.device, model: f.model, options: f.options()}
		d.options.WithMode = false
		change(&d.options)
		if err := d.prepare(g); err != nil {
			t.Fatal(err)
		}
		return d.candidates()
	}
	all := drawn(func(*Options) {})
	if len(all) != 5 {
		t.Fatalf("%d candidates, want 5", len(all))
	}
	if more := drawn(func(o *Options) { o.Candidates = 8 }); !reflect.DeepEqual(more[:5], all) {
		t.Error("with 8 candidates, the first 5 are others than of 5")
	}
	if other := drawn(func(o *Options) { o.Seed++ }); reflect.DeepEqual(other, all) {
		t.Error("another seed draws the same")
	}
	mode := drawn(func(o *Options) { o.WithMode = true })
	if !reflect.DeepEqual(mode[1:], all[1:]) {
		t.Error("the most probable transformation changes what is drawn behind it")
	}
}

// TestTestLabelsDecideNothing permutes the labels of the test images.
func TestTestLabelsDecideNothing(t *testing.T) {
	f := newFixture(t, 4)
	for i := range 4 {
		g := genotype.Random(random.New(6, "test", i), 4)
		o := f.options()
		honest := f.derive(t, g, o)
		o.Test = noise(2, 24)
		slices.Reverse(o.Test.Labels)
		permuted := f.derive(t, g, o)
		honest.Input.Test, honest.Output.Test, permuted.Input.Test, permuted.Output.Test = Accuracy{}, Accuracy{}, Accuracy{}, Accuracy{}
		if !reflect.DeepEqual(honest, permuted) {
			t.Errorf("with other test labels %v was chosen, not %v", permuted.Output.Genotype, honest.Output.Genotype)
		}
	}
}

func TestSelectionOnTestImages(t *testing.T) {
	f := newFixture(t, 4)
	o := f.options()
	o.Test = o.Selection
	r := f.derive(t, genotype.Random(random.New(7, "test"), 4), o)
	if r.Output.Test != r.Output.Selection || r.Input.Test != r.Input.Selection || r.Input.Test.Images != 40 {
		t.Errorf("chosen with %+v, reported %+v", r.Output.Selection, r.Output.Test)
	}
}

// TestAccuracy holds the reported accuracies against running the supernet directly.
func TestAccuracy(t *testing.T) {
	f := newFixture(t, 2)
	r := f.derive(t, genotype.Random(random.New(8, "test"), 2), f.options())
	for _, a := range []Architecture{r.Input, r.Output} {
		for _, c := range []struct {
			images *dataset.Images
			got    Accuracy
		}{{f.selection, a.Selection}, {f.test, a.Test}} {
			want := Accuracy{}
			for _, b := range dataset.NewLoader(c.images, dataset.LoaderOptions{BatchSize: 16}).Epoch(context.Background(), 0, 0) {
				one, err := f.model.Supernet.Evaluate(f.device, b, a.Genotype)
				if err != nil {
					t.Fatal(err)
				}
				want.Correct += one.Correct
				want.Images += one.Images
			}
			if c.got != want {
				t.Errorf("%v: reported %+v, the supernet gives %+v", a.Genotype, c.got, want)
			}
		}
	}
}

func TestStandIns(t *testing.T) {
	f := newFixture(t, 2)
	g := architecture(t, "conv_1x7_7x1", 0, "sep_conv_7x7", 1, "conv_1x7_7x1", 0, "conv_3x3", 2)
	r := f.derive(t, g, f.options())
	checkLegal(t, r)
	want := []StandIn{{primitive.Conv1x7x7x1, primitive.Conv5x5}, {primitive.SepConv7x7, primitive.SepConv5x5}}
	if !slices.Equal(r.StandIns, want) {
		t.Errorf("stand-ins are %v, want %v", r.StandIns, want)
	}
	seen := architecture(t, "conv_5x5", 0, "sep_conv_5x5", 1, "conv_5x5", 0, "conv_3x3", 2)
	if asSeen(g) != asSeen(seen) || asSeen(g) == asSeen(architecture(t, "conv_5x5", 0, "sep_conv_5x5", 1, "conv_5x5", 1, "conv_3x3", 2)) {
		t.Error("the supernet must see the stand-ins, and nothing else may be the same to it")
	}
}

func TestTies(t *testing.T) {
	accurate := Architecture{Selection: Accuracy{9, 10}, Cost: network.Cost{MAdds: 5}}
	cheap := Architecture{Selection: Accuracy{8, 10}, Cost: network.Cost{MAdds: 1}}
	cheaper := Architecture{Selection: Accuracy{9, 10}, Cost: network.Cost{MAdds: 4}}
	if !accurate.better(cheap) || cheap.better(accurate) || !cheaper.better(accurate) || accurate.better(accurate) {
		t.Error("more accurate comes first, then fewer multiply-adds, then what was drawn first")
	}
}

// TestCutOff derives from architectures whose output doesn't depend on the images.
func TestCutOff(t *testing.T) {
	f := newFixture(t, 2)
	ends := architecture(t, "null", 0, "null", 1, "conv_3x3", 0, "null", 0)
	ends.Normal.Concat, ends.Reduce.Concat = []int{2}, []int{2}
	for _, c := range []struct {
		name  string
		input genotype.Genotype
		want  error
	}{
		{"all null: a factorized reduce would cost more", architecture(t, "null", 0, "null", 1, "null", 2, "null", 0), errCutOff},
		{"fed by null: a cheaper convolution pays", architecture(t, "null", 0, "null", 1, "conv_3x3", 2, "null", 0), nil},
		{"nothing but null to the concat list", ends, nil},
	} {
		for _, images := range []*dataset.Images{f.selection, nil} {
			o := f.options()
			o.Selection = images
			r, err := Derive(context.Background(), f.device, f.model, c.input, o)
			if !errors.Is(err, c.want) {
				t.Errorf("%s: error %v, want %v", c.name, err, c.want)
			}
			if err == nil && (dependsOnInput(r.Input.Genotype) || !dependsOnInput(r.Output.Genotype)) {
				t.Errorf("%s: it became %v", c.name, r.Output.Genotype)
			}
		}
	}
}

func TestWithoutParameters(t *testing.T) {
	f := newFixture(t, 1)
	o := f.options()
	o.Selection = nil
	r := f.derive(t, architecture(t, "skip_connect", 0, "max_pool_3x3", 1), o)
	if want := []string{"normal"}; !slices.Equal(r.Input.WithoutParameters, want) {
		t.Errorf("cells without parameters are %v, want %v: a skip_connect of stride 2 has some", r.Input.WithoutParameters, want)
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t, 4)
	g := genotype.Random(random.New(1, "test"), 4)
	pool := g
	pool.Normal = g.Normal.Clone()
	pool.Normal.Edges[1].Op = primitive.MaxPool2x2
	for name, c := range map[string]struct {
		input  genotype.Genotype
		change func(o *Options, m *model.Model)
		want   string
	}{
		"nodes":      {genotype.Random(random.New(1, "test"), 5), func(*Options, *model.Model) {}, "5 nodes does not fit"},
		"2x2 pool":   {pool, func(*Options, *model.Model) {}, "2x2 pool needs stride 2"},
		"candidates": {g, func(o *Options, _ *model.Model) { o.Candidates = 0 }, "0 candidates"},
		"batches":    {g, func(o *Options, _ *model.Model) { o.BatchSize = -1 }, "batches of -1"},
		"no images":  {g, func(o *Options, _ *model.Model) { o.Test = noise(1, 0) }, "no images"},
		"classes":    {g, func(o *Options, _ *model.Model) { o.Test = noise(1, 2); o.Test.Classes = o.Test.Classes[:3] }, "3 classes"},
		"policy":     {g, func(_ *Options, m *model.Model) { m.Supernet = nil }, "no supernet"},
	} {
		o, m := f.options(), *f.model
		c.change(&o, &m)
		_, err := Derive(context.Background(), f.device, &m, c.input, o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, c.want)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Derive(stopped, f.device, f.model, g, f.options()); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: error %v", err)
	}
}

func TestProgress(t *testing.T) {
	f := newFixture(t, 4)
	o := f.options()
	last, total := 0, 0
	o.Progress = func(done, all int) {
		if done <= last || done > all {
			t.Errorf("%d of %d are done after %d", done, all, last)
		}
		last, total = done, all
	}
	r := f.derive(t, genotype.Random(random.New(2, "test"), 4), o)
	if want := r.Evaluated*40 + 2*24; total != want {
		t.Errorf("%d images are to be run, want %d", total, want)
	}
	if want := total - 24; last != total && (last != want || !r.Output.Equal(r.Input.Genotype)) {
		t.Errorf("%d of %d images were run", last, total)
	}
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		a         Accuracy
		low, high float64
	}{{Accuracy{50, 100}, 0.4038, 0.5962}, {Accuracy{0, 10}, 0, 0.2775}, {Accuracy{10, 10}, 0.7225, 1}} {
		if low, high := c.a.Interval(); math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%+v: %.4f to %.4f, want %.4f to %.4f", c.a, low, high, c.low, c.high)
		}
	}
}
