package gpu

import (
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// Device is a device that is open. It has one queue, but between Fork and Join another one.
type Device struct {
	info      Info
	driver    driver
	precision Precision
	pool      pool
	kernels   map[string]handle
	a         arguments
	err       error // the first one
	queue     int   // in use
	forked    bool
}

func newDevice(info Info, d driver) *Device {
	return &Device{info: info, driver: d, precision: Float32, kernels: map[string]handle{}}
}

// Info describes the device.
func (d *Device) Info() Info { return d.info }

// Close waits for what is queued and gives everything up, memory that was allocated too.
func (d *Device) Close() {
	d.driver.close()
	d.err = errClosed
}

var errClosed = errors.New("the device is closed")

// Err returns the first error, without waiting for what is queued.
func (d *Device) Err() error { return d.err }

// Wait waits until everything queued is done.
func (d *Device) Wait() error {
	if d.err == nil {
		d.fail(d.driver.wait())
	}
	return d.err
}

// fail notes an error.
func (d *Device) fail(err error) {
	if d.err == nil && err != nil {
		d.err = fmt.Errorf("%s (%s): %w", d.info.ID(), d.info.Name, err)
	}
}

// Mark notes what is queued so far: what a Fork waits for.
func (d *Device) Mark() { d.order((driver).mark) }

// Fork has what follows queued beside what has been queued since Mark. It must not read or overwrite memory that the latter
// writes, nor overwrite what it reads. Memory that is given back meanwhile is used again after Join.
func (d *Device) Fork() {
	d.queue, d.forked = 1, true
	d.driver.use(1)
	d.order((driver).await)
}

// Join ends what Fork began: what follows is done after all before.
func (d *Device) Join() {
	d.order((driver).mark)
	d.queue, d.forked = 0, false
	d.driver.use(0)
	d.order((driver).await)
	for _, b := range d.pool.late {
		d.pool.giveBack(b)
	}
	d.pool.late = d.pool.late[:0]
}

func (d *Device) order(do func(driver) error) {
	if d.err == nil {
		d.fail(do(d.driver))
	}
}

// Write copies numbers to memory that has room for them.
func (d *Device) Write(to Memory, data []float32) { d.WriteBytes(to, bytesOf(data)) }

// WriteInts is Write of whole numbers.
func (d *Device) WriteInts(to Memory, data []int32) { d.WriteBytes(to, bytesOf(data)) }

// WriteBytes copies bytes to memory that has room for them.
func (d *Device) WriteBytes(to Memory, data []byte) {
	if d.err != nil || len(data) == 0 {
		return
	}
	if len(data) > 4*to.size {
		panic(fmt.Sprintf("gpu: %d bytes for memory of %d numbers", len(data), to.size))
	}
	d.fail(d.driver.write(to.buffer.handle, 4*to.at, data))
}

// Read waits until everything queued is done, and copies memory to numbers, as many.
func (d *Device) Read(data []float32, from Memory) error {
	if d.err != nil || len(data) == 0 {
		return d.err
	}
	if len(data) > from.size {
		panic(fmt.Sprintf("gpu: %d numbers of memory of %d", len(data), from.size))
	}
	d.fail(d.driver.read(bytesOf(data), from.buffer.handle, 4*from.at))
	return d.err
}

// bytesOf returns the memory of numbers of four bytes.
func bytesOf[T float32 | int32](data []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
}

// begin starts the arguments of a launch.
func (d *Device) begin() *arguments {
	d.a.reset()
	return &d.a
}

// launch queues a kernel with the arguments since begin: so many groups of so many threads.
func (d *Device) launch(name string, groups, threads [3]int) {
	if d.err != nil {
		return
	}
	k, ok := d.kernels[name]
	if !ok {
		var err error
		if k, err = d.driver.kernel(name); err != nil {
			d.fail(fmt.Errorf("kernel %s: %w", name, err))
			return
		}
		d.kernels[name] = k
	}
	if err := d.driver.launch(k, groups, threads, &d.a); err != nil {
		d.fail(fmt.Errorf("kernel %s: %w", name, err))
	}
}

// threadsEach is how many threads a group has where each thread computes a number by itself.
const threadsEach = 256

// launchEach queues a kernel of which each thread computes one of n numbers.
func (d *Device) launchEach(name string, n int) {
	if n > 0 {
		d.launch(name, [3]int{groupsOf(n, threadsEach), 1, 1}, [3]int{threadsEach, 1, 1})
	}
}

// groupsOf returns how many groups of that size make n.
func groupsOf(n, size int) int { return (n + size - 1) / size }

// mostNumbers is how many numbers a piece of memory may have: kernels count in 32 bits.
const mostNumbers = math.MaxInt32
