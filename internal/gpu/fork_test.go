package gpu

import "testing"

// TestForkedMemory gives memory back in the other queue: nobody gets it before the queues are joined, and then in its own.
func TestForkedMemory(t *testing.T) {
	d := Simulated(Info{Kind: CUDA}, 1<<20, 0)
	a, idle := d.Take(100), d.Take(100)
	d.Free(idle)
	d.Mark()
	d.Fork()
	d.Free(a)
	b := d.Take(100)
	if b.buffer == a.buffer || b.buffer == idle.buffer {
		t.Error("a branch takes memory that what runs beside it may still use")
	}
	d.Free(b)
	if c := d.Take(100); c.buffer != b.buffer {
		t.Error("a branch doesn't take its own memory again")
	} else {
		defer d.Free(c)
	}
	d.Join()
	if first, second := d.Take(100), d.Take(100); first.buffer != a.buffer && second.buffer != a.buffer {
		t.Error("memory that was given back in a branch isn't used again")
	}
}
