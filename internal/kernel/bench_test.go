package kernel

import (
	"math/rand/v2"
	"testing"
)

// benchmarked are the shapes that the default supernet spends its time in, at a quarter of its batch.
var benchmarked = []struct {
	name string
	conv Conv
}{
	{"1x1 20 32x32", square(16, 20, 20, 32, 1, 1, 1, false)},
	{"1x1 80to20 32x32", square(16, 80, 20, 32, 1, 1, 1, false)},
	{"1x1 80 8x8", square(16, 80, 80, 8, 1, 1, 1, false)},
	{"1x1 8 32x32", square(16, 8, 8, 32, 1, 1, 1, false)},
	{"3x3 20 32x32", square(16, 20, 20, 32, 3, 1, 1, false)},
	{"3x3 8 32x32", square(16, 8, 8, 32, 3, 1, 1, false)},
	{"3x3 80 8x8", square(16, 80, 80, 8, 3, 1, 1, false)},
	{"5x5 20 32x32", square(16, 20, 20, 32, 5, 1, 1, false)},
	{"5x5 40 32x32 stride 2", square(16, 40, 40, 32, 5, 2, 1, false)},
	{"depthwise 3x3 20 32x32", square(16, 20, 20, 32, 3, 1, 1, true)},
	{"depthwise 5x5 20 32x32", square(16, 20, 20, 32, 5, 1, 1, true)},
	{"depthwise 3x3 80 8x8", square(16, 80, 80, 8, 3, 1, 1, true)},
}

// BenchmarkConv reports GFLOP/s of one thread, two operations a multiply-add, for the three passes of each shape.
func BenchmarkConv(b *testing.B) {
	w := workers(b, 1)
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range benchmarked {
		c := s.conv
		c.ReLU = true
		x, dx := normal(r, c.N*c.Ci*c.H*c.W), make([]float32, c.N*c.Ci*c.H*c.W)
		y, dy := make([]float32, c.N*c.Co*c.OH*c.OW), normal(r, c.N*c.Co*c.OH*c.OW)
		k, dk := normal(r, c.Co*c.group()*c.KH*c.KW), make([]float32, c.Co*c.group()*c.KH*c.KW)
		in, out := Plain(x, c.Ci, c.H*c.W), Whole(y, c.Co, c.OH*c.OW)
		into, gradient := Whole(dx, c.Ci, c.H*c.W), Plain(dy, c.Co, c.OH*c.OW)
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"forward", func() { ConvForward(w, out, nil, in, k, c) }},
			{"data", func() { ConvBackward(w, into, nil, gradient, in, k, c) }},
			{"weights", func() { ConvBackward(w, Target{}, dk, gradient, in, k, c) }},
		} {
			b.Run(s.name+"/"+pass.name, func(b *testing.B) {
				for b.Loop() {
					pass.run()
				}
				flops := 2 * float64(len(y)) * float64(len(k)/c.Co) * float64(b.N)
				b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

// BenchmarkPlanes reports GB/s of one thread, every operand counted once, for the kernels that are not products, at the
// size of a tensor of the default supernet.
func BenchmarkPlanes(b *testing.B) {
	const images, channels, side = 16, 20, 32
	n := Norm{N: images, C: channels, Pixels: side * side, Eps: 1e-5}
	r := rand.New(rand.NewPCG(1, 2))
	size := images * channels * side * side
	x, y, z := normal(r, size), make([]float32, size), normal(r, size)
	max3 := Pool{N: images, C: channels, H: side, W: side, OH: side, OW: side, K: 3, Stride: 1, Pad: 1, Max: true}
	average5 := Pool{N: images, C: channels, H: side, W: side, OH: side, OW: side, K: 5, Stride: 1, Pad: 2}
	in, into, gradient := Plain(x, channels, side*side), Whole(y, channels, side*side), Plain(z, channels, side*side)
	w := workers(b, 1)
	for _, k := range []struct {
		name     string
		operands int
		run      func()
	}{
		{"max 3x3 forward", 2, func() { PoolForward(w, into, nil, in, max3) }},
		{"max 3x3 backward", 3, func() { PoolBackward(w, into, gradient, in, max3) }},
		{"average 5x5 forward", 2, func() { PoolForward(w, into, nil, in, average5) }},
		{"average 5x5 backward", 2, func() { PoolBackward(w, into, gradient, in, average5) }},
		{"relu forward", 2, func() { ReLUForward(w, y, x) }},
		{"relu backward", 3, func() { ReLUBackward(w, y, z, x) }},
		{"global average", 1, func() { GlobalAverageForward(w, y, x, n) }},
	} {
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				k.run()
			}
			b.ReportMetric(4*float64(k.operands*size)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}

// BenchmarkMatMul reports GFLOP/s of one thread for the policy's largest product and the two that are its gradients.
func BenchmarkMatMul(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	w := workers(b, 1)
	for name, m := range map[string]MatMul{
		"forward":        {M: 6, K: 1024, N: 100},
		"by the input":   {M: 6, K: 100, N: 1024, TransposeB: true},
		"by the weights": {M: 1024, K: 6, N: 100, TransposeA: true},
	} {
		a, x, y := normal(r, m.M*m.K), normal(r, m.K*m.N), make([]float32, m.M*m.N)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				MatMulForward(w, y, a, x, nil, m)
			}
			b.ReportMetric(2*float64(m.M*m.K*m.N)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
