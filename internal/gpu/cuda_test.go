//go:build !static && (linux || darwin || windows)

package gpu

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"unsafe"

	"nat/internal/kernel"
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

// TestPrecisionOfCUDA loads the kernels that use tensor cores, once and only when they are asked for, and takes from them those
// of dense convolutions alone; a card that is older than they are refuses.
func TestPrecisionOfCUDA(t *testing.T) {
	waits, modules := 0, uintptr(0)
	l := fakeCUDA(0, &waits)
	load := l.moduleLoadDataEx
	l.moduleLoadDataEx = func(module *uintptr, image unsafe.Pointer, n uint32, options *int32, values *uintptr) cudaStatus {
		status := load(module, image, n, options, values)
		modules++
		*module = modules
		return status
	}
	asked := map[string]uintptr{}
	l.moduleGetFunction = func(function *uintptr, module uintptr, name string) cudaStatus {
		*function, asked[name] = 1, module
		return 0
	}
	l.launchKernel = func(uintptr, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uintptr, *unsafe.Pointer, uintptr) cudaStatus {
		return 0
	}
	opened, err := l.open(Info{Kind: CUDA})
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(Info{Kind: CUDA, Name: "Fake"}, opened)
	defer d.Close()
	if modules != 1 {
		t.Fatalf("%d modules of a device that is open", modules)
	}
	dense := kernel.Conv{N: 1, Ci: 1, Co: 1, H: 1, W: 1, OH: 1, OW: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	deep := dense
	deep.Depthwise = true
	m := d.Take(1)
	for _, p := range []Precision{BF16, TF32, Float32} {
		if err := d.SetPrecision(p); err != nil {
			t.Fatal(err)
		}
		for _, c := range []kernel.Conv{dense, deep} {
			d.ConvBackward(Whole(m, 1, 1), m, Plain(m, 1, 1), Plain(m, 1, 1), m, c)
		}
	}
	want := map[string]uintptr{
		"correlate": 1, "weight_parts": 1, "correlate_depthwise": 1, "weight_parts_depthwise": 1,
		"correlate_tf32": 2, "weight_parts_tf32": 2, "correlate_bf16": 2, "weight_parts_bf16": 2,
	}
	if d.Err() != nil || modules != 2 || !maps.Equal(asked, want) {
		t.Errorf("kernels of modules %v of %d, want %v: %v", asked, modules, want, d.Err())
	}

	l.deviceGetAttribute = func(value *int32, attribute, _ int32) cudaStatus {
		*value = map[int32]int32{cudaComputeMajor: 7, cudaComputeMinor: 5}[attribute]
		return 0
	}
	if opened, err = l.open(Info{Kind: CUDA}); err != nil {
		t.Fatal(err)
	}
	old := newDevice(Info{Kind: CUDA, Name: "Fake"}, opened)
	defer old.Close()
	err = old.SetPrecision(BF16)
	text := "--precision bf16 is for CUDA cards of compute capability 8.0 or newer: cuda:0 (Fake) has 7.5; name such a card"
	if err == nil || !strings.HasPrefix(err.Error(), text) || old.Precision() != Float32 {
		t.Errorf("an old card: %v", err)
	}
}
