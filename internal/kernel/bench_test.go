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
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"forward", func() { ConvForward(w, y, x, k, c) }},
			{"data", func() { ConvBackwardData(w, dx, dy, k, x, c) }},
			{"weights", func() { ConvBackwardWeights(w, dk, dy, x, c) }},
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
