package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// convTolerance bounds the rounding of sums of some thousand products, relative to the largest sum.
const convTolerance = 3e-6

// winogradTolerance is the same for Winograd convolutions, which lose another digit: fuzzing found 1.2e-5.
const winogradTolerance = 2e-5

// square returns a convolution k×k with the same stride in both directions, padded as the search space pads (spec
// section 3): the size stays, or is divided by the stride.
func square(n, ci, co, size, k, stride, dilation int, depthwise bool) Conv {
	out := (size + stride - 1) / stride
	pad := (k - 1) / 2 * dilation
	return Conv{N: n, Ci: ci, Co: co, H: size, W: size, OH: out, OW: out, KH: k, KW: k, StrideH: stride, StrideW: stride,
		PadH: pad, PadW: pad, DilationH: dilation, DilationW: dilation, Depthwise: depthwise}
}

// reduceHalf returns one of the two convolutions of a factorized reduce of c channels, which reads x from row and column
// skip on.
func reduceHalf(n, c, size, skip int) Conv {
	k := square(n, c, c/2, size, 1, 2, 1, false)
	k.OH, k.OW = size/2, size/2
	k.PadH, k.PadW = -skip, -skip
	return k
}

// reducePadded is the first of those where x has an odd size, and so gets a row and a column of zeros first.
func reducePadded(n, c, size int) Conv {
	k := reduceHalf(n, c, size+1, 0)
	k.H, k.W, k.PadH, k.PadW = size, size, 1, 1
	return k
}

// rectangle returns c with the sizes N, Ci, Co, H, W, OH, OW, KH, KW, and a stride of 1 where it has none.
func rectangle(sizes [9]int, c Conv) Conv {
	c.N, c.Ci, c.Co, c.H, c.W, c.OH, c.OW, c.KH, c.KW =
		sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6], sizes[7], sizes[8]
	c.StrideH, c.StrideW, c.DilationH, c.DilationW = max(c.StrideH, 1), max(c.StrideW, 1), 1, 1
	return c
}

func convCases() map[string]Conv {
	cases := map[string]Conv{
		"pointwise":                          square(3, 8, 8, 9, 1, 1, 1, false),
		"pointwise of more than a block":     square(2, 7, 5, 20, 1, 1, 1, false),
		"pointwise to one channel":           square(2, 5, 1, 6, 1, 1, 1, false),
		"pointwise of one pixel":             square(5, 23, 11, 1, 1, 1, 1, false),
		"pointwise of whole vectors":         square(9, 20, 40, 8, 1, 1, 1, false),
		"pointwise of narrow rows":           square(8, 8, 12, 16, 1, 1, 1, false),
		"pointwise of few channels":          square(10, 4, 16, 8, 1, 1, 1, false),
		"pointwise to few channels":          square(8, 24, 4, 8, 1, 1, 1, false),
		"3x3 of one image":                   square(1, 20, 20, 8, 3, 1, 1, false),
		"3x3 stem":                           square(2, 3, 12, 10, 3, 1, 1, false),
		"5x5 stride 2":                       square(2, 6, 10, 11, 5, 2, 1, false),
		"3x3 stride 2 of an even size":       square(2, 4, 4, 8, 3, 2, 1, false),
		"3x3 stride 2 of 16x16":              square(37, 7, 13, 16, 3, 2, 1, false),
		"5x5 stride 2 of 32x32":              square(9, 5, 14, 32, 5, 2, 1, false),
		"3x3 stem of 32x32":                  square(3, 3, 14, 32, 3, 1, 1, false),
		"3x3 stride 3":                       square(2, 4, 3, 10, 3, 3, 1, false),
		"1x1 stride 2":                       square(4, 6, 3, 7, 1, 2, 1, false),
		"depthwise 3x3":                      square(3, 7, 7, 9, 3, 1, 1, true),
		"depthwise 5x5 stride 2":             square(2, 6, 6, 8, 5, 2, 1, true),
		"depthwise 3x3 dilation 2":           square(2, 5, 5, 7, 3, 1, 2, true),
		"depthwise 5x5 dilation 2 stride 2":  square(2, 5, 5, 12, 5, 2, 2, true),
		"depthwise 7x7 larger than x":        square(2, 3, 3, 3, 7, 1, 1, true),
		"depthwise 1x1":                      square(2, 3, 3, 5, 1, 1, 1, true),
		"first half of a reduce":             reduceHalf(2, 6, 8, 0),
		"second half of a reduce":            reduceHalf(2, 6, 8, 1),
		"pointwise of many images":           square(70, 7, 5, 4, 1, 1, 1, false),
		"3x3 of many images":                 square(70, 3, 5, 6, 3, 1, 1, false),
		"depthwise of many images":           square(70, 5, 5, 7, 5, 1, 2, true),
		"3x3 stride 2 of many images":        square(37, 3, 5, 6, 3, 2, 1, false),
		"2x2 without padding":                rectangle([9]int{2, 4, 9, 2, 2, 1, 1, 2, 2}, Conv{}),
		"2x2 without padding of many images": rectangle([9]int{70, 9, 33, 2, 2, 1, 1, 2, 2}, Conv{}),
		"1x7 stride (1, 2)":                  rectangle([9]int{2, 4, 4, 8, 8, 8, 4, 1, 7}, Conv{StrideW: 2, PadW: 3}),
		"7x1 stride (2, 1)":                  rectangle([9]int{2, 4, 4, 8, 4, 4, 4, 7, 1}, Conv{StrideH: 2, PadH: 3}),
		"padded more than x is wide":         rectangle([9]int{1, 2, 3, 3, 2, 9, 8, 2, 2}, Conv{PadH: 4, PadW: 5}),
		"odd reduce, padded top and left":    reducePadded(2, 6, 7),
	}
	for _, k := range []int{3, 5} {
		for dilation := 1; dilation <= 2; dilation++ {
			for _, size := range []int{8, 16} {
				cases[fmt.Sprintf("depthwise %dx%d dilation %d of %dx%d", k, k, dilation, size, size)] =
					square(9, 3, 3, size, k, 1, dilation, true)
			}
		}
	}
	for name, c := range cases {
		c.ReLU = true
		cases[name+", rectified"] = c
	}
	return cases
}

// randomConv draws a convolution from everything that Conv can say.
func randomConv(r *rand.Rand) Conv {
	c := Conv{
		N: 1 + r.IntN(5), Ci: 1 + r.IntN(23), Co: 1 + r.IntN(23), H: 1 + r.IntN(12), W: 1 + r.IntN(12),
		KH: 1 + r.IntN(5), KW: 1 + r.IntN(5), StrideH: 1 + r.IntN(3), StrideW: 1 + r.IntN(3),
		PadH: r.IntN(6) - 2, PadW: r.IntN(6) - 2, DilationH: 1 + r.IntN(3), DilationW: 1 + r.IntN(3),
		Depthwise: r.IntN(3) == 0, ReLU: r.IntN(2) == 0,
	}
	c.OH, c.OW = 1+r.IntN(8), 1+r.IntN(8)
	if c.Depthwise {
		c.Co = c.Ci
	}
	return c
}

// multiplications calls visit with the indices of every product y += x·k that the definition of Conv has.
func multiplications(c Conv, visit func(y, x, k int)) {
	group := c.group()
	for n := range c.N {
		for o := range c.Co {
			for g := range group {
				in := g
				if c.Depthwise {
					in = o
				}
				for tap := range c.KH * c.KW {
					for pixel := range c.OH * c.OW {
						h := pixel/c.OW*c.StrideH - c.PadH + tap/c.KW*c.DilationH
						v := pixel%c.OW*c.StrideW - c.PadW + tap%c.KW*c.DilationW
						if h >= 0 && h < c.H && v >= 0 && v < c.W {
							y, x := (n*c.Co+o)*c.OH*c.OW+pixel, ((n*c.Ci+in)*c.H+h)*c.W+v
							visit(y, x, (o*group+g)*c.KH*c.KW+tap)
						}
					}
				}
			}
		}
	}
}

// convData holds inputs of the convolution kernels and what the definition makes of them.
type convData struct {
	x, dy     View
	k         []float32
	y, dx, dk []float64
}

func newConvData(r *rand.Rand, c Conv) convData {
	d := convData{k: normal(r, c.Co*c.group()*c.KH*c.KW)}
	var x, dy []float32
	d.x, x = drawView(r, c.N, c.input())
	d.dy, dy = drawView(r, c.N, c.output())
	d.y, d.dx, d.dk = convDefinition(c, x, d.k, dy)
	return d
}

// convDefinition returns y and the gradients in double precision.
func convDefinition(c Conv, x, k, dy []float32) (y, dx, dk []float64) {
	y, dx, dk = make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(k))
	multiplications(c, func(yi, xi, ki int) {
		if !c.ReLU || x[xi] > 0 {
			y[yi] += float64(x[xi]) * float64(k[ki])
			dx[xi] += float64(dy[yi]) * float64(k[ki])
			dk[ki] += float64(dy[yi]) * float64(x[xi])
		}
	})
	return y, dx, dk
}

// checkConv compares the kernels with the definition, each gradient alone and both together, for every algorithm that c has.
func checkConv(t *testing.T, c Conv, seed uint64) {
	t.Helper()
	checkConvBy(t, Direct, c, seed, convTolerance)
	if (&Workers{algorithm: Winograd}).winograd(c) {
		checkConvBy(t, Winograd, c, seed, winogradTolerance)
	}
}

func checkConvBy(t *testing.T, a Algorithm, c Conv, seed uint64, tolerance float64) {
	t.Helper()
	d := newConvData(rand.New(rand.NewPCG(seed, 1)), c)
	got := forThreadsBy(t, a, func(w *Workers) [][]float32 {
		r := rand.New(rand.NewPCG(seed, 2))
		y, moments := newTarget(t, r, c.N, c.output()), output(t, c.N*c.Co*2)
		ConvForward(w, y.Target, moments, d.x, d.k, c)
		nearMoments(t, y, moments)
		dx, dk, alone := newTarget(t, r, c.N, c.input()), output(t, len(d.k)), output(t, len(d.k))
		ConvBackward(w, dx.Target, dk, d.dy, d.x, d.k, c)
		again := &written{Target{output(t, len(dx.Data)), dx.Stride, dx.Add}, dx.before, dx.images, dx.channels}
		copy(again.Data, again.before)
		mask := d.x
		if !c.ReLU {
			mask = View{}
		}
		ConvBackward(w, again.Target, nil, d.dy, mask, d.k, c)
		ConvBackward(w, Target{}, alone, d.dy, d.x, d.k, c)
		sameBits(t, "dx with dk and alone", dx.Data, again.Data)
		sameBits(t, "dk with dx and alone", dk, alone)
		return [][]float32{y.result(t), dx.result(t), dk}
	})
	near(t, "y", got[0], d.y, tolerance)
	near(t, "dx", got[1], d.dx, tolerance)
	near(t, "dk", got[2], d.dk, tolerance)
}

func TestConvolutionsEqualTheDefinition(t *testing.T) {
	for name, c := range convCases() {
		t.Run(name, func(t *testing.T) {
			checkConv(t, c, 1)
			for seed := uint64(2); c.keepsPixels() && seed < 8; seed++ { // kernels of their own for all kinds of views
				checkConv(t, c, seed)
			}
		})
	}
}

func TestRandomConvolutionsEqualTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	for i := range 150 {
		c := randomConv(r)
		t.Run(fmt.Sprintf("%d", i), func(t *testing.T) {
			t.Logf("%+v", c)
			checkConv(t, c, uint64(i))
		})
	}
}

// TestConvolutionGradientsAreAdjoint checks ⟨conv(x, k), dy⟩ = ⟨x, dx⟩ = ⟨k, dk⟩, which holds for what is linear in x and k.
func TestConvolutionGradientsAreAdjoint(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	w := workers(t, 2)
	for range 50 {
		c := randomConv(r)
		c.ReLU = false
		in, out := c.input(), c.output()
		x, dy, k := normal(r, c.N*in.count*in.pixels), normal(r, c.N*out.count*out.pixels), normal(r, c.Co*c.group()*c.KH*c.KW)
		y, dx, dk := output(t, len(dy)), output(t, len(x)), output(t, len(k))
		ConvForward(w, Whole(y, out.count, out.pixels), nil, Plain(x, in.count, in.pixels), k, c)
		ConvBackward(w, Whole(dx, in.count, in.pixels), dk, Plain(dy, out.count, out.pixels), Plain(x, in.count, in.pixels), k, c)
		size := 1e-5 * (1 + dot(y, y) + dot(dy, dy))
		want := dot(y, dy)
		if a, b := dot(x, dx), dot(k, dk); math.Abs(a-want) > size || math.Abs(b-want) > size {
			t.Errorf("%+v: ⟨y, dy⟩ = %g, ⟨x, dx⟩ = %g, ⟨k, dk⟩ = %g", c, want, a, b)
		}
	}
}

func FuzzConv(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		c := randomConv(rand.New(rand.NewPCG(seed, 6)))
		t.Logf("%+v", c)
		checkConv(t, c, seed)
	})
}
