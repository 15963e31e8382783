package kernel

import (
	"math"
	"slices"
)

// conv returns the depthwise convolution whose kernel covers the windows. Pools are computed like it, with other inner
// loops for a maximum, and with weights of 1 for an average.
func (p *Pool) conv() Conv {
	return Conv{
		N: p.N, Ci: p.C, Co: p.C, H: p.H, W: p.W, OH: p.OH, OW: p.OW, KH: p.K, KW: p.K,
		StrideH: p.Stride, StrideW: p.Stride, PadH: p.Pad, PadW: p.Pad, DilationH: 1, DilationW: 1, Depthwise: true,
	}
}

// forward returns the correlation that lays out x for the windows.
func (p *Pool) forward(w *Workers) *correlation {
	c := p.conv()
	r := c.forward(w, 0)
	if p.Max {
		r.layout.outside = float32(math.Inf(-1))
	}
	return r
}

// poolFloats is about how many floats of layout a piece of a pool has: they stay in the first-level cache, and small channels
// are taken together, which saves calls.
const poolFloats = 4 << 10

// groups returns how many channels of an image make a piece, and how many pieces an image has.
func (p *Pool) groups(r *correlation) (width, groups int) {
	width = min(p.C, max(1, poolFloats/r.layout.size()))
	return width, (p.C + width - 1) / width
}

// eachGroup calls do for every image and group of channels from one number to another.
func (p *Pool) eachGroup(w *Workers, width, groups int, do func(s *Scratch, n, from, to int)) {
	w.Run(p.N*groups, func(piece int, s *Scratch) {
		from := piece % groups * width
		do(s, piece/groups, from, min(from+width, p.C))
	})
}

// PoolForward computes y from x, and y's moments as ConvForward does.
func PoolForward(w *Workers, y Target, moments []float32, x View, p Pool) {
	if p.sparse() {
		p.averageSparse(w, y, moments, x)
		return
	}
	r := p.forward(w)
	width, groups := p.groups(r)
	var inverse, ones []float32
	if !p.Max {
		inverse, ones = p.inverseAreas(w, width)
	}
	windows := p.windows(w, r, ones)
	planes, onPlanes := p.onPlanes(w, x, View{}, inverse)
	in, plane := input{View: x, channels: r.in}, p.OH*p.OW
	p.eachGroup(w, width, groups, func(s *Scratch, n, from, to int) {
		out := y.image(n, r.out)[from*plane : to*plane]
		if !onPlanes || !planes.forward(s, out, y.Add, n, from, to) {
			windows.forward(s, out, y.Add, r.prepare(s, slotLayout, in.image(n), from, to-from), inverse)
		}
		if moments != nil {
			describe(&w.set, moments[2*(n*p.C+from):], out, plane)
		}
	})
}

// windows reduces the windows of laid out channels to their maxima or sums: first within each row, then these results.
type windows struct {
	set          *set
	one          func(y []float32, n int, x []float32, terms []int)
	across, down []int // terms; those of across are of one row of a window after the other
	k, planes    int   // size of a window, and how many of its rows lie in phases of their own
	tail, end    int   // how many floats at the end of a phase begin no row of a window, and no window
	size         int   // of a phase
	channel      int   // of a channel: all phases
	pixels       area
}

// windows returns how the windows are reduced of which r is the layout.
func (p *Pool) windows(w *Workers, r *correlation, ones []float32) *windows {
	v := &windows{
		set: &w.set, one: w.set.largest, across: r.shift, down: w.ints(slotTerm, p.K), k: p.K, planes: min(p.Stride, p.K),
		tail: (p.K - 1) / p.Stride, end: r.layout.rows*r.layout.cols - r.longRow(), size: r.layout.rows * r.layout.cols, channel: r.layout.size(),
		pixels: area{rows: p.OH, cols: p.OW, stepY: p.OW, stepX: r.layout.cols},
	}
	if !p.Max {
		v.one = w.set.sumOf(ones)
	}
	for a := range v.down {
		v.down[a] = a%p.Stride*v.size + a/p.Stride*r.layout.cols
	}
	return v
}

// sumOf returns what computes the sums of as many terms as there are ones.
func (s *set) sumOf(ones []float32) func(y []float32, n int, x []float32, terms []int) {
	return func(y []float32, n int, x []float32, terms []int) { s.accumulate(y, 0, n, x, terms, ones, 1) }
}

// reduce computes the windows of as many channels as y has. Where a channel is one phase, all of them are one long row.
func (v *windows) reduce(s *Scratch, y []float32, add bool, laid []float32) {
	plane := v.pixels.rows * v.pixels.cols
	together := 1
	if v.channel == v.size {
		together = len(y) / plane
	}
	size := together * v.size
	across, result := s.Floats(slotAcross, v.planes*size), s.Floats(slotResult, size)
	for c := 0; c*plane < len(y); c += together {
		for a := range v.planes {
			v.one(across[a*size:], size-v.tail, laid[c*v.channel:], v.across[a*v.k:][:v.k])
		}
		v.one(result, size-v.end, across, v.down)
		for i := range together {
			v.set.place(y[(c+i)*plane:][:plane], result[i*v.size:], nil, v.pixels, 1, add)
		}
	}
}

// forward computes as many channels as y has: maxima if inverse is nil, else averages, with inverse being one over the areas.
func (v *windows) forward(s *Scratch, y []float32, add bool, laid, inverse []float32) {
	switch {
	case inverse == nil:
		v.reduce(s, y, add, laid)
	case add:
		averages := s.Floats(slotShares, len(y))
		v.reduce(s, averages, false, laid)
		v.set.product(averages, averages, inverse[:len(y)])
		v.set.sum(y, y, averages)
	default:
		v.reduce(s, y, false, laid)
		v.set.product(y, y, inverse[:len(y)])
	}
}

// PoolBackward computes dx, the gradient by x, from dy, the gradient by y. The whole gradient of a maximum goes to the
// first pixel of the window, in scan order, that has it. x is read only for a maximum.
func PoolBackward(w *Workers, dx Target, dy, x View, p Pool) {
	if p.sparse() {
		p.spreadSparse(w, dx, dy)
		return
	}
	var inverse []float32
	if !p.Max {
		inverse, _ = p.inverseAreas(w, 1)
	}
	if planes, ok := p.onPlanes(w, x, dy, inverse); ok {
		planes.backward(w, dx)
		return
	}
	c := p.conv()
	gradient, in := input{View: dy, channels: c.output()}, input{View: x, channels: c.input()}
	switch {
	case p.Max && p.keepsSize():
		p.routeBack(w, dx, gradient, in)
	case p.Max:
		p.routePhases(w, dx, gradient, in, c.backwards(w, 1))
	default:
		p.spreadBack(w, dx, gradient, c.backwards(w, 1))
	}
}

// keepsSize tells whether there is a window around every pixel of x.
func (p *Pool) keepsSize() bool {
	return p.Stride == 1 && p.OH == p.H && p.OW == p.W && 2*p.Pad == p.K-1
}

// spreadBack computes dx of an average: each pixel gets its share of the windows that it is in.
func (p *Pool) spreadBack(w *Workers, dx Target, dy input, phases []*correlation) {
	width, groups := p.groups(phases[0])
	inverse, ones := p.inverseAreas(w, width)
	plane, pixels := p.OH*p.OW, p.H*p.W
	var around *windows // of a pool that keeps the size, the windows that a pixel is in lie around it
	if p.keepsSize() {
		forward := *p
		forward.Max = false
		around = forward.windows(w, forward.forward(w), ones)
	}
	p.eachGroup(w, width, groups, func(s *Scratch, n, from, to int) {
		shares := source{data: s.Floats(slotShares, (to-from)*plane), pixels: plane}
		image := dy.image(n)
		w.set.product(shares.data, image.planes(s, &w.set, slotPlane, from, to), inverse[:len(shares.data)])
		all := dx.image(n, phases[0].out)[from*pixels : to*pixels]
		if around != nil {
			around.reduce(s, all, dx.Add, phases[0].prepare(s, slotLayout, shares, 0, to-from))
			return
		}
		for o := range to - from {
			to := all[o*pixels:][:pixels]
			for _, r := range phases {
				if dx.Add && len(r.tap) == 0 {
					continue
				}
				g := r.target(s, to, dx.Add, 0, 1)
				g.compute(r.set, r.prepare(s, slotLayout, shares, o, 1), r.shift, ones, 1)
				r.place(s, to, dx.Add, source{}, g, 0, 1)
			}
		}
	})
}

// routeBack computes dx of a maximum that keeps the size: each window's gradient goes to its winner, the first of equal ones in
// scan order, which is the first of its row in the first row that has one. So it goes to a row first, and then to a pixel of
// that, which takes 2·K comparisons in place of K². Everything is done in rows of the layout of x, channel after channel as
// one long row: window and pixel then are a tap's shift apart. dy is laid out so as well, with zeros wherever there is no
// window, which make harmless whatever has won there.
func (p *Pool) routeBack(w *Workers, dx Target, dy, x input) {
	r := p.forward(w)
	width, groups := p.groups(r)
	size, cols, plane := r.layout.size(), r.layout.cols, p.OH*p.OW
	up, left := (p.K-1)*cols, p.K-1 // margins: how far what goes back comes from
	taps, terms := w.Floats(slotTaps, 2*p.K), w.ints(slotsOfInts+slotTerm, 3*p.K)
	taps, rowTaps := taps[:p.K], taps[p.K:]
	down, fromRow, fromPixel := terms[:p.K], terms[p.K:2*p.K], terms[2*p.K:]
	for t := range taps {
		taps[t], down[t], fromPixel[t] = float32(t), t*cols, left-t
		rowTaps[t], fromRow[t] = float32(p.K-1-t), t*cols // the windows in order
	}
	grid := area{rows: p.OH, cols: cols, stepY: cols, stepX: p.OW}
	pixels := area{rows: p.H, cols: p.W, stepY: p.W, stepX: cols}
	p.eachGroup(w, width, groups, func(s *Scratch, n, from, to int) {
		all := (to - from) * size
		laid := r.prepare(s, slotLayout, x.image(n), from, to-from)
		largest, winners, winnerRows := s.Floats(slotAcross, all), s.Floats(slotWinners, left+all), s.Floats(slotWinnerRows, up+all)
		w.set.largest(largest, all-left, laid, r.shift[:p.K])
		w.set.winners(winners[left:], all-left, laid, r.shift[:p.K])
		w.set.winners(winnerRows[up:], all-left-up, largest, down)

		image := dy.image(n)
		gradient, rows := s.Floats(slotShares, up+all), s.Floats(slotResult, left+all)
		p.layGradient(&w.set, gradient, up, size, image.planes(s, &w.set, slotPlane, from, to), grid)
		w.set.route(rows[left:], all, gradient, winnerRows, fromRow, rowTaps)
		clear(rows[:left])
		routed := largest
		w.set.route(routed, all, rows, winners, fromPixel, taps)
		out := dx.image(n, r.in)[from*plane : to*plane]
		for c := range to - from {
			w.set.place(out[c*plane:][:plane], routed[c*size+p.Pad*cols+p.Pad:], nil, pixels, 1, dx.Add)
		}
	})
}

// layGradient lays out channels dy, size floats each after a margin, with zeros wherever there is no window.
func (p *Pool) layGradient(s *set, laid []float32, margin, size int, dy []float32, grid area) {
	clear(laid[:margin])
	plane := p.OH * p.OW
	for c := range len(dy) / plane {
		channel := laid[margin+c*size:][:size]
		s.lay(channel, dy[c*plane:], grid, columns{to: p.OW, step: 1})
		clear(channel[p.OH*grid.cols:])
	}
}

// routePhases computes dx of any other maximum.
func (p *Pool) routePhases(w *Workers, dx Target, dy, x input, phases []*correlation) {
	forward := p.forward(w)
	taps := w.Floats(slotTaps, p.K*p.K)[:0] // each belongs to one phase
	for _, r := range phases {
		taps = r.inScanOrder(taps)
	}
	pixels := area{rows: p.OH, cols: p.OW, stepY: p.OW, stepX: forward.layout.cols}
	w.Run(p.N*p.C, func(piece int, s *Scratch) {
		n, o := piece/p.C, piece%p.C
		in := forward.prepare(s, slotLayout, x.image(n), o, 1)
		row, winners := s.Floats(slotResult, forward.longRow()), s.Floats(slotWinners, p.OH*p.OW)
		w.set.winners(row, len(row), in, forward.shift)
		w.set.place(winners, row, nil, pixels, 1, false)
		won, gradient := source{data: winners, pixels: len(winners)}, dy.image(n)
		plane, _ := gradient.plane(s, &w.set, slotShares, o)
		shares := source{data: plane, pixels: len(plane)}
		to := dx.image(n, phases[0].out)
		left := taps
		for _, r := range phases {
			tapsHere := left[:len(r.tap)]
			left = left[len(r.tap):]
			if dx.Add && len(r.tap) == 0 {
				continue
			}
			g := r.target(s, to, dx.Add, o, o+1)
			laid, laidWinners := r.prepare(s, slotLayout, shares, 0, 1), r.prepare(s, slotLaidWinners, won, 0, 1)
			for j := range g.rows {
				at := min(j*g.stepX, len(laid))
				w.set.route(g.y[j*g.step:], g.cols, laid[at:], laidWinners[at:], r.shift, tapsHere)
			}
			r.place(s, to, dx.Add, source{}, g, o, o+1)
		}
	})
}

// inScanOrder has the terms of a gradient follow the scan order of the windows that they come from, which is that of the
// taps reversed, and appends the taps to all.
func (r *correlation) inScanOrder(all []float32) []float32 {
	slices.Reverse(r.tap)
	slices.Reverse(r.shift)
	for _, tap := range r.tap {
		all = append(all, float32(tap))
	}
	return all
}

// inverseAreas returns one over the number of pixels of x that each window covers, for so many channels, and as many ones as
// a window has pixels.
func (p *Pool) inverseAreas(w *Workers, channels int) (inverse, ones []float32) {
	plane := p.OH * p.OW
	all := w.Floats(slotAreas, channels*plane+p.K*p.K)
	inverse, ones = all[:channels*plane], all[channels*plane:]
	for i := range plane {
		top, bottom := p.window(i/p.OW, p.H)
		left, right := p.window(i%p.OW, p.W)
		inverse[i] = 1 / float32((bottom-top)*(right-left))
	}
	for c := 1; c < channels; c++ {
		copy(inverse[c*plane:], inverse[:plane])
	}
	fill(ones, 1)
	return inverse, ones
}

// window returns the pixels of x, along a side of size pixels, that window i of that side covers.
func (p *Pool) window(i, size int) (from, to int) {
	start := i*p.Stride - p.Pad
	return max(start, 0), min(start+p.K, size)
}
