//go:build !static && (linux || darwin || windows)

package gpu

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"nat/internal/gpu/kernels"
)

// openCL is the library of OpenCL. The functions are those of the specification of OpenCL 1.2, without their prefix cl.
type openCL struct {
	getPlatformIDs       func(entries uint32, platforms *uintptr, count *uint32) clStatus
	getDeviceIDs         func(platform uintptr, kind uint64, entries uint32, devices *uintptr, count *uint32) clStatus
	getDeviceInfo        func(device uintptr, name uint32, size uintptr, value unsafe.Pointer, got *uintptr) clStatus
	createContext        func(properties uintptr, count uint32, devices *uintptr, notify, data uintptr, status *clStatus) uintptr
	releaseContext       func(context uintptr) clStatus
	createQueue          func(context, device uintptr, properties uint64, status *clStatus) uintptr
	releaseQueue         func(queue uintptr) clStatus
	createProgram        func(context uintptr, count uint32, texts **byte, lengths *uintptr, status *clStatus) uintptr
	buildProgram         func(program uintptr, count uint32, devices *uintptr, options string, notify, data uintptr) clStatus
	getProgramBuildInfo  func(program, device uintptr, name uint32, size uintptr, value unsafe.Pointer, got *uintptr) clStatus
	releaseProgram       func(program uintptr) clStatus
	createKernel         func(program uintptr, name string, status *clStatus) uintptr
	releaseKernel        func(kernel uintptr) clStatus
	setKernelArg         func(kernel uintptr, index uint32, size uintptr, value unsafe.Pointer) clStatus
	enqueueNDRangeKernel func(queue, kernel uintptr, dimensions uint32, offset, global, local *uintptr,
		waits uint32, list, event uintptr) clStatus
	createBuffer       func(context uintptr, flags uint64, size uintptr, host uintptr, status *clStatus) uintptr
	releaseMemObject   func(memory uintptr) clStatus
	enqueueWriteBuffer func(queue, memory uintptr, block uint32, at, size uintptr, data unsafe.Pointer,
		waits uint32, list, event uintptr) clStatus
	enqueueReadBuffer func(queue, memory uintptr, block uint32, at, size uintptr, data unsafe.Pointer,
		waits uint32, list, event uintptr) clStatus
	finish         func(queue uintptr) clStatus
	flush          func(queue uintptr) clStatus
	enqueueMarker  func(queue uintptr, waits uint32, list *uintptr, event *uintptr) clStatus
	enqueueBarrier func(queue uintptr, waits uint32, list *uintptr, event *uintptr) clStatus
	releaseEvent   func(event uintptr) clStatus
}

// Names of OpenCL's C headers.
const (
	clDeviceTypeAll        = 0xFFFFFFFF
	clDeviceTypeCPU        = 1 << 1
	clDeviceType           = 0x1000
	clDeviceMaxGroupSize   = 0x1004
	clDeviceGlobalMemSize  = 0x101F
	clDeviceName           = 0x102B
	clDriverVersion        = 0x102D
	clProgramBuildLog      = 0x1183
	clMemReadWrite         = 1 << 0
	clPlatformNotFoundKHR  = -1001
	clDeviceNotFound       = -1
	clMemAllocationFailure = -4
	clOutOfResources       = -5
	clOutOfHostMemory      = -6
	clBuildProgramFailure  = -11
	clInvalidBufferSize    = -61
)

// clStatus is what a function of OpenCL returns: 0 if all is well.
type clStatus int32

func (s clStatus) String() string {
	switch s {
	case clMemAllocationFailure, clOutOfHostMemory, clInvalidBufferSize:
		return "out of memory"
	case clOutOfResources:
		return "out of resources, or the device is lost"
	case clBuildProgramFailure:
		return "the program can't be built"
	}
	return fmt.Sprintf("status %d", int32(s))
}

// after says in an error which call failed, if one did.
func (s clStatus) after(call string) error {
	if s == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", call, s)
}

var openOpenCL = sync.OnceValues(func() (library, error) {
	l := &openCL{}
	return l, bind(OpenCL, openCLFiles[runtime.GOOS], []function{
		{"clGetPlatformIDs", &l.getPlatformIDs},
		{"clGetDeviceIDs", &l.getDeviceIDs},
		{"clGetDeviceInfo", &l.getDeviceInfo},
		{"clCreateContext", &l.createContext},
		{"clReleaseContext", &l.releaseContext},
		{"clCreateCommandQueue", &l.createQueue},
		{"clReleaseCommandQueue", &l.releaseQueue},
		{"clCreateProgramWithSource", &l.createProgram},
		{"clBuildProgram", &l.buildProgram},
		{"clGetProgramBuildInfo", &l.getProgramBuildInfo},
		{"clReleaseProgram", &l.releaseProgram},
		{"clCreateKernel", &l.createKernel},
		{"clReleaseKernel", &l.releaseKernel},
		{"clSetKernelArg", &l.setKernelArg},
		{"clEnqueueNDRangeKernel", &l.enqueueNDRangeKernel},
		{"clCreateBuffer", &l.createBuffer},
		{"clReleaseMemObject", &l.releaseMemObject},
		{"clEnqueueWriteBuffer", &l.enqueueWriteBuffer},
		{"clEnqueueReadBuffer", &l.enqueueReadBuffer},
		{"clFinish", &l.finish},
		{"clFlush", &l.flush},
		{"clEnqueueMarkerWithWaitList", &l.enqueueMarker},
		{"clEnqueueBarrierWithWaitList", &l.enqueueBarrier},
		{"clReleaseEvent", &l.releaseEvent},
	})
})

func (l *openCL) devices() (infos []Info, err error) {
	infos, _, err = l.enumerate()
	return infos, err
}

// enumerate returns the devices of all drivers, and what OpenCL calls them.
func (l *openCL) enumerate() (infos []Info, handles []uintptr, err error) {
	platforms, err := listed(l.getPlatformIDs, "clGetPlatformIDs")
	if err != nil {
		return nil, nil, err
	}
	for _, platform := range platforms {
		devices, err := listed(func(entries uint32, list *uintptr, count *uint32) clStatus {
			return l.getDeviceIDs(platform, clDeviceTypeAll, entries, list, count)
		}, "clGetDeviceIDs")
		if err != nil {
			return nil, nil, err
		}
		for _, device := range devices {
			infos = append(infos, Info{
				Kind: OpenCL, Index: len(infos), Name: l.text(device, clDeviceName), Driver: l.text(device, clDriverVersion),
				Memory:    int(l.number(device, clDeviceGlobalMemSize)),
				Processor: l.number(device, clDeviceType)&clDeviceTypeCPU != 0,
			})
			handles = append(handles, device)
		}
	}
	if len(infos) == 0 {
		return nil, nil, errNoDevice(OpenCL, "the library of OpenCL finds no driver: install the card's, or pocl-opencl-icd")
	}
	return infos, handles, nil
}

// listed returns what a function of OpenCL lists. Nothing is none.
func listed(list func(entries uint32, list *uintptr, count *uint32) clStatus, call string) ([]uintptr, error) {
	var count uint32
	status := list(0, nil, &count)
	if status == clPlatformNotFoundKHR || status == clDeviceNotFound || status == 0 && count == 0 {
		return nil, nil
	}
	if status != 0 {
		return nil, errNoDevice(OpenCL, status.after(call).Error())
	}
	handles := make([]uintptr, count)
	if status := list(count, &handles[0], &count); status != 0 {
		return nil, errNoDevice(OpenCL, status.after(call).Error())
	}
	return handles[:count], nil
}

// text returns a text about a device, "" if there is none.
func (l *openCL) text(device uintptr, name uint32) string {
	var value [1024]byte
	var got uintptr
	if l.getDeviceInfo(device, name, uintptr(len(value)), unsafe.Pointer(&value[0]), &got) != 0 {
		return ""
	}
	return strings.TrimSpace(strings.TrimRight(string(value[:got]), "\x00"))
}

// number returns a number about a device, 0 if there is none.
func (l *openCL) number(device uintptr, name uint32) (value uint64) {
	l.getDeviceInfo(device, name, unsafe.Sizeof(value), unsafe.Pointer(&value), nil)
	return value
}

func (l *openCL) open(info Info) (driver, error) {
	_, handles, err := l.enumerate()
	if err != nil {
		return nil, err
	}
	device := handles[info.Index]
	if most := l.number(device, clDeviceMaxGroupSize); most < threadsEach {
		return nil, fmt.Errorf("its groups have at most %d threads, %d are needed: use another device", most, threadsEach)
	}
	d := &openCLDevice{openCL: l, device: device, memories: map[handle]bool{}}
	var status clStatus
	if d.context = l.createContext(0, 1, &d.device, 0, 0, &status); status != 0 {
		return nil, status.after("clCreateContext")
	}
	for i := range d.queues {
		if d.queues[i] = l.createQueue(d.context, d.device, 0, &status); status != 0 {
			d.close()
			return nil, status.after("clCreateCommandQueue")
		}
	}
	d.use(0)
	if err := d.build(&d.program, kernels.OpenCL()); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}
