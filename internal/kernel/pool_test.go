package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// poolReference returns what the definition makes of x and dy, one plane after the other.
func poolReference(p Pool, x, dy []float32) (y, dx []float64) {
	y, dx = make([]float64, p.N*p.C*p.OH*p.OW), make([]float64, len(x))
	for i := range y {
		plane, row, col := i/(p.OH*p.OW)*p.H*p.W, i/p.OW%p.OH*p.Stride-p.Pad, i%p.OW*p.Stride-p.Pad
		var window []int // in scan order
		for h := max(row, 0); h < min(row+p.K, p.H); h++ {
			for v := max(col, 0); v < min(col+p.K, p.W); v++ {
				window = append(window, plane+h*p.W+v)
			}
		}
		if p.Max {
			best := window[0]
			for _, at := range window {
				if x[at] > x[best] {
					best = at
				}
			}
			y[i] = float64(x[best])
			dx[best] += float64(dy[i])
			continue
		}
		for _, at := range window {
			y[i] += float64(x[at]) / float64(len(window))
			dx[at] += float64(dy[i]) / float64(len(window))
		}
	}
	return y, dx
}

func checkPool(t *testing.T, p Pool, x, dy View) {
	t.Helper()
	c := p.conv()
	y, dx := poolReference(p, valuesOf(x, p.N, c.input()), valuesOf(dy, p.N, c.output()))
	got := forThreads(t, func(w *Workers) [][]float32 {
		r := rand.New(rand.NewPCG(uint64(p.H), uint64(p.K)))
		y, moments := newTarget(t, r, p.N, c.output()), output(t, 2*p.N*p.C)
		PoolForward(w, y.Target, moments, x, p)
		nearMoments(t, y, moments)
		dx := newTarget(t, r, p.N, c.input())
		PoolBackward(w, dx.Target, dy, x, p)
		return [][]float32{y.result(t), dx.result(t)}
	})
	near(t, "y", got[0], y, 1e-6)
	near(t, "dx", got[1], dx, 1e-6)
}

func TestPoolsEqualTheDefinition(t *testing.T) {
	shapes := []Pool{
		{N: 2, C: 3, H: 8, W: 8, OH: 8, OW: 8, K: 3, Stride: 1, Pad: 1},
		{N: 2, C: 3, H: 7, W: 9, OH: 4, OW: 5, K: 3, Stride: 2, Pad: 1},
		{N: 1, C: 5, H: 8, W: 8, OH: 4, OW: 4, K: 5, Stride: 2, Pad: 2},
		{N: 3, C: 1, H: 2, W: 2, OH: 2, OW: 2, K: 5, Stride: 1, Pad: 2},
		{N: 2, C: 2, H: 8, W: 6, OH: 4, OW: 3, K: 2, Stride: 2, Pad: 0},
		{N: 2, C: 2, H: 8, W: 8, OH: 2, OW: 2, K: 5, Stride: 3, Pad: 0},
		{N: 1, C: 1, H: 1, W: 1, OH: 1, OW: 1, K: 3, Stride: 2, Pad: 1},
		{N: 1, C: 2, H: 9, W: 9, OH: 2, OW: 2, K: 2, Stride: 4, Pad: 0},
		{N: 1, C: 2, H: 32, W: 32, OH: 32, OW: 32, K: 5, Stride: 1, Pad: 2},
		{N: 1, C: 2, H: 33, W: 40, OH: 17, OW: 20, K: 3, Stride: 2, Pad: 1},
		{N: 2, C: 2, H: 5, W: 19, OH: 5, OW: 19, K: 1, Stride: 1, Pad: 0},
	}
	for _, p := range shapes {
		for _, p.Max = range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v", p), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				c := p.conv()
				for range 8 {
					x, _ := drawView(r, p.N, c.input())
					dy, _ := drawView(r, p.N, c.output())
					checkPool(t, p, x, dy)
				}
			})
		}
	}
}

// planeShapes are those that sets may have kernels of their own for, which pool planes as they lie in memory.
func planeShapes() (shapes []Pool) {
	for _, k := range []int{3, 5} {
		for _, s := range []struct{ stride, width, rows, channels int }{
			{1, 8, 8, 1}, {1, 8, 3, 70}, {1, 16, 16, 5}, {1, 32, 32, 3}, {1, 32, 1, 4}, {2, 8, 8, 3}, {2, 8, 1, 2}, {2, 16, 16, 2}, {2, 16, 5, 3},
		} {
			shapes = append(shapes, Pool{
				N: 2, C: s.channels, H: s.stride * s.rows, W: s.stride * s.width, OH: s.rows, OW: s.width, K: k, Stride: s.stride, Pad: k / 2,
			})
		}
	}
	return shapes
}

func TestPoolsOfPlanesEqualTheDefinition(t *testing.T) {
	for _, p := range planeShapes() {
		for _, p.Max = range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v", p), func(t *testing.T) {
				r := rand.New(rand.NewPCG(5, 6))
				c := p.conv()
				for range 6 {
					x, _ := drawView(r, p.N, c.input())
					dy, _ := drawView(r, p.N, c.output())
					checkPool(t, p, x, dy)
					factors := rand.New(rand.NewPCG(7, 8))
					x, _ = byImage(factors, x, p.N, c.input())
					dy, _ = byImage(factors, dy, p.N, c.output())
					checkPool(t, p, x, dy)
				}
			})
		}
	}
}

// TestMaximaOfPlanesAgreeInAllSets compares to the bit, with many equal pixels, of which the first must win.
func TestMaximaOfPlanesAgreeInAllSets(t *testing.T) {
	for _, p := range planeShapes() {
		p.Max = true
		r := rand.New(rand.NewPCG(7, uint64(p.H)))
		c := p.conv()
		x, dy := make([]float32, p.N*p.C*p.H*p.W), normal(r, p.N*p.C*p.OH*p.OW)
		for i := range x {
			x[i] = float32(r.IntN(4)) - 1.5
		}
		dx := make([][]float32, 0, 3)
		y := make([][]float32, 0, 3)
		for _, name := range Sets() {
			w, err := NewWorkersOf(1, name, Auto)
			if err != nil {
				t.Fatal(err)
			}
			to, from := output(t, len(dy)), output(t, len(x))
			PoolForward(w, Whole(to, p.C, c.output().pixels), nil, Plain(x, p.C, c.input().pixels), p)
			PoolBackward(w, Whole(from, p.C, c.input().pixels), Plain(dy, p.C, c.output().pixels), Plain(x, p.C, c.input().pixels), p)
			w.Close()
			y, dx = append(y, to), append(dx, from)
		}
		for i := range y {
			sameBits(t, fmt.Sprintf("%+v: y of %s", p, Sets()[i]), y[0], y[i])
			if p.Stride == 1 { // otherwise sets add in orders of their own
				sameBits(t, fmt.Sprintf("%+v: dx of %s", p, Sets()[i]), dx[0], dx[i])
			}
		}
	}
}

func TestTheFirstOfEqualMaximaGetsTheGradient(t *testing.T) {
	p := Pool{N: 1, C: 2, H: 6, W: 5, OH: 6, OW: 5, K: 3, Stride: 1, Pad: 1, Max: true}
	r := rand.New(rand.NewPCG(3, 4))
	negativeZero := float32(math.Copysign(0, -1))
	for _, values := range [][]float32{{0}, {1, -1}, {0, negativeZero}, {-2, negativeZero, 0}} {
		x := make([]float32, p.N*p.C*p.H*p.W)
		for i := range x {
			x[i] = values[r.IntN(len(values))]
		}
		checkPool(t, p, Plain(x, p.C, p.H*p.W), Plain(normal(r, len(x)), p.C, p.H*p.W))
	}
}

func TestMaximumOfWindowsWithNaNIsNaN(t *testing.T) {
	for _, width := range []int{3, 8, 16, 32} {
		testNaN(t, Pool{N: 1, C: 1, H: width, W: width, OH: width, OW: width, K: 3, Stride: 1, Pad: 1, Max: true})
	}
}

func testNaN(t *testing.T, p Pool) {
	x := normal(rand.New(rand.NewPCG(8, 9)), p.H*p.W)
	x[0] = float32(math.NaN())
	for _, name := range Sets() {
		w, err := NewWorkersOf(1, name, Auto)
		if err != nil {
			t.Fatal(err)
		}
		y := output(t, len(x))
		PoolForward(w, Whole(y, 1, len(x)), nil, Plain(x, 1, len(x)), p)
		w.Close()
		for i, v := range y {
			row, col := i/p.W, i%p.W
			if got, want := v != v, row < 2 && col < 2; got != want {
				t.Errorf("%s, %d columns: y[%d] = %g", name, p.W, i, v)
			}
		}
	}
}
