package kernel

import "math"

// Slots of a thread's scratch memory in a pooling.
const (
	slotPadded = iota // a row, continued as far as any window reaches
	slotAcross        // the windows' results within each row
)

// slotWidths is the slot of the shared scratch memory that holds the widths of the windows.
const slotWidths = 0

// PoolForward computes y from x.
func PoolForward(w *Workers, y, x []float32, p Pool) {
	combine, empty := addEvery, float32(0)
	if p.Max {
		combine, empty = maxEvery, float32(math.Inf(-1))
	}
	widths := p.widths(w)
	w.Run(p.N*p.C, func(piece int, s *Scratch) {
		in, out := x[piece*p.H*p.W:][:p.H*p.W], y[piece*p.OH*p.OW:][:p.OH*p.OW]
		padded, across := s.Floats(slotPadded, p.reach()), s.Floats(slotAcross, p.H*p.OW)
		fill(padded, empty)
		fill(across, empty)
		for h := range p.H {
			copy(padded[p.Pad:], in[h*p.W:][:p.W])
			for k := range p.K {
				combine(across[h*p.OW:][:p.OW], padded[k:], p.Stride)
			}
		}
		fill(out, empty)
		for i := range p.OH {
			row := out[i*p.OW:][:p.OW]
			from, to := p.window(i, p.H)
			for h := from; h < to; h++ {
				combine(row, across[h*p.OW:], 1)
			}
			if !p.Max {
				divide(row, row, widths, to-from)
			}
		}
	})
}

// PoolBackward computes dx, the gradient by x, from dy, the gradient by y. The whole gradient of a maximum goes to the
// first pixel of the window, in scan order, that has it. x is read only for a maximum.
func PoolBackward(w *Workers, dx, dy, x []float32, p Pool) {
	widths := p.widths(w)
	w.Run(p.N*p.C, func(piece int, s *Scratch) {
		size := p.H * p.W
		out, g := dx[piece*size:][:size], dy[piece*p.OH*p.OW:][:p.OH*p.OW]
		clear(out)
		if p.Max {
			p.routeBack(s, out, g, x[piece*size:][:size])
		} else {
			p.spreadBack(s, out, g, widths)
		}
	})
}

// window returns the pixels of x, along a side of size pixels, that window i of that side covers.
func (p *Pool) window(i, size int) (from, to int) {
	start := i*p.Stride - p.Pad
	return max(start, 0), min(start+p.K, size)
}

// reach returns the length of a row of x with the padding that any window may reach into.
func (p *Pool) reach() int {
	return max((p.OW-1)*p.Stride+p.K, p.Pad+p.W)
}

// widths returns the number of pixels of x that each window of a row covers.
func (p *Pool) widths(w *Workers) []float32 {
	widths := w.Floats(slotWidths, p.OW)
	for j := range widths {
		from, to := p.window(j, p.W)
		widths[j] = float32(to - from)
	}
	return widths
}

// divide computes y = x divided by the number of pixels of windows of these widths and this height.
func divide(y, x, widths []float32, height int) {
	x, widths = x[:len(y)], widths[:len(y)]
	for j := range y {
		y[j] = x[j] / (widths[j] * float32(height))
	}
}

// spreadBack adds to dx the gradient of an average, which each pixel of a window has an equal share of.
func (p *Pool) spreadBack(s *Scratch, dx, dy, widths []float32) {
	padded, share := s.Floats(slotPadded, p.reach()), s.Floats(slotAcross, p.OW)
	for i := range p.OH {
		from, to := p.window(i, p.H)
		divide(share, dy[i*p.OW:][:p.OW], widths, to-from)
		clear(padded)
		for k := range p.K {
			for j, v := range share {
				padded[j*p.Stride+k] += v
			}
		}
		for h := from; h < to; h++ {
			addEvery(dx[h*p.W:][:p.W], padded[p.Pad:], 1)
		}
	}
}

// routeBack adds to dx the gradient of a maximum. It finds the winner of each window as the largest key of its pixels, in
// rows first and then across them.
func (p *Pool) routeBack(s *Scratch, dx, dy, x []float32) {
	reach := p.reach()
	keys := s.keys.take(0, reach+p.H*p.OW+p.OW)
	clear(keys) // no pixel has a key of 0
	padded, across, best := keys[:reach], keys[reach:][:p.H*p.OW], keys[reach+p.H*p.OW:]
	for h := range p.H {
		for v, f := range x[h*p.W:][:p.W] {
			padded[p.Pad+v] = key(f, h*p.W+v)
		}
		for k := range p.K {
			maxKeys(across[h*p.OW:][:p.OW], padded[k:], p.Stride)
		}
	}
	for i := range p.OH {
		clear(best)
		from, to := p.window(i, p.H)
		for h := from; h < to; h++ {
			maxKeys(best, across[h*p.OW:], 1)
		}
		for j, v := range dy[i*p.OW:][:p.OW] {
			dx[^uint32(best[j])] += v
		}
	}
}

// key returns a number that is the larger the larger v is and, of equal ones, the smaller the place.
func key(v float32, place int) uint64 {
	b := math.Float32bits(v + 0) // −0 becomes 0
	ordered := b ^ (uint32(int32(b)>>31) | 1<<31)
	return uint64(ordered)<<32 | uint64(^uint32(place))
}

// fill sets all of x to v.
func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// addEvery adds every step-th float of x to y.
func addEvery(y, x []float32, step int) {
	if step == 1 {
		sum(y, y, x)
		return
	}
	for j := range y {
		y[j] += x[j*step]
	}
}

// maxEvery computes the larger of y and every step-th float of x in y.
func maxEvery(y, x []float32, step int) {
	if step == 1 {
		x = x[:len(y)]
		for j := range y {
			y[j] = max(y[j], x[j])
		}
		return
	}
	for j := range y {
		y[j] = max(y[j], x[j*step])
	}
}

// maxKeys computes the larger of y and every step-th word of x in y.
func maxKeys(y, x []uint64, step int) {
	for j := range y {
		y[j] = max(y[j], x[j*step])
	}
}
