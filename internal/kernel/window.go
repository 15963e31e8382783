package kernel

import "slices"

// window is the shape of what a depthwise convolution reads for each pixel: size × size pixels of a laid out channel, dilation
// apart. It computes rows × cols pixels; rows of the layout lie step floats apart.
type window struct{ size, dilation, rows, cols, step int }

// windowLoops are the inner loops over windows.
type windowLoops struct {
	// sumWindows computes y [rows, cols], or adds it, from x and the weights k. Where by, which lies as y, is given, what is
	// computed counts only where that is positive.
	sumWindows func(y, x, by, k []float32, add bool, v window)
	// windowGradient adds to sums, which are as the weights, the gradient of sumWindows by the weights.
	windowGradient func(sums, dy, x []float32, v window)
}

// What the assembly can do.
const (
	windowRows = 4 // rows must be a multiple of that and the dilation
	windowCols = 8
)

// windowed is the plan of a depthwise convolution, channel by channel.
type windowed struct {
	*correlation
	window
	k []float32 // the weights of each channel in the order in which the layout is read
}

// windowOf returns the window of a convolution that is computed by r, and whether the set has kernels for it.
func (c *Conv) windowOf(r *correlation) (v window, ok bool) {
	v = window{size: c.KH, dilation: c.DilationH, rows: r.rows, cols: r.cols, step: r.layout.cols}
	same := c.KW == c.KH && c.DilationW == c.DilationH && c.StrideH == 1 && c.StrideW == 1 && len(r.tap) == c.KH*c.KW
	fits := (v.size == 3 || v.size == 5) && v.dilation <= 2 && v.rows%(windowRows*v.dilation) == 0 && v.cols%windowCols == 0
	return v, c.Depthwise && same && fits && r.set.sumWindows != nil
}

// newWindowed returns the plan for r, which takes its weights from k.
func newWindowed(w *Workers, r *correlation, v window, k []float32) *windowed {
	p := &windowed{correlation: r, window: v, k: w.Floats(slotWeights+r.number, len(k))}
	copy(p.k, k)
	if taps := len(r.shift); r.shift[0] > r.shift[taps-1] {
		for c := 0; c < len(k); c += taps {
			slices.Reverse(p.k[c:][:taps])
		}
	}
	return p
}

// windowFloats is about how many floats of layout are made at a time: they stay in the first-level cache.
const windowFloats = 4 << 10

func (p *windowed) compute(s *Scratch, y []float32, add bool, x, by source, from, to int) {
	taps, pixels, size := p.window.size*p.window.size, p.out.pixels, p.layout.size()
	together := max(1, windowFloats/size)
	for ; from < to; from += together {
		count := min(together, to-from)
		laid := p.prepare(s, slotLayout, x, from, count)
		for i := range count {
			o := from + i
			positive := by.positive(s, p.set, o, 0, pixels)
			p.set.sumWindows(y[o*pixels:][:pixels], laid[i*size:], positive, p.k[o*taps:][:taps], add, p.window)
		}
	}
}
