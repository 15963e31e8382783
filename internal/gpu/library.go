//go:build !static && (linux || darwin || windows)

package gpu

import (
	"fmt"
	"runtime"

	"github.com/ebitengine/purego"
)

// Where the libraries are, by operating system. Apple has no CUDA.
var (
	cudaFiles = map[string][]string{
		"linux":   {"libcuda.so.1", "libcuda.so"},
		"windows": {"nvcuda.dll"},
	}
	openCLFiles = map[string][]string{
		"linux":   {"libOpenCL.so.1", "libOpenCL.so"},
		"windows": {"OpenCL.dll"},
		"darwin":  {"/System/Library/Frameworks/OpenCL.framework/OpenCL"},
	}
)

// openLibrary opens the library of a kind of devices. It stays open: libraries of drivers don't like to be closed.
func openLibrary(kind Kind) (library, error) {
	if kind == CUDA {
		return openCUDA()
	}
	return openOpenCL()
}

// function is a function of a library, by its name, and the Go function that is to call it.
type function struct {
	name string
	call any // a pointer to it
}

// bind opens the first of the files that there is, and has the functions call those of the library.
func bind(kind Kind, files []string, functions []function) error {
	if len(files) == 0 {
		return errNoDevice(kind, "there is none on "+runtime.GOOS)
	}
	var library uintptr
	var err error
	for _, file := range files {
		if library, err = loadLibrary(file); err == nil {
			break
		}
	}
	if err != nil {
		return errNoDevice(kind, fmt.Sprintf("its driver's library %s can't be opened: install the driver", files[0]))
	}
	for _, f := range functions {
		address, err := symbol(library, f.name)
		if err != nil {
			return errNoDevice(kind, fmt.Sprintf("%s has no %s: install a newer driver", files[0], f.name))
		}
		purego.RegisterFunc(f.call, address)
	}
	return nil
}
