package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// guard is what surrounds every output in these tests: a kernel that writes past its output overwrites one.
const guard = float32(-12345)

// output returns n floats full of garbage, and has the test fail if anything around them has changed at its end.
func output(t testing.TB, n int) []float32 {
	t.Helper()
	const margin = 16
	all := slices.Repeat([]float32{guard}, n+2*margin)
	t.Cleanup(func() {
		if !allEqual(all[:margin], guard) || !allEqual(all[margin+n:], guard) {
			t.Errorf("wrote outside an output of %d", n)
		}
	})
	return all[margin:][:n:n]
}

func allEqual(x []float32, v float32) bool {
	return !slices.ContainsFunc(x, func(u float32) bool { return u != v })
}

// normal returns n normally distributed numbers.
func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// near fails the test unless got equals want to within tolerance times the largest number of want.
func near(t testing.TB, name string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range want {
		if off := math.Abs(float64(got[i]) - v); !(off <= tolerance*largest) {
			t.Fatalf("%s[%d] = %g, want %g: off by %.2g of the largest", name, i, got[i], v, off/largest)
		}
	}
}

// sameBits fails the test unless a and b are equal to the bit.
func sameBits(t testing.TB, name string, a, b []float32) {
	t.Helper()
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Fatalf("%s[%d] is %g and %g", name, i, a[i], b[i])
		}
	}
}

// workers returns a pool that is closed with the test.
func workers(t testing.TB, threads int) *Workers {
	w := NewWorkers(threads)
	t.Cleanup(w.Close)
	return w
}

// forThreads runs a kernel, which returns its outputs, with every set of inner loops and several numbers of threads. It
// fails the test unless a set's outputs are equal to the bit for any number, and all sets' outputs nearly equal, and returns
// those of the portable set.
func forThreads(t *testing.T, run func(w *Workers) [][]float32) (reference [][]float32) {
	t.Helper()
	return forThreadsBy(t, Auto, run)
}

// forThreadsBy is forThreads with an algorithm for convolutions.
func forThreadsBy(t *testing.T, a Algorithm, run func(w *Workers) [][]float32) (reference [][]float32) {
	t.Helper()
	names := Sets()
	slices.Reverse(names) // the portable set first
	for _, name := range names {
		var first [][]float32
		for _, threads := range []int{1, 2, 3, 7} {
			w, err := NewWorkersOf(threads, name, a)
			if err != nil {
				t.Fatal(err)
			}
			outputs := run(w)
			w.Close()
			if first == nil {
				first = outputs
			}
			for i, y := range outputs {
				sameBits(t, fmt.Sprintf("%s, output %d with 1 and %d threads", name, i, threads), first[i], y)
			}
		}
		if reference == nil {
			reference = first
		}
		for i, y := range first {
			near(t, fmt.Sprintf("%s, output %d", name, i), y, double(reference[i]), 2e-5)
		}
	}
	return reference
}

// double returns x in double precision.
func double(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// dot returns Σ a·b.
func dot(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
