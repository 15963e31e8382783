// Package gputest gives tests of other packages a device that computes through OpenCL.
package gputest

import (
	"slices"
	"testing"

	"nat/internal/gpu"
)

// Open opens the first device of OpenCL: the caller closes it. Without one, the test is skipped.
func Open(t testing.TB) *gpu.Device {
	t.Helper()
	found, missing := gpu.Devices()
	i := slices.IndexFunc(found, func(i gpu.Info) bool { return i.Kind == gpu.OpenCL })
	if i < 0 {
		t.Skipf("nothing is tested on a card: %v", missing)
	}
	d, err := gpu.Open(found[i].ID())
	if err != nil {
		t.Fatal(err)
	}
	return d
}
