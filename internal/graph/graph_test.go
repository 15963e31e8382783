package graph

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"nat/internal/golden"
)

// net is parameters by name; asked for a new one, it makes it.
type net map[string]*Parameter

func (m net) leaf(g *Graph, name string, shape ...int) *Node {
	if m[name] == nil {
		m[name] = NewParameter(name, shape...)
		random := rand.New(rand.NewPCG(uint64(len(m)), 1))
		for i := range m[name].Data {
			m[name].Data[i] = float32(random.NormFloat64() / 2)
		}
	}
	return g.Parameter(m[name])
}

var same = Convolution{StrideH: 1, StrideW: 1, PadH: 1, PadW: 1, Dilation: 1, ReLU: true}

// loss adds a network that has every operation, with values that feed several others. The images are a parameter too, to
// have their gradient checked.
func (m net) loss(g *Graph, correct *int) *Node {
	const size = 4
	conv := same
	conv.OH, conv.OW = size, size
	x := m.leaf(g, "images", 3, 2, size, size)
	x = g.Norm(g.Conv(x, m.leaf(g, "stem", 4, 2, 3, 3), conv), Normalisation{Scale: m.leaf(g, "scale", 4), Shift: m.leaf(g, "shift", 4)})
	nodes := []*Node{x}
	for i := range 3 {
		depthwise := conv
		depthwise.Depthwise = true
		from := nodes[i/2]
		var affine Normalisation // two that get one gradient have neither, one of them, or both
		if i > 0 {
			affine = Normalisation{Scale: m.leaf(g, fmt.Sprint("scale", i), 4), Shift: m.leaf(g, fmt.Sprint("shift", i), 4)}
		}
		a := g.Norm(g.Conv(from, m.leaf(g, fmt.Sprint("dense", i), 4, 4, 3, 3), conv), affine)
		if i == 2 {
			affine.Scale = m.leaf(g, "another scale", 4)
		} else {
			affine = Normalisation{}
		}
		b := g.Norm(g.Pool(from, Pooling{K: 3, Stride: 1, Pad: 1, OH: size, OW: size, Max: i == 1}), affine)
		c := g.ReLU(g.ScaleShift(
			g.Conv(from, m.leaf(g, fmt.Sprint("depthwise", i), 4, 1, 3, 3), depthwise), m.leaf(g, "scale", 4), m.leaf(g, "shift", 4)))
		nodes = append(nodes, g.Add(g.Add(a, b), g.Add(c, from)))
	}
	all := g.Concat(nodes[1], nil, nodes[2], nodes[3])
	logits := g.MatMul(g.GlobalAverage(all), m.leaf(g, "weight", 5, 16), m.leaf(g, "bias", 5), true)
	logits = g.MatMul(logits, m.leaf(g, "square", 5, 5), nil, false)
	return g.CrossEntropy(logits, []int32{1, 4, 0}, correct)
}

// run computes the loss and the gradients of the returned parameters.
func (m net) run(t testing.TB, d *Device) (float64, []*Parameter) {
	loss, correct := make([]float32, 1), 0
	var used []*Parameter
	g, err := Build(func(g *Graph) (err error) {
		n := m.loss(g, &correct)
		g.Keep(n, loss)
		used, err = g.Backward(n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := NewMachine(d, g).RunAll(); err != nil {
		t.Fatal(err)
	}
	return float64(loss[0]), used
}

// TestGradients compares the gradients of every operation with finite differences.
func TestGradients(t *testing.T) {
	d := NewCPU(1)
	defer d.Close()
	m := net{}
	_, used := m.run(t, d)
	if len(used) != len(m) {
		t.Fatalf("%d parameters have gradients, want %d", len(used), len(m))
	}
	for _, p := range used {
		gradient := slices.Clone(p.Gradient)
		difference, total := 0.0, 0.0
		for i, x := range p.Data {
			slope := 0.0
			for _, step := range []float32{1e-3, -1e-3} {
				p.Data[i] = x + step
				loss, _ := m.run(t, d)
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

// TestThreadsChangeNothing runs the same graph with several numbers of threads, twice each on one device.
func TestThreadsChangeNothing(t *testing.T) {
	var first []float32
	for _, threads := range []int{1, 2, 3, 7} {
		d := NewCPU(threads)
		for range 2 {
			_, used := net{}.run(t, d)
			var all []float32
			for _, p := range used {
				all = append(all, p.Gradient...)
			}
			if first == nil {
				first = all
			}
			if !slices.Equal(first, all) {
				t.Errorf("%d threads give other gradients than 1", threads)
			}
		}
		d.Close()
	}
}

// TestMemoryIsReused has graph after graph live in the memory of the first.
func TestMemoryIsReused(t *testing.T) {
	d := NewCPU(1)
	defer d.Close()
	m := net{}
	var before, after runtime.MemStats
	for range 10 { // until the pieces are such that the sizes of this graph fit in them
		m.run(t, d)
	}
	idle := len(d.kernels.(*processor).arena.idle)
	for step := range 200 {
		m.run(t, d)
		if step == 99 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(d.kernels.(*processor).arena.idle) != idle {
		t.Errorf("the arena grew from %d buffers to %d", idle, len(d.kernels.(*processor).arena.idle))
	}
	if after.HeapAlloc > before.HeapAlloc+before.HeapAlloc/4 {
		t.Errorf("the heap grew from %d to %d bytes", before.HeapAlloc, after.HeapAlloc)
	}
}

// TestArenaHoldsLittleMoreThanIsUsed takes and gives back memory of many sizes, of which only few are in use at once.
func TestArenaHoldsLittleMoreThanIsUsed(t *testing.T) {
	var a arena
	r := rand.New(rand.NewPCG(1, 2))
	var lent [][]float32
	for range 10_000 {
		if len(lent) < 20 {
			lent = append(lent, a.take(1+r.IntN(1000)))
		} else {
			i := r.IntN(len(lent))
			a.give(lent[i])
			lent = slices.Delete(lent, i, i+1)
		}
	}
	used, idle := 0, 0
	for _, b := range lent {
		used += cap(b)
	}
	for _, b := range a.idle {
		idle += cap(b)
	}
	if a.used != used || a.held != used+idle {
		t.Errorf("it counts %d in use and %d held, there are %d and %d", a.used, a.held, used, used+idle)
	}
	if float64(a.held) > maxHeld*float64(a.peak)+1000 {
		t.Errorf("it holds %d, of which at most %d were ever in use", a.held, a.peak)
	}
}

// TestUnusedParametersHaveNoGradient leaves alone what the loss doesn't depend on.
func TestUnusedParametersHaveNoGradient(t *testing.T) {
	m := net{}
	var used []*Parameter
	_, err := Build(func(g *Graph) (err error) {
		g.ReLU(m.leaf(g, "unused", 3))
		used, err = g.Backward(g.Dot(g.ReLU(m.leaf(g, "used", 3)), []float32{1, 2, 3}))
		return err
	})
	if err != nil || len(used) != 1 || used[0].Name != "used" {
		t.Errorf("used: %v, error %v", used, err)
	}
	_, err = Build(func(g *Graph) error {
		_, err := g.Backward(g.Dot(g.ReLU(g.Input("x", make([]float32, 3), 3)), []float32{1, 2, 3}))
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "no parameter") {
		t.Errorf("a loss without parameters: error %v", err)
	}
}

// twoSums has two values of one shape that feed two others each, so that Grad inserts two sums, of gradients that nothing
// but their ops' identities tells apart.
func twoSums(g *Graph, m net) *Node {
	var all *Node
	for i := range 2 {
		x := g.Concat(m.leaf(g, fmt.Sprint("x", i), 1, 4, 1, 1))
		y := g.Add(g.Concat(x), g.Concat(x))
		if all == nil {
			all = y
		} else {
			all = g.Add(all, y)
		}
	}
	return g.Dot(all, []float32{1, 2, 3, 4})
}

// TestMergedSumsAreFoundAndMended forces what otherwise happens once in a million graphs: two of Grad's sums whose operands
// have equal hashes, which Gorgonia takes for one.
func TestMergedSumsAreFoundAndMended(t *testing.T) {
	attempts, m := 0, net{}
	build := func(g *Graph) error {
		attempts++
		_, err := g.Backward(twoSums(g, m))
		return err
	}
	// The gradients hash alike, but their Hashcode differs: Gorgonia keeps them apart, and merges what reads them.
	collide := func(o *op) string {
		if strings.HasPrefix(o.id, "concat-gradient") {
			return "concat-gradient"
		}
		return o.id
	}
	once := func(o *op) string {
		if o.graph.attempt > 0 {
			return o.id
		}
		return collide(o)
	}
	g, err := buildHashed(build, once)
	if err != nil {
		t.Fatal(err)
	}
	if attempts != 2 {
		t.Errorf("built %d times, want 2: once with the collision and once without", attempts)
	}
	d := NewCPU(1)
	defer d.Close()
	if err := NewMachine(d, g).RunAll(); err != nil {
		t.Fatal(err)
	}
	for name, p := range m {
		if want := []float32{2, 4, 6, 8}; !slices.Equal(p.Gradient, want) {
			t.Errorf("the gradient of %s is %v, want %v", name, p.Gradient, want)
		}
	}
	if _, err := buildHashed(build, collide); !errors.Is(err, errMerged) {
		t.Errorf("a graph that is merged in every attempt: error %v", err)
	}
}

// TestSolvers holds six steps of both solvers against the golden numbers.
func TestSolvers(t *testing.T) {
	f := golden.Open(t, "optim")
	sgd := &SGD{Rate: 0.01, Momentum: 0.9, Decay: 3e-4}
	adam := &Adam{Rate: 3e-4, Beta1: 0.5, Beta2: 0.999, Epsilon: 1e-8, Decay: 5e-4}
	for name, solver := range map[string]gorgonia.Solver{"sgd_momentum": sgd, "adam": adam} {
		start, end := f.Get(name+"/p0"), f.Get(name+"/p6")
		p := NewParameter("p", len(start.Values))
		copy(p.Data, start.Float32())
		for step := 1; step <= 6; step++ {
			copy(p.gradient(), f.Get(fmt.Sprintf("%s/g%d", name, step-1)).Float32())
			if err := solver.Step([]gorgonia.ValueGrad{p}); err != nil {
				t.Fatal(err)
			}
			for i, want := range f.Get(fmt.Sprintf("%s/p%d", name, step)).Values {
				moved := math.Abs(end.Values[i] - start.Values[i])
				if !(math.Abs(float64(p.Data[i])-want) <= 1e-4*moved) {
					t.Errorf("%s, step %d: p[%d] is %g, want %g", name, step, i, p.Data[i], want)
				}
			}
			if name == "adam" {
				checkMoments(t, f, fmt.Sprintf("adam/m%d", step), adam.Moments["p"].First)
				checkMoments(t, f, fmt.Sprintf("adam/v%d", step), adam.Moments["p"].Second)
			} else {
				checkMoments(t, f, fmt.Sprintf("sgd_momentum/buf%d", step), sgd.Buffers["p"])
			}
		}
	}
}

// checkMoments compares each element relative to itself.
func checkMoments(t *testing.T, f *golden.File, name string, got []float32) {
	t.Helper()
	for i, want := range f.Get(name).Values {
		if !(math.Abs(float64(got[i])-want) <= 2e-5*math.Abs(want)) {
			t.Errorf("%s[%d] is %g, want %g", name, i, got[i], want)
		}
	}
}

// TestSolversLeaveOthersAlone steps one parameter of two.
func TestSolversLeaveOthersAlone(t *testing.T) {
	a, b := NewParameter("a", 1), NewParameter("b", 1)
	a.Data[0], b.Data[0] = 1, 1
	a.gradient()[0], b.gradient()[0] = 1, 1
	solver := &SGD{Rate: 0.1, Momentum: 0.9}
	if err := solver.Step([]gorgonia.ValueGrad{a}); err != nil {
		t.Fatal(err)
	}
	if a.Data[0] != 0.9 || b.Data[0] != 1 || solver.Buffers["b"] != nil {
		t.Errorf("a is %g and b %g, with buffers %v", a.Data[0], b.Data[0], solver.Buffers)
	}
}
