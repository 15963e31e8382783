package kernel

import "math"

// sumBlock is the number of terms that are summed in single precision before the sum goes on in double: few enough that
// the rounding of a block is far below that of its terms.
const sumBlock = 256

// plane returns the pixels of image i and channel c of a tensor.
func (n *Norm) plane(x []float32, i, c int) []float32 {
	return x[(i*n.C+c)*n.Pixels:][:n.Pixels]
}

// NormForward computes y = (x − mean)·invStd channel by channel, and the batch's own mean, biased variance and
// invStd = 1/√(variance + Eps), each [C]. y may be x.
func NormForward(w *Workers, y, x, mean, variance, invStd []float32, n Norm) {
	w.Run(n.C, func(c int, _ *Scratch) {
		count := float64(n.N * n.Pixels)
		total := 0.0
		for i := range n.N {
			total += sumOf(n.plane(x, i, c))
		}
		centre := float32(total / count)
		squares := 0.0
		for i := range n.N {
			squares += centredSquares(n.plane(x, i, c), centre)
		}
		spread := squares / count
		scale := float32(1 / math.Sqrt(spread+n.Eps))
		mean[c], variance[c], invStd[c] = centre, float32(spread), scale
		for i := range n.N {
			centreAndScale(n.plane(y, i, c), n.plane(x, i, c), centre, scale)
		}
	})
}

// NormBackward computes dx = invStd·(dy − mean(dy) − y·mean(dy·y)) channel by channel, y being NormForward's output. dx may
// be dy.
func NormBackward(w *Workers, dx, dy, y, invStd []float32, n Norm) {
	w.Run(n.C, func(c int, _ *Scratch) {
		sumDy, sumDyY := n.gradientSums(dy, y, c)
		count := float64(n.N * n.Pixels)
		scale := float64(invStd[c])
		a, b := float32(scale), float32(-scale*sumDyY/count)
		shift := float32(-scale * sumDy / count)
		for i := range n.N {
			combine(n.plane(dx, i, c), n.plane(dy, i, c), n.plane(y, i, c), a, b, shift)
		}
	})
}

// ScaleShiftForward computes y = x·scale + shift, scale and shift being [C]. y may be x.
func ScaleShiftForward(w *Workers, y, x, scale, shift []float32, n Norm) {
	w.Run(n.N*n.C, func(piece int, _ *Scratch) {
		i, c := piece/n.C, piece%n.C
		scaleAndShift(n.plane(y, i, c), n.plane(x, i, c), scale[c], shift[c])
	})
}

// ScaleShiftBackward computes the gradients of ScaleShiftForward: dscale = Σ dy·x and dshift = Σ dy over images and
// pixels, and dx = dy·scale. dx may be dy, or nil where nobody wants it.
func ScaleShiftBackward(w *Workers, dx, dscale, dshift, dy, x, scale []float32, n Norm) {
	w.Run(n.C, func(c int, _ *Scratch) {
		sumDy, sumDyX := n.gradientSums(dy, x, c)
		dshift[c], dscale[c] = float32(sumDy), float32(sumDyX)
		if dx == nil {
			return
		}
		for i := range n.N {
			scaleAndShift(n.plane(dx, i, c), n.plane(dy, i, c), scale[c], 0)
		}
	})
}

// GlobalAverageForward computes y [N, C], the averages over the pixels of x [N, C, Pixels].
func GlobalAverageForward(w *Workers, y, x []float32, n Norm) {
	w.Run(n.N, func(i int, _ *Scratch) {
		for c := range n.C {
			y[i*n.C+c] = float32(sumOf(n.plane(x, i, c)) / float64(n.Pixels))
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
func (n *Norm) gradientSums(dy, x []float32, c int) (sumDy, sumDyX float64) {
	for i := range n.N {
		a, b := moments(n.plane(dy, i, c), n.plane(x, i, c))
		sumDy += a
		sumDyX += b
	}
	return sumDy, sumDyX
}

// sumOf returns Σ x.
func sumOf(x []float32) float64 {
	total := 0.0
	for len(x) > 0 {
		block := x[:min(sumBlock, len(x))]
		x = x[len(block):]
		var s0, s1, s2, s3 float32
		for ; len(block) >= 4; block = block[4:] {
			s0 += block[0]
			s1 += block[1]
			s2 += block[2]
			s3 += block[3]
		}
		for _, v := range block {
			s0 += v
		}
		total += float64((s0 + s1) + (s2 + s3))
	}
	return total
}

// centredSquares returns Σ (x − centre)².
func centredSquares(x []float32, centre float32) float64 {
	total := 0.0
	for len(x) > 0 {
		block := x[:min(sumBlock, len(x))]
		x = x[len(block):]
		var s0, s1, s2, s3 float32
		for ; len(block) >= 4; block = block[4:] {
			d0, d1, d2, d3 := block[0]-centre, block[1]-centre, block[2]-centre, block[3]-centre
			s0 += d0 * d0
			s1 += d1 * d1
			s2 += d2 * d2
			s3 += d3 * d3
		}
		for _, v := range block {
			s0 += (v - centre) * (v - centre)
		}
		total += float64((s0 + s1) + (s2 + s3))
	}
	return total
}

// moments returns Σ g and Σ g·x over slices of one length.
func moments(g, x []float32) (sumG, sumGX float64) {
	for len(g) > 0 {
		n := min(sumBlock, len(g))
		u, v := g[:n], x[:n]
		g, x = g[n:], x[n:]
		var a0, a1, b0, b1 float32
		for ; len(u) >= 2 && len(v) >= 2; u, v = u[2:], v[2:] {
			a0 += u[0]
			a1 += u[1]
			b0 += u[0] * v[0]
			b1 += u[1] * v[1]
		}
		for i, d := range u {
			a0 += d
			b0 += d * v[i]
		}
		sumG += float64(a0 + a1)
		sumGX += float64(b0 + b1)
	}
	return sumG, sumGX
}

// centreAndScale computes y = (x − centre)·scale.
func centreAndScale(y, x []float32, centre, scale float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = (x[i] - centre) * scale
	}
}

// scaleAndShift computes y = x·scale + shift.
func scaleAndShift(y, x []float32, scale, shift float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = x[i]*scale + shift
	}
}

// combine computes z = u·a + v·b + shift.
func combine(z, u, v []float32, a, b, shift float32) {
	u, v = u[:len(z)], v[:len(z)]
	for i := range z {
		z[i] = u[i]*a + v[i]*b + shift
	}
}
