package graph

import (
	"errors"
	"fmt"

	"nat/internal/gpu"
	"nat/internal/kernel"
)

// Err returns the device's first error, after which it computes nothing any more.
func (d *Device) Err() error {
	if d.failure != nil {
		return d.failure
	}
	return d.kernels.Err()
}

// explain adds to an error of a card without enough memory what would fit. before is how much was in use before the run.
func (m *Machine) explain(before int) {
	var e *gpu.Exhausted
	if m.device.failure != nil || m.device.card == nil || !errors.As(m.device.kernels.Err(), &e) || m.images == 0 {
		return
	}
	need := m.need()
	fit := m.images * max(0, e.Used+e.Free-before) / max(need, 1)
	fit = min(fit, m.images-1) // all of them didn't
	const mebi = 1 << 20
	if fit < 1 {
		m.device.failure = fmt.Errorf("%w: a step of %d images takes about %d MiB, and not even one fits", e, m.images, need/mebi)
		return
	}
	m.device.failure = fmt.Errorf("%w: a step of %d images takes about %d MiB: batches of %d fit, give that as --batch-size",
		e, m.images, need/mebi, fit)
}

// need returns how many bytes of memory are in use at once in a run, which it plays through without computing.
func (m *Machine) need() int {
	c := &counter{}
	device := m.device
	m.device = &Device{kernels: c, card: device.card}
	defer func() { m.device = device }()
	for _, l := range append(m.given, m.kept...) {
		m.place(l.id, c.Take(len(l.data)))
	}
	for _, i := range m.placed {
		m.place(i.id, c.Take(size(i.of.shape[:])))
	}
	for _, h := range m.held {
		m.place(h.id, h.data)
	}
	m.runSteps()
	const spare = 32 // one in so many numbers, since cards take memory for sums of parts, and lend pieces larger than asked for
	return 4 * (c.peak + c.peak/spare)
}

// counter counts memory, and computes nothing. What cards take for sums of parts is not counted: it doesn't grow with a batch.
type counter struct{ used, peak int }

var _ kernels = (*counter)(nil)

func (c *counter) Take(n int) Memory {
	c.used += n
	c.peak = max(c.peak, c.used)
	return gpu.Imagined(n)
}

func (c *counter) Free(m Memory) { c.used -= m.Len() }

// SeparableForward and SeparableBackward take memory for what lies between their convolutions.
func (c *counter) SeparableForward(_ Target, _ Memory, _ View, _, _ Memory, dw, _ kernel.Conv) {
	c.Free(c.Take(dw.N * dw.Co * dw.OH * dw.OW))
}

func (c *counter) SeparableBackward(_ Target, _, _ Memory, _, _ View, _, _ Memory, dw, _ kernel.Conv) {
	c.Free(c.Take(dw.N * dw.Co * dw.OH * dw.OW))
}

// NormGradients and ScaleShiftGradient take memory for the sums of each image.
func (c *counter) NormGradients(_ View, n kernel.Norm, _ ...gpu.NormGradient) {
	c.Free(c.Take(2 * n.N * n.C))
}

func (c *counter) ScaleShiftGradient(_, _ Memory, _, _ View, n kernel.Norm) {
	c.Free(c.Take(2 * n.N * n.C))
}

// Scaled gives the view coefficients of its own, as the others have.
func (c *counter) Scaled(v View, scale, _, k Memory) View {
	n := scale.Len()
	v.Scale, v.Shift = k.Slice(0, n), k.Slice(n, 2*n)
	if !v.Other.IsNil() {
		v.OtherScale = k.Slice(2*n, 3*n)
	}
	return v
}

func (c *counter) Write(Memory, []float32)      {}
func (c *counter) Read([]float32, Memory) error { return nil }
func (c *counter) Wait() error                  { return nil }
func (c *counter) Err() error                   { return nil }
func (c *counter) Close()                       {}

func (c *counter) ConvForward(Target, Memory, View, Memory, kernel.Conv)        {}
func (c *counter) ConvBackward(Target, Memory, View, View, Memory, kernel.Conv) {}
func (c *counter) PoolForward(Target, Memory, View, kernel.Pool)                {}
func (c *counter) PoolBackward(Target, View, View, kernel.Pool)                 {}
func (c *counter) Moments(Memory, View, kernel.Norm)                            {}
func (c *counter) NormStatistics(_, _, _, _, _ Memory, _ kernel.Norm)           {}
func (c *counter) Materialise(Target, View, kernel.Norm)                        {}
func (c *counter) Sum(Target, View, View, kernel.Norm)                          {}
func (c *counter) ReLUForward(_, _ Memory)                                      {}
func (c *counter) ReLUBackward(_, _, _ Memory)                                  {}
func (c *counter) GlobalAverageForward(_, _ Memory, _ kernel.Norm)              {}
func (c *counter) GlobalAverageBackward(_, _ Memory, _ kernel.Norm)             {}
func (c *counter) MatMulForward(_, _, _, _ Memory, _ kernel.MatMul)             {}
func (c *counter) SumRows(_, _ Memory, _, _ int)                                {}
func (c *counter) CrossEntropyForward(_, _, _, _ Memory, _ []int32, _ int)      {}
func (c *counter) CrossEntropyBackward(_, _, _ Memory, _ []int32, _ int)        {}
func (c *counter) ScaleImages(_, _ Memory, _ []float32)                         {}
func (c *counter) Clear(Target, kernel.Norm)                                    {}
