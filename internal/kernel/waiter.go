package kernel

import (
	"runtime"
	"sync/atomic"
)

// waiter has a thread wait for another. It looks again and again for a while before it goes to sleep: kernels follow one
// another within microseconds, and to wake a sleeping thread takes fifty of them or more, on a virtual machine.
type waiter struct {
	asleep atomic.Bool
	awake  chan struct{}
}

func newWaiter() *waiter { return &waiter{awake: make(chan struct{}, 1)} }

const (
	looks    = 1 << 16 // before going to sleep: some 50 µs to 100 µs
	yielding = 1 << 10 // looks after which other goroutines get their turn
)

// wait returns when ready does. Whoever makes it so calls wake afterwards.
func (t *waiter) wait(ready func() bool) {
	for i := 1; i <= looks; i++ {
		if ready() {
			return
		}
		if i%yielding == 0 {
			runtime.Gosched()
		}
	}
	for !ready() {
		t.asleep.Store(true)
		if ready() && t.asleep.CompareAndSwap(true, false) {
			return
		}
		<-t.awake // wake has seen that it sleeps, or will
	}
}

// wake wakes the thread if it sleeps.
func (t *waiter) wake() {
	if t.asleep.CompareAndSwap(true, false) {
		t.awake <- struct{}{}
	}
}
