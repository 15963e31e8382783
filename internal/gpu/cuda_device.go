//go:build !static && (linux || darwin || windows)

package gpu

import (
	"bytes"
	"fmt"
	"runtime"
	"unsafe"

	"nat/internal/gpu/kernels"
)

// cudaDevice is a device of CUDA.
type cudaDevice struct {
	*cuda
	device          int32
	context, stream uintptr // stream is the one in use
	streams         [2]uintptr
	event           uintptr // the mark
	module, tensor  uintptr // tensor is 0 unless its kernels are asked for
	memories        map[handle]bool
	stage           unsafe.Pointer   // page-locked memory of mostStaged bytes: from other memory, copies may wait
	stageAt         int              // up to where it may still be read
	pointers        []unsafe.Pointer // to arguments, for reuse
}

// enter makes the device's context that of the thread, on which the calls up to the returned function are made.
func (d *cudaDevice) enter() (leave func()) {
	runtime.LockOSThread()
	d.contextSetCurrent(d.context)
	return runtime.UnlockOSThread
}

// start makes what a device needs: its context, a stream and the kernels.
func (d *cudaDevice) start() error {
	if err := d.after("cuDevicePrimaryCtxRetain", d.contextRetain(&d.context, d.device)); err != nil {
		return err
	}
	defer d.enter()()
	for i := range d.streams {
		if err := d.after("cuStreamCreate", d.streamCreate(&d.streams[i], cudaStreamNonBlock)); err != nil {
			return err
		}
	}
	d.use(0)
	if err := d.after("cuEventCreate", d.eventCreate(&d.event, cudaEventNoTiming)); err != nil {
		return err
	}
	if err := d.after("cuMemHostAlloc", d.memHostAlloc(&d.stage, mostStaged, 0)); err != nil {
		return err
	}
	return d.load(&d.module, kernels.PTX())
}

// compute returns the compute capability: 80 is 8.0.
func (d *cudaDevice) compute() int {
	var major, minor int32
	d.deviceGetAttribute(&major, cudaComputeMajor, d.device)
	d.deviceGetAttribute(&minor, cudaComputeMinor, d.device)
	return int(10*major + minor)
}

func (d *cudaDevice) loadTensor() error {
	if c := d.compute(); c < leastTensor {
		return &oldCard{c}
	}
	if d.tensor != 0 {
		return nil
	}
	defer d.enter()()
	return d.load(&d.tensor, kernels.TensorPTX())
}

// load has the driver compile kernels for the card.
func (d *cudaDevice) load(module *uintptr, ptx []byte) error {
	image := append(bytes.Clone(ptx), 0)
	log := make([]byte, 4096)
	options := []int32{cudaJITErrorLog, cudaJITErrorLogSize}
	values := []uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	status := d.moduleLoadDataEx(module, unsafe.Pointer(&image[0]), uint32(len(options)), &options[0], &values[0])
	runtime.KeepAlive(log)
	err := d.after("cuModuleLoadDataEx", status)
	switch status {
	case 0:
		return nil
	case cudaUnsupportedPTX:
		return fmt.Errorf("the driver is too old for the program's kernels: install a newer one: %w", err)
	case cudaInvalidPTX:
		line, _, _ := bytes.Cut(log, []byte{'\n'})
		return fmt.Errorf("the driver refuses the program's kernels: install a newer one: %w: %s", err, bytes.TrimRight(line, "\x00"))
	}
	return err
}

func (d *cudaDevice) allocate(size int) (handle, error) {
	defer d.enter()()
	var m uintptr
	if err := d.after("cuMemAlloc", d.memAlloc(&m, uintptr(size))); err != nil {
		return 0, err
	}
	d.memories[handle(m)] = true
	return handle(m), nil
}

func (d *cudaDevice) release(m handle) {
	defer d.enter()()
	delete(d.memories, m)
	d.memFree(uintptr(m))
}

func (d *cudaDevice) available() int {
	defer d.enter()()
	var free, total uintptr
	if d.memGetInfo(&free, &total) != 0 {
		return -1
	}
	return int(free)
}

// write returns when data has been copied: small data to the stage, large data, of memory that isn't page-locked, by the driver.
func (d *cudaDevice) write(to handle, at int, data []byte) error {
	defer d.enter()()
	from := unsafe.Pointer(&data[0])
	if len(data) <= staged {
		if d.stageAt+len(data) > mostStaged {
			for _, stream := range d.streams {
				if err := d.after("cuStreamSynchronize", d.streamSynchronize(stream)); err != nil {
					return err
				}
			}
			d.stageAt = 0
		}
		from = unsafe.Add(d.stage, d.stageAt)
		copy(unsafe.Slice((*byte)(from), len(data)), data)
		d.stageAt += len(data)
	}
	return d.after("cuMemcpyHtoDAsync", d.memcpyHtoDAsync(uintptr(to)+uintptr(at), from, uintptr(len(data)), d.stream))
}

func (d *cudaDevice) read(data []byte, from handle, at int) error {
	defer d.enter()()
	status := d.memcpyDtoHAsync(unsafe.Pointer(&data[0]), uintptr(from)+uintptr(at), uintptr(len(data)), d.stream)
	if status == 0 {
		status = d.streamSynchronize(d.stream)
	}
	return d.after("cuMemcpyDtoHAsync", status)
}

func (d *cudaDevice) kernel(name string) (handle, error) {
	defer d.enter()()
	module := d.module
	if usesTensor(name) {
		module = d.tensor
	}
	var k uintptr
	err := d.after("cuModuleGetFunction", d.moduleGetFunction(&k, module, name))
	return handle(k), err
}

func (d *cudaDevice) launch(kernel handle, groups, threads [3]int, a *arguments) error {
	defer d.enter()()
	d.pointers = d.pointers[:0]
	for i := range a.list {
		d.pointers = append(d.pointers, a.pointer(i))
	}
	return d.after("cuLaunchKernel", d.launchKernel(uintptr(kernel),
		uint32(groups[0]), uint32(groups[1]), uint32(groups[2]), uint32(threads[0]), uint32(threads[1]), uint32(threads[2]), 0,
		d.stream, &d.pointers[0], 0))
}

func (d *cudaDevice) wait() error {
	defer d.enter()()
	return d.after("cuStreamSynchronize", d.streamSynchronize(d.stream))
}

func (d *cudaDevice) use(queue int) { d.stream = d.streams[queue] }

func (d *cudaDevice) mark() error {
	defer d.enter()()
	return d.after("cuEventRecord", d.eventRecord(d.event, d.stream))
}

func (d *cudaDevice) await() error {
	defer d.enter()()
	return d.after("cuStreamWaitEvent", d.streamWaitEvent(d.stream, d.event, 0))
}

func (d *cudaDevice) close() {
	if d.context == 0 {
		return
	}
	defer d.contextRelease(d.device)
	defer d.enter()()
	for _, stream := range d.streams {
		if stream != 0 {
			d.streamSynchronize(stream)
		}
	}
	for m := range d.memories {
		d.memFree(uintptr(m))
	}
	for _, module := range []uintptr{d.module, d.tensor} {
		if module != 0 {
			d.moduleUnload(module)
		}
	}
	if d.stage != nil {
		d.memFreeHost(d.stage)
	}
	if d.event != 0 {
		d.eventDestroy(d.event)
	}
	for _, stream := range d.streams {
		if stream != 0 {
			d.streamDestroy(stream)
		}
	}
}
