package kernel

import "math"

// windowPixels calls visit with the offset in x of every pixel of the window of output row i and column j, in scan order.
func (p *Pool) windowPixels(i, j int, visit func(x int)) {
	for h := max(i*p.Stride-p.Pad, 0); h < min(i*p.Stride-p.Pad+p.K, p.H); h++ {
		for v := max(j*p.Stride-p.Pad, 0); v < min(j*p.Stride-p.Pad+p.K, p.W); v++ {
			visit(h*p.W + v)
		}
	}
}

// PoolForward computes y from x.
func PoolForward(w *Workers, y, x []float32, p Pool) {
	w.Run(p.N*p.C, func(piece int, _ *Scratch) {
		in, out := x[piece*p.H*p.W:][:p.H*p.W], y[piece*p.OH*p.OW:][:p.OH*p.OW]
		for i := range p.OH {
			for j := range p.OW {
				best, total, count := float32(math.Inf(-1)), float32(0), 0
				p.windowPixels(i, j, func(q int) {
					best = max(best, in[q])
					total += in[q]
					count++
				})
				if !p.Max {
					best = total / float32(count)
				}
				out[i*p.OW+j] = best
			}
		}
	})
}

// PoolBackward computes dx, the gradient by x, from dy, the gradient by y. The whole gradient of a maximum goes to the
// first pixel of the window, in scan order, that has it.
func PoolBackward(w *Workers, dx, dy, x []float32, p Pool) {
	w.Run(p.N*p.C, func(piece int, _ *Scratch) {
		g, out := dy[piece*p.OH*p.OW:][:p.OH*p.OW], dx[piece*p.H*p.W:][:p.H*p.W]
		clear(out)
		for i := range p.OH {
			for j := range p.OW {
				best, count := -1, 0
				p.windowPixels(i, j, func(q int) {
					count++
					if p.Max && (best < 0 || x[piece*p.H*p.W+q] > x[piece*p.H*p.W+best]) {
						best = q
					}
				})
				if p.Max {
					out[best] += g[i*p.OW+j]
					continue
				}
				p.windowPixels(i, j, func(q int) { out[q] += g[i*p.OW+j] / float32(count) })
			}
		}
	})
}
