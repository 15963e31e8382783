package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// separableCases have the strides, dilations and sizes that the search space has, and odd ones.
func separableCases() (cases []Conv) {
	for _, c := range []Conv{
		square(3, 7, 7, 9, 3, 1, 1, true), square(2, 6, 6, 8, 5, 2, 1, true), square(9, 5, 5, 12, 5, 2, 2, true),
		square(70, 5, 5, 8, 3, 1, 2, true), square(33, 20, 20, 4, 5, 1, 1, true), square(1, 3, 3, 5, 3, 1, 1, true),
		square(5, 23, 23, 11, 3, 2, 1, true), square(2, 13, 13, 32, 3, 1, 1, true),
		square(19, 4, 4, 8, 3, 1, 1, true), square(3, 8, 8, 8, 5, 1, 1, true), square(34, 3, 3, 8, 5, 1, 2, true),
		square(3, 4, 4, 16, 3, 1, 1, true), square(3, 5, 5, 16, 5, 1, 1, true), square(3, 4, 4, 16, 3, 1, 2, true),
		square(3, 4, 4, 16, 5, 1, 2, true), square(2, 3, 3, 32, 5, 1, 1, true), square(2, 3, 3, 48, 3, 1, 2, true),
		square(2, 3, 3, 32, 5, 1, 2, true), square(4, 8, 8, 16, 5, 2, 1, true), square(4, 4, 4, 32, 3, 2, 1, true),
		square(4, 4, 4, 16, 5, 2, 2, true), square(2, 4, 4, 16, 3, 2, 2, true),
	} {
		cases = append(cases, c)
		c.ReLU = true
		cases = append(cases, c)
	}
	return cases
}

func TestSeparableConvolutionsEqualTheDefinition(t *testing.T) {
	for i, dw := range separableCases() {
		t.Run(fmt.Sprintf("%d", i), func(t *testing.T) { checkSeparable(t, dw, dw.Co+i%3, uint64(i)) })
	}
}

// randomPlanes returns a depthwise convolution that keeps the middle of its windows inside of x, of any sides, and so with
// planes for which sets have kernels and others.
func randomPlanes(r *rand.Rand) Conv {
	channels, k, dilation, stride := 1+r.IntN(9), 3+2*r.IntN(2), 1+r.IntN(2), 1+r.IntN(2)
	c := square(1+r.IntN(5), channels, channels, 1, k, stride, dilation, true)
	c.ReLU = r.IntN(2) == 0
	sides := []int{4, 6, 7, 8, 9, 10, 16, 24, 32}
	c.H, c.W = sides[r.IntN(len(sides))], sides[r.IntN(len(sides))]
	c.OH, c.OW = (c.H+stride-1)/stride, (c.W+stride-1)/stride
	return c
}

func FuzzSeparable(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		dw := randomPlanes(r)
		t.Logf("%+v", dw)
		checkSeparable(t, dw, 1+r.IntN(9), seed)
	})
}

// checkSeparable compares a pair of convolutions, whose result has co channels, with one after the other.
func checkSeparable(t *testing.T, dw Conv, co int, seed uint64) {
	pw := square(dw.N, dw.Co, co, 1, 1, 1, 1, false)
	pw.H, pw.W, pw.OH, pw.OW = dw.OH, dw.OW, dw.OH, dw.OW
	r := rand.New(rand.NewPCG(seed, 1))
	depthwise, pointwise := normal(r, dw.Co*dw.KH*dw.KW), normal(r, co*dw.Co)
	x, xs := drawView(r, dw.N, dw.input())
	dy, dys := drawView(r, dw.N, pw.output())
	z, _, _ := convDefinition(dw, xs, depthwise, make([]float32, dw.N*dw.Co*dw.OH*dw.OW))
	y, dz, dPointwise := convDefinition(pw, single(z), pointwise, dys)
	_, dx, dDepthwise := convDefinition(dw, xs, depthwise, single(dz))
	got := forThreads(t, func(w *Workers) [][]float32 {
		r := rand.New(rand.NewPCG(seed, 2))
		y, moments := newTarget(t, r, dw.N, pw.output()), output(t, dw.N*co*2)
		SeparableForward(w, y.Target, moments, x, depthwise, pointwise, dw, pw)
		nearMoments(t, y, moments)
		dx, dDepthwise, dPointwise := newTarget(t, r, dw.N, dw.input()), output(t, len(depthwise)), output(t, len(pointwise))
		SeparableBackward(w, dx.Target, dDepthwise, dPointwise, dy, x, depthwise, pointwise, dw, pw)
		alone, alonePointwise := output(t, len(depthwise)), output(t, len(pointwise))
		SeparableBackward(w, Target{}, alone, alonePointwise, dy, x, depthwise, pointwise, dw, pw)
		sameBits(t, "gradient by the depthwise weights with dx and alone", dDepthwise, alone)
		sameBits(t, "gradient by the pointwise weights with dx and alone", dPointwise, alonePointwise)
		return [][]float32{y.result(t), dx.result(t), dDepthwise, dPointwise}
	})
	near(t, "y", got[0], y, 1e-5)
	near(t, "dx", got[1], dx, 1e-5)
	near(t, "gradient by the depthwise weights", got[2], dDepthwise, 1e-5)
	near(t, "gradient by the pointwise weights", got[3], dPointwise, 1e-5)
}

// single rounds x to single precision.
func single(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
