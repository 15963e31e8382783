package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// severalConvs draws convolutions of one x: such as keep its pixels, as many as the assembly has kernels for or any, and such as
// leave some out.
func severalConvs(r *rand.Rand) (all []Conv) {
	c := Conv{N: 1 + r.IntN(20), Ci: 1 + r.IntN(23), H: 1 + r.IntN(9), W: 1 + r.IntN(9), KH: 1, KW: 1,
		StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, ReLU: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		c.Ci, c.H, c.W = 4*(1+r.IntN(8)), 8, 8*(1+r.IntN(2))
	}
	for range 1 + r.IntN(4) {
		c.Co = 1 + r.IntN(23)
		c.StrideH, c.StrideW, c.PadH, c.PadW = 1, 1, 0, 0
		if r.IntN(3) == 0 && c.H > 1 && c.W > 1 {
			c.StrideH, c.StrideW = 2, 2
			c.PadH = -r.IntN(2)
			c.PadW = c.PadH
		}
		c.OH, c.OW = (c.H+c.PadH+c.StrideH-1)/c.StrideH, (c.W+c.PadW+c.StrideW-1)/c.StrideW
		all = append(all, c)
	}
	return all
}

// TestSeveralConvolutionsEqualTheDefinition gives each its own dx, or all the same.
func TestSeveralConvolutionsEqualTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 60 {
		all := severalConvs(r)
		seed, one := r.Uint64(), r.IntN(3) > 0
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Logf("%+v, one dx: %v", all, one)
			checkSeveral(t, all, seed, one)
		})
	}
}

func checkSeveral(t *testing.T, all []Conv, seed uint64, one bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	x, values := drawView(r, all[0].N, all[0].input())
	data := make([]convData, len(all))
	for i, c := range all {
		d := &data[i]
		d.k = normal(r, c.Co*c.Ci)
		var dy []float32
		d.dy, dy = drawView(r, c.N, c.output())
		d.y, d.dx, d.dk = convDefinition(c, values, d.k, dy)
		if one && i > 0 {
			for j, v := range d.dx {
				data[0].dx[j] += v
			}
		}
	}
	got := forThreadsBy(t, Direct, func(w *Workers) (outputs [][]float32) {
		r := rand.New(rand.NewPCG(seed, 2))
		results, gradients := make([]ConvResult, len(all)), make([]ConvGradient, len(all))
		var ys, dxs []*written
		for i, c := range all {
			y := newTarget(t, r, c.N, c.output())
			results[i] = ConvResult{c, y.Target, output(t, c.N*c.Co*2), data[i].k}
			ys = append(ys, y)
			dx := newTarget(t, r, c.N, c.input())
			if one && i > 0 {
				dx = dxs[0]
			}
			dxs = append(dxs, dx)
			gradients[i] = ConvGradient{c, dx.Target, output(t, c.Co*c.Ci), data[i].dy, data[i].k}
			gradients[i].Dx.Add = dx.Add || one && i > 0
		}
		ConvForwardAll(w, x, results)
		ConvBackwardAll(w, x, gradients)
		for i := range all {
			nearMoments(t, ys[i], results[i].Moments)
			outputs = append(outputs, ys[i].result(t), dxs[i].result(t), gradients[i].Dk)
		}
		return outputs
	})
	for i, d := range data {
		near(t, fmt.Sprintf("y %d", i), got[3*i], d.y, convTolerance)
		near(t, fmt.Sprintf("dk %d", i), got[3*i+2], d.dk, convTolerance)
		if one {
			d.dx = data[0].dx
		}
		near(t, fmt.Sprintf("dx %d", i), got[3*i+1], d.dx, convTolerance)
	}
}
