package kernel

// padding is how a channel of rows × cols pixels, which follow one another, is surrounded by one number: top floats of it, gap
// between rows, and bottom at the end.
type padding struct {
	top, rows, cols, gap, bottom int
	outside                      float32
}

// padLoops lay out channels, where all there is to a layout is padding.
type padLoops struct {
	// pad lays out count channels of x, from the one numbered first on, whose rows are whole vectors of so many lanes.
	pad func(y []float32, x source, first, count int, p padding, lanes int)
	// lanes are what pad can do, the most first.
	lanes [2]int
}

// fillAll lays out count channels of x, from the one numbered first on, into laid.
func (l *layout) fillAll(s *Scratch, set *set, laid []float32, x source, first, count int) {
	if l.unrolled != nil {
		l.unrollAll(s, set, laid, x, first, count, 0)
		return
	}
	if p, lanes, ok := l.padding(set); ok && x.complete() {
		set.pad(laid, x, first, count, p, lanes)
		return
	}
	size := l.size()
	for c := range count {
		plane, relu := x.plane(s, set, slotPlane, first+c)
		l.fill(set, laid[c*size:][:size], plane, relu)
	}
}

// padding returns how a channel is padded, and in vectors of how many lanes; not ok if the set can't, or if there is more to
// the layout.
func (l *layout) padding(set *set) (p padding, lanes int, ok bool) {
	if set.pad == nil || len(l.phases) != 1 || l.stepH != 1 || l.stepW != 1 {
		return p, 0, false
	}
	in := l.inner[0]
	p = padding{top: in.top*l.cols + in.from, rows: l.h, cols: l.w, gap: l.cols - l.w, outside: l.outside}
	p.bottom = l.size() - p.top - (l.h-1)*l.cols - l.w
	for _, lanes = range set.lanes {
		if l.w%lanes == 0 && p.gap <= lanes && p.bottom >= lanes {
			return p, lanes, in.bottom-in.top == l.h && in.to-in.from == l.w
		}
	}
	return p, 0, false
}

// complete tells whether the source has all coefficients or none.
func (p *source) complete() bool {
	if p.other == nil {
		return (p.scale == nil) == (p.shift == nil)
	}
	return p.scale != nil && p.shift != nil && p.otherScale != nil
}
