package kernel

import "slices"

// layout is the form in which a correlation reads a channel [h, w]: surrounded by padding, and with
// the pixels that lie a step apart side by side, so that every tap of the kernel is a shift and nothing else. A channel
// has stepH·across phases, of which it becomes those that some tap reads, rows × cols floats each. Pixel (r, q) of phase f is
//
//	x[r·stepH + f/across − padH, q·stepW + f%across − padW], or outside where that is outside x.
type layout struct {
	h, w         int
	padH, padW   int
	stepH, stepW int
	rows, cols   int
	step         int     // floats from row to row: cols, unless there are several images side by side
	outside      float32 // 0 in a convolution
	phases       []int
	across       int // phases of a row: stepW, unless it is unrolled
	unrolled     *unrolled
	inner        [4]inner // of the first phases: there are more only with strides above 2
}

// inner is the part of a phase that lies inside x: its rows from top to bottom and columns from from to to. The first pixel
// of them is number first of x.
type inner struct{ top, bottom, from, to, first int }

// innerOf returns that part of phase f.
func (l *layout) innerOf(f int) (p inner) {
	above, left := l.padH-f/l.across, l.padW-f%l.across
	p.top, p.bottom = inside(above, l.stepH, l.h, l.rows)
	p.from, p.to = inside(left, l.stepW, l.w, l.cols)
	p.first = (p.top*l.stepH-above)*l.w + p.from*l.stepW - left
	return p
}

// at returns the place of pixel (r, q) of phase f, which the layout has from now on.
func (l *layout) at(f, r, q int) int {
	place := slices.Index(l.phases, f)
	if place < 0 {
		place = len(l.phases)
		l.phases = append(l.phases, f)
		if place < len(l.inner) {
			l.inner[place] = l.innerOf(f)
		}
	}
	return (place*l.rows+r)*l.step + q
}

// size returns the floats of one channel.
func (l *layout) size() int { return len(l.phases) * l.rows * l.step }

// unpadded tells whether a channel is its own layout.
func (l *layout) unpadded() bool {
	return l.stepH == 1 && l.stepW == 1 && l.padH == 0 && l.padW == 0 && l.rows == l.h && l.cols == l.w && l.unrolled == nil
}

// fill lays out channel x [h, w] into dst, rectified if relu; then outside must be 0.
func (l *layout) fill(s *set, dst, x []float32, relu bool) {
	size := l.rows * l.cols
	for place, f := range l.phases {
		dst := dst[place*size:][:size]
		var in inner
		if place < len(l.inner) {
			in = l.inner[place]
		} else {
			in = l.innerOf(f)
		}
		if in.top == in.bottom || in.from == in.to {
			fill(dst, l.outside)
			continue
		}
		fill(dst[:in.top*l.cols], l.outside)
		fill(dst[in.bottom*l.cols:], l.outside)
		r := area{rows: in.bottom - in.top, cols: l.cols, stepY: l.cols, stepX: l.stepH * l.w}
		s.lay(dst[in.top*l.cols:], x[in.first:], r, columns{in.from, in.to, l.stepW, relu, l.outside})
	}
}

// inside returns which of count places, step pixels apart from −pad on, lie within size pixels.
func inside(pad, step, size, count int) (from, to int) {
	from = min(max(0, (pad+step-1)/step), count)
	return from, max(from, min(count, (size+pad+step-1)/step))
}
