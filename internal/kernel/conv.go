package kernel

// ConvForward computes y from x and the weights k. It writes only the channels of c's window in y.
func ConvForward(w *Workers, y, x, k []float32, c Conv) {
	c = c.flattened()
	run(w, y, x, k, nil, c.forward(w))
}

// ConvBackwardData computes dx, the gradient by x, from dy, the gradient by y. It reads x only where c.ReLU asks for a
// mask; elsewhere x may be nil.
func ConvBackwardData(w *Workers, dx, dy, k, x []float32, c Conv) {
	c = c.flattened()
	if !c.ReLU {
		x = nil
	}
	run(w, dx, dy, k, x, c.backwards(w)...)
}

// backwards returns the correlations that compute dx: the pixels that lie a stride apart meet the same taps of the kernel,
// and each such phase is a correlation by itself.
func (c *Conv) backwards(w *Workers) []*correlation {
	phases := make([]*correlation, 0, c.StrideH*c.StrideW)
	for i := range min(c.StrideH, c.H) {
		for j := range min(c.StrideW, c.W) {
			phases = append(phases, c.backward(w, 1+len(phases), i, j))
		}
	}
	return phases
}

// flattened returns a pointwise convolution that keeps the size as one over a single row of all pixels, because long rows
// are faster, and any other as it is.
func (c Conv) flattened() Conv {
	if c.KH == 1 && c.KW == 1 && c.StrideH == 1 && c.StrideW == 1 && c.PadH == 0 && c.PadW == 0 &&
		c.OH == c.H && c.OW == c.W {
		c.H, c.W, c.OH, c.OW = 1, c.H*c.W, 1, c.H*c.W
	}
	return c
}

// forward returns the correlation that computes y.
func (c *Conv) forward(w *Workers) *correlation {
	taps := c.KH * c.KW
	r := &correlation{
		set: &w.set, images: c.N, depthwise: c.Depthwise, in: c.input(), out: c.output(),
		layout: layout{
			h: c.H, w: c.W, padH: c.PadH, padW: c.PadW, relu: c.ReLU,
			stepH: c.StrideH, stepW: c.StrideW, phases: w.ints(slotPhase, taps)[:0],
			rows: c.OH + (c.KH-1)*c.DilationH/c.StrideH, cols: c.OW + (c.KW-1)*c.DilationW/c.StrideW,
		},
		outStep: c.group() * taps, inStep: taps,
		rows: c.OH, cols: c.OW, rowStep: c.OW, colStep: 1,
	}
	r.tap, r.shift = w.ints(slotTap, taps), w.ints(slotShift, taps)
	for t := range taps {
		a, b := t/c.KW*c.DilationH, t%c.KW*c.DilationW
		phase := a%c.StrideH*c.StrideW + b%c.StrideW
		r.tap[t], r.shift[t] = t, r.layout.at(phase, a/c.StrideH, b/c.StrideW)
	}
	return r
}

// backward returns the correlation of that number which computes the pixels of dx whose row is i, modulo the stride, and
// column j.
func (c *Conv) backward(w *Workers, number, i, j int) *correlation {
	vertical := axis{kernel: c.KH, stride: c.StrideH, pad: c.PadH, dilation: c.DilationH}
	horizontal := axis{kernel: c.KW, stride: c.StrideW, pad: c.PadW, dilation: c.DilationW}
	rows, cols := (c.H-i+c.StrideH-1)/c.StrideH, (c.W-j+c.StrideW-1)/c.StrideW
	top, bottom := vertical.reach(i)
	left, right := horizontal.reach(j)
	r := &correlation{
		set: &w.set, number: number, images: c.N, depthwise: c.Depthwise, in: c.output(), out: c.input(),
		layout: layout{
			h: c.OH, w: c.OW, padH: -top, padW: -left, stepH: 1, stepW: 1, phases: w.ints(number*slotsOfInts+slotPhase, 1)[:0],
			rows: rows + bottom - top, cols: cols + right - left,
		},
		outStep: c.KH * c.KW, inStep: c.group() * c.KH * c.KW,
		rows: rows, cols: cols, start: i*c.W + j, rowStep: c.StrideH * c.W, colStep: c.StrideW,
	}
	tap := w.ints(number*slotsOfInts+slotTap, c.KH*c.KW)
	shift := w.ints(number*slotsOfInts+slotShift, c.KH*c.KW)
	used := 0
	for t := range tap {
		down, meetsRow := vertical.shift(i, t/c.KW)
		across, meetsCol := horizontal.shift(j, t%c.KW)
		if meetsRow && meetsCol {
			tap[used], shift[used] = t, r.layout.at(0, down-top, across-left)
			used++
		}
	}
	r.tap, r.shift = tap[:used], shift[:used]
	return r
}

// group returns the number of input channels that one output channel sums over.
func (c *Conv) group() int {
	if c.Depthwise {
		return 1
	}
	return c.Ci
}

func (c *Conv) input() channels { return channels{count: c.Ci, total: c.Ci, pixels: c.H * c.W} }

func (c *Conv) output() channels {
	y := channels{count: c.Co, total: c.Co, pixels: c.OH * c.OW}
	if c.YChannels != 0 {
		y.total, y.offset = c.YChannels, c.YOffset
	}
	return y
}

// axis is a convolution along one direction.
type axis struct{ kernel, stride, pad, dilation int }

// shift returns the position in y that tap joins to position phase in x. There is none where the stride jumps over it.
// A stride further in x it is one further in y.
func (a axis) shift(phase, tap int) (position int, ok bool) {
	at := phase + a.pad - tap*a.dilation
	return at / a.stride, at%a.stride == 0
}

// reach returns the lowest and the highest shift of all taps, or 0 and 0 if no tap meets the phase.
func (a axis) reach(phase int) (low, high int) {
	first := true
	for tap := range a.kernel {
		if s, ok := a.shift(phase, tap); ok {
			if first {
				high = s // shifts fall from tap to tap
			}
			low, first = s, false
		}
	}
	return low, high
}

// channels says where the channels that a kernel reads or writes lie in their tensor [N, total, pixels].
type channels struct{ count, total, offset, pixels int }

// image returns the channels of image n, from the one numbered first on.
func (c channels) image(x []float32, n, first int) []float32 {
	return x[(n*c.total+c.offset+first)*c.pixels:][:(c.count-first)*c.pixels]
}
