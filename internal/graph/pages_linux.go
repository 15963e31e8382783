package graph

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugeSize is how many floats memory must have for huge pages to be worth asking for: two of them.
const hugeSize = 2 * 2 << 20 / 4

// askForHugePages has the kernel back large memory, which nobody has written to yet, by pages of 2 MiB. Tensors are streamed
// through, and with pages of 4 KiB looking up addresses takes a third of the bandwidth. The Go runtime doesn't ask.
func askForHugePages(data []float32) {
	if len(data) < hugeSize {
		return
	}
	page := uintptr(unix.Getpagesize())
	start := uintptr(unsafe.Pointer(&data[0]))
	skip := (page - start%page) % page
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 4*len(data))[skip:]
	_ = unix.Madvise(bytes[:uintptr(len(bytes))/page*page], unix.MADV_HUGEPAGE) // it is advice: without, all is a bit slower
}
