//go:build !static && (linux || darwin || windows)

package gpu

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

// cuda is the library of NVIDIA's driver. The functions are those of the driver API, without their prefix cu and suffix _v2.
type cuda struct {
	initialise         func(flags uint32) cudaStatus
	driverGetVersion   func(version *int32) cudaStatus
	getErrorString     func(status cudaStatus, text **byte) cudaStatus
	deviceGetCount     func(count *int32) cudaStatus
	deviceGet          func(device *int32, ordinal int32) cudaStatus
	deviceGetName      func(name *byte, size, device int32) cudaStatus
	deviceTotalMem     func(bytes *uintptr, device int32) cudaStatus
	deviceGetAttribute func(value *int32, attribute, device int32) cudaStatus
	contextRetain      func(context *uintptr, device int32) cudaStatus
	contextRelease     func(device int32) cudaStatus
	contextSetCurrent  func(context uintptr) cudaStatus
	memGetInfo         func(free, total *uintptr) cudaStatus
	memAlloc           func(memory *uintptr, bytes uintptr) cudaStatus
	memFree            func(memory uintptr) cudaStatus
	memHostAlloc       func(memory *unsafe.Pointer, bytes uintptr, flags uint32) cudaStatus
	memFreeHost        func(memory unsafe.Pointer) cudaStatus
	memcpyHtoDAsync    func(to uintptr, from unsafe.Pointer, bytes, stream uintptr) cudaStatus
	memcpyDtoHAsync    func(to unsafe.Pointer, from, bytes, stream uintptr) cudaStatus
	streamCreate       func(stream *uintptr, flags uint32) cudaStatus
	streamDestroy      func(stream uintptr) cudaStatus
	streamSynchronize  func(stream uintptr) cudaStatus
	streamWaitEvent    func(stream, event uintptr, flags uint32) cudaStatus
	eventCreate        func(event *uintptr, flags uint32) cudaStatus
	eventDestroy       func(event uintptr) cudaStatus
	eventRecord        func(event, stream uintptr) cudaStatus
	moduleLoadDataEx   func(module *uintptr, image unsafe.Pointer, count uint32, options *int32, values *uintptr) cudaStatus
	moduleUnload       func(module uintptr) cudaStatus
	moduleGetFunction  func(function *uintptr, module uintptr, name string) cudaStatus
	launchKernel       func(function uintptr, groupsX, groupsY, groupsZ, threadsX, threadsY, threadsZ, shared uint32,
		stream uintptr, arguments *unsafe.Pointer, extra uintptr) cudaStatus
}

// Names of CUDA's C headers.
const (
	cudaComputeMajor    = 75
	cudaComputeMinor    = 76
	cudaStreamNonBlock  = 1
	cudaEventNoTiming   = 2
	cudaJITErrorLog     = 5
	cudaJITErrorLogSize = 6

	cudaNoDevice       = 100
	cudaInvalidPTX     = 218
	cudaUnsupportedPTX = 222
)

// cudaStatus is what a function of CUDA returns: 0 if all is well.
type cudaStatus int32

// after says in an error which call failed, if one did.
func (l *cuda) after(call string, s cudaStatus) error {
	if s == 0 {
		return nil
	}
	var text *byte
	if l.getErrorString(s, &text) != 0 || text == nil {
		return fmt.Errorf("%s: status %d", call, s)
	}
	return fmt.Errorf("%s: %s", call, cText(text))
}

// cText returns a text of C, or the beginning of a long one.
func cText(text *byte) string {
	const most = 1 << 12
	n := 0
	for n < most && *(*byte)(unsafe.Add(unsafe.Pointer(text), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(text, n))
}

var openCUDA = sync.OnceValues(func() (library, error) {
	l := &cuda{}
	if err := l.bind(); err != nil {
		return nil, err
	}
	switch status := l.initialise(0); status {
	case 0:
		return l, nil
	case cudaNoDevice:
		return nil, errNoDevice(CUDA, "there is no NVIDIA card")
	default:
		return nil, errNoDevice(CUDA, l.after("cuInit", status).Error())
	}
})

func (l *cuda) bind() error {
	return bind(CUDA, cudaFiles[runtime.GOOS], []function{
		{"cuInit", &l.initialise},
		{"cuDriverGetVersion", &l.driverGetVersion},
		{"cuGetErrorString", &l.getErrorString},
		{"cuDeviceGetCount", &l.deviceGetCount},
		{"cuDeviceGet", &l.deviceGet},
		{"cuDeviceGetName", &l.deviceGetName},
		{"cuDeviceTotalMem_v2", &l.deviceTotalMem},
		{"cuDeviceGetAttribute", &l.deviceGetAttribute},
		{"cuDevicePrimaryCtxRetain", &l.contextRetain},
		{"cuDevicePrimaryCtxRelease", &l.contextRelease},
		{"cuCtxSetCurrent", &l.contextSetCurrent},
		{"cuMemGetInfo_v2", &l.memGetInfo},
		{"cuMemAlloc_v2", &l.memAlloc},
		{"cuMemFree_v2", &l.memFree},
		{"cuMemHostAlloc", &l.memHostAlloc},
		{"cuMemFreeHost", &l.memFreeHost},
		{"cuMemcpyHtoDAsync_v2", &l.memcpyHtoDAsync},
		{"cuMemcpyDtoHAsync_v2", &l.memcpyDtoHAsync},
		{"cuStreamCreate", &l.streamCreate},
		{"cuStreamDestroy_v2", &l.streamDestroy},
		{"cuStreamSynchronize", &l.streamSynchronize},
		{"cuStreamWaitEvent", &l.streamWaitEvent},
		{"cuEventCreate", &l.eventCreate},
		{"cuEventDestroy_v2", &l.eventDestroy},
		{"cuEventRecord", &l.eventRecord},
		{"cuModuleLoadDataEx", &l.moduleLoadDataEx},
		{"cuModuleUnload", &l.moduleUnload},
		{"cuModuleGetFunction", &l.moduleGetFunction},
		{"cuLaunchKernel", &l.launchKernel},
	})
}

func (l *cuda) devices() (infos []Info, err error) {
	var count, version int32
	if err := l.after("cuDeviceGetCount", l.deviceGetCount(&count)); err != nil {
		return nil, errNoDevice(CUDA, err.Error())
	}
	if count == 0 {
		return nil, errNoDevice(CUDA, "there is no NVIDIA card")
	}
	l.driverGetVersion(&version)
	for i := range count {
		var device int32
		var name [256]byte
		var memory uintptr
		status := l.deviceGet(&device, i)
		if status == 0 {
			status = l.deviceGetName(&name[0], int32(len(name)), device)
		}
		if status == 0 {
			status = l.deviceTotalMem(&memory, device)
		}
		if err := l.after("cuDeviceGet", status); err != nil {
			return nil, errNoDevice(CUDA, err.Error())
		}
		text, _, _ := bytes.Cut(name[:], []byte{0})
		infos = append(infos, Info{
			Kind: CUDA, Index: int(i), Name: string(text), Memory: int(memory),
			Driver: fmt.Sprintf("CUDA %d.%d", version/1000, version%1000/10),
		})
	}
	return infos, nil
}

// leastCompute is the oldest generation of cards that the kernels are compiled for: Volta.
const leastCompute = 70

func (l *cuda) open(info Info) (driver, error) {
	d := &cudaDevice{cuda: l, memories: map[handle]bool{}}
	if err := l.after("cuDeviceGet", l.deviceGet(&d.device, int32(info.Index))); err != nil {
		return nil, err
	}
	if c := d.compute(); c < leastCompute {
		return nil, fmt.Errorf("it has compute capability %s, at least %s is needed: use opencl or cpu", capability(c), capability(leastCompute))
	}
	if err := d.start(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}
