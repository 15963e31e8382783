package kernel

import (
	"sync"
	"sync/atomic"
)

// Workers is a fixed pool of threads that share the pieces of one kernel at a time, each with scratch memory of its own.
// It serves one caller: no two of its kernels may run at once, nor one inside a piece of another.
type Workers struct {
	threads   int
	set       set
	algorithm Algorithm
	wake      chan struct{} // a token for each helper that is to join the run
	joined    sync.WaitGroup

	do     func(piece int, s *Scratch)
	pieces int
	next   atomic.Int64 // first piece that nobody has taken

	caller Scratch // of the calling thread's own pieces
	shared Scratch // of the kernel as a whole: partial sums, prepared weights, tables
}

// NewWorkers starts a pool of so many threads, the caller of Run being one of them, that use the fastest set of inner loops
// there is for this processor. At least one thread is needed.
func NewWorkers(threads int) *Workers {
	if threads < 1 {
		panic("kernel: a pool of workers needs at least one thread")
	}
	w := &Workers{threads: threads, set: sets()[0], wake: make(chan struct{}, threads-1)}
	for range threads - 1 {
		go w.serve()
	}
	return w
}

// Close ends the threads. The pool must be idle and can't be used afterwards.
func (w *Workers) Close() { close(w.wake) }

// Threads returns the number of threads.
func (w *Workers) Threads() int { return w.threads }

// Set returns the name of the set of inner loops that the threads use.
func (w *Workers) Set() string { return w.set.name }

// Run calls do for every piece below pieces, on all threads, and returns when all calls have returned. Which thread gets
// which piece is left to chance, so a piece must write only what is its own.
func (w *Workers) Run(pieces int, do func(piece int, s *Scratch)) {
	helpers := min(w.threads, pieces) - 1
	if helpers <= 0 {
		for piece := range pieces {
			do(piece, &w.caller)
		}
		return
	}
	w.do, w.pieces = do, pieces
	w.next.Store(0)
	w.joined.Add(helpers)
	for range helpers {
		w.wake <- struct{}{}
	}
	w.take(&w.caller)
	w.joined.Wait()
	w.do = nil
}

// Floats returns n floats of scratch memory for the kernel as a whole, which its pieces may share. They hold what the
// slot's last user left there.
func (w *Workers) Floats(slot, n int) []float32 { return w.shared.Floats(slot, n) }

// ints returns n integers in the same way: tables that a kernel prepares for its pieces.
func (w *Workers) ints(slot, n int) []int { return w.shared.ints.take(slot, n) }

// serve is the life of a helping thread.
func (w *Workers) serve() {
	var s Scratch
	for range w.wake {
		w.take(&s)
		w.joined.Done()
	}
}

// take works on pieces until none is left.
func (w *Workers) take(s *Scratch) {
	for {
		piece := int(w.next.Add(1)) - 1
		if piece >= w.pieces {
			return
		}
		w.do(piece, s)
	}
}

// Scratch is memory that lives as long as the thread it belongs to, so that kernels allocate nothing once it has grown to
// what they need. It consists of slots, which a kernel numbers as it likes.
type Scratch struct {
	floats slots[float32]
	ints   slots[int]
}

// Floats returns n floats of scratch memory. They hold what the slot's last user left there.
func (s *Scratch) Floats(slot, n int) []float32 { return s.floats.take(slot, n) }

// slots are numbered pieces of memory.
type slots[T any] [][]T

// take returns the first n elements of a slot, which grows if it must.
func (s *slots[T]) take(slot, n int) []T {
	for slot >= len(*s) {
		*s = append(*s, nil)
	}
	if n > len((*s)[slot]) {
		(*s)[slot] = make([]T, n)
	}
	return (*s)[slot][:n]
}
