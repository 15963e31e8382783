package gpu

import (
	"math"
	"strings"
	"testing"

	"nat/internal/kernel"
)

// tensorPrecisions are those that round, and how far results may be off those in single precision.
var tensorPrecisions = map[Precision]float64{TF32: 1e-3, BF16: 1e-2}

// in has the test's device compute in a precision, on OpenCL too, until the test ends.
func (b *bench) in(p Precision) {
	b.t.Helper()
	if err := b.d.setPrecision(p); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.d.precision = Float32 })
}

// rounded returns x as a precision has it: with 10 bits of mantissa, ties away from zero, or with 7, ties to even.
func rounded(x float32, p Precision) float32 {
	fraction, exponent := math.Frexp(float64(x)) // at least a half and less than 1
	if p == TF32 {
		return float32(math.Ldexp(math.Round(fraction*(1<<11)), exponent-11))
	}
	return float32(math.Ldexp(math.RoundToEven(fraction*(1<<8)), exponent-8))
}

// round rounds what the processor has of a pair.
func (p pair) round(to Precision) {
	for i, x := range p.host {
		p.host[i] = rounded(x, to)
	}
}

// forPrecisions runs a test in both precisions, with several random shapes.
func forPrecisions(t *testing.T, count int, test func(b *bench, p Precision)) {
	for p := range tensorPrecisions {
		t.Run(string(p), func(t *testing.T) { forSeeds(t, count, func(b *bench) { b.in(p); test(b, p) }) })
	}
}

// TestTensorConv compares dense convolutions with those in single precision of numbers that were rounded before: that leaves
// the order of sums, of which the tolerance is a tenth of what rounding makes.
func TestTensorConv(t *testing.T) {
	forPrecisions(t, 16, func(b *bench, p Precision) {
		b.tolerance = 3e-5
		c := b.conv(false)
		switch b.r.IntN(4) {
		case 0:
			c = b.pointwise(c)
		case 1:
			c.N, c.Ci, c.Co = 9, 70, 70
		}
		plain := func(channels, pixels int) (views, pair) {
			x := b.normal(c.N * channels * pixels)
			x.round(p)
			stride := channels * pixels
			return views{kernel.View{Data: x.host, Stride: stride}, View{Data: x.device, Stride: stride}}, x
		}
		x, _ := plain(c.Ci, c.H*c.W)
		dy, _ := plain(c.Co, c.OH*c.OW)
		k, dk := b.weights(c), b.weights(c)
		k.round(p)
		y, to, deviceTo := b.target(c.N, c.Co, c.OH*c.OW)
		kernel.ConvForward(b.w, to, nil, x.host, k.host, c)
		b.d.ConvForward(deviceTo, Memory{}, x.device, k.device, c)
		b.near("y", y)

		dx, to, deviceTo := b.target(c.N, c.Ci, c.H*c.W)
		kernel.ConvBackward(b.w, to, dk.host, dy.host, x.host, k.host, c)
		b.d.ConvBackward(deviceTo, dk.device, dy.device, x.device, k.device, c)
		b.near("dx", dx)
		b.near("dk", dk)
		again := b.weights(c)
		b.d.ConvBackward(Target{}, again.device, dy.device, x.device, k.device, c)
		first := make([]float32, len(dk.host))
		if err := b.d.Read(first, dk.device); err != nil {
			b.t.Fatal(err)
		}
		b.sameBits("dk", first, again.device)
	})
}

// TestTensorConvOfViews compares with single precision what is read through views, and depthwise convolutions, which stay as they are.
func TestTensorConvOfViews(t *testing.T) {
	forPrecisions(t, 12, func(b *bench, p Precision) {
		b.tolerance = tensorPrecisions[p]
		c := b.conv(b.r.IntN(4) == 0)
		if c.Depthwise {
			b.tolerance = 1e-5
		}
		x, k, dk := b.view(c.N, c.Ci, c.H*c.W), b.weights(c), b.weights(c)
		y, to, deviceTo := b.target(c.N, c.Co, c.OH*c.OW)
		kernel.ConvForward(b.w, to, nil, x.host, k.host, c)
		b.d.ConvForward(deviceTo, Memory{}, x.device, k.device, c)
		b.near("y", y)
		dy := b.view(c.N, c.Co, c.OH*c.OW)
		dx, to, deviceTo := b.target(c.N, c.Ci, c.H*c.W)
		kernel.ConvBackward(b.w, to, dk.host, dy.host, x.host, k.host, c)
		b.d.ConvBackward(deviceTo, dk.device, dy.device, x.device, k.device, c)
		b.near("dx", dx)
		b.near("dk", dk)
	})
}

// TestTensorRounding has numbers go through a convolution that multiplies them with 1.
func TestTensorRounding(t *testing.T) {
	x := []float32{1, 1 + 1./2048, 1 + 1./4096, 1 + 3./2048, -1 - 1./2048, -1 - 5./8192, 1 + 1./256, 1 + 3./256, -1 - 3./256, 1 + 1.01/256,
		2 - 1./65536, 1e-30, -3e30, 0, float32(math.Inf(1)), float32(math.Inf(-1))}
	want := map[Precision][]float32{
		TF32: {1, 1 + 1./1024, 1, 1 + 2./1024, -1 - 1./1024, -1 - 1./1024},
		BF16: {1, 1, 1, 1, -1, -1, 1, 1 + 2./128, -1 - 2./128, 1 + 1./128, 2},
	}
	for p := range tensorPrecisions {
		t.Run(string(p), func(t *testing.T) {
			b := newBench(t, 1)
			b.in(p)
			n := len(x)
			in, one, out := b.of(x), b.of([]float32{1}), b.normal(n)
			c := kernel.Conv{N: 1, Ci: 1, Co: 1, H: 1, W: n, OH: 1, OW: n, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
			b.d.ConvForward(Whole(out.device, 1, n), Memory{}, Plain(in.device, 1, n), one.device, c)
			all := want[p]
			for _, v := range x[len(all):] {
				if !math.IsInf(float64(v), 0) {
					v = rounded(v, p)
				}
				all = append(all, v)
			}
			b.sameBits("x", all, out.device)
		})
	}
}

// TestPrecisionOfOpenCL asks a device that has no tensor cores for a precision of theirs.
func TestPrecisionOfOpenCL(t *testing.T) {
	d := newDevice(Info{Kind: OpenCL, Index: 1}, &simulated{})
	want := "--precision tf32 is for CUDA cards of compute capability 8.0 or newer: opencl:1 computes in float32; name such a card"
	if err := d.SetPrecision(TF32); err == nil || !strings.HasPrefix(err.Error(), want) || d.Precision() != Float32 {
		t.Errorf("error %v, precision %s", err, d.Precision())
	}
	if err := d.SetPrecision(Float32); err != nil {
		t.Error(err)
	}
}

func TestReadPrecision(t *testing.T) {
	for name, want := range map[string]Precision{"float32": Float32, "tf32": TF32, "bf16": BF16, "": "", "TF32": "", "float16": ""} {
		var p Precision
		if err := p.UnmarshalText([]byte(name)); p != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", name, p, err)
		}
	}
}
