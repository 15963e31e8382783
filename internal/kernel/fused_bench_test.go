package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkFused times the kernels of a step as it uses them, on two threads: views that normalise and rectify, gradients that are
// views too, and tensors that no cache holds any more.
func BenchmarkFused(b *testing.B) {
	w := workers(b, 2)
	memory := make([]float32, 1<<27)
	part := normal(rand.New(rand.NewPCG(1, 2)), 1<<16)
	for i := 0; i < len(memory); i += len(part) {
		copy(memory[i:], part)
	}
	for _, size := range []struct{ channels, side int }{{20, 32}, {40, 16}, {80, 8}} {
		const images = 64
		s := newFusedStep(w, images, size.channels, size.side, memory)
		for _, kind := range [][]timed{s.convolutions(), s.separables(), s.pools(), s.passes()} {
			for _, k := range kind {
				b.Run(fmt.Sprintf("%dx%dx%d/%s", size.channels, size.side, size.side, k.name), func(b *testing.B) {
					for b.Loop() {
						k.run()
					}
				})
			}
		}
	}
}

// timed is a kernel to be timed.
type timed struct {
	name string
	run  func()
}

// fusedStep hands out what the kernels of a step work on: tensors in turn, from so much memory that none is left in a cache.
type fusedStep struct {
	w            *Workers
	images, side int
	channels
	memory  []float32
	next    int
	weights []float32
	moments []float32
	scale   []float32 // coefficients of up to four times as many channels
}

func newFusedStep(w *Workers, images, count, side int, memory []float32) *fusedStep {
	r := rand.New(rand.NewPCG(3, 4))
	return &fusedStep{
		w: w, images: images, side: side, channels: channels{count, side * side}, memory: memory,
		weights: normal(r, 25*count*count), moments: make([]float32, 2*images*count), scale: normal(r, 4*count),
	}
}

func (f *fusedStep) convolutions() (all []timed) {
	for _, k := range []int{1, 3, 5} {
		c := square(f.images, f.count, f.count, f.side, k, 1, 1, false)
		c.ReLU = true
		all = append(all, f.convolution(fmt.Sprintf("%dx%d", k, k), c, 1)...)
	}
	wide := square(f.images, 4*f.count, f.count, f.side, 1, 1, 1, false)
	wide.ReLU = true
	return append(all, f.convolution("1x1 wide", wide, 4)...)
}

// convolution returns both directions of c, which reads so many times as many channels as it writes.
func (f *fusedStep) convolution(name string, c Conv, times int) []timed {
	k, dk := f.weights[:c.Co*c.Ci*c.KH*c.KW], make([]float32, c.Co*c.Ci*c.KH*c.KW)
	return []timed{
		{name + " forward", func() { ConvForward(f.w, f.target(1, false), f.moments, f.normalised(times), k, c) }},
		{name + " backward", func() { ConvBackward(f.w, f.target(times, true), dk, f.gradient(), f.normalised(times), k, c) }},
	}
}

func (f *fusedStep) separables() (all []timed) {
	pw := square(f.images, f.count, f.count, f.side, 1, 1, 1, false)
	pointwise, dPointwise := f.weights[:f.count*f.count], make([]float32, f.count*f.count)
	for _, k := range []int{3, 5} {
		for dilation := 1; dilation <= 2; dilation++ {
			dw := square(f.images, f.count, f.count, f.side, k, 1, dilation, true)
			dw.ReLU = true
			depthwise, dDepthwise := f.weights[:f.count*k*k], make([]float32, f.count*k*k)
			name := fmt.Sprintf("separable %dx%d by %d ", k, k, dilation)
			all = append(all, timed{name + "forward", func() {
				SeparableForward(f.w, f.target(1, false), f.moments, f.normalised(1), depthwise, pointwise, dw, pw)
			}}, timed{name + "backward", func() {
				SeparableBackward(f.w, f.target(1, true), dDepthwise, dPointwise, f.gradient(), f.normalised(1),
					depthwise, pointwise, dw, pw)
			}})
		}
	}
	return all
}

func (f *fusedStep) pools() (all []timed) {
	for _, k := range []int{3, 5} {
		for _, name := range []string{"max", "average"} {
			p := Pool{N: f.images, C: f.count, H: f.side, W: f.side, OH: f.side, OW: f.side, K: k, Stride: 1, Pad: k / 2,
				Max: name == "max"}
			all = append(all,
				timed{fmt.Sprintf("%s %dx%d forward", name, k, k), func() {
					PoolForward(f.w, f.target(1, false), f.moments, f.normalised(1), p)
				}},
				timed{fmt.Sprintf("%s %dx%d backward", name, k, k), func() {
					PoolBackward(f.w, f.target(1, true), f.gradient(), f.normalised(1), p)
				}})
		}
	}
	return all
}

func (f *fusedStep) passes() []timed {
	n := Norm{N: f.images, C: f.count, Pixels: f.pixels, Eps: 1e-5}
	scale, other, shift := make([]float32, f.count), make([]float32, f.count), make([]float32, f.count)
	return []timed{
		{"norm gradient", func() {
			NormGradients(f.w, f.plain(1), n, NormGradient{Y: f.normalised(1), Scale: scale, OtherScale: other, Shift: shift})
		}},
		{"norm gradients of two", func() {
			g := NormGradient{Y: f.normalised(1), Scale: scale, OtherScale: other, Shift: shift}
			other := g
			other.Y = f.normalised(1)
			NormGradients(f.w, f.plain(1), n, g, other)
		}},
		{"moments", func() { Moments(f.w, f.moments, f.normalised(1), n) }},
		{"sum", func() { Sum(f.w, f.target(1, false), f.normalised(1), f.normalised(1), n) }},
		{"materialise", func() { Materialise(f.w, f.target(1, true), f.gradient(), n) }},
	}
}

// tensor returns the next memory for so many times the step's channels.
func (f *fusedStep) tensor(times int) []float32 {
	size := times * f.images * f.count * f.pixels
	if f.next+size > len(f.memory) {
		f.next = 0
	}
	f.next += size
	return f.memory[f.next-size : f.next]
}

func (f *fusedStep) plain(times int) View { return Plain(f.tensor(times), times*f.count, f.pixels) }

func (f *fusedStep) target(times int, add bool) Target {
	y := Whole(f.tensor(times), times*f.count, f.pixels)
	y.Add = add
	return y
}

func (f *fusedStep) normalised(times int) View {
	v := f.plain(times)
	v.Scale, v.Shift = f.scale, f.scale
	return v
}

// gradient returns the gradient by what a normalisation reads.
func (f *fusedStep) gradient() View {
	v, other := f.normalised(1), f.plain(1)
	v.Other, v.OtherStride, v.OtherScale = other.Data, other.Stride, f.scale
	return v
}
