package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkFused times the kernels of a step as it uses them, on all of two threads: views that normalise and rectify, gradients
// that are views too, and tensors that no cache holds any more.
func BenchmarkFused(b *testing.B) {
	w := workers(b, 2)
	for _, size := range []struct{ channels, side int }{{20, 32}, {40, 16}, {80, 8}} {
		const images = 64
		c := channels{size.channels, size.side * size.side}
		n := Norm{N: images, C: c.count, Pixels: c.pixels, Eps: 1e-5}
		m := newCold(images, c)
		k, dk, dk2 := normal(m.r, c.count*c.count*25), make([]float32, c.count*c.count*25), make([]float32, c.count*25)
		moments := make([]float32, images*c.count*2)
		a, z, s := make([]float32, c.count), make([]float32, c.count), make([]float32, c.count)
		conv := func(k int) Conv {
			v := square(images, c.count, c.count, size.side, k, 1, 1, false)
			v.ReLU = true
			return v
		}
		wide := conv(1)
		wide.Ci = 4 * c.count
		depthwise := func(k, dilation int) Conv {
			v := square(images, c.count, c.count, size.side, k, 1, dilation, true)
			v.ReLU = true
			return v
		}
		mix := square(images, c.count, c.count, size.side, 1, 1, 1, false)
		pool := func(k int, most bool) Pool {
			return Pool{N: images, C: c.count, H: size.side, W: size.side, OH: size.side, OW: size.side, K: k, Stride: 1, Pad: k / 2, Max: most}
		}
		for _, k := range []struct {
			name string
			run  func()
		}{
			{"1x1 forward", func() { ConvForward(w, m.target(1, false), moments, m.normalised(1), k, conv(1)) }},
			{"1x1 backward", func() { ConvBackward(w, m.target(1, true), dk, m.gradient(1), m.normalised(1), k, conv(1)) }},
			{"1x1 wide forward", func() { ConvForward(w, m.target(1, false), moments, m.plain(4), k, wide) }},
			{"1x1 wide backward", func() { ConvBackward(w, m.target(4, true), dk, m.gradient(1), m.plain(4), k, wide) }},
			{"3x3 forward", func() { ConvForward(w, m.target(1, false), moments, m.normalised(1), k, conv(3)) }},
			{"3x3 backward", func() { ConvBackward(w, m.target(1, true), dk, m.gradient(1), m.normalised(1), k, conv(3)) }},
			{"5x5 forward", func() { ConvForward(w, m.target(1, false), moments, m.normalised(1), k, conv(5)) }},
			{"5x5 backward", func() { ConvBackward(w, m.target(1, true), dk, m.gradient(1), m.normalised(1), k, conv(5)) }},
			{"separable 3x3 forward", func() { SeparableForward(w, m.target(1, false), moments, m.normalised(1), k, k, depthwise(3, 1), mix) }},
			{"separable 3x3 backward", func() {
				SeparableBackward(w, m.target(1, true), dk2[:c.count*9], dk[:c.count*c.count], m.gradient(1), m.normalised(1), k[:c.count*9], k, depthwise(3, 1), mix)
			}},
			{"separable 5x5 forward", func() { SeparableForward(w, m.target(1, false), moments, m.normalised(1), k, k, depthwise(5, 1), mix) }},
			{"separable 5x5 backward", func() {
				SeparableBackward(w, m.target(1, true), dk2, dk[:c.count*c.count], m.gradient(1), m.normalised(1), k[:c.count*25], k, depthwise(5, 1), mix)
			}},
			{"dilated 5x5 backward", func() {
				SeparableBackward(w, m.target(1, true), dk2, dk[:c.count*c.count], m.gradient(1), m.normalised(1), k[:c.count*25], k, depthwise(5, 2), mix)
			}},
			{"max 3x3 forward", func() { PoolForward(w, m.target(1, false), moments, m.normalised(1), pool(3, true)) }},
			{"max 3x3 backward", func() { PoolBackward(w, m.target(1, true), m.gradient(1), m.normalised(1), pool(3, true)) }},
			{"average 3x3 forward", func() { PoolForward(w, m.target(1, false), moments, m.normalised(1), pool(3, false)) }},
			{"average 3x3 backward", func() { PoolBackward(w, m.target(1, true), m.gradient(1), m.normalised(1), pool(3, false)) }},
			{"max 5x5 forward", func() { PoolForward(w, m.target(1, false), moments, m.normalised(1), pool(5, true)) }},
			{"max 5x5 backward", func() { PoolBackward(w, m.target(1, true), m.gradient(1), m.normalised(1), pool(5, true)) }},
			{"norm gradient", func() { NormGradient(w, a, z, s, m.plain(1), m.normalised(1), n) }},
			{"moments", func() { Moments(w, moments, m.normalised(1), n) }},
			{"sum", func() { Sum(w, m.target(1, false), m.normalised(1), m.normalised(1), n) }},
			{"materialise", func() { Materialise(w, m.target(1, true), m.gradient(1), n) }},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", c.count, size.side, size.side, k.name), func(b *testing.B) {
				for b.Loop() {
					k.run()
				}
			})
		}
	}
}

// cold hands out tensors in turn, from so much memory that none is left in a cache.
type cold struct {
	r            *rand.Rand
	all          []float32
	next         int
	size, pixels int // of an image
	images       int
	scale        []float32
}

func newCold(images int, c channels) *cold {
	const floats = 1 << 27
	r := rand.New(rand.NewPCG(1, 2))
	m := &cold{r: r, all: make([]float32, floats), size: c.count * c.pixels, pixels: c.pixels, images: images, scale: normal(r, 4*c.count)}
	part := normal(r, 1<<16)
	for i := 0; i < floats; i += len(part) {
		copy(m.all[i:], part)
	}
	return m
}

func (m *cold) tensor(wide int) []float32 {
	size := wide * m.images * m.size
	if m.next+size > len(m.all) {
		m.next = 0
	}
	t := m.all[m.next:][:size]
	m.next += size
	return t
}

func (m *cold) plain(wide int) View { return Plain(m.tensor(wide), wide*m.size/m.pixels, m.pixels) }

func (m *cold) target(wide int, add bool) Target {
	return Target{Data: m.tensor(wide), Stride: wide * m.size, Add: add}
}

func (m *cold) normalised(wide int) View {
	v := m.plain(wide)
	v.Scale, v.Shift = m.scale, m.scale
	return v
}

func (m *cold) gradient(wide int) View {
	v, other := m.normalised(wide), m.plain(wide)
	v.Other, v.OtherStride, v.OtherScale = other.Data, other.Stride, m.scale
	return v
}
