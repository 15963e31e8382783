package graph

import (
	"math"
	"slices"
	"testing"
)

// smoothLoss adds a small network with the operations of networks trained from scratch.
func (m net) smoothLoss(g *Graph, mean, variance []float32) *Node {
	x := g.Norm(m.leaf(g, "x", 3, 4, 2, 2), Normalisation{Mean: mean, Variance: variance})
	features := g.GlobalAverage(g.ScaleImages(g.Add(x, m.leaf(g, "beside", 3, 4, 2, 2)), []float32{2, 0, 0.5}))
	loss := func(name string) *Node {
		logits := g.MatMul(features, m.leaf(g, name, 5, 4), nil, true)
		return g.SmoothCrossEntropy(logits, []int32{1, 4, 0}, 0.1, new(int))
	}
	return g.Add(loss("weight"), g.Weighted(loss("auxiliary"), 0.4))
}

func (m net) runSmooth(t *testing.T, mean, variance []float32) (float64, []*Parameter) {
	t.Helper()
	loss := make([]float32, 1)
	var used []*Parameter
	g, err := Build(func(g *Graph) (err error) {
		n := m.smoothLoss(g, mean, variance)
		g.Keep(n, loss)
		used, err = g.Backward(n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	d := NewCPU(2)
	defer d.Close()
	if err := NewMachine(d, g).RunAll(); err != nil {
		t.Fatal(err)
	}
	return float64(loss[0]), used
}

// TestNetworkGradients compares the gradients of these operations with finite differences.
func TestNetworkGradients(t *testing.T) {
	m := net{}
	mean, variance := make([]float32, 4), make([]float32, 4)
	_, used := m.runSmooth(t, mean, variance)
	if len(used) != 4 {
		t.Fatalf("%d parameters have gradients, want 4", len(used))
	}
	for _, p := range used {
		gradient := slices.Clone(p.Gradient)
		difference, total := 0.0, 0.0
		for i, x := range p.Data {
			slope := 0.0
			for _, step := range []float32{1e-2, -1e-2} {
				p.Data[i] = x + step
				loss, _ := m.runSmooth(t, mean, variance)
				slope += loss / (2 * float64(step))
			}
			p.Data[i] = x
			difference += math.Abs(slope - float64(gradient[i]))
			total += math.Abs(slope)
		}
		if !(difference < 0.02*total) {
			t.Errorf("%s: the gradient is off by %.2g of itself", p.Name, difference/total)
		}
	}
}

// TestSmoothCrossEntropy holds loss and tracked statistics against their definitions.
func TestSmoothCrossEntropy(t *testing.T) {
	logits := NewParameter("logits", 2, 3)
	copy(logits.Data, []float32{1, -2, 0.5, 0, 3, -1})
	labels, loss := []int32{2, 1}, make([]float32, 1)
	d := NewCPU(1)
	defer d.Close()
	g, err := Build(func(g *Graph) error {
		g.Keep(g.SmoothCrossEntropy(g.Parameter(logits), labels, 0.3, new(int)), loss)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := NewMachine(d, g).RunAll(); err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for i, label := range labels {
		row := logits.Data[i*3:][:3]
		total := 0.0
		for _, v := range row {
			total += math.Exp(float64(v))
		}
		for k, v := range row {
			target := 0.1
			if k == int(label) {
				target = 0.8
			}
			want -= target * (float64(v) - math.Log(total)) / 2
		}
	}
	if math.Abs(float64(loss[0])-want) > 1e-6 {
		t.Errorf("loss %g, by definition %g", loss[0], want)
	}
}

func TestNormTracked(t *testing.T) {
	m := net{}
	mean, variance := make([]float32, 4), make([]float32, 4)
	m.runSmooth(t, mean, variance)
	x := m["x"].Data
	for c := range 4 {
		sum, squares := 0.0, 0.0
		for i := range 3 {
			for _, v := range x[(i*4+c)*4:][:4] {
				sum += float64(v) / 12
				squares += float64(v) * float64(v) / 12
			}
		}
		if math.Abs(float64(mean[c])-sum) > 1e-6 || math.Abs(float64(variance[c])-(squares-sum*sum)) > 1e-6 {
			t.Errorf("channel %d: mean %g and variance %g, want %g and %g", c, mean[c], variance[c], sum, squares-sum*sum)
		}
	}
}

// TestClip holds gradients that are too long, and ones that aren't, against PyTorch's rule.
func TestClip(t *testing.T) {
	make := func() []*Parameter {
		a, b := NewParameter("a", 2), NewParameter("b", 1)
		a.Gradient, b.Gradient = []float32{3, 0}, []float32{-4}
		return []*Parameter{a, b}
	}
	for _, c := range []struct {
		limit float64
		want  float32 // that 3 becomes
	}{{0, 3}, {6, 3}, {2.5, 1.5}} {
		p := make()
		ClipGradients(p, c.limit)
		if got := p[0].Gradient[0]; math.Abs(float64(got-c.want)) > 1e-5 || math.Abs(float64(p[1].Gradient[0]+got*4/3)) > 1e-5 {
			t.Errorf("limit %g: gradients %v and %v", c.limit, p[0].Gradient, p[1].Gradient)
		}
	}
}
