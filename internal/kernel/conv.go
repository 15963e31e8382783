package kernel

// plan is a way to compute a direction of a convolution: y from x forward, dx from dy backward. It is chosen once a call,
// by the shape, and may be used by several threads.
type plan interface {
	// compute computes the output channels from to to of an image, or adds them to y, from channels of x. Where by is a
	// source, what is computed counts only where that is positive.
	compute(s *Scratch, y []float32, add bool, x, by source, from, to int)
}

// ConvForward computes y from x and the weights k, and its moments [N, Co, 2]: of each channel of each image the mean and the
// sum of squared deviations from it. moments may be nil.
func ConvForward(w *Workers, y Target, moments []float32, x View, k []float32, c Conv) {
	c = c.flattened()
	in := input{x, c.input(), c.ReLU}
	if w.winograd(c) {
		p := newWinograd(&w.set, &c, false)
		p.weights(w, slotWeights, k)
		p.run(w, y, moments, in, nil)
		return
	}
	if c.coversInput() {
		c.wholeForward(w, y, moments, in, k)
		return
	}
	width := pieceWidth(c.N, c.Co, w.set.rows)
	run(w, y, moments, in, nil, c.N, c.output(), width, c.planForward(w, 0, k, width, in.asIs()))
}

// ConvBackward computes dx, the gradient by x, and dk, the gradient by the weights, from dy, the gradient by y. A dx without
// Data or a nil dk is not computed. x is read only for dk, or where c.ReLU asks for a mask.
func ConvBackward(w *Workers, dx Target, dk []float32, dy, x View, k []float32, c Conv) {
	c = c.flattened()
	in, gradient := input{x, c.input(), c.ReLU}, input{View: dy, channels: c.output()}
	var by *input
	if c.ReLU {
		by = &in
	}
	if c.coversInput() && !w.winograd(c) {
		c.wholeBackward(w, dx, dk, gradient, in, k)
		return
	}
	if dx.Data != nil && w.winograd(c) {
		p := newWinograd(&w.set, &c, true)
		p.weights(w, slotWeights, k)
		p.run(w, dx, nil, gradient, by)
		dx.Data = nil
	}
	if dk != nil && w.winograd(c) {
		newWinogradWeights(&w.set, &c).run(w, dk, gradient, in)
		return
	}
	parts := c.parts()
	if dx.Data != nil && (dk == nil || parts < minPieces) {
		width := pieceWidth(c.N, c.Ci, w.set.rows)
		run(w, dx, nil, gradient, by, c.N, c.input(), width, c.planBackward(w, 0, k, width, gradient.direct()))
		dx.Data = nil
	}
	if dk == nil {
		return
	}
	unit := gradientUnit{Conv: c, members: []ConvGradient{{Conv: c, Dk: dk, Dy: dy}}, dx: dx}
	if dx.Data != nil {
		unit.backward = c.planBackward(w, 1, k, c.Ci, true)
	}
	byParts(w, []gradientUnit{unit}, in, parts)
}

// planForward returns how y is computed, in pieces of width channels, by a correlation of that number; asIs tells that x is in
// memory as it is.
func (c *Conv) planForward(w *Workers, number int, k []float32, width int, asIs bool) plan {
	if c.keepsPixels() && !c.Depthwise && width >= c.Co && w.set.mixes(c.output()) {
		return newMix(w, number, c.input(), c.output(), k, c.Ci, 1)
	}
	if c.OW < w.set.tile {
		if r, ok := c.unrolledForward(w, number, 1); ok {
			return jobsOf(w, k, width, asIs, r)
		}
	}
	return jobsOf(w, k, width, asIs, c.forward(w, number))
}

// planBackward returns how dx is computed, by correlations numbered from first on; asIs tells that dy is in memory as it is.
func (c *Conv) planBackward(w *Workers, first int, k []float32, width int, asIs bool) plan {
	if c.keepsPixels() && !c.Depthwise && width >= c.Ci && w.set.mixes(c.input()) {
		return newMix(w, first, c.output(), c.input(), k, 1, c.Ci)
	}
	if phases, ok := c.unrolledBackwards(w, first); ok {
		return jobsOf(w, k, width, asIs, phases...)
	}
	return jobsOf(w, k, width, asIs, c.backwards(w, first)...)
}

// run computes y, count images of channels out, in pieces of width channels, and its moments unless they are nil. Where by is
// given, y is set to zero wherever that is not positive.
func run(w *Workers, y Target, moments []float32, x input, by *input, count int, out channels, width int, p plan) {
	groups := (out.count + width - 1) / width
	w.Run(count*groups, func(piece int, s *Scratch) {
		n, from := piece/groups, piece%groups*width
		to := min(from+width, out.count)
		var positive source
		if by != nil {
			positive = by.image(n)
		}
		image := y.image(n, out)
		p.compute(s, image, y.Add, x.image(n), positive, from, to)
		if moments != nil {
			describe(&w.set, moments[(n*out.count+from)*2:], image[from*out.pixels:to*out.pixels], out.pixels)
		}
	})
}

// backwards returns the correlations, numbered from first on, that compute dx: the pixels that lie a stride apart meet the
// same taps of the kernel, and each such phase is a correlation by itself.
func (c *Conv) backwards(w *Workers, first int) []*correlation {
	phases := make([]*correlation, 0, c.StrideH*c.StrideW)
	for i := range min(c.StrideH, c.H) {
		for j := range min(c.StrideW, c.W) {
			phases = append(phases, c.backward(w, first+len(phases), i, j))
		}
	}
	return phases
}

// flattened returns a pointwise convolution that keeps the size as one over a single row of all pixels, because long rows
// are faster, and any other as it is.
func (c Conv) flattened() Conv {
	if c.keepsPixels() {
		c.H, c.W, c.OH, c.OW = 1, c.H*c.W, 1, c.H*c.W
	}
	return c
}

// keepsPixels tells whether every pixel of y comes from the same pixel of x.
func (c *Conv) keepsPixels() bool {
	return c.KH == 1 && c.KW == 1 && c.StrideH == 1 && c.StrideW == 1 && c.PadH == 0 && c.PadW == 0 && c.OH == c.H && c.OW == c.W
}

// forward returns the correlation of that number which computes y.
func (c *Conv) forward(w *Workers, number int) *correlation {
	taps := c.KH * c.KW
	r := &correlation{
		set: &w.set, number: number, depthwise: c.Depthwise, in: c.input(), out: c.output(),
		layout: layout{
			h: c.H, w: c.W, padH: c.PadH, padW: c.PadW,
			stepH: c.StrideH, stepW: c.StrideW, across: c.StrideW, phases: w.ints(number*slotsOfInts+slotPhase, taps)[:0],
			rows: c.OH + (c.KH-1)*c.DilationH/c.StrideH, cols: c.OW + (c.KW-1)*c.DilationW/c.StrideW,
		},
		outStep: c.group() * taps, inStep: taps,
		rows: c.OH, cols: c.OW, rowStep: c.OW, colStep: 1,
	}
	r.layout.step = r.layout.cols
	r.tap, r.shift = w.ints(number*slotsOfInts+slotTap, taps), w.ints(number*slotsOfInts+slotShift, taps)
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
		set: &w.set, number: number, depthwise: c.Depthwise, in: c.output(), out: c.input(),
		layout: layout{
			h: c.OH, w: c.OW, padH: -top, padW: -left, stepH: 1, stepW: 1, across: 1, phases: w.ints(number*slotsOfInts+slotPhase, 1)[:0],
			rows: rows + bottom - top, cols: cols + right - left,
		},
		outStep: c.KH * c.KW, inStep: c.group() * c.KH * c.KW,
		rows: rows, cols: cols, start: i*c.W + j, rowStep: c.StrideH * c.W, colStep: c.StrideW,
	}
	r.layout.step = r.layout.cols
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

func (c *Conv) input() channels { return channels{count: c.Ci, pixels: c.H * c.W} }

func (c *Conv) output() channels { return channels{count: c.Co, pixels: c.OH * c.OW} }

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
