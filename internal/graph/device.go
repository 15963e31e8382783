package graph

import (
	"time"

	"nat/internal/kernel"
)

// Device is where machines run: the threads, and the memory that one graph after the other uses. It serves one running
// machine at a time.
type Device struct {
	workers *kernel.Workers
	arena   arena
	// Observe, where set, is told of every step that has run.
	Observe func(Observation)
}

// Observation is what a step of a machine did.
type Observation struct {
	Operation string // of a gradient it ends in -gradient
	Shape     []int  // of the node's value
	FLOPs     int    // additions and multiplications of convolutions, in direct form, and of matrix products
	Bytes     int    // of the tensors read and written, each counted once
	Took      time.Duration
}

// NewCPU returns a device of so many threads of the processor.
func NewCPU(threads int) *Device { return &Device{workers: kernel.NewWorkers(threads)} }

// NewCPUOf returns a device of so many threads that use the set of kernels of that name, one of kernel.Sets or the fastest if
// it is empty, and an algorithm for convolutions.
func NewCPUOf(threads int, kernels string, convolution kernel.Algorithm) (*Device, error) {
	workers, err := kernel.NewWorkersOf(threads, kernels, convolution)
	if err != nil {
		return nil, err
	}
	return &Device{workers: workers}, nil
}

// Kernels returns the name of the set of kernels that the device uses. Sets differ in the last bits of what they compute.
func (d *Device) Kernels() string { return d.workers.Set() }

// Workers returns the device's threads, for kernels that run outside a graph.
func (d *Device) Workers() *kernel.Workers { return d.workers }

// Close stops the device's threads and gives up its memory.
func (d *Device) Close() {
	d.workers.Close()
	d.arena = arena{}
}
