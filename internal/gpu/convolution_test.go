package gpu

import (
	"testing"

	"nat/internal/kernel"
)

// conv returns a random shape of a convolution.
func (b *bench) conv(depthwise bool) kernel.Conv {
	c := kernel.Conv{
		N: 1 + b.r.IntN(4), Ci: 1 + b.r.IntN(40), Co: 1 + b.r.IntN(40), H: 1 + b.r.IntN(13), W: 1 + b.r.IntN(13),
		KH: 1 + b.r.IntN(5), KW: 1 + b.r.IntN(5), StrideH: 1 + b.r.IntN(2), StrideW: 1 + b.r.IntN(3),
		DilationH: 1 + b.r.IntN(2), DilationW: 1 + b.r.IntN(2), Depthwise: depthwise, ReLU: b.r.IntN(2) > 0,
	}
	if depthwise {
		c.Co = c.Ci
	}
	c.PadH, c.PadW = b.r.IntN(c.KH+1)-b.r.IntN(2), b.r.IntN(c.KW+1)-b.r.IntN(2)
	c.OH, c.OW = max(1, (c.H+c.PadH)/c.StrideH+b.r.IntN(2)), max(1, (c.W+c.PadW)/c.StrideW+b.r.IntN(2))
	return c
}

// pointwise returns a pointwise convolution of the result of another.
func (b *bench) pointwise(c kernel.Conv) kernel.Conv {
	return kernel.Conv{
		N: c.N, Ci: c.Co, Co: 1 + b.r.IntN(40), H: c.OH, W: c.OW, OH: c.OH, OW: c.OW, KH: 1, KW: 1,
		StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1,
	}
}

// weights returns random weights of a convolution.
func (b *bench) weights(c kernel.Conv) pair {
	if c.Depthwise {
		return b.normal(c.Co * c.KH * c.KW)
	}
	return b.normal(c.Co * c.Ci * c.KH * c.KW)
}

func TestConv(t *testing.T) {
	forSeeds(t, 24, func(b *bench) {
		c := b.conv(b.r.IntN(3) == 0)
		if b.r.IntN(4) == 0 {
			c = b.pointwise(c)
		}
		x, k, dk := b.view(c.N, c.Ci, c.H*c.W), b.weights(c), b.weights(c)
		y, to, deviceTo := b.target(c.N, c.Co, c.OH*c.OW)
		moments := b.normal(2 * c.N * c.Co)
		kernel.ConvForward(b.w, to, moments.host, x.host, k.host, c)
		b.d.ConvForward(deviceTo, moments.device, x.device, k.device, c)
		b.near("y", y)
		b.near("moments", moments)

		dy := b.view(c.N, c.Co, c.OH*c.OW)
		dx, to, deviceTo := b.target(c.N, c.Ci, c.H*c.W)
		kernel.ConvBackward(b.w, to, dk.host, dy.host, x.host, k.host, c)
		b.d.ConvBackward(deviceTo, dk.device, dy.device, x.device, k.device, c)
		b.near("dx", dx)
		b.near("dk", dk)
	})
}

// TestConvOfNetworks compares shapes that a supernet has, of which sums are made in parts.
func TestConvOfNetworks(t *testing.T) {
	for name, c := range map[string]kernel.Conv{
		"pointwise": {N: 4, Ci: 80, Co: 20, H: 32, W: 32, OH: 32, OW: 32, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1},
		"dense": {N: 4, Ci: 40, Co: 40, H: 16, W: 16, OH: 16, OW: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1,
			DilationH: 1, DilationW: 1, ReLU: true},
		"depthwise": {N: 4, Ci: 20, Co: 20, H: 32, W: 32, OH: 32, OW: 32, KH: 5, KW: 5, StrideH: 1, StrideW: 1, PadH: 2, PadW: 2,
			DilationH: 1, DilationW: 1, ReLU: true, Depthwise: true},
		"skipping": {N: 4, Ci: 20, Co: 20, H: 32, W: 32, OH: 16, OW: 16, KH: 1, KW: 1, StrideH: 2, StrideW: 2, PadH: -1, PadW: -1,
			DilationH: 1, DilationW: 1, ReLU: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1)
			x, k, dk := b.view(c.N, c.Ci, c.H*c.W), b.weights(c), b.weights(c)
			dy := b.plain(c.N, c.Co, c.OH*c.OW)
			kernel.ConvBackward(b.w, kernel.Target{}, dk.host, dy.host, x.host, k.host, c)
			b.d.ConvBackward(Target{}, dk.device, dy.device, x.device, k.device, c)
			b.near("dk", dk)
			again := b.weights(c)
			b.d.ConvBackward(Target{}, again.device, dy.device, x.device, k.device, c)
			first := make([]float32, len(dk.host))
			if err := b.d.Read(first, dk.device); err != nil {
				t.Fatal(err)
			}
			b.sameBits("dk", first, again.device)
		})
	}
}

// sameBits fails the test unless memory has exactly these numbers.
func (b *bench) sameBits(name string, want []float32, m Memory) {
	b.t.Helper()
	got := make([]float32, len(want))
	if err := b.d.Read(got, m); err != nil {
		b.t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			b.t.Fatalf("%s[%d] is %g and %g", name, i, want[i], got[i])
		}
	}
}

func TestSeparable(t *testing.T) {
	forSeeds(t, 8, func(b *bench) {
		dw := b.conv(true)
		pw := b.pointwise(dw)
		x, k1, k2, dk1, dk2 := b.view(dw.N, dw.Ci, dw.H*dw.W), b.weights(dw), b.weights(pw), b.weights(dw), b.weights(pw)
		y, to, deviceTo := b.target(pw.N, pw.Co, pw.OH*pw.OW)
		moments := b.normal(2 * pw.N * pw.Co)
		kernel.SeparableForward(b.w, to, moments.host, x.host, k1.host, k2.host, dw, pw)
		b.d.SeparableForward(deviceTo, moments.device, x.device, k1.device, k2.device, dw, pw)
		b.near("y", y)
		b.near("moments", moments)

		dy := b.view(pw.N, pw.Co, pw.OH*pw.OW)
		dx, to, deviceTo := b.target(dw.N, dw.Ci, dw.H*dw.W)
		kernel.SeparableBackward(b.w, to, dk1.host, dk2.host, dy.host, x.host, k1.host, k2.host, dw, pw)
		b.d.SeparableBackward(deviceTo, dk1.device, dk2.device, dy.device, x.device, k1.device, k2.device, dw, pw)
		b.near("dx", dx)
		b.near("depthwise dk", dk1)
		b.near("pointwise dk", dk2)
	})
}
