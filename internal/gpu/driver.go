package gpu

import "unsafe"

// handle is what a driver calls a piece of memory or a kernel.
type handle uintptr

// driver is a device as one of the libraries reaches it. It has two queues, of which queue 0 is used at first, and does what is
// queued in one in order; only read and wait wait, for both queues if queue 1 was joined.
type driver interface {
	allocate(bytes int) (handle, error)
	// release gives memory up, when what has been queued before is done.
	release(handle)
	// available returns how many bytes are free, or less than 0 if nobody knows.
	available() int
	// write copies data to memory from byte at on. data may be changed afterwards. A few kilobytes don't wait for anything.
	write(to handle, at int, data []byte) error
	read(data []byte, from handle, at int) error
	kernel(name string) (handle, error)
	// loadTensor loads the kernels that use tensor cores.
	loadTensor() error
	// launch runs a kernel in groups of threads.
	launch(kernel handle, groups, threads [3]int, a *arguments) error
	wait() error
	// use has that queue take what follows.
	use(queue int)
	// mark notes how far the queue in use is, and await has the queue in use go on only when the one that was marked last has
	// got there.
	mark() error
	await() error
	close()
}

// staged is the most bytes that a write puts aside, to be copied when the device gets there, and mostStaged how many there may
// be at once. Larger ones wait.
const (
	staged     = 1 << 20
	mostStaged = 16 << 20
)

// arguments are what a kernel is launched with, packed as drivers want it. They are used again and again.
type arguments struct {
	words []uint64 // the values; each begins with a word of its own
	list  []argument
}

// argument says where in words a value stands, and its size in bytes.
type argument struct{ at, size int }

func (a *arguments) reset() { a.words, a.list = a.words[:0], a.list[:0] }

// memory adds a pointer.
func (a *arguments) memory(h handle) {
	a.list = append(a.list, argument{len(a.words), 8})
	a.words = append(a.words, uint64(h))
}

// ints adds a structure of whole numbers, or a single one.
func (a *arguments) ints(values ...int) {
	a.list = append(a.list, argument{len(a.words), 4 * len(values)})
	for i, v := range values {
		if i%2 == 0 {
			a.words = append(a.words, uint64(uint32(int32(v))))
		} else {
			a.words[len(a.words)-1] |= uint64(uint32(int32(v))) << 32
		}
	}
}

// pointer returns where an argument stands.
func (a *arguments) pointer(i int) unsafe.Pointer { return unsafe.Pointer(&a.words[a.list[i].at]) }
