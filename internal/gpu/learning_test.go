package gpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"nat/internal/golden"
	"nat/internal/kernel"
)

func TestCrossEntropy(t *testing.T) {
	forSeeds(t, 6, func(b *bench) {
		n, classes := 1+b.r.IntN(300), 2+b.r.IntN(120)
		logits := make([]float32, n*classes)
		for i := range logits {
			logits[i] = float32(b.r.NormFloat64() * 20)
			if b.r.IntN(4) == 0 {
				logits[i] = 30 // equally probable classes
			}
		}
		labels := make([]int32, n)
		for i := range labels {
			labels[i] = int32(b.r.IntN(classes))
		}
		x, p, dx, loss, dloss := b.of(logits), b.normal(n*classes), b.normal(n*classes), b.normal(2), b.normal(1)
		loss.host[1] = float32(kernel.CrossEntropyForward(b.w, loss.host, p.host, x.host, labels, classes))
		b.d.CrossEntropyForward(loss.device, loss.device.From(1), p.device, x.device, labels, classes)
		b.near("probabilities", p)
		b.near("loss and count", loss)
		kernel.CrossEntropyBackward(b.w, dx.host, p.host, dloss.host, labels, classes)
		b.d.CrossEntropyBackward(dx.device, p.device, dloss.device, labels, classes)
		b.near("gradient", dx)
	})
}

// TestSGD moves some of the parameters, which others lie between, and leaves those alone.
func TestSGD(t *testing.T) {
	b := newBench(t, 1)
	p, buffer := b.normal(1000), b.of(make([]float32, 1000))
	all := []Piece{{At: 3, Size: 1}, {At: 10, Size: 300}, {At: 400, Size: 599}}
	for i := range 3 {
		g := b.normal(1000)
		factor := 1.0
		var scale Memory
		if i > 0 {
			squares := 0.0
			for _, piece := range all {
				for _, v := range g.host[piece.At:][:piece.Size] {
					squares += float64(v) * float64(v)
				}
			}
			limit := []float64{0, 5, 1e9}[i]
			factor = min(1, limit/math.Sqrt(squares))
			scale = b.normal(1).device
			b.d.ClipFactor(scale, g.device, all, limit)
		}
		for _, piece := range all {
			clipped := slices.Clone(g.host[piece.At:][:piece.Size])
			for j := range clipped {
				clipped[j] *= float32(factor)
			}
			kernel.SGDStep(b.w, p.host[piece.At:][:piece.Size], buffer.host[piece.At:][:piece.Size], clipped, 0.1, 0.9, 3e-4, i == 0)
		}
		b.d.SGDStep(p.device, buffer.device, g.device, all, scale, 0.1, 0.9, 3e-4)
		b.near("parameters", p)
		b.near("buffer", buffer)
	}
}

// TestSolversAgainstGolden steps the golden parameters six times: each must be within 1e-4 of its way, and each moment within 2e-5.
func TestSolversAgainstGolden(t *testing.T) {
	f := golden.Open(t, "optim")
	for _, solver := range []string{"sgd_momentum", "adam"} {
		t.Run(solver, func(t *testing.T) {
			b := newBench(t, 1)
			get := func(name string) pair { return b.of(f.Get(solver + "/" + name).Float32()) }
			p := get("p0")
			start := p.host
			first, second := b.of(make([]float32, len(start))), b.of(make([]float32, len(start)))
			for step := 1; step <= 6; step++ {
				all := []Piece{{Size: len(start), Steps: step}}
				g := get(fmt.Sprint("g", step-1))
				if solver == "adam" {
					b.d.AdamStep(p.device, first.device, second.device, g.device, all, Memory{},
						Adam{Rate: 3e-4, Beta1: 0.5, Beta2: 0.999, Epsilon: 1e-8, Decay: 5e-4})
					b.each("m", f.Get(fmt.Sprintf("%s/m%d", solver, step)).Values, first.device, 2e-5, nil)
					b.each("v", f.Get(fmt.Sprintf("%s/v%d", solver, step)).Values, second.device, 2e-5, nil)
				} else {
					b.d.SGDStep(p.device, first.device, g.device, all, Memory{}, 0.01, 0.9, 3e-4)
					b.each("buffer", f.Get(fmt.Sprintf("%s/buf%d", solver, step)).Values, first.device, 2e-5, nil)
				}
				way := slices.Clone(f.Get(solver + "/p6").Values)
				for i := range way {
					way[i] -= float64(start[i])
				}
				b.each("p", f.Get(fmt.Sprintf("%s/p%d", solver, step)).Values, p.device, 1e-4, way)
			}
		})
	}
}

// each fails the test unless every number is within the tolerance of it, or of its scale.
func (b *bench) each(name string, want []float64, m Memory, tolerance float64, scale []float64) {
	b.t.Helper()
	got := make([]float32, len(want))
	if err := b.d.Read(got, m); err != nil {
		b.t.Fatal(err)
	}
	for i, v := range want {
		by := v
		if scale != nil {
			by = scale[i]
		}
		if off := math.Abs(float64(got[i]) - v); off > tolerance*math.Abs(by) {
			b.t.Errorf("%s[%d] = %g, want %g: off by %.2g of %g", name, i, got[i], v, off/math.Abs(by), by)
		}
	}
}

func TestAugment(t *testing.T) {
	b := newBench(t, 1)
	const images, channels, height, width = 5, 3, 6, 8
	bytes := make([]byte, images*channels*height*width)
	for i := range bytes {
		bytes[i] = byte(b.r.UintN(256))
	}
	data := b.normal(len(bytes) / 4).device
	b.d.WriteBytes(data, bytes)
	levels := b.normal(channels * 256)
	places := [][PlaceSize]int32{{4}, {0, 2, -3, 1}, {2, -1, 1, 0, 1, 4, 2, 3}}
	y := b.normal(len(places) * channels * height * width)
	i := 0
	for _, p := range places {
		for c := range channels {
			for row := range int32(height) {
				for column := range int32(width) {
					h, w, level := row+p[1], column+p[2], byte(0)
					if p[3] == 1 {
						w = width - 1 - column + p[2]
					}
					if h >= 0 && h < height && w >= 0 && w < width {
						level = bytes[((int(p[0])*channels+c)*height+int(h))*width+int(w)]
					}
					y.host[i] = levels.host[c*256+int(level)]
					if row >= p[4] && row < p[5] && column >= p[6] && column < p[7] {
						y.host[i] = 0
					}
					i++
				}
			}
		}
	}
	b.d.Augment(y.device, data, levels.device, slices.Concat(places[0][:], places[1][:], places[2][:]), channels, height, width)
	b.near("images", y)
}
