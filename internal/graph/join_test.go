package graph

import (
	"math"
	"slices"
	"testing"
)

// readTwice adds a network of many images with tensors that several 1×1 convolutions read: one of them directly, one after what
// others of them are read by, and one whose weights another shares.
func (m net) readTwice(g *Graph) *Node {
	const images, size = 16, 8
	pointwise := Convolution{StrideH: 1, StrideW: 1, Dilation: 1, OH: size, OW: size, ReLU: true}
	half, skipping := pointwise, pointwise
	half.StrideH, half.StrideW, half.OH, half.OW = 2, 2, size/2, size/2
	skipping.StrideH, skipping.StrideW, skipping.OH, skipping.OW, skipping.PadH, skipping.PadW = 2, 2, size/2, size/2, -1, -1
	var plain Normalisation
	x := g.Norm(m.leaf(g, "x", images, 8, size, size), plain)
	a := g.Norm(g.Conv(x, m.leaf(g, "a", 4, 8, 1, 1), pointwise), plain)
	b := g.Norm(g.Conv(x, m.leaf(g, "b", 8, 8, 1, 1), pointwise), plain)
	c := g.Conv(a, m.leaf(g, "c", 8, 4, 1, 1), pointwise)
	late := g.Norm(g.Conv(g.Add(b, c), m.leaf(g, "b", 8, 8, 1, 1), pointwise), plain)
	all := g.Concat(late, g.Norm(g.Conv(x, m.leaf(g, "d", 4, 8, 1, 1), pointwise), plain), a)
	reduced := g.Norm(g.Concat(g.Conv(all, m.leaf(g, "e", 4, 16, 1, 1), half), g.Conv(all, m.leaf(g, "f", 4, 16, 1, 1), skipping)), plain)
	dense := g.GlobalAverage(g.Norm(g.Conv(all, m.leaf(g, "g", 8, 16, 1, 1), pointwise), plain))
	logits := g.MatMul(g.Add(g.GlobalAverage(reduced), dense), m.leaf(g, "weight", 5, 8), m.leaf(g, "bias", 5), true)
	return g.CrossEntropy(logits, make([]int32, images), new(int))
}

// TestJoinedStepsEqualThoseAlone compares a machine's results with those of one that joins nothing.
func TestJoinedStepsEqualThoseAlone(t *testing.T) {
	m := net{}
	run := func(join bool) (results map[string][]float32, joins []int) {
		d := NewCPU(2)
		defer d.Close()
		loss := make([]float32, 1)
		var used []*Parameter
		g, err := Build(func(g *Graph) (err error) {
			n := m.readTwice(g)
			g.Keep(n, loss)
			used, err = g.Backward(n)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		machine := planned(d, g)
		if join {
			machine.join(d.kernels.(*processor))
		}
		for _, s := range machine.steps {
			if j, ok := s.work.(joined); ok {
				joins = append(joins, len(j.steps))
			}
		}
		for range 2 {
			if err := machine.RunAll(); err != nil {
				t.Fatal(err)
			}
		}
		results = map[string][]float32{"loss": loss}
		for _, p := range used {
			results[p.Name] = slices.Clone(p.Gradient)
		}
		return results, joins
	}
	alone, none := run(false)
	together, joins := run(true)
	if len(none) != 0 {
		t.Errorf("a machine that joins nothing has joined steps: %v", none)
	}
	// x by a, b and d; the concatenation by e, f and g; the gradients of the latter; those of x by a and d, since that of b by its
	// weights is read early, by the sum with the other.
	if want := []int{3, 3, 3, 2}; !slices.Equal(joins, want) {
		t.Errorf("joined %v steps, want %v", joins, want)
	}
	for name, want := range alone {
		difference, total := 0.0, 0.0
		for i, v := range want {
			difference += math.Abs(float64(v - together[name][i]))
			total += math.Abs(float64(v))
		}
		if !(difference <= 1e-5*total) {
			t.Errorf("%s is off by %.2g of itself", name, difference/total)
		}
	}
}
