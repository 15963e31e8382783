package gpu

import (
	"fmt"
	"slices"
	"unsafe"
)

// Memory is a piece of memory, of numbers of four bytes, as a slice is: a device's, or the processor's own (see Host), which
// no device can use. The zero Memory is none.
type Memory struct {
	buffer   *buffer   // nil of the processor's
	host     []float32 // nil of a device's
	at, size int
}

// buffer is memory as the driver gave it.
type buffer struct {
	handle handle
	size   int
	queue  int // that it was taken in, and is taken in again
}

// Host returns a slice as memory of the processor; of nil there is none.
func Host(x []float32) Memory { return Memory{host: x, size: len(x)} }

// Host returns memory of the processor as a slice. Of other memory, and of none, it is nil.
func (m Memory) Host() []float32 { return m.host }

// IsNil tells whether there is no memory.
func (m Memory) IsNil() bool { return m.buffer == nil && m.host == nil }

// Len returns how many numbers there is room for.
func (m Memory) Len() int { return m.size }

// Imagined returns memory that nobody has, for plans.
func Imagined(n int) Memory { return Memory{buffer: &buffer{size: n}, size: n} }

// Slice returns the numbers from number from on up to number to.
func (m Memory) Slice(from, to int) Memory {
	if from < 0 || to < from || to > m.size {
		panic(fmt.Sprintf("gpu: [%d:%d] of memory of %d numbers", from, to, m.size))
	}
	if m.host != nil {
		return Host(m.host[from:to])
	}
	return Memory{buffer: m.buffer, at: m.at + from, size: to - from}
}

// From returns the numbers from number from on.
func (m Memory) From(from int) Memory { return m.Slice(from, m.size) }

// Begins tells whether memory begins where other memory does.
func (m Memory) Begins(other Memory) bool {
	return m.buffer == other.buffer && m.at == other.at && unsafe.SliceData(m.host) == unsafe.SliceData(other.host)
}

// handle returns what the driver calls the memory, 0 for none.
func (m Memory) handle() handle {
	if m.buffer == nil {
		return 0
	}
	return m.buffer.handle
}

// pool is memory that was given back and waits to be used again: asking a driver for some takes longer than many a kernel.
// What has been queued may still use it; what uses it next is queued behind.
type pool struct {
	idle       [2][]*buffer // by queue, in ascending order of size
	late       []*buffer    // of the other queue than that in which it was given back: idle when the queues are joined
	used, held int          // numbers that are lent out, and that are lent out or idle
	peak       int          // most that were lent out
}

const (
	// maxWaste is how many times larger than asked for the memory may be that Allocate returns.
	maxWaste = 2
	// maxHeld is how many times as much as was ever in use the pool holds.
	maxHeld = 1.25
)

// Allocate returns memory for n numbers, with arbitrary contents. Free gives it back.
func (d *Device) Allocate(n int) (Memory, error) {
	if d.err != nil {
		return Memory{}, d.err
	}
	if n > mostNumbers {
		return Memory{}, fmt.Errorf("%s: a tensor of %d numbers is too large, at most %d fit: use a smaller batch",
			d.info.ID(), n, mostNumbers)
	}
	n = max(n, 1)
	p := &d.pool
	idle := &p.idle[d.queue]
	i := position(*idle, n)
	if i < len(*idle) && (*idle)[i].size <= maxWaste*n {
		b := (*idle)[i]
		*idle = slices.Delete(*idle, i, i+1)
		p.lend(b.size)
		return Memory{buffer: b, size: n}, nil
	}
	h, err := d.driver.allocate(4 * n)
	if err != nil && len(p.idle[0])+len(p.idle[1]) > 0 {
		d.shrink(0)
		h, err = d.driver.allocate(4 * n)
	}
	if err != nil {
		return Memory{}, d.exhausted(n, err)
	}
	p.held += n
	p.lend(n)
	d.shrink(int(maxHeld * float64(p.peak)))
	return Memory{buffer: &buffer{h, n, d.queue}, size: n}, nil
}

// Take is Allocate whose error sticks. What it returns then is good for nothing, but may be used like any memory.
func (d *Device) Take(n int) Memory {
	m, err := d.Allocate(n)
	if err != nil {
		d.err = err
		return Memory{buffer: &buffer{}, size: n}
	}
	return m
}

// Free gives back memory that Allocate returned.
func (d *Device) Free(m Memory) {
	if m.buffer == nil || m.buffer.handle == 0 {
		return
	}
	p := &d.pool
	p.used -= m.buffer.size
	if d.forked && m.buffer.queue != d.queue {
		p.late = append(p.late, m.buffer)
		return
	}
	p.giveBack(m.buffer)
}

func (p *pool) giveBack(b *buffer) {
	idle := &p.idle[b.queue]
	*idle = slices.Insert(*idle, position(*idle, b.size), b)
}

// Peak returns how many bytes were ever in use at once.
func (d *Device) Peak() int { return 4 * d.pool.peak }

// position returns where in idle the first buffer is that has room for n numbers.
func position(idle []*buffer, n int) int {
	i, _ := slices.BinarySearchFunc(idle, n, func(b *buffer, n int) int { return b.size - n })
	return i
}

func (p *pool) lend(n int) {
	p.used += n
	p.peak = max(p.peak, p.used)
}

// shrink gives up idle memory, the largest first, until the pool holds no more than most numbers.
func (d *Device) shrink(most int) {
	p := &d.pool
	for p.held > most {
		idle := &p.idle[0]
		if n := len(p.idle[1]); n > 0 && (len(*idle) == 0 || p.idle[1][n-1].size > (*idle)[len(*idle)-1].size) {
			idle = &p.idle[1]
		}
		if len(*idle) == 0 {
			return
		}
		last := (*idle)[len(*idle)-1]
		*idle = (*idle)[:len(*idle)-1]
		p.held -= last.size
		d.driver.release(last.handle)
	}
}

// Exhausted is the error of memory that was not to be had. All sizes are in bytes.
type Exhausted struct {
	Device            string
	Asked, Used, Free int // Free is what the driver says, or else what there would be if nobody else used the device
	Err               error
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("%s: %s could not be had, %s are in use, %s are free: %v",
		e.Device, mebibytes(e.Asked), mebibytes(e.Used), mebibytes(e.Free), e.Err)
}

func (e *Exhausted) Unwrap() error { return e.Err }

// exhausted says that n numbers were not to be had.
func (d *Device) exhausted(n int, err error) error {
	e := &Exhausted{fmt.Sprintf("%s (%s)", d.info.ID(), d.info.Name), 4 * n, 4 * d.pool.used, d.driver.available(), err}
	if e.Free < 0 {
		e.Free = max(0, d.info.Memory-e.Used)
	}
	return e
}

// Used returns how many bytes are in use.
func (d *Device) Used() int { return 4 * d.pool.used }

func mebibytes(n int) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
