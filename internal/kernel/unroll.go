package kernel

import "math"

// Unrolled convolutions read rows of x that are copied once for every column that a tap begins at. Then taps shift by whole rows
// alone: rows need no padding between them, and those of a plane, or of the planes of several images, are one long row, none of whose
// pixels is computed in vain. That pays for dense convolutions, whose many output channels read what was copied, where planes are
// narrow, where there is a stride, and for gradients by the weights, which are sums over long rows.

// unrolling says how channels are unrolled, in floats: rows stepX apart to rows stepY apart, for each of so many taps tap apart,
// with top rows of zeros above them and bottom below. Channels are nextX and nextY apart. Pixels are low at least.
type unrolling struct {
	taps, channels, top, rows, bottom int
	stepY, tap, nextY, stepX, nextX   int
	low                               float32
}

// unrollLoop unrolls channels whose rows have some width: pixel j of tap t is pixel indices[t·width of a vector + j] of a row of x, or 0
// where that is negative.
type unrollLoop func(y, x []float32, indices []int32, u unrolling)

// unrollWidths are the widths of rows of x and y.
type unrollWidths struct{ from, to int }

// maxUnrolled is how many indices there are at most.
const maxUnrolled = 96

// unrolled is what a layout needs to be filled by a loop.
type unrolled struct {
	loop    unrollLoop
	indices [maxUnrolled]int32
}

// unroll turns l into an unrolled layout of so many taps, from column −padW on, of rows of cols pixels; those of so many images
// lie side by side. Its rows have phases phases. It fails if the set can't.
func (l *layout) unroll(s *set, phases, taps, images int) (ok bool) {
	loops := s.unroll[unrollWidths{l.w, l.cols}]
	if taps < 1 || taps > len(loops) {
		return false
	}
	u := &unrolled{loop: loops[taps-1]}
	lanes := max(s.unrollLanes, l.cols)
	for i := range taps * lanes {
		tap, column := i/lanes, i%lanes
		u.indices[i] = -1
		if at := column*l.stepW + tap - l.padW; column < l.cols && at >= 0 && at < l.w {
			u.indices[i] = int32(at)
		}
	}
	l.unrolled, l.across, l.step = u, taps, images*l.cols
	for f := range phases * taps {
		l.at(f, 0, 0)
	}
	return true
}

// unrollAll lays out count channels of x, from the one numbered first on, as those of image i.
func (l *layout) unrollAll(s *Scratch, set *set, laid []float32, x source, first, count, image int) {
	relu := x.relu
	from := x.data[first*x.pixels:]
	if !x.direct() {
		from = s.Floats(slotPlane, count*x.pixels)
		x.readFrom(set, from, first)
		relu = false
	}
	u := unrolling{
		taps: l.across, channels: count, stepY: l.step, tap: l.rows * l.step, nextY: l.size(), stepX: l.stepH * l.w, nextX: x.pixels,
		low: lowest(relu),
	}
	for place := 0; place < len(l.phases); place += l.across {
		above := l.padH - place/l.across
		top, bottom := inside(above, l.stepH, l.h, l.rows)
		u.top, u.rows, u.bottom = top, bottom-top, l.rows-bottom
		start := 0
		if u.rows > 0 {
			start = (top*l.stepH - above) * l.w
		}
		l.unrolled.loop(laid[place*u.tap+image*l.cols:], from[start:], l.unrolled.indices[:], u)
	}
}

// lowest returns what pixels are at least.
func lowest(relu bool) float32 {
	if relu {
		return 0
	}
	return float32(math.Inf(-1))
}

// unrollable tells whether c may be computed from unrolled rows: every pixel of x meets a tap, and there is more than one in a row.
func (c *Conv) unrollable() bool {
	return !c.Depthwise && c.KW > 1 && c.DilationH == 1 && c.DilationW == 1 && c.StrideH <= c.KH && c.StrideW <= c.KW
}

// unrolledForward is forward with rows of x unrolled, those of so many images side by side, if the set can.
func (c *Conv) unrolledForward(w *Workers, number, images int) (r *correlation, ok bool) {
	if !c.unrollable() {
		return nil, false
	}
	taps := c.KH * c.KW
	r = &correlation{
		set: &w.set, number: number, in: c.input(), out: c.output(),
		layout: layout{
			h: c.H, w: c.W, padH: c.PadH, padW: c.PadW, stepH: c.StrideH, stepW: c.StrideW,
			phases: w.ints(number*slotsOfInts+slotPhase, taps)[:0], rows: c.OH + (c.KH-1)/c.StrideH, cols: c.OW,
		},
		outStep: c.Ci * taps, inStep: taps,
		rows: c.OH, cols: c.OW, rowStep: c.OW, colStep: 1,
	}
	if !r.layout.unroll(&w.set, c.StrideH, c.KW, images) {
		return nil, false
	}
	r.tap, r.shift = w.ints(number*slotsOfInts+slotTap, taps), w.ints(number*slotsOfInts+slotShift, taps)
	for t := range taps {
		a, b := t/c.KW, t%c.KW
		r.tap[t], r.shift[t] = t, r.layout.at(a%c.StrideH*c.KW+b, a/c.StrideH, 0)
	}
	return r, true
}

// unrolledBackwards is backwards with rows of dy unrolled, once for all phases, if the set can.
func (c *Conv) unrolledBackwards(w *Workers, first int) (phases []*correlation, ok bool) {
	if !c.unrollable() {
		return nil, false
	}
	vertical := axis{kernel: c.KH, stride: c.StrideH, pad: c.PadH, dilation: 1}
	horizontal := axis{kernel: c.KW, stride: c.StrideW, pad: c.PadW, dilation: 1}
	top, bottom := vertical.reachAll()
	left, right := horizontal.reachAll()
	taps := right - left + 1
	l := layout{
		h: c.OH, w: c.OW, padH: -top, padW: -left, stepH: 1, stepW: 1, phases: w.ints(first*slotsOfInts+slotPhase, taps)[:0],
		rows: (c.H+c.StrideH-1)/c.StrideH + bottom - top, cols: (c.W + c.StrideW - 1) / c.StrideW,
	}
	if l.cols >= w.set.tile || !l.unroll(&w.set, 1, taps, 1) {
		return nil, false
	}
	for i := range min(c.StrideH, c.H) {
		for j := range min(c.StrideW, c.W) {
			number := first + len(phases)
			r := &correlation{
				set: &w.set, number: number, in: c.output(), out: c.input(), layout: l, shared: len(phases) > 0,
				outStep: c.KH * c.KW, inStep: c.Ci * c.KH * c.KW,
				rows: (c.H - i + c.StrideH - 1) / c.StrideH, cols: (c.W - j + c.StrideW - 1) / c.StrideW,
				start: i*c.W + j, rowStep: c.StrideH * c.W, colStep: c.StrideW,
			}
			r.tap, r.shift = w.ints(number*slotsOfInts+slotTap, c.KH*c.KW)[:0], w.ints(number*slotsOfInts+slotShift, c.KH*c.KW)[:0]
			for t := range c.KH * c.KW {
				down, meetsRow := vertical.shift(i, t/c.KW)
				across, meetsCol := horizontal.shift(j, t%c.KW)
				if meetsRow && meetsCol {
					r.tap, r.shift = append(r.tap, t), append(r.shift, l.at(across-left, down-top, 0))
				}
			}
			phases = append(phases, r)
		}
	}
	return phases, true
}

// reachAll is reach of all phases.
func (a axis) reachAll() (low, high int) {
	low, high = a.reach(0)
	for phase := 1; phase < a.stride; phase++ {
		l, h := a.reach(phase)
		low, high = min(low, l), max(high, h)
	}
	return low, high
}

// addUnrolled is add of an unrolled batch: a dot's long row are the rows of several images side by side.
func (b *batch) addUnrolled(s *Scratch, sums []float32, dy, x input, count int) {
	g := b.unrolledGradients(s, dy, count)
	taps, pixels := len(b.shift), b.rows*b.layout.step
	size, block := b.layout.size(), b.channelsTogether()
	laid := s.Floats(slotLayout, block*size)
	for first := 0; first < b.in.count; first += block {
		channels := min(block, b.in.count-first)
		if count < b.images {
			clear(laid)
		}
		for i := range count {
			b.layout.unrollAll(s, b.set, laid, x.image(i), first, channels, i)
		}
		terms := b.terms[:channels*taps]
		for j := 0; j < pixels; j += b.set.dotPixels {
			n := min(b.set.dotPixels, pixels-j)
			for group, o := 0, 0; o < b.out.count; group++ {
				end := split(b.out.count, b.set.dotRows, group+1)
				b.set.dot(n, sums[o*len(b.terms)+first*taps:], len(b.terms), g.dy[o*g.plane+j:], g.plane, end-o, laid[j:], terms)
				o = end
			}
		}
	}
}

// minTermsTogether is how many terms a block of input channels has, about: dy is read once a block.
const minTermsTogether = 36

// channelsTogether returns how many input channels make a block: their terms fill the groups that a dot takes together.
func (b *batch) channelsTogether() int {
	taps := len(b.shift)
	n := 1
	for n*taps < minTermsTogether || n*taps%b.set.dotTerms != 0 && n < b.set.dotTerms {
		n++
	}
	return min(n, b.in.count)
}

// unrolledGradients lays out all channels of dy, which is in memory as it is: rows of several images side by side.
func (b *batch) unrolledGradients(s *Scratch, dy input, count int) gradients {
	if b.images == 1 {
		return gradients{dy.Data, b.out.pixels}
	}
	plane := b.images * b.out.pixels
	g := gradients{s.Floats(slotResult, b.out.count*plane), plane}
	if count < b.images {
		clear(g.dy)
	}
	rows := area{rows: b.rows, cols: b.cols, stepY: b.images * b.cols, stepX: b.cols}
	for i := range count {
		image := dy.image(i).data
		for o := range b.out.count {
			b.set.lay(g.dy[o*plane+i*b.cols:], image[o*b.out.pixels:], rows, columns{to: b.cols, step: 1})
		}
	}
	return g
}
