package graph

import (
	"nat/internal/gpu"
	"nat/internal/kernel"
)

// processor computes with package kernel.
type processor struct {
	*kernel.Workers
	arena arena
}

func (p *processor) Take(size int) Memory { return gpu.Host(p.arena.take(size)) }

func (p *processor) Free(m Memory) {
	if !m.IsNil() {
		p.arena.give(m.Host())
	}
}

func (p *processor) Write(to Memory, from []float32) { copy(to.Host(), from) }

func (p *processor) Read(to []float32, from Memory) error {
	copy(to, from.Host())
	return nil
}

// What is called is done at once, and nothing can go wrong.

func (p *processor) Wait() error { return nil }
func (p *processor) Err() error  { return nil }

func (p *processor) Close() {
	p.Workers.Close()
	p.arena = arena{}
}

// viewOf returns a view of the processor's memory as kernel has it.
func viewOf(v View) kernel.View {
	return kernel.View{
		Data: v.Data.Host(), Stride: v.Stride, Scale: v.Scale.Host(), Shift: v.Shift.Host(),
		Other: v.Other.Host(), OtherStride: v.OtherStride, OtherScale: v.OtherScale.Host(), PerImage: v.PerImage,
	}
}

func targetOf(t Target) kernel.Target {
	return kernel.Target{Data: t.Data.Host(), Stride: t.Stride, Add: t.Add}
}

func (p *processor) ConvForward(y Target, moments Memory, x View, k Memory, c kernel.Conv) {
	kernel.ConvForward(p.Workers, targetOf(y), moments.Host(), viewOf(x), k.Host(), c)
}

func (p *processor) ConvBackward(dx Target, dk Memory, dy, x View, k Memory, c kernel.Conv) {
	kernel.ConvBackward(p.Workers, targetOf(dx), dk.Host(), viewOf(dy), viewOf(x), k.Host(), c)
}

func (p *processor) SeparableForward(y Target, moments Memory, x View, depthwise, pointwise Memory, dw, pw kernel.Conv) {
	kernel.SeparableForward(p.Workers, targetOf(y), moments.Host(), viewOf(x), depthwise.Host(), pointwise.Host(), dw, pw)
}

func (p *processor) SeparableBackward(
	dx Target, dDepthwise, dPointwise Memory, dy, x View, depthwise, pointwise Memory, dw, pw kernel.Conv,
) {
	kernel.SeparableBackward(p.Workers, targetOf(dx), dDepthwise.Host(), dPointwise.Host(), viewOf(dy), viewOf(x),
		depthwise.Host(), pointwise.Host(), dw, pw)
}

func (p *processor) PoolForward(y Target, moments Memory, x View, s kernel.Pool) {
	kernel.PoolForward(p.Workers, targetOf(y), moments.Host(), viewOf(x), s)
}

func (p *processor) PoolBackward(dx Target, dy, x View, s kernel.Pool) {
	kernel.PoolBackward(p.Workers, targetOf(dx), viewOf(dy), viewOf(x), s)
}

func (p *processor) Moments(moments Memory, x View, n kernel.Norm) {
	kernel.Moments(p.Workers, moments.Host(), viewOf(x), n)
}

func (p *processor) NormStatistics(mean, variance, scale, shift, moments Memory, n kernel.Norm) {
	kernel.NormStatistics(p.Workers, mean.Host(), variance.Host(), scale.Host(), shift.Host(), moments.Host(), n)
}

func (p *processor) NormGradients(dy View, n kernel.Norm, gradients ...gpu.NormGradient) {
	all := make([]kernel.NormGradient, len(gradients))
	for i, g := range gradients {
		all[i] = kernel.NormGradient{
			Y: viewOf(g.Y), Scale: g.Scale.Host(), OtherScale: g.OtherScale.Host(), Shift: g.Shift.Host(),
			Gamma: g.Gamma.Host(), ByGamma: g.ByGamma.Host(), ByShift: g.ByShift.Host(),
		}
	}
	kernel.NormGradients(p.Workers, viewOf(dy), n, all...)
}

func (p *processor) Scaled(v View, scale, shift, k Memory) View {
	return withCoefficients(v, viewOf(v).Scaled(scale.Host(), shift.Host(), k.Host()))
}

// byImage is the method ByImage of a View of kernel.
func (p *processor) byImage(v View, factors []float32, channels int, k Memory) View {
	return withCoefficients(v, viewOf(v).ByImage(factors, channels, k.Host()))
}

// withCoefficients returns v with those of the same view as kernel has it.
func withCoefficients(v View, of kernel.View) View {
	v.Scale, v.Shift, v.OtherScale, v.PerImage = gpu.Host(of.Scale), gpu.Host(of.Shift), gpu.Host(of.OtherScale), of.PerImage
	return v
}

func (p *processor) ScaleShiftGradient(dscale, dshift Memory, dy, x View, n kernel.Norm) {
	kernel.ScaleShiftGradient(p.Workers, dscale.Host(), dshift.Host(), viewOf(dy), viewOf(x), n)
}

func (p *processor) Materialise(y Target, x View, n kernel.Norm) {
	kernel.Materialise(p.Workers, targetOf(y), viewOf(x), n)
}

func (p *processor) Sum(y Target, a, b View, n kernel.Norm) {
	kernel.Sum(p.Workers, targetOf(y), viewOf(a), viewOf(b), n)
}

func (p *processor) ReLUForward(y, x Memory) { kernel.ReLUForward(p.Workers, y.Host(), x.Host()) }

func (p *processor) ReLUBackward(dx, dy, x Memory) {
	kernel.ReLUBackward(p.Workers, dx.Host(), dy.Host(), x.Host())
}

func (p *processor) GlobalAverageForward(y, x Memory, n kernel.Norm) {
	kernel.GlobalAverageForward(p.Workers, y.Host(), x.Host(), n)
}

func (p *processor) GlobalAverageBackward(dx, dy Memory, n kernel.Norm) {
	kernel.GlobalAverageBackward(p.Workers, dx.Host(), dy.Host(), n)
}

func (p *processor) MatMulForward(y, a, b, bias Memory, m kernel.MatMul) {
	kernel.MatMulForward(p.Workers, y.Host(), a.Host(), b.Host(), bias.Host(), m)
}

func (p *processor) SumRows(y, x Memory, rows, cols int) {
	kernel.SumRows(p.Workers, y.Host(), x.Host(), rows, cols)
}

func (p *processor) CrossEntropyForward(loss, correct, probabilities, logits Memory, labels []int32, classes int) {
	correct.Host()[0] = float32(
		kernel.CrossEntropyForward(p.Workers, loss.Host(), probabilities.Host(), logits.Host(), labels, classes))
}

func (p *processor) CrossEntropyBackward(dlogits, probabilities, dloss Memory, labels []int32, classes int) {
	kernel.CrossEntropyBackward(p.Workers, dlogits.Host(), probabilities.Host(), dloss.Host(), labels, classes)
}

func (p *processor) ScaleImages(y, x Memory, factors []float32) {
	to, from := y.Host(), x.Host()
	size := len(from) / len(factors)
	p.Run(len(factors), func(i int, _ *kernel.Scratch) {
		out := to[i*size:][:size]
		for j, v := range from[i*size:][:size] {
			out[j] = v * factors[i]
		}
	})
}

func (p *processor) Clear(y Target, n kernel.Norm) {
	data := y.Data.Host()
	p.Run(n.N, func(i int, _ *kernel.Scratch) { clear(data[i*y.Stride:][:n.C*n.Pixels]) })
}
