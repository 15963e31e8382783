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

// PoolForward computes y from x, and y's moments as ConvForward does.
func PoolForward(w *Workers, y Target, moments []float32, x View, p Pool) {
	r := p.forward(w)
	inverse, ones := p.inverseAreas(w)
	reduce := w.set.largest
	if !p.Max {
		reduce = func(y []float32, n int, x []float32, terms []int) { w.set.accumulate(y, 0, n, x, terms, ones, 1) }
	}
	// A phase of the layout becomes the results within its rows, in a plane of the same size.
	size, planes := r.layout.rows*r.layout.cols, min(p.Stride, p.K)
	down := w.ints(slotTerm, p.K)
	for a := range down {
		down[a] = a%p.Stride*size + a/p.Stride*r.layout.cols
	}
	pixels := area{rows: p.OH, cols: p.OW, stepY: p.OW, stepX: r.layout.cols}
	in := input{View: x, channels: r.in}
	w.Run(p.N*p.C, func(piece int, s *Scratch) {
		n, c := piece/p.C, piece%p.C
		laid := r.prepare(s, slotLayout, in.image(n), c, 1)
		across, result := s.Floats(slotAcross, planes*size), s.Floats(slotResult, size)
		for a := range planes {
			reduce(across[a*size:], size-(p.K-1)/p.Stride, laid, r.shift[a*p.K:][:p.K])
		}
		reduce(result, r.longRow(), across, down)
		out := y.image(n, r.out)[c*p.OH*p.OW:][:p.OH*p.OW]
		switch {
		case p.Max:
			w.set.place(out, result, nil, pixels, 1, y.Add)
		case y.Add:
			shares := s.Floats(slotShares, len(out))
			w.set.place(shares, result, nil, pixels, 1, false)
			w.set.product(shares, shares, inverse)
			w.set.sum(out, out, shares)
		default:
			w.set.place(out, result, nil, pixels, 1, false)
			w.set.product(out, out, inverse)
		}
		if moments != nil {
			describe(&w.set, moments[2*piece:], out, len(out))
		}
	})
}

// PoolBackward computes dx, the gradient by x, from dy, the gradient by y. The whole gradient of a maximum goes to the
// first pixel of the window, in scan order, that has it. x is read only for a maximum.
func PoolBackward(w *Workers, dx Target, dy, x View, p Pool) {
	c := p.conv()
	phases := c.backwards(w, 1)
	gradient := input{View: dy, channels: c.output()}
	if p.Max {
		p.routeBack(w, dx, gradient, input{View: x, channels: c.input()}, phases)
		return
	}
	inverse, ones := p.inverseAreas(w)
	w.Run(p.N*p.C, func(piece int, s *Scratch) {
		n, o := piece/p.C, piece%p.C
		shares := source{data: s.Floats(slotShares, p.OH*p.OW), pixels: p.OH * p.OW}
		image := gradient.image(n)
		plane, _ := image.plane(s, &w.set, slotPlane, o)
		w.set.product(shares.data, plane, inverse)
		to := dx.image(n, phases[0].out)
		for _, r := range phases {
			if dx.Add && len(r.tap) == 0 {
				continue
			}
			g := r.target(s, to, dx.Add, o, o+1)
			g.compute(r.set, r.prepare(s, slotLayout, shares, 0, 1), r.shift, ones, 1)
			r.place(s, to, dx.Add, source{}, g, o, o+1)
		}
	})
}

// routeBack computes dx, the gradient by x of a maximum: each window's gradient goes to its winner.
func (p *Pool) routeBack(w *Workers, dx Target, dy, x input, phases []*correlation) {
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

// inverseAreas returns one over the number of pixels of x that each window covers, and as many ones as a window has pixels.
func (p *Pool) inverseAreas(w *Workers) (inverse, ones []float32) {
	all := w.Floats(slotAreas, p.OH*p.OW+p.K*p.K)
	inverse, ones = all[:p.OH*p.OW], all[p.OH*p.OW:]
	for i := range inverse {
		top, bottom := p.window(i/p.OW, p.H)
		left, right := p.window(i%p.OW, p.W)
		inverse[i] = 1 / float32((bottom-top)*(right-left))
	}
	fill(ones, 1)
	return inverse, ones
}

// window returns the pixels of x, along a side of size pixels, that window i of that side covers.
func (p *Pool) window(i, size int) (from, to int) {
	start := i*p.Stride - p.Pad
	return max(start, 0), min(start+p.K, size)
}
