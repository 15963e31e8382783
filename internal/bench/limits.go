package bench

import (
	"time"

	"nat/internal/kernel"
)

// KernelSets returns the names of the sets of kernels that this processor runs, the fastest first.
func KernelSets() []string { return kernel.Sets() }

// Limits are what the machine can do at most with so many threads, and what operations are held against.
type Limits struct {
	FLOPs float64 // multiplications and additions of float32 a second, in registers
	Bytes float64 // a second from and to memory: two arrays read and one written, too large for any cache
}

const (
	limitRounds  = 500_000  // of multiplications: tens of milliseconds
	limitFloats  = 16 << 20 // of an array
	limitRepeats = 5
)

// limits measures, and takes the best of some tries: whatever disturbs makes them less.
func limits(w *kernel.Workers) (l Limits) {
	a, b, sum := make([]float32, limitFloats), make([]float32, limitFloats), make([]float32, limitFloats)
	rounds := limitRounds
	if w.Set() == "portable" {
		rounds /= 20
	}
	for range limitRepeats {
		start := time.Now()
		n := kernel.MultiplyAdd(w, rounds)
		l.FLOPs = max(l.FLOPs, float64(n)/time.Since(start).Seconds())
		start = time.Now()
		kernel.Add(w, sum, a, b)
		l.Bytes = max(l.Bytes, 3*4*limitFloats/time.Since(start).Seconds())
	}
	return l
}

// or returns the better of both.
func (l Limits) or(other Limits) Limits {
	return Limits{FLOPs: max(l.FLOPs, other.FLOPs), Bytes: max(l.Bytes, other.Bytes)}
}
