package gpu

import (
	"testing"

	"nat/internal/kernel"
)

// norm returns a random shape of images.
func (b *bench) norm() kernel.Norm {
	return kernel.Norm{N: 1 + b.r.IntN(200), C: 1 + b.r.IntN(9), Pixels: 1 + b.r.IntN(300), Eps: 1e-5}
}

func TestNorm(t *testing.T) {
	forSeeds(t, 8, func(b *bench) {
		n := b.norm()
		x, dy := b.plain(n.N, n.C, n.Pixels), b.scaled(n)
		moments := b.normal(2 * n.N * n.C)
		kernel.Moments(b.w, moments.host, x.host, n)
		b.d.Moments(moments.device, x.device, n)
		b.near("moments", moments)

		mean, variance, scale, shift := b.normal(n.C), b.normal(n.C), b.normal(n.C), b.normal(n.C)
		kernel.NormStatistics(b.w, mean.host, nil, scale.host, shift.host, moments.host, n)
		b.d.NormStatistics(mean.device, Memory{}, scale.device, shift.device, moments.device, n)
		b.near("mean", mean)
		b.near("untouched variance", variance)
		kernel.NormStatistics(b.w, nil, variance.host, scale.host, shift.host, moments.host, n)
		b.d.NormStatistics(Memory{}, variance.device, scale.device, shift.device, moments.device, n)
		b.near("variance", variance)
		b.near("scale", scale)
		b.near("shift", shift)

		y := x
		y.host.Scale, y.host.Shift = scale.host, shift.host
		y.device.Scale, y.device.Shift = scale.device, shift.device
		gamma, byGamma, byShift := b.normal(n.C), b.normal(n.C), b.normal(n.C)
		k := b.normal(6 * n.C)
		host, device := make([]kernel.NormGradient, 2), make([]NormGradient, 2)
		for i := range host {
			part := func(j int) int { return (3*i + j) * n.C }
			host[i] = kernel.NormGradient{
				Y: y.host, Scale: k.host[part(0):part(1)], OtherScale: k.host[part(1):part(2)], Shift: k.host[part(2):part(3)],
			}
			device[i] = NormGradient{
				Y: y.device, Scale: k.device.Slice(part(0), part(1)), OtherScale: k.device.Slice(part(1), part(2)),
				Shift: k.device.Slice(part(2), part(3)),
			}
		}
		host[1].Gamma, host[1].ByGamma, host[1].ByShift = gamma.host, byGamma.host, byShift.host
		device[1].Gamma, device[1].ByGamma, device[1].ByShift = gamma.device, byGamma.device, byShift.device
		kernel.NormGradients(b.w, dy.host, n, host...)
		b.d.NormGradients(dy.device, n, device...)
		b.near("by gamma", byGamma)
		b.near("by shift", byShift)
		b.near("coefficients", k)
	})
}

func TestScaleShift(t *testing.T) {
	forSeeds(t, 8, func(b *bench) {
		n := b.norm()
		x, scale, shift, k := b.view(n.N, n.C, n.Pixels), b.normal(n.C), b.normal(n.C), b.normal(3*n.C)
		y := b.normal(n.N * n.C * n.Pixels)
		kernel.Materialise(b.w, kernel.Whole(y.host, n.C, n.Pixels), x.host.Scaled(scale.host, shift.host, k.host), n)
		b.d.Materialise(Whole(y.device, n.C, n.Pixels), b.d.Scaled(x.device, scale.device, shift.device, k.device), n)
		b.near("y", y)

		dy, dscale, dshift := b.scaled(n), b.normal(n.C), b.normal(n.C)
		x.host.Other, x.device.Other = nil, Memory{}
		kernel.ScaleShiftGradient(b.w, dscale.host, dshift.host, dy.host, x.host, n)
		b.d.ScaleShiftGradient(dscale.device, dshift.device, dy.device, x.device, n)
		b.near("dscale", dscale)
		b.near("dshift", dshift)
	})
}

// scaled returns a view with a scale, or none.
func (b *bench) scaled(n kernel.Norm) views {
	v := b.plain(n.N, n.C, n.Pixels)
	if b.r.IntN(2) > 0 {
		scale := b.normal(n.C)
		v.host.Scale, v.device.Scale = scale.host, scale.device
	}
	return v
}

func TestSum(t *testing.T) {
	forSeeds(t, 8, func(b *bench) {
		n := b.norm()
		x, other := b.view(n.N, n.C, n.Pixels), b.view(n.N, n.C, n.Pixels)
		y, to, deviceTo := b.target(n.N, n.C, n.Pixels)
		kernel.Sum(b.w, to, x.host, other.host, n)
		b.d.Sum(deviceTo, x.device, other.device, n)
		b.near("sum", y)
		y, to, deviceTo = b.target(n.N, n.C, n.Pixels)
		kernel.Materialise(b.w, to, x.host, n)
		b.d.Materialise(deviceTo, x.device, n)
		b.near("values", y)
	})
}

func TestReLU(t *testing.T) {
	b := newBench(t, 1)
	x, dy, y := b.normal(1000), b.normal(1000), b.normal(1000)
	kernel.ReLUForward(b.w, y.host, x.host)
	b.d.ReLUForward(y.device, x.device)
	b.near("y", y)
	kernel.ReLUBackward(b.w, dy.host, dy.host, x.host)
	b.d.ReLUBackward(dy.device, dy.device, x.device)
	b.near("dx", dy)
}

func TestScaleImages(t *testing.T) {
	b := newBench(t, 1)
	x, factors := b.normal(7*90), b.normal(7)
	for i := range x.host {
		x.host[i] *= factors.host[i/90]
	}
	b.d.ScaleImages(x.device, x.device, factors.host)
	b.near("y", x)
}

func TestClear(t *testing.T) {
	forSeeds(t, 3, func(b *bench) {
		n := b.norm()
		y, to, deviceTo := b.target(n.N, n.C, n.Pixels)
		for i := range n.N {
			clear(to.Data[i*to.Stride:][:n.C*n.Pixels])
		}
		b.d.Clear(deviceTo, n)
		b.near("y", y)
	})
}

func TestGlobalAverage(t *testing.T) {
	forSeeds(t, 3, func(b *bench) {
		n := b.norm()
		x, y, dx := b.normal(n.N*n.C*n.Pixels), b.normal(n.N*n.C), b.normal(n.N*n.C*n.Pixels)
		kernel.GlobalAverageForward(b.w, y.host, x.host, n)
		b.d.GlobalAverageForward(y.device, x.device, n)
		b.near("y", y)
		kernel.GlobalAverageBackward(b.w, dx.host, y.host, n)
		b.d.GlobalAverageBackward(dx.device, y.device, n)
		b.near("dx", dx)
	})
}

func TestMatMul(t *testing.T) {
	forSeeds(t, 8, func(b *bench) {
		m := kernel.MatMul{
			M: 1 + b.r.IntN(70), K: 1 + b.r.IntN(400), N: 1 + b.r.IntN(70), TransposeA: b.r.IntN(2) > 0, TransposeB: b.r.IntN(2) > 0,
		}
		y, x, other, bias := b.normal(m.M*m.N), b.normal(m.M*m.K), b.normal(m.K*m.N), b.normal(m.N)
		kernel.MatMulForward(b.w, y.host, x.host, other.host, bias.host, m)
		b.d.MatMulForward(y.device, x.device, other.device, bias.device, m)
		b.near("product and bias", y)
		kernel.MatMulForward(b.w, y.host, x.host, other.host, nil, m)
		b.d.MatMulForward(y.device, x.device, other.device, Memory{}, m)
		b.near("product", y)
		kernel.SumRows(b.w, bias.host, y.host, m.M, m.N)
		b.d.SumRows(bias.device, y.device, m.M, m.N)
		b.near("sums", bias)
	})
}

func TestPool(t *testing.T) {
	forSeeds(t, 24, func(b *bench) {
		p := kernel.Pool{
			N: 1 + b.r.IntN(3), C: 1 + b.r.IntN(5), H: 2 + b.r.IntN(12), W: 2 + b.r.IntN(12), K: 1 + b.r.IntN(5), Stride: 1 + b.r.IntN(3),
			Max: b.r.IntN(2) > 0,
		}
		p.K = min(p.K, p.H, p.W)
		p.Pad = b.r.IntN(p.K/2 + 1)
		p.OH, p.OW = (p.H+2*p.Pad-p.K)/p.Stride+1, (p.W+2*p.Pad-p.K)/p.Stride+1
		x := b.view(p.N, p.C, p.H*p.W)
		y, to, deviceTo := b.target(p.N, p.C, p.OH*p.OW)
		moments := b.normal(2 * p.N * p.C)
		kernel.PoolForward(b.w, to, moments.host, x.host, p)
		b.d.PoolForward(deviceTo, moments.device, x.device, p)
		b.near("y", y)
		b.near("moments", moments)

		dy := b.view(p.N, p.C, p.OH*p.OW)
		dx, to, deviceTo := b.target(p.N, p.C, p.H*p.W)
		kernel.PoolBackward(b.w, to, dy.host, x.host, p)
		b.d.PoolBackward(deviceTo, dy.device, x.device, p)
		b.near("dx", dx)
	})
}

// TestPoolTies has maxima that several pixels share: the first one gets the gradient.
func TestPoolTies(t *testing.T) {
	b := newBench(t, 1)
	p := kernel.Pool{N: 2, C: 3, H: 9, W: 7, OH: 9, OW: 7, K: 3, Stride: 1, Pad: 1, Max: true}
	levels := make([]float32, p.N*p.C*p.H*p.W)
	for i := range levels {
		levels[i] = float32(b.r.IntN(3))
	}
	x, dy, dx := b.of(levels), b.normal(len(levels)), b.normal(len(levels))
	pixels := p.H * p.W
	kernel.PoolBackward(b.w, kernel.Whole(dx.host, p.C, pixels), kernel.Plain(dy.host, p.C, pixels), kernel.Plain(x.host, p.C, pixels), p)
	b.d.PoolBackward(Whole(dx.device, p.C, pixels), Plain(dy.device, p.C, pixels), Plain(x.device, p.C, pixels), p)
	b.near("dx", dx)
}
