package graph

import "slices"

// arena is memory that graph after graph uses.
type arena struct {
	idle             [][]float32 // in ascending order of capacity
	used, held, peak int         // floats that are lent out, that are lent out or idle, and that ever were lent out
}

const (
	// maxWaste is how many times larger than asked for the memory may be that take returns: enough for the short last batch
	// of an epoch to live in the memory of the full ones.
	maxWaste = 2
	// maxHeld is how many times as much memory the arena holds as was ever in use. Graphs of other architectures want other
	// sizes; with less, memory is given up that the next one wants, with more, an epoch ends up holding all sizes there are.
	maxHeld = 1.1
)

// take returns memory with arbitrary contents.
func (a *arena) take(size int) []float32 {
	i, _ := slices.BinarySearchFunc(a.idle, size, func(b []float32, size int) int { return cap(b) - size })
	if i < len(a.idle) && cap(a.idle[i]) <= maxWaste*size {
		data := a.idle[i][:size]
		a.idle = slices.Delete(a.idle, i, i+1)
		a.lend(cap(data))
		return data
	}
	a.lend(size)
	a.held += size
	for len(a.idle) > 0 && float64(a.held) > maxHeld*float64(a.peak) {
		last := len(a.idle) - 1
		a.held -= cap(a.idle[last])
		a.idle[last] = nil
		a.idle = a.idle[:last]
	}
	data := make([]float32, size)
	askForHugePages(data)
	return data
}

func (a *arena) lend(size int) {
	a.used += size
	a.peak = max(a.peak, a.used)
}

// give takes memory back.
func (a *arena) give(data []float32) {
	a.used -= cap(data)
	i, _ := slices.BinarySearchFunc(a.idle, cap(data), func(b []float32, size int) int { return cap(b) - size })
	a.idle = slices.Insert(a.idle, i, data[:cap(data)])
}
