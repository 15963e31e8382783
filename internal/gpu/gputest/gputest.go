// Package gputest gives tests of other packages a device that isn't the processor's own kernels.
package gputest

import (
	"os"
	"slices"
	"testing"

	"nat/internal/gpu"
)

// Variable is the environment variable that names the device, such as cuda:0, that tests use in place of the first one of
// OpenCL.
const Variable = "NAT_TEST_DEVICE"

// Simulated returns a device that computes nothing, has so many bytes of memory, and is lost after so many launches of kernels,
// if that isn't 0.
func Simulated(memory, launches int) *gpu.Device {
	return gpu.Simulated(gpu.Info{Kind: gpu.CUDA, Name: "Simulated", Memory: memory}, memory, launches)
}

// Open opens the device of the tests: the caller closes it. Where none is named and there is none of OpenCL, the test is
// skipped.
func Open(t testing.TB) *gpu.Device {
	t.Helper()
	id := os.Getenv(Variable)
	if id == "" {
		found, missing := gpu.Devices()
		i := slices.IndexFunc(found, func(i gpu.Info) bool { return i.Kind == gpu.OpenCL })
		if i < 0 {
			t.Skipf("nothing is tested on a card: %v", missing)
		}
		id = found[i].ID()
	}
	d, err := gpu.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
