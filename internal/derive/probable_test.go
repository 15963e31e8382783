package derive

import (
	"math"
	"testing"

	"nat/internal/genotype"
	"nat/internal/primitive"
	"nat/internal/random"
)

// preparedFor returns a derivation that has asked the policy.
func preparedFor(t *testing.T, f fixture, g genotype.Genotype) *derivation {
	t.Helper()
	return preparedWith(t, f, g, f.options())
}

func preparedWith(t *testing.T, f fixture, g genotype.Genotype, o Options) *derivation {
	t.Helper()
	d := &derivation{device: f.device, model: f.model, options: o}
	if err := d.prepare(g); err != nil {
		t.Fatal(err)
	}
	return d
}

// every calls visit for all transformations of the input.
func (t *derivation) every(visit func(g genotype.Genotype)) {
	edges := len(t.input.Normal.Edges)
	chosen := make([]primitive.ID, 2*edges)
	var decide func(i int)
	decide = func(i int) {
		if i == len(chosen) {
			visit(t.transform(chosen[:edges], chosen[edges:]))
			return
		}
		d := t.normal
		if i >= edges {
			d = t.reduce
		}
		for _, op := range d[i%edges].Allowed {
			chosen[i] = op
			decide(i + 1)
		}
	}
	decide(0)
}

// TestMostProbableIsTheBestOfAll compares with trying everything. Pools on edges of stride 2, which may become a dearer
// skip_connect, and nulls make the limits felt.
func TestMostProbableIsTheBestOfAll(t *testing.T) {
	for _, edges := range [][]any{
		{"max_pool_3x3", 0, "avg_pool_3x3", 1},
		{"sep_conv_3x3", 0, "null", 1},
		{"null", 0, "conv_1x1", 1},
		{"null", 0, "max_pool_3x3", 1, "conv_1x1", 2, "null", 0},
		{"conv_1x1", 0, "null", 1, "null", 0, "skip_connect", 1},
	} {
		g := architecture(t, edges...)
		for seed := range uint64(6) {
			f := newFixture(t, g.Nodes())
			f.model.Policy.Initialise(seed)
			d := preparedFor(t, f, g)
			best := math.Inf(-1)
			d.every(func(g genotype.Genotype) {
				if d.acceptable(g) {
					best = max(best, d.logProbability(g))
				}
			})
			got, ok := d.mostProbable()
			if !ok || !d.acceptable(got) || math.Abs(d.logProbability(got)-best) > 1e-12 {
				t.Errorf("%v, seed %d: %v with log-probability %g, the best has %g", edges, seed, got, d.logProbability(got), best)
			}
		}
	}
}

// TestMostProbableIsTheModeWhereThatFits compares with taking each edge's most probable operation.
func TestMostProbableIsTheModeWhereThatFits(t *testing.T) {
	fitting := 0
	for nodes := 1; nodes <= genotype.MaxNodes; nodes++ {
		f := newFixture(t, nodes)
		for i := range 3 {
			d := preparedFor(t, f, genotype.Random(random.New(4, "test", nodes, i), nodes))
			mode := d.transform(d.normal.Mode(), d.reduce.Mode())
			got, ok := d.mostProbable()
			switch {
			case !ok || !d.acceptable(got):
				t.Errorf("%d nodes: %v is not acceptable", nodes, got)
			case d.acceptable(mode):
				fitting++
				if !got.Equal(mode) {
					t.Errorf("%d nodes: got %v, the mode is %v", nodes, got, mode)
				}
			case d.logProbability(got) >= d.logProbability(mode):
				t.Errorf("%d nodes: got %v, which is more probable than the mode %v", nodes, got, mode)
			}
		}
	}
	if fitting < 5 {
		t.Errorf("only %d of the modes fit: choose other inputs", fitting)
	}
}

// TestAllowCostlier has the most probable transformation cost more where that is wanted.
func TestAllowCostlier(t *testing.T) {
	g := architecture(t, "max_pool_3x3", 0, "avg_pool_3x3", 1)
	dearer := 0
	for seed := range uint64(10) {
		f := newFixture(t, 1)
		f.model.Policy.Initialise(seed)
		o := f.options()
		o.AllowCostlier = true
		d := preparedWith(t, f, g, o)
		mode := d.transform(d.normal.Mode(), d.reduce.Mode())
		if got, _ := d.mostProbable(); dependsOnInput(mode) && !got.Equal(mode) {
			t.Errorf("seed %d: got %v, the mode is %v", seed, got, mode)
		}
		cost, err := costOf(mode)
		if err != nil {
			t.Fatal(err)
		}
		if cost.MAdds > d.cost.MAdds {
			dearer++
		}
	}
	if dearer == 0 {
		t.Error("none of the modes costs more: choose other seeds")
	}
}
