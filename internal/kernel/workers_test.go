package kernel

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

func TestRunDoesEveryPieceOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		w := workers(t, threads)
		if w.Threads() != threads {
			t.Errorf("%d threads, want %d", w.Threads(), threads)
		}
		for _, pieces := range []int{0, 1, 2, 4, 1000} {
			done := make([]atomic.Int32, pieces)
			w.Run(pieces, func(piece int, _ *Scratch) { done[piece].Add(1) })
			for i := range done {
				if n := done[i].Load(); n != 1 {
					t.Errorf("%d threads, %d pieces: piece %d was done %d times", threads, pieces, i, n)
				}
			}
		}
	}
}

func TestThreadsHaveScratchMemoryOfTheirOwn(t *testing.T) {
	w := workers(t, 4)
	w.Run(200, func(piece int, s *Scratch) {
		mine := s.Floats(1, 100+piece)
		fill(mine, float32(piece))
		other := s.Floats(0, 50)
		fill(other, -1)
		if len(mine) != 100+piece || !allEqual(mine, float32(piece)) {
			t.Errorf("piece %d lost its memory", piece)
		}
	})
}

// TestKernelsAllocateNothingThatGrows allows a kernel the closure that it hands to Run and what that refers to, and nothing
// that depends on the number of images or pieces.
func TestKernelsAllocateNothingThatGrows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := square(40, 6, 6, 9, 3, 2, 1, false)
	c.ReLU = true
	p := Pool{N: 40, C: 6, H: 9, W: 9, OH: 5, OW: 5, K: 3, Stride: 2, Pad: 1, Max: true}
	n := Norm{N: 40, C: 6, Pixels: 81, Eps: 1e-5}
	x, dx := normal(r, 40*6*81), make([]float32, 40*6*81)
	y, k, dk := make([]float32, 40*6*25), normal(r, 6*6*9), make([]float32, 6*6*9)
	a, b, s := make([]float32, 6), make([]float32, 6), make([]float32, 6)
	d, q := square(40, 6, 6, 9, 3, 2, 1, true), square(40, 6, 6, 5, 1, 1, 1, false)
	large, small, whole, m := Plain(x, 6, 81), Whole(y, 6, 25), Whole(dx, 6, 81), make([]float32, 40*6*2)
	large.Scale, large.Shift = a, b
	labels := make([]int32, 40)
	w := workers(t, 2)
	for name, run := range map[string]func(){
		"ConvForward":       func() { ConvForward(w, small, m, large, k, c) },
		"ConvBackward":      func() { ConvBackward(w, whole, dk, Plain(y, 6, 25), large, k, c) },
		"SeparableForward":  func() { SeparableForward(w, small, m, large, k[:54], k[:36], d, q) },
		"SeparableBackward": func() { SeparableBackward(w, whole, dk[:54], dk[54:90], Plain(y, 6, 25), large, k[:54], k[:36], d, q) },
		"PoolForward":       func() { PoolForward(w, small, m, large, p) },
		"PoolBackward":      func() { PoolBackward(w, whole, Plain(y, 6, 25), large, p) },
		"Sum":               func() { Sum(w, whole, large, large, n) },
		"Moments":           func() { Moments(w, m, large, n) },
		"NormStatistics":    func() { NormStatistics(w, nil, nil, a, b, m, n) },
		"NormGradients": func() {
			g := NormGradient{Y: large, Scale: a, OtherScale: b, Shift: s}
			NormGradients(w, Plain(x, 6, 81), n, g, g, g)
		},
		"MatMulForward":       func() { MatMulForward(w, y, x, k, a, MatMul{M: 40, K: 9, N: 6}) },
		"CrossEntropyForward": func() { CrossEntropyForward(w, a, y, x, labels, 25) },
	} {
		const most = 30 // fewer than images; a gradient by the data has a correlation for each phase of the stride
		if got := testing.AllocsPerRun(20, run); got > most {
			t.Errorf("%s allocates %g times", name, got)
		} else {
			t.Logf("%s allocates %g times", name, got)
		}
	}
}

func TestAPoolNeedsAThread(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a pool of no threads was made")
		}
	}()
	NewWorkers(0)
}
