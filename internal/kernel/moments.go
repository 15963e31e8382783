package kernel

import (
	"math"
	"slices"
)

// Moments computes the moments [N, C, 2] of x: of each channel of each image the mean and the sum of squared deviations from
// it. Kernels that write a tensor can give them too, which saves reading it again.
func Moments(w *Workers, moments []float32, x View, n Norm) {
	in := input{View: x, channels: n.channels()}
	n.eachGroup(w, func(s *Scratch, i, from, to int) {
		image := in.image(i)
		describe(&w.set, moments[(i*n.C+from)*2:], image.planes(s, &w.set, slotPlane, from, to), n.Pixels)
	})
}

// describe writes the moments of channels of so many pixels.
func describe(s *set, moments, x []float32, pixels int) {
	if pixels <= momentBlock {
		s.describe(moments, x, pixels)
		return
	}
	for c := 0; c*pixels < len(x); c++ {
		mean, squares := spread(s.passes, x[c*pixels:][:pixels])
		moments[2*c], moments[2*c+1] = float32(mean), float32(squares)
	}
}

// momentBlock is how many numbers a block has that is read twice, for its mean and for its spread around that: so few that
// they stay in the first-level cache.
const momentBlock = 4096

// spread returns the mean of x and the sum of squared deviations from it. The deviations of a block are taken from the block's
// own mean, rounded, so that single precision is enough for their squares; the rest is in double.
func spread(s passes, x []float32) (mean, squares float64) {
	var count, sum, origin float64 // of the deviations from the first block's mean, the origin
	for len(x) > 0 {
		block := x[:min(momentBlock, len(x))]
		x = x[len(block):]
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
	return origin + sum/count, max(0, squares-sum*sum/count)
}

// NormStatistics merges the moments [N, C, 2] of a tensor into the batch's mean and biased variance of each channel, and the
// scale = 1/√(variance + Eps) and shift = −mean·scale that normalise it, all [C]. mean and variance may be nil.
func NormStatistics(w *Workers, mean, variance, scale, shift []float32, moments []float32, n Norm) {
	eachChannels(w, n.C, func(c int) {
		m, v := n.merged(moments, c)
		invStd := 1 / math.Sqrt(v+n.Eps)
		scale[c], shift[c] = float32(invStd), float32(-m*invStd)
		if mean != nil {
			mean[c] = float32(m)
		}
		if variance != nil {
			variance[c] = float32(v)
		}
	})
}

// merged returns the mean and the biased variance of a channel of all images.
func (n *Norm) merged(moments []float32, c int) (mean, variance float64) {
	for i := range n.N {
		mean += float64(moments[(i*n.C+c)*2])
	}
	mean /= float64(n.N)
	squares := 0.0
	for i := range n.N {
		off := float64(moments[(i*n.C+c)*2]) - mean
		squares += float64(moments[(i*n.C+c)*2+1]) + float64(n.Pixels)*off*off
	}
	return mean, squares / float64(n.N*n.Pixels)
}

// NormGradient is the gradient of a batch normalisation, which NormGradients computes. Y is the normalised tensor: the one before
// it, with the Scale and Shift of NormStatistics. The gradient by the tensor before is
//
//	View{Data: dy.Data, Scale: Scale, Other: Y.Data, OtherScale: OtherScale, Shift: Shift}
//
// with the strides of dy and Y: dx = s·(g − mean(g) − y·mean(g·y)), s being Y's Scale and g the gradient by y. That is dy, or
// dy·Gamma where y is then scaled by Gamma and shifted, the gradients by which are Σ dy·y and Σ dy. All are [C], but that the
// view's coefficients are [N, C] where those of dy are.
type NormGradient struct {
	Y                        View
	Scale, OtherScale, Shift []float32 // to be computed
	Gamma                    []float32 // nil if y isn't scaled
	ByGamma, ByShift         []float32 // to be computed, or nil
}

// NormGradients computes gradients of normalisations, in the same place of a network each, which all get the gradient dy, as it
// lies in memory or scaled. Of each two, dy is read once.
func NormGradients(w *Workers, dy View, n Norm, gradients ...NormGradient) {
	count := float64(n.N * n.Pixels)
	for pair := range slices.Chunk(gradients, 2) {
		ys := [2]View{pair[0].Y, pair[len(pair)-1].Y}
		n.gradientMoments(w, dy, ys[:len(pair)], func(k, c int, sumDy, sumDyY float64) {
			g := &pair[k]
			if g.ByGamma != nil {
				g.ByGamma[c] = float32(sumDyY)
			}
			if g.ByShift != nil {
				g.ByShift[c] = float32(sumDy)
			}
			s, b, gamma := float64(g.Y.Scale[c]), float64(g.Y.Shift[c]), float64(of(g.Gamma, c, 1))
			sumDy, sumDyY = gamma*sumDy, gamma*sumDyY
			other, constant := float32(-s*s*sumDyY/count), float32(-s*(sumDy+b*sumDyY)/count)
			for i := c; i < len(g.Scale); i += n.C {
				g.Scale[i] = float32(s * gamma * float64(of(dy.Scale, i, 1)))
				g.OtherScale[i], g.Shift[i] = other, constant
			}
		})
	}
}

// ScaleShiftGradient computes the gradients of x·scale + shift by scale and shift, Σ dy·x and Σ dy, both [C]. dy is the
// gradient by the result, as it lies in memory or scaled; x has no Other.
func ScaleShiftGradient(w *Workers, dscale, dshift []float32, dy, x View, n Norm) {
	n.gradientMoments(w, dy, []View{x}, func(_, c int, sumDy, sumDyX float64) {
		dscale[c], dshift[c] = float32(sumDyX), float32(sumDy)
	})
}

// gradientMoments calls do with Σ dy and Σ dy·x of every channel and tensor number k, of one or two. Images are gone through
// one after the other, as they lie in memory. What is summed up are products with x less its mean, if x is normalised,
// since sums of both signs lose fewer bits.
func (n *Norm) gradientMoments(w *Workers, dy View, xs []View, do func(k, c int, sumDy, sumDyX float64)) {
	each := 1 + len(xs) // sums of a channel of an image
	memory := w.Floats(slotPartial, (each*n.N+len(xs))*n.C)
	sums := memory[len(xs)*n.C:]
	var centres [2][]float32
	for k, x := range xs {
		centres[k] = memory[k*n.C:][:n.C]
		for c := range n.C {
			centres[k][c] = 0
			if scale := of(x.Scale, c, 1); scale != 0 {
				centres[k][c] = -of(x.Shift, c, 0) / scale
			}
		}
	}
	n.eachGroup(w, func(_ *Scratch, i, from, to int) {
		at := from * n.Pixels
		out, g := sums[(i*n.C+from)*each:], dy.Data[i*dy.Stride:][at:to*n.Pixels]
		x := xs[0].Data[i*xs[0].Stride+at:]
		if len(xs) == 1 {
			w.set.gradientMoments(out, g, x, n.Pixels, centres[0][from:])
		} else {
			w.set.gradientMoments2(out, g, x, xs[1].Data[i*xs[1].Stride+at:], n.Pixels, centres[0][from:], centres[1][from:])
		}
	})
	eachChannels(w, n.C, func(c int) {
		var total [3]float64
		for i := range n.N {
			factor := float64(of(dy.Scale, i*dy.PerImage+c, 1))
			for k, v := range sums[(i*n.C+c)*each:][:each] {
				total[k] += factor * float64(v)
			}
		}
		for k, x := range xs {
			scale, shift := float64(of(x.Scale, c, 1)), float64(of(x.Shift, c, 0))
			do(k, c, total[0], scale*total[1+k]+(shift+scale*float64(centres[k][c]))*total[0])
		}
	})
}

// eachChannels calls do for every channel.
func eachChannels(w *Workers, channels int, do func(c int)) {
	const width = 16
	w.Run((channels+width-1)/width, func(piece int, _ *Scratch) {
		for c := piece * width; c < min((piece+1)*width, channels); c++ {
			do(c)
		}
	})
}
