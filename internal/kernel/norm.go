package kernel

// plane returns the pixels of image i and channel c of a tensor.
func (n *Norm) plane(x []float32, i, c int) []float32 {
	return x[(i*n.C+c)*n.Pixels:][:n.Pixels]
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
