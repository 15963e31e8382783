package kernel

import "slices"

// layout is the form in which a correlation reads a channel [h, w]: rectified if need be, surrounded by zeros, and with
// the pixels that lie a step apart side by side, so that every tap of the kernel is a shift and nothing else. A channel
// has stepH·stepW phases, of which it becomes those that some tap reads, rows × cols floats each. Pixel (r, q) of phase f is
//
//	x[r·stepH + f/stepW − padH, q·stepW + f%stepW − padW], zero outside x.
type layout struct {
	h, w         int
	padH, padW   int
	stepH, stepW int
	rows, cols   int
	relu         bool
	phases       []int
}

// at returns the place of pixel (r, q) of phase f, which the layout has from now on.
func (l *layout) at(f, r, q int) int {
	place := slices.Index(l.phases, f)
	if place < 0 {
		place = len(l.phases)
		l.phases = append(l.phases, f)
	}
	return (place*l.rows+r)*l.cols + q
}

// size returns the floats of one channel.
func (l *layout) size() int { return len(l.phases) * l.rows * l.cols }

// identity tells whether a channel is its own layout.
func (l *layout) identity() bool {
	return l.stepH == 1 && l.stepW == 1 && l.padH == 0 && l.padW == 0 && l.rows == l.h && l.cols == l.w && !l.relu
}

// fill lays out channel x [h, w] into dst.
func (l *layout) fill(dst, x []float32) {
	for place, f := range l.phases {
		for r := range l.rows {
			row := dst[(place*l.rows+r)*l.cols:][:l.cols]
			h := r*l.stepH + f/l.stepW - l.padH
			if h < 0 || h >= l.h {
				clear(row)
				continue
			}
			l.fillRow(row, x[h*l.w:][:l.w], l.padW-f%l.stepW)
		}
	}
}

// fillRow lays out one row of x, which begins pad pixels behind the row's start.
func (l *layout) fillRow(row, x []float32, pad int) {
	// from and to bound the columns that lie inside x.
	from := min(max(0, (pad+l.stepW-1)/l.stepW), len(row))
	to := max(from, min(len(row), (l.w+pad+l.stepW-1)/l.stepW))
	clear(row[:from])
	clear(row[to:])
	inside := row[from:to]
	if len(inside) == 0 {
		return
	}
	x = x[from*l.stepW-pad:]
	switch {
	case l.stepW > 1:
		for q := range inside {
			inside[q] = x[q*l.stepW]
		}
		if l.relu {
			rectify(inside, inside)
		}
	case l.relu:
		rectify(inside, x)
	default:
		copy(inside, x)
	}
}
