package graph

import (
	"fmt"
	"time"

	"nat/internal/gpu"
	"nat/internal/kernel"
)

// Device is where machines run: the processor's threads or a graphics card, and the memory that one graph after the other uses.
// It serves one running machine at a time.
type Device struct {
	kernels kernels
	workers *kernel.Workers
	card    *gpu.Device // nil of the processor
	host    *Device     // of a card: its threads

	failure  error // of the card, if there is more to say of it than the card does
	holdings []*holding
	pictures map[Pictures]pictures // data sets that are in the card's memory

	// Observe, where set, is told of every step that has run.
	Observe func(Observation)
}

// Observation is what a step of a machine did.
type Observation struct {
	Operation string // of a gradient it ends in -gradient
	Shape     []int  // of the node's value
	Algorithm string // that computed a convolution on the processor
	FLOPs     int    // additions and multiplications of convolutions, in direct form, and of matrix products
	Bytes     int    // of the tensors read and written, each counted once
	Took      time.Duration
}

// NewCPU returns a device of so many threads of the processor.
func NewCPU(threads int) *Device { return newCPU(kernel.NewWorkers(threads)) }

// NewCPUOf returns a device of so many threads that use the set of kernels of that name, one of kernel.Sets or the fastest if
// it is empty, and an algorithm for convolutions.
func NewCPUOf(threads int, kernels string, convolution kernel.Algorithm) (*Device, error) {
	workers, err := kernel.NewWorkersOf(threads, kernels, convolution)
	if err != nil {
		return nil, err
	}
	return newCPU(workers), nil
}

func newCPU(w *kernel.Workers) *Device {
	return &Device{kernels: &processor{Workers: w}, workers: w}
}

// OpenCard opens the card of that ID, such as cuda:0, and returns a device that computes on it.
func OpenCard(id string, threads int) (*Device, error) {
	card, err := gpu.Open(id)
	if err != nil {
		return nil, err
	}
	return NewCard(card, threads), nil
}

// Precision is what dense convolutions are computed in.
type Precision = gpu.Precision

// Float32 is the precision of every device.
const Float32 = gpu.Float32

// Compute has dense convolutions computed in that precision, which only some cards have but for single precision.
func (d *Device) Compute(p Precision) error {
	switch {
	case d.card != nil:
		return d.card.SetPrecision(p)
	case p != Float32:
		return p.Refused("the processor computes in " + string(Float32))
	}
	return nil
}

// Precision returns what dense convolutions are computed in.
func (d *Device) Precision() Precision {
	if d.card != nil {
		return d.card.Precision()
	}
	return Float32
}

// NewCard returns a device that computes on a card, which belongs to it from now on. What only the processor can do is done by
// so many of its threads.
func NewCard(card *gpu.Device, threads int) *Device {
	w := kernel.NewWorkers(threads)
	return &Device{kernels: card, workers: w, card: card, host: newCPU(w)}
}

// Kernels returns the name of the set of kernels that the device uses. Sets differ in the last bits of what they compute.
func (d *Device) Kernels() string {
	if d.card != nil {
		return string(d.card.Info().Kind)
	}
	return d.workers.Set()
}

// Name says what computes.
func (d *Device) Name() string {
	if d.card != nil {
		return d.card.Info().ID() + ", " + d.card.Info().Name
	}
	return fmt.Sprintf("%d threads, %s kernels", d.workers.Threads(), d.workers.Set())
}

// PeakMemory returns how many bytes of a card were ever in use at once, 0 of the processor.
func (d *Device) PeakMemory() int {
	if d.card == nil {
		return 0
	}
	return d.card.Peak()
}

// Wait waits until all that was begun is done.
func (d *Device) Wait() error { return d.kernels.Wait() }

// Processor returns the device itself or, of a card, the threads beside it: for graphs so small that a card would only wait.
func (d *Device) Processor() *Device {
	if d.host != nil {
		return d.host
	}
	return d
}

// Workers returns the processor's threads, for kernels that run outside a graph.
func (d *Device) Workers() *kernel.Workers { return d.workers }

// Close stops the device's threads and gives up its memory.
func (d *Device) Close() {
	d.kernels.Close()
	if d.host != nil {
		d.host.Close()
	}
}
