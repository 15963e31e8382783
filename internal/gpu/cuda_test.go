//go:build !static && (linux || darwin || windows)

package gpu

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"
)

// fakeCUDA returns a library of CUDA with one card, of compute capability 9.0, that copies but has no kernels. load is what
// loading a module returns; waits counts how often the stream was waited for.
func fakeCUDA(load cudaStatus, waits *int) *cuda {
	memory := map[uintptr][]byte{}
	at := func(p uintptr, n uintptr) []byte {
		for start, m := range memory {
			if p >= start && p+n <= start+uintptr(len(m)) {
				return m[p-start:][:n]
			}
		}
		panic("fake CUDA: no such memory")
	}
	l := &cuda{}
	l.getErrorString = func(_ cudaStatus, text **byte) cudaStatus {
		*text = &[]byte("as the driver says\x00")[0]
		return 0
	}
	l.deviceGet = func(*int32, int32) cudaStatus { return 0 }
	l.deviceGetAttribute = func(value *int32, attribute, _ int32) cudaStatus {
		*value = map[int32]int32{cudaComputeMajor: 9}[attribute]
		return 0
	}
	l.contextRetain = func(context *uintptr, _ int32) cudaStatus { *context = 1; return 0 }
	l.contextRelease = func(int32) cudaStatus { return 0 }
	l.contextSetCurrent = func(uintptr) cudaStatus { return 0 }
	l.memGetInfo = func(free, total *uintptr) cudaStatus { *free, *total = 1<<30, 1<<31; return 0 }
	l.memAlloc = func(m *uintptr, n uintptr) cudaStatus {
		*m = uintptr(len(memory)+1) << 32
		memory[*m] = make([]byte, n)
		return 0
	}
	l.memFree = func(uintptr) cudaStatus { return 0 }
	l.memHostAlloc = func(m *unsafe.Pointer, n uintptr, _ uint32) cudaStatus {
		*m = unsafe.Pointer(&make([]byte, n)[0])
		return 0
	}
	l.memFreeHost = func(unsafe.Pointer) cudaStatus { return 0 }
	l.memcpyHtoDAsync = func(to uintptr, from unsafe.Pointer, n, _ uintptr) cudaStatus {
		copy(at(to, n), unsafe.Slice((*byte)(from), n))
		return 0
	}
	l.memcpyDtoHAsync = func(to unsafe.Pointer, from, n, _ uintptr) cudaStatus {
		copy(unsafe.Slice((*byte)(to), n), at(from, n))
		return 0
	}
	l.streamCreate = func(stream *uintptr, _ uint32) cudaStatus { *stream = 1; return 0 }
	l.streamDestroy = func(uintptr) cudaStatus { return 0 }
	l.streamSynchronize = func(uintptr) cudaStatus { *waits++; return 0 }
	l.moduleLoadDataEx = func(module *uintptr, image unsafe.Pointer, _ uint32, _ *int32, values *uintptr) cudaStatus {
		if !bytes.HasPrefix(unsafe.Slice((*byte)(image), 64), []byte("//")) {
			return 1
		}
		*module = 1
		log := unsafe.Slice(*(**byte)(unsafe.Pointer(values)), 4096)
		copy(log, "ptxas fatal: line 3\nand more\x00")
		return load
	}
	l.streamWaitEvent = func(_, _ uintptr, _ uint32) cudaStatus { return 0 }
	l.eventCreate = func(event *uintptr, _ uint32) cudaStatus { *event = 1; return 0 }
	l.eventDestroy = func(uintptr) cudaStatus { return 0 }
	l.eventRecord = func(_, _ uintptr) cudaStatus { return 0 }
	l.moduleUnload = func(uintptr) cudaStatus { return 0 }
	return l
}

// TestRefusedPTX opens a card whose driver doesn't take the program's kernels.
func TestRefusedPTX(t *testing.T) {
	for status, want := range map[cudaStatus]string{
		cudaUnsupportedPTX: "the driver is too old for the program's kernels: install a newer one: cuModuleLoadDataEx: as the driver says",
		cudaInvalidPTX:     "the driver refuses the program's kernels: install a newer one: cuModuleLoadDataEx: as the driver says: ptxas fatal: line 3",
		2:                  "cuModuleLoadDataEx: as the driver says",
	} {
		waits := 0
		if _, err := fakeCUDA(status, &waits).open(Info{Kind: CUDA}); err == nil || err.Error() != want {
			t.Errorf("status %d: error %v, want %s", status, err, want)
		}
	}
}

// TestOldCard opens a card that is older than the kernels.
func TestOldCard(t *testing.T) {
	waits := 0
	l := fakeCUDA(0, &waits)
	l.deviceGetAttribute = func(value *int32, attribute, _ int32) cudaStatus {
		*value = map[int32]int32{cudaComputeMajor: 6, cudaComputeMinor: 1}[attribute]
		return 0
	}
	_, err := l.open(Info{Kind: CUDA})
	if err == nil || !strings.Contains(err.Error(), "compute capability 6.1, at least 7.0 is needed") {
		t.Errorf("error %v", err)
	}
}

// TestWritesDoNotWait writes small data until the stage is full: only then is the stream waited for.
func TestWritesDoNotWait(t *testing.T) {
	waits := 0
	opened, err := fakeCUDA(0, &waits).open(Info{Kind: CUDA})
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(Info{Kind: CUDA}, opened)
	defer d.Close()
	m := d.Take(staged / 4)
	data := make([]float32, staged/4)
	for i := range mostStaged / staged {
		data[7] = float32(i)
		d.Write(m, data)
	}
	if waits != 0 {
		t.Errorf("%d waits before the stage is full", waits)
	}
	d.Write(m, data[:1])
	if waits != 2 {
		t.Errorf("%d waits when it is full, want one for each stream", waits)
	}
	got := make([]float32, len(data))
	if err := d.Read(got, m); err != nil || got[7] != mostStaged/staged-1 {
		t.Errorf("read %v, %v", got[7], err)
	}
}
