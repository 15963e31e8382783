//go:build !static

package gpu

import "golang.org/x/sys/windows"

func loadLibrary(file string) (uintptr, error) {
	h, err := windows.LoadLibraryEx(file, 0, windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
	return uintptr(h), err
}

func symbol(library uintptr, name string) (uintptr, error) {
	return windows.GetProcAddress(windows.Handle(library), name)
}
