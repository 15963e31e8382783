package kernel

import "math"

// plane returns the pixels of image i and channel c of a tensor.
func (n *Norm) plane(x []float32, i, c int) []float32 {
	return x[(i*n.C+c)*n.Pixels:][:n.Pixels]
}

// NormForward computes y = (x − mean)·invStd channel by channel, and the batch's own mean, biased variance and
// invStd = 1/√(variance + Eps), each [C]. y may be x.
func NormForward(w *Workers, y, x, mean, variance, invStd []float32, n Norm) {
	w.Run(n.C, func(c int, _ *Scratch) {
		m, v := n.moments(&w.set, x, c)
		centre, scale := float32(m), float32(1/math.Sqrt(v+n.Eps))
		mean[c], variance[c], invStd[c] = centre, float32(v), scale
		for i := range n.N {
			w.set.centreAndScale(n.plane(y, i, c), n.plane(x, i, c), centre, scale)
		}
	})
}

// moments returns the mean of a channel and its variance. It reads memory once: the deviations of a block are taken from the
// block's own mean, rounded, so that single precision is enough for their squares; the rest is in double.
func (n *Norm) moments(s *set, x []float32, c int) (mean, variance float64) {
	var count, origin, sum, squares float64 // of the deviations from the first block's mean, the origin
	for i := range n.N {
		for left := n.plane(x, i, c); len(left) > 0; {
			block := left[:min(momentBlock, len(left))]
			left = left[len(block):]
			size := float64(len(block))
			centre := float32(s.total(block) / size)
			blockSum, blockSquares := s.deviations(block, centre)
			if count == 0 {
				origin = float64(centre)
			}
			off := float64(centre) - origin
			sum += blockSum + size*off
			squares += blockSquares + off*(2*blockSum+size*off)
			count += size
		}
	}
	return origin + sum/count, max(0, squares-sum*sum/count) / count
}

// NormBackward computes dx = invStd·(dy − mean(dy) − y·mean(dy·y)) channel by channel, y being NormForward's output. dx may
// be dy.
func NormBackward(w *Workers, dx, dy, y, invStd []float32, n Norm) {
	w.Run(n.C, func(c int, _ *Scratch) {
		sumDy, sumDyY := n.gradientSums(&w.set, dy, y, c)
		count := float64(n.N * n.Pixels)
		scale := float64(invStd[c])
		a, b := float32(scale), float32(-scale*sumDyY/count)
		shift := float32(-scale * sumDy / count)
		for i := range n.N {
			w.set.combine(n.plane(dx, i, c), n.plane(dy, i, c), n.plane(y, i, c), a, b, shift)
		}
	})
}

// ScaleShiftForward computes y = x·scale + shift, scale and shift being [C]. y may be x.
func ScaleShiftForward(w *Workers, y, x, scale, shift []float32, n Norm) {
	w.Run(n.N*n.C, func(piece int, _ *Scratch) {
		i, c := piece/n.C, piece%n.C
		w.set.scaleAndShift(n.plane(y, i, c), n.plane(x, i, c), scale[c], shift[c])
	})
}

// ScaleShiftBackward computes the gradients of ScaleShiftForward: dscale = Σ dy·x and dshift = Σ dy over images and
// pixels, and dx = dy·scale. dx may be dy, or nil where nobody wants it.
func ScaleShiftBackward(w *Workers, dx, dscale, dshift, dy, x, scale []float32, n Norm) {
	w.Run(n.C, func(c int, _ *Scratch) {
		sumDy, sumDyX := n.gradientSums(&w.set, dy, x, c)
		dshift[c], dscale[c] = float32(sumDy), float32(sumDyX)
		if dx == nil {
			return
		}
		for i := range n.N {
			w.set.scaleAndShift(n.plane(dx, i, c), n.plane(dy, i, c), scale[c], 0)
		}
	})
}

// GlobalAverageForward computes y [N, C], the averages over the pixels of x [N, C, Pixels].
func GlobalAverageForward(w *Workers, y, x []float32, n Norm) {
	w.Run(n.N, func(i int, _ *Scratch) {
		for c := range n.C {
			y[i*n.C+c] = float32(w.set.total(n.plane(x, i, c)) / float64(n.Pixels))
		}
	})
}

// GlobalAverageBackward spreads dy [N, C] evenly over the pixels of dx [N, C, Pixels].
func GlobalAverageBackward(w *Workers, dx, dy []float32, n Norm) {
	w.Run(n.N, func(i int, _ *Scratch) {
		for c := range n.C {
			v := dy[i*n.C+c] / float32(n.Pixels)
			plane := n.plane(dx, i, c)
			for j := range plane {
				plane[j] = v
			}
		}
	})
}

// gradientSums returns Σ dy and Σ dy·x of a channel.
func (n *Norm) gradientSums(s *set, dy, x []float32, c int) (sumDy, sumDyX float64) {
	for i := range n.N {
		a, b := s.moments(n.plane(dy, i, c), n.plane(x, i, c), 0)
		sumDy += a
		sumDyX += b
	}
	return sumDy, sumDyX
}
