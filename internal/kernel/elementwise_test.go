package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestReLUPassesOnlyWhatIsPositive(t *testing.T) {
	inf, negativeZero := float32(math.Inf(1)), float32(math.Copysign(0, -1))
	tiny := float32(math.SmallestNonzeroFloat32)
	x := []float32{1, -1, 0, negativeZero, inf, -inf, tiny, -tiny}
	x = append(x, normal(rand.New(rand.NewPCG(1, 2)), 3*elementChunk)...)
	dy := normal(rand.New(rand.NewPCG(3, 4)), len(x))
	y, dx := output(t, len(x)), output(t, len(x))
	w := workers(t, 3)
	ReLUForward(w, y, x)
	ReLUBackward(w, dx, dy, x)
	for i, v := range x {
		want, gradient := float32(0), float32(0)
		if v > 0 {
			want, gradient = v, dy[i]
		}
		if y[i] != want || dx[i] != gradient {
			t.Fatalf("ReLU of %g is %g, its gradient %g of %g", v, y[i], dx[i], dy[i])
		}
	}
	ReLUForward(w, x, x)
	sameBits(t, "y in the place of x", y, x)
	ReLUBackward(w, dy, dy, x)
	sameBits(t, "dx in the place of dy", dx, dy)
}

func TestAddAddsInAnyPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, elementChunk, 2*elementChunk + 5} {
		a, b := normal(r, n), normal(r, n)
		w := workers(t, 2)
		y := output(t, n)
		Add(w, y, a, b)
		for i := range y {
			if y[i] != a[i]+b[i] {
				t.Fatalf("%g + %g = %g", a[i], b[i], y[i])
			}
		}
		first, second := slices.Clone(a), slices.Clone(b)
		Add(w, first, first, b)
		Add(w, second, a, second)
		sameBits(t, "sum in the place of a", y, first)
		sameBits(t, "sum in the place of b", y, second)
	}
}

func TestSGDStepsAsTheSpecificationSays(t *testing.T) {
	const rate, momentum, decay = 0.1, 0.9, 0.01
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 37, elementChunk + 5} {
		p, gradient := normal(r, n), normal(r, n)
		got := forThreads(t, func(w *Workers) [][]float32 {
			x, buffer := output(t, n), output(t, n) // the buffer holds garbage, which the first step must not read
			copy(x, p)
			for i := range 3 {
				SGDStep(w, x, buffer, gradient, rate, momentum, decay, i == 0)
			}
			return [][]float32{x, buffer}
		})
		want, buffer := double(p), make([]float64, n)
		for range 3 {
			for i := range want {
				buffer[i] = momentum*buffer[i] + float64(gradient[i]) + decay*want[i]
				want[i] -= rate * buffer[i]
			}
		}
		near(t, "p", got[0], want, 1e-6)
		near(t, "buffer", got[1], buffer, 1e-6)
	}
}
