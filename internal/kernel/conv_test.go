package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// convTolerance bounds the rounding of sums of some thousand products, relative to the largest sum.
const convTolerance = 3e-6

// square returns a convolution k×k with the same stride in both directions, padded as the search space pads (spec
// section 3): the size stays, or is divided by the stride.
func square(n, ci, co, size, k, stride, dilation int, depthwise bool) Conv {
	out := (size + stride - 1) / stride
	pad := (k - 1) / 2 * dilation
	return Conv{N: n, Ci: ci, Co: co, H: size, W: size, OH: out, OW: out, KH: k, KW: k, StrideH: stride, StrideW: stride,
		PadH: pad, PadW: pad, DilationH: dilation, DilationW: dilation, Depthwise: depthwise}
}

// reduceHalf returns one of the two convolutions of a factorized reduce of c channels, which reads x from row and column
// skip on and writes half of the output's channels.
func reduceHalf(n, c, size, skip int) Conv {
	k := square(n, c, c/2, size, 1, 2, 1, false)
	k.OH, k.OW = size/2, size/2
	k.PadH, k.PadW, k.YChannels, k.YOffset = -skip, -skip, c, skip*(c/2)
	return k
}

// reducePadded is the first of those where x has an odd size, and so gets a row and a column of zeros first.
func reducePadded(n, c, size int) Conv {
	k := reduceHalf(n, c, size+1, 0)
	k.H, k.W, k.PadH, k.PadW, k.YChannels, k.YOffset = size, size, 1, 1, c+1, c/2+1
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
		"pointwise":                         square(3, 8, 8, 9, 1, 1, 1, false),
		"pointwise of more than a block":    square(2, 7, 5, 20, 1, 1, 1, false),
		"pointwise to one channel":          square(2, 5, 1, 6, 1, 1, 1, false),
		"pointwise of one pixel":            square(5, 23, 11, 1, 1, 1, 1, false),
		"3x3 of one image":                  square(1, 20, 20, 8, 3, 1, 1, false),
		"3x3 stem":                          square(2, 3, 12, 10, 3, 1, 1, false),
		"5x5 stride 2":                      square(2, 6, 10, 11, 5, 2, 1, false),
		"3x3 stride 2 of an even size":      square(2, 4, 4, 8, 3, 2, 1, false),
		"3x3 stride 3":                      square(2, 4, 3, 10, 3, 3, 1, false),
		"1x1 stride 2":                      square(4, 6, 3, 7, 1, 2, 1, false),
		"depthwise 3x3":                     square(3, 7, 7, 9, 3, 1, 1, true),
		"depthwise 5x5 stride 2":            square(2, 6, 6, 8, 5, 2, 1, true),
		"depthwise 3x3 dilation 2":          square(2, 5, 5, 7, 3, 1, 2, true),
		"depthwise 5x5 dilation 2 stride 2": square(2, 5, 5, 12, 5, 2, 2, true),
		"depthwise 7x7 larger than x":       square(2, 3, 3, 3, 7, 1, 1, true),
		"depthwise 1x1":                     square(2, 3, 3, 5, 1, 1, 1, true),
		"first half of a reduce":            reduceHalf(2, 6, 8, 0),
		"second half of a reduce":           reduceHalf(2, 6, 8, 1),
		"pointwise of many images":          square(70, 7, 5, 4, 1, 1, 1, false),
		"3x3 of many images":                square(70, 3, 5, 6, 3, 1, 1, false),
		"depthwise of many images":          square(70, 5, 5, 7, 5, 1, 2, true),
		"3x3 stride 2 of many images":       square(37, 3, 5, 6, 3, 2, 1, false),
		"2x2 without padding":               rectangle([9]int{2, 4, 9, 2, 2, 1, 1, 2, 2}, Conv{}),
		"1x7 stride (1, 2)":                 rectangle([9]int{2, 4, 4, 8, 8, 8, 4, 1, 7}, Conv{StrideW: 2, PadW: 3}),
		"7x1 stride (2, 1)":                 rectangle([9]int{2, 4, 4, 8, 4, 4, 4, 7, 1}, Conv{StrideH: 2, PadH: 3}),
		"padded more than x is wide":        rectangle([9]int{1, 2, 3, 3, 2, 9, 8, 2, 2}, Conv{PadH: 4, PadW: 5}),
		"odd reduce, padded top and left":   reducePadded(2, 6, 7),
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
	if r.IntN(3) == 0 {
		c.YOffset = r.IntN(4)
		c.YChannels = c.YOffset + c.Co + r.IntN(3)
	}
	return c
}

// multiplications calls visit with the indices of every product y += x·k that the definition of Conv has.
func multiplications(c Conv, visit func(y, x, k int)) {
	total := c.Co
	if c.YChannels != 0 {
		total = c.YChannels
	}
	group := c.Ci
	if c.Depthwise {
		group = 1
	}
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
							y, x := (n*total+c.YOffset+o)*c.OH*c.OW+pixel, ((n*c.Ci+in)*c.H+h)*c.W+v
							visit(y, x, (o*group+g)*c.KH*c.KW+tap)
						}
					}
				}
			}
		}
	}
}

// convData holds inputs of the three convolution kernels and what the definition makes of them.
type convData struct {
	x, k, dy []float32
	y        []float64
	inside   []bool // the elements of y that lie in the window
	dx, dk   []float64
}

func newConvData(r *rand.Rand, c Conv) convData {
	channels, group := c.Co, c.Ci
	if c.YChannels != 0 {
		channels = c.YChannels
	}
	if c.Depthwise {
		group = 1
	}
	outputs := c.N * channels * c.OH * c.OW
	d := convData{
		x: normal(r, c.N*c.Ci*c.H*c.W), k: normal(r, c.Co*group*c.KH*c.KW), dy: normal(r, outputs),
		y: make([]float64, outputs), inside: make([]bool, outputs),
	}
	d.dx, d.dk = make([]float64, len(d.x)), make([]float64, len(d.k))
	x := double(d.x)
	positive := func(i int) bool { return !c.ReLU || x[i] > 0 }
	multiplications(c, func(yi, xi, ki int) {
		if positive(xi) {
			d.y[yi] += x[xi] * float64(d.k[ki])
			d.dx[xi] += float64(d.dy[yi]) * float64(d.k[ki])
			d.dk[ki] += float64(d.dy[yi]) * x[xi]
		}
	})
	for i := range d.inside {
		o := i / (c.OH * c.OW) % channels
		d.inside[i] = o >= c.YOffset && o < c.YOffset+c.Co
	}
	return d
}

// checkConv compares the three kernels with the definition, and fails the test where they write outside y's window.
func checkConv(t *testing.T, c Conv, seed uint64) {
	t.Helper()
	d := newConvData(rand.New(rand.NewPCG(seed, 1)), c)
	got := forThreads(t, func(w *Workers) [][]float32 {
		y, dx, dk := output(t, len(d.y)), output(t, len(d.x)), output(t, len(d.k))
		ConvForward(w, y, d.x, d.k, c)
		mask := d.x
		if !c.ReLU {
			mask = nil
		}
		ConvBackwardData(w, dx, d.dy, d.k, mask, c)
		ConvBackwardWeights(w, dk, d.dy, d.x, c)
		dx2, dk2 := output(t, len(d.x)), output(t, len(d.k))
		ConvBackward(w, dx2, dk2, d.dy, d.k, d.x, c)
		sameBits(t, "dx with dk and alone", dx, dx2)
		sameBits(t, "dk with dx and alone", dk, dk2)
		return [][]float32{y, dx, dk}
	})
	for i, inside := range d.inside {
		if !inside {
			if got[0][i] != guard {
				t.Fatalf("wrote y[%d], outside the window", i)
			}
			got[0][i] = 0
		}
	}
	near(t, "y", got[0], d.y, convTolerance)
	near(t, "dx", got[1], d.dx, convTolerance)
	near(t, "dk", got[2], d.dk, convTolerance)
}

func TestConvolutionsEqualTheDefinition(t *testing.T) {
	for name, c := range convCases() {
		t.Run(name, func(t *testing.T) { checkConv(t, c, 1) })
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
		c.ReLU, c.YChannels, c.YOffset = false, 0, 0
		d := newConvData(r, c)
		y, dx, dk := output(t, len(d.y)), output(t, len(d.x)), output(t, len(d.k))
		ConvForward(w, y, d.x, d.k, c)
		ConvBackwardData(w, dx, d.dy, d.k, nil, c)
		ConvBackwardWeights(w, dk, d.dy, d.x, c)
		size := 1e-5 * (1 + dot(y, y) + dot(d.dy, d.dy))
		want := dot(y, d.dy)
		if a, b := dot(d.x, dx), dot(d.k, dk); math.Abs(a-want) > size || math.Abs(b-want) > size {
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
