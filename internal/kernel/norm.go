package kernel

// plane returns the pixels of image i and channel c of a tensor.
func (n *Norm) plane(x []float32, i, c int) []float32 {
	return x[(i*n.C+c)*n.Pixels:][:n.Pixels]
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
