package kernel

import "sync/atomic"

// Workers is a fixed pool of threads that share the pieces of one kernel at a time, each with scratch memory of its own.
// It serves one caller: no two of its kernels may run at once, nor one inside a piece of another.
type Workers struct {
	threads   int
	set       set
	algorithm Algorithm

	helpers []*waiter     // each waits for a run that it is in
	caller  *waiter       // for all helpers to have left the run
	run     atomic.Uint64 // the number of the run that was last started, and how many helpers are in it: see joining
	left    atomic.Int64  // helpers that haven't left it

	do     func(piece int, s *Scratch)
	pieces int
	next   atomic.Int64 // first piece that nobody has taken

	own    Scratch // of the calling thread's own pieces
	shared Scratch // of the kernel as a whole: partial sums, prepared weights, tables
}

// NewWorkers starts a pool of so many threads, the caller of Run being one of them, that use the fastest set of inner loops
// there is for this processor. At least one thread is needed.
func NewWorkers(threads int) *Workers {
	if threads < 1 {
		panic("kernel: a pool of workers needs at least one thread")
	}
	w := &Workers{threads: threads, set: sets()[0], caller: newWaiter()}
	for range threads - 1 {
		w.helpers = append(w.helpers, newWaiter())
	}
	for i := range w.helpers {
		go w.serve(i)
	}
	return w
}

// Close ends the threads. The pool must be idle and can't be used afterwards.
func (w *Workers) Close() { w.start(closing) }

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
			do(piece, &w.own)
		}
		return
	}
	w.do, w.pieces = do, pieces
	w.next.Store(0)
	w.left.Store(int64(helpers))
	w.start(helpers)
	w.take(&w.own)
	w.caller.wait(func() bool { return w.left.Load() == 0 })
	w.do = nil
}

// Floats returns n floats of scratch memory for the kernel as a whole, which its pieces may share. They hold what the
// slot's last user left there.
func (w *Workers) Floats(slot, n int) []float32 { return w.shared.Floats(slot, n) }

// ints returns n integers in the same way: tables that a kernel prepares for its pieces.
func (w *Workers) ints(slot, n int) []int { return w.shared.ints.take(slot, n) }

// A run is started by a number that holds how many helpers join it, or closing, in its low bits.
const (
	joiningBits = 20
	closing     = 1<<joiningBits - 1
)

// start begins a run of so many helpers, the first ones.
func (w *Workers) start(helpers int) {
	w.run.Store((w.run.Load()>>joiningBits+1)<<joiningBits | uint64(helpers))
	for _, h := range w.helpers[:min(helpers, len(w.helpers))] {
		h.wake()
	}
}

// serve is the life of a helping thread.
func (w *Workers) serve(number int) {
	var s Scratch
	for seen := uint64(0); ; {
		w.helpers[number].wait(func() bool { return w.run.Load() != seen })
		seen = w.run.Load()
		switch joining := int(seen & closing); {
		case joining == closing:
			return
		case number < joining:
			w.take(&s)
			if w.left.Add(-1) == 0 {
				w.caller.wake()
			}
		}
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
