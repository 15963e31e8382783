//go:build !static && (linux || darwin || windows)

package gpu

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"nat/internal/gpu/kernels"
)

// openCLDevice is a device of OpenCL.
type openCLDevice struct {
	*openCL
	device, context, queue uintptr // queue is the one in use
	queues                 [2]uintptr
	event                  uintptr // the mark
	program, tensor        uintptr // tensor is 0 but in tests
	kernels                []uintptr
	memories               map[handle]bool
	staged                 [][]byte // written, but perhaps not copied yet
	stagedBytes            int
}

// buildOptions have products and sums rounded as the source says, so that devices differ in as little as can be.
const buildOptions = "-cl-std=CL1.2 -w"

// loadTensor builds kernels that compute slowly what tensor cores would.
func (d *openCLDevice) loadTensor() error {
	if d.tensor != 0 {
		return nil
	}
	return d.build(&d.tensor, kernels.TensorOpenCL())
}

// build builds kernels from their source.
func (d *openCLDevice) build(program *uintptr, source string) error {
	text := append([]byte(source), 0)
	first, length := &text[0], uintptr(len(text)-1)
	var status clStatus
	if *program = d.createProgram(d.context, 1, &first, &length, &status); status != 0 {
		return status.after("clCreateProgramWithSource")
	}
	if status := d.buildProgram(*program, 1, &d.device, buildOptions, 0, 0); status != 0 {
		return fmt.Errorf("%w: update the device's driver: %s", status.after("clBuildProgram"), d.buildLog(*program))
	}
	return nil
}

// buildLog returns the first line of what the compiler says that tells of an error.
func (d *openCLDevice) buildLog(program uintptr) string {
	log := make([]byte, 1<<16)
	var got uintptr
	d.getProgramBuildInfo(program, d.device, clProgramBuildLog, uintptr(len(log)), unsafe.Pointer(&log[0]), &got)
	all := strings.TrimRight(string(log[:got]), "\x00\n ")
	for line := range strings.Lines(all) {
		if strings.Contains(line, "error") {
			return strings.TrimSpace(line)
		}
	}
	line, _, _ := strings.Cut(all, "\n")
	return line
}

func (d *openCLDevice) allocate(bytes int) (handle, error) {
	var status clStatus
	m := d.createBuffer(d.context, clMemReadWrite, uintptr(bytes), 0, &status)
	if status != 0 {
		return 0, status.after("clCreateBuffer")
	}
	d.memories[handle(m)] = true
	return handle(m), nil
}

func (d *openCLDevice) release(m handle) {
	delete(d.memories, m)
	d.releaseMemObject(uintptr(m))
}

func (d *openCLDevice) available() int { return -1 }

func (d *openCLDevice) write(to handle, at int, data []byte) error {
	block := uint32(1)
	if len(data) <= staged {
		if d.stagedBytes+len(data) > mostStaged {
			if err := d.wait(); err != nil {
				return err
			}
		}
		data, block = bytes.Clone(data), 0
		d.staged, d.stagedBytes = append(d.staged, data), d.stagedBytes+len(data)
	}
	return d.enqueueWriteBuffer(d.queue, uintptr(to), block, uintptr(at), uintptr(len(data)), unsafe.Pointer(&data[0]), 0, 0, 0).
		after("clEnqueueWriteBuffer")
}

// read waits for everything before it in its queue: of queue 0, nothing is staged any more, since it follows queue 1.
func (d *openCLDevice) read(data []byte, from handle, at int) error {
	err := d.enqueueReadBuffer(d.queue, uintptr(from), 1, uintptr(at), uintptr(len(data)), unsafe.Pointer(&data[0]), 0, 0, 0).
		after("clEnqueueReadBuffer")
	if d.queue == d.queues[0] {
		d.unstage()
	}
	return err
}

func (d *openCLDevice) unstage() {
	clear(d.staged)
	d.staged, d.stagedBytes = d.staged[:0], 0
}

func (d *openCLDevice) kernel(name string) (handle, error) {
	program := d.program
	if usesTensor(name) {
		program = d.tensor
	}
	var status clStatus
	k := d.createKernel(program, name, &status)
	if status != 0 {
		return 0, status.after("clCreateKernel")
	}
	d.kernels = append(d.kernels, k)
	return handle(k), nil
}

func (d *openCLDevice) launch(kernel handle, groups, threads [3]int, a *arguments) error {
	for i, arg := range a.list {
		if status := d.setKernelArg(uintptr(kernel), uint32(i), uintptr(arg.size), a.pointer(i)); status != 0 {
			return status.after(fmt.Sprintf("clSetKernelArg %d", i))
		}
	}
	var global, local [3]uintptr
	for i := range 3 {
		global[i], local[i] = uintptr(groups[i]*threads[i]), uintptr(threads[i])
	}
	return d.enqueueNDRangeKernel(d.queue, uintptr(kernel), 3, nil, &global[0], &local[0], 0, 0, 0).after("clEnqueueNDRangeKernel")
}

func (d *openCLDevice) wait() error {
	for _, queue := range d.queues {
		if err := d.finish(queue).after("clFinish"); err != nil {
			return err
		}
	}
	d.unstage()
	return nil
}

func (d *openCLDevice) use(queue int) { d.queue = d.queues[queue] }

// mark also has the device begin what is queued, which another queue is going to wait for.
func (d *openCLDevice) mark() error {
	if d.event != 0 {
		d.releaseEvent(d.event)
		d.event = 0
	}
	if status := d.enqueueMarker(d.queue, 0, nil, &d.event); status != 0 {
		return status.after("clEnqueueMarkerWithWaitList")
	}
	return d.flush(d.queue).after("clFlush")
}

func (d *openCLDevice) await() error {
	return d.enqueueBarrier(d.queue, 1, &d.event, nil).after("clEnqueueBarrierWithWaitList")
}

func (d *openCLDevice) close() {
	for _, queue := range d.queues {
		if queue != 0 {
			d.finish(queue)
		}
	}
	if d.event != 0 {
		d.releaseEvent(d.event)
	}
	for _, k := range d.kernels {
		d.releaseKernel(k)
	}
	for m := range d.memories {
		d.releaseMemObject(uintptr(m))
	}
	for _, program := range []uintptr{d.program, d.tensor} {
		if program != 0 {
			d.releaseProgram(program)
		}
	}
	for _, queue := range d.queues {
		if queue != 0 {
			d.releaseQueue(queue)
		}
	}
	d.releaseContext(d.context)
}
