package derive

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"nat/genotypes"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/primitive"
	"nat/internal/random"
)

// published returns a published architecture.
func published(t testing.TB, name string) genotype.Genotype {
	t.Helper()
	g, _, err := genotypes.Resolve(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestBudgets asks for parts of what may be saved of the inputs' costs: all of it, next to nothing, and in between.
func TestBudgets(t *testing.T) {
	for _, name := range []string{"DARTS", "VGG", "NAONet", "ENAS", "ResBlock"} {
		g := published(t, name)
		f := newFixture(t, g.Nodes())
		d := preparedFor(t, f, g)
		least := cheapestCost(t, d)
		between := func(share float64) Budget {
			return Budget{
				MAdds:      least.MAdds + int(share*float64(d.cost.MAdds-least.MAdds)),
				Parameters: least.Parameters + int(share*float64(d.cost.Parameters-least.Parameters)),
			}
		}
		for _, b := range []Budget{
			between(0), between(0.05), between(0.5), between(0.99), {MAdds: between(0.3).MAdds}, {Parameters: between(0.3).Parameters},
		} {
			for _, evaluate := range []bool{true, false} {
				o := f.options()
				o.Budget, o.Candidates = b, 40
				if !evaluate {
					o.Selection = nil
				}
				r := f.derive(t, g, o)
				limit := b.lower(d.cost)
				if r.Unmet != nil || r.Output.Cost.MAdds > limit.MAdds || r.Output.Cost.Parameters > limit.Parameters {
					t.Errorf("%s: %+v gave %+v (%+v)", name, b, r.Output.Cost, r.Unmet)
				}
				if evaluate && (r.Raced < 1 || r.Raced >= raceFrom && r.Evaluated > 1+finalists) {
					t.Errorf("%s: %+v: %d candidates raced, %d were evaluated", name, b, r.Raced, r.Evaluated)
				}
			}
		}
	}
}

func cheapestCost(t *testing.T, d *derivation) network.Cost {
	t.Helper()
	g, ok := d.cheapest()
	if !ok {
		t.Fatal("there is no cheapest transformation")
	}
	cost, err := costOf(g)
	if err != nil {
		t.Fatal(err)
	}
	return cost
}

// TestCheapestOfAll compares with trying everything.
func TestCheapestOfAll(t *testing.T) {
	for _, edges := range [][]any{
		{"sep_conv_3x3", 0, "conv_1x1", 1}, {"conv_1x1", 0, "null", 1, "skip_connect", 0, "conv_1x1", 1}, {"skip_connect", 0, "conv_1x1", 0},
	} {
		g := architecture(t, edges...)
		d := preparedFor(t, newFixture(t, g.Nodes()), g)
		least := math.Inf(1)
		d.every(func(g genotype.Genotype) {
			if cost, err := costOf(g); err == nil && dependsOnInput(g) {
				least = min(least, d.share(cost))
			}
		})
		if got := d.share(cheapestCost(t, d)); math.Abs(got-least) > 1e-12 {
			t.Errorf("%v: the cheapest costs %g of the input, of all %g", edges, got, least)
		}
	}
}

// TestUnmet asks for less than there is to be had: convolutions of 1×1 may become nothing that is free in a reduce cell but
// null, and one of them must stay for the output to depend on the input.
func TestUnmet(t *testing.T) {
	g := architecture(t, "conv_1x1", 0, "conv_1x1", 1)
	f := newFixture(t, 1)
	for _, evaluate := range []bool{true, false} {
		o := f.options()
		o.Budget = Budget{MAdds: 1}
		if !evaluate {
			o.Selection = nil
		}
		r := f.derive(t, g, o)
		nothing, err := costOf(architecture(t, "null", 0, "null", 1))
		if err != nil {
			t.Fatal(err)
		}
		if r.Unmet == nil || r.Unmet.Fixed.MAdds != nothing.MAdds || r.Unmet.Fixed.Parameters != nothing.Parameters {
			t.Fatalf("unmet is %+v, want the fixed cost %+v", r.Unmet, nothing)
		}
		if e := r.Unmet.Edges; len(e) != 1 || !e[0].Reduce || e[0].Op != primitive.SkipConnect || e[0].Cost.MAdds != r.Output.Cost.MAdds-nothing.MAdds {
			t.Errorf("in the way stand %+v, want the skip_connect of the reduce cell", e)
		}
		if evaluate && r.Output.Selection.Images == 0 {
			t.Error("the closest is not evaluated")
		}
	}
}

func TestLatency(t *testing.T) {
	if testing.Short() {
		t.Skip("networks of the published size are run")
	}
	g := architecture(t, "conv_3x3", 0, "conv_3x3", 1)
	f := newFixture(t, 1)
	for limit, fits := range map[time.Duration]bool{time.Nanosecond: false, time.Hour: true} {
		o := f.options()
		o.Budget, o.Candidates = Budget{Latency: limit}, 3
		r := f.derive(t, g, o)
		if r.Output.Latency <= 0 || r.Input.Latency <= 0 || (r.Unmet == nil) != fits {
			t.Errorf("limit %s: %s became %s, unmet: %+v", limit, r.Input.Latency, r.Output.Latency, r.Unmet)
		}
	}
}

// TestFront draws candidates of all costs and keeps those that no cheaper one equals.
func TestFront(t *testing.T) {
	g := published(t, "VGG")
	f := newFixture(t, 4)
	o := f.options()
	o.Front, o.Candidates = true, 80
	r := f.derive(t, g, o)
	if r.Raced < 60 || len(r.Front) == 0 || len(r.Front)+len(r.Behind) > finalists+1 {
		t.Fatalf("%d candidates, %d on the front and %d behind", r.Raced, len(r.Front), len(r.Behind))
	}
	for i, a := range r.Front[1:] {
		if before := r.Front[i]; a.Cost.MAdds <= before.Cost.MAdds || a.Selection.Correct <= before.Selection.Correct {
			t.Errorf("%+v stands behind %+v", a, before)
		}
	}
	for _, b := range r.Behind {
		dominated := false
		for _, a := range r.Front {
			dominated = dominated || a.Cost.MAdds <= b.Cost.MAdds && a.Selection.Correct >= b.Selection.Correct
		}
		if !dominated {
			t.Errorf("%+v belongs to the front", b)
		}
	}
	if last := r.Front[len(r.Front)-1]; !last.Equal(r.Output.Genotype) {
		t.Errorf("the most accurate is %v, the output %v", last, r.Output)
	}
	all := append(r.Front, r.Behind...)
	low, high := all[0].Cost.MAdds, all[0].Cost.MAdds
	for _, a := range all {
		low, high = min(low, a.Cost.MAdds), max(high, a.Cost.MAdds)
	}
	if float64(low) > 0.6*float64(r.Input.Cost.MAdds) || float64(high) < 0.9*float64(r.Input.Cost.MAdds) {
		t.Errorf("what was evaluated costs from %d to %d, the input %d: it should be spread", low, high, r.Input.Cost.MAdds)
	}
}

// TestBudgetsRepeat derives the same twice, with other thread counts.
func TestBudgetsRepeat(t *testing.T) {
	f := newFixture(t, 4)
	o := f.options()
	o.Budget, o.Front, o.Candidates = Budget{MAdds: 400_000_000}, true, 50
	g := published(t, "DARTS")
	first := f.derive(t, g, o)
	f.device = graph.NewCPU(1)
	defer f.device.Close()
	if again := f.derive(t, g, o); !reflect.DeepEqual(again, first) {
		t.Errorf("derived again: %+v, first: %+v", again, first)
	}
}

func TestTilt(t *testing.T) {
	d := preparedFor(t, newFixture(t, 4), genotype.Random(random.New(3, "test"), 4))
	tilt := d.tilt()
	normal, _ := tilt.distributions(0)
	for i, c := range normal {
		for k, p := range c.P {
			if want := d.normal[i].Normalised()[k]; math.Abs(p-want) > 1e-9 {
				t.Errorf("untilted, edge %d has probability %g, want %g", i, p, want)
			}
		}
	}
	usual, _ := tilt.expected(0)
	for _, share := range []float64{0.95, 0.8, 0.7} {
		limit := network.Cost{MAdds: int(share * usual), Parameters: math.MaxInt}
		if madds, _ := tilt.expected(tilt.toward(limit, 0)); madds > float64(limit.MAdds) || madds < 0.999*float64(limit.MAdds) {
			t.Errorf("towards %d multiply-adds, %g are expected", limit.MAdds, madds)
		}
	}
	if lambda := tilt.toward(noLimit(), 0); lambda != 0 {
		t.Errorf("without a limit, λ is %g", lambda)
	}
}

// TestRaceCosts has 200 candidates cost no more than 30 full evaluations, and no candidate run on an image twice before the
// finals.
func TestRaceCosts(t *testing.T) {
	f := newFixture(t, 4)
	g := published(t, "VGG")
	for _, images := range []int{512, 130} {
		o := f.options()
		o.Selection, o.Test, o.BatchSize, o.Candidates, o.Budget = noise(3, images), nil, 64, 200, Budget{MAdds: 400_000_000}
		ran := 0
		o.Progress = func(done, total int) {
			if ran = done; done > total {
				t.Errorf("%d of %d", done, total)
			}
		}
		if r := f.derive(t, g, o); r.Raced != 200 || r.Evaluated > finalists+1 {
			t.Errorf("%d candidates, %d of them evaluated", r.Raced, r.Evaluated)
		}
		if ran > 30*images || ran < 10*images {
			t.Errorf("%d images: the race took %.1f full evaluations", images, float64(ran)/float64(images))
		}
	}
}

func TestSurvivors(t *testing.T) {
	stream := random.New(1, "losses")
	runners := func(means ...float64) (all []*runner) {
		common := make([]float64, 64)
		for i := range common {
			common[i] = stream.NormFloat64()
		}
		for _, mean := range means {
			r := &runner{}
			for _, x := range common {
				r.losses = append(r.losses, mean+x+0.1*stream.NormFloat64())
			}
			all = append(all, r)
		}
		return all
	}
	all := runners(1.03, 1, 2, 1.01, 3)
	field := survivors(append([]*runner{}, all...), 4)
	if len(field) != 3 || field[0].mean() > field[1].mean() || field[1].mean() > field[2].mean() {
		t.Errorf("of 5, of which 2 are far behind, %d survive", len(field))
	}
	if field = survivors(append([]*runner{}, all...), 2); len(field) != 2 {
		t.Errorf("of a quota of 2, %d survive", len(field))
	}
	if same := []*runner{all[0], all[0]}; len(survivors(same, 2)) != 2 {
		t.Error("one of two that are equal was far behind")
	}
	for i, want := range []int{69, 24, 8} {
		if got := quota(200, 1, i); got != want {
			t.Errorf("after round %d, %d survive, want %d", i, got, want)
		}
	}
}

// TestRaceStops ends the context amid a race.
func TestRaceStops(t *testing.T) {
	f := newFixture(t, 4)
	o := f.options()
	o.Budget, o.Candidates = Budget{MAdds: 400_000_000}, 100
	stopped, stop := context.WithCancel(context.Background())
	o.Progress = func(int, int) { stop() }
	if _, err := Derive(stopped, f.device, f.model, published(t, "DARTS"), o); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped amid the race: error %v", err)
	}
}
