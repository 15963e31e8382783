package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// special returns n numbers among which are those that comparisons and signs go wrong with.
func special(r *rand.Rand, n int) []float32 {
	x := normal(r, n)
	odd := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32}
	for i := range x {
		if r.IntN(4) == 0 {
			x[i] = odd[r.IntN(len(odd))]
		}
	}
	return x
}

// forAssembly runs a test for every set but the portable one.
func forAssembly(t *testing.T, test func(t *testing.T, s set)) {
	for _, s := range assembly() {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

// sameNumbers fails the test unless a and b are equal to the bit, or both NaN.
func sameNumbers(t *testing.T, name string, a, b []float32) {
	t.Helper()
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && (a[i] == a[i] || b[i] == b[i]) {
			t.Fatalf("%s: element %d of %d is %g, portably %g", name, i, len(a), a[i], b[i])
		}
	}
}

// lengths cover whole vectors, several of them, and every rest.
var lengths = append(slices.Collect(func(yield func(int) bool) {
	for n := 0; n < 70 && yield(n); n++ {
	}
}), 255, 1024, 4099)

func TestPassesAgreeToTheBit(t *testing.T) {
	forAssembly(t, func(t *testing.T, s set) {
		for _, n := range lengths {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			a, b, c := special(r, n), special(r, n), special(r, n)
			for name, run := range map[string]func(p passes, y, z []float32){
				"rectify": func(p passes, y, _ []float32) { p.rectify(y, a) },
				"mask":    func(p passes, y, _ []float32) { p.mask(y, a, b) },
				"addMasked": func(p passes, y, _ []float32) {
					copy(y, c)
					p.addMasked(y, a, b)
				},
				"scaleShiftRectify": func(p passes, y, _ []float32) { p.scaleShiftRectify(y, a, 0.3, 1.7) },
				"combineRectify":    func(p passes, y, _ []float32) { p.combineRectify(y, a, b, 0.3, 1.7, -0.9) },
				"sum":               func(p passes, y, _ []float32) { p.sum(y, a, b) },
				"product":           func(p passes, y, _ []float32) { p.product(y, a, b) },
				"scaleAndShift":     func(p passes, y, _ []float32) { p.scaleAndShift(y, a, 0.3, 1.7) },
				"combine":           func(p passes, y, _ []float32) { p.combine(y, a, b, 0.3, 1.7, -0.9) },
				"step": func(p passes, y, z []float32) {
					copy(y, a)
					copy(z, b)
					p.step(y, z, c, 0.1, 0.9, 0.0003)
				},
				"firstStep": func(p passes, y, z []float32) {
					copy(y, a)
					p.firstStep(y, z, c, 0.1, 0.0003)
				},
			} {
				y, z, wantY, wantZ := output(t, n), output(t, n), output(t, n), output(t, n)
				run(s.passes, y, z)
				run(portablePasses, wantY, wantZ)
				sameNumbers(t, name, y, wantY)
				sameNumbers(t, name+", second output", z, wantZ)
			}
		}
	})
}

func TestTotalsOfPassesNearlyAgree(t *testing.T) {
	forAssembly(t, func(t *testing.T, s set) {
		for _, n := range lengths {
			r := rand.New(rand.NewPCG(uint64(n), 2))
			x := normal(r, n)
			totals := func(p passes) []float64 {
				sum, squares := p.deviations(x, 0.7)
				return []float64{p.total(x), sum, squares}
			}
			got, want := totals(s.passes), totals(portablePasses)
			for i := range got {
				if math.Abs(got[i]-want[i]) > 1e-6*float64(n+1) {
					t.Errorf("total %d of %d elements is %g, portably %g", i, n, got[i], want[i])
				}
			}
		}
	})
}

func TestCopiesOfPixelsAgree(t *testing.T) {
	forAssembly(t, func(t *testing.T, s set) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 500 {
			a := area{rows: r.IntN(4), cols: 1 + r.IntN(70)}
			c := columns{step: 1 + r.IntN(3), relu: r.IntN(2) == 0}
			c.from = r.IntN(a.cols + 1)
			c.to = c.from + r.IntN(a.cols-c.from+1)
			if !c.relu && r.IntN(2) == 0 {
				c.outside = float32(math.Inf(-1))
			}
			wide := max(1, (c.to-c.from-1)*c.step+1) // what a row reads
			a.stepY, a.stepX = a.cols+r.IntN(3), wide+r.IntN(3)
			x := special(r, max(0, (a.rows-1)*a.stepX+wide))
			y, want := output(t, a.rows*a.stepY), output(t, a.rows*a.stepY)
			s.lay(y, x, a, c)
			lay(want, x, a, c)
			sameNumbers(t, fmt.Sprintf("lay %+v %+v", a, c), y, want)

			wide = (a.cols-1)*c.step + 1 // what a row writes
			a.stepY, a.stepX = wide+r.IntN(3), a.cols+r.IntN(3)
			x, by := special(r, a.rows*a.stepX), special(r, a.rows*a.stepY)
			for _, by := range [][]float32{nil, by} {
				add := r.IntN(2) == 0
				y, want := output(t, len(x)*c.step+a.rows*3), output(t, len(x)*c.step+a.rows*3)
				s.place(y, x, by, a, c.step, add)
				place(want, x, by, a, c.step, add)
				sameNumbers(t, fmt.Sprintf("place %+v, step %d, added %t", a, c.step, add), y, want)
			}
		}
	})
}

func TestMaximaAgree(t *testing.T) {
	forAssembly(t, func(t *testing.T, s set) {
		for _, n := range lengths[1:] {
			r := rand.New(rand.NewPCG(uint64(n), 5))
			terms, taps := make([]int, 1+r.IntN(9)), make([]float32, 9)
			for i := range terms {
				terms[i], taps[i] = r.IntN(40), float32(r.IntN(9))
			}
			x, dy, won := special(r, n+40), normal(r, n+40), make([]float32, n+40)
			for i := range won {
				won[i] = float32(r.IntN(9))
			}
			for name, run := range map[string]func(m maxima, y []float32){
				"largest": func(m maxima, y []float32) { m.largest(y, n, x, terms) },
				"winners": func(m maxima, y []float32) { m.winners(y, n, x, terms) },
				"route":   func(m maxima, y []float32) { m.route(y, n, dy, won, terms, taps) },
			} {
				y, want := output(t, n), output(t, n)
				run(s.maxima, y)
				run(portableMaxima, want)
				sameNumbers(t, name, y, want)
			}
		}
	})
}
