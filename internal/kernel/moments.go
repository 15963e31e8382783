package kernel

import "math"

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

// NormGradient computes the gradient of a batch normalisation. y is the normalised tensor: the one before it, with the Scale
// and Shift of NormStatistics. dy is the gradient by y, as it lies in memory or scaled. The gradient by the tensor before is
//
//	View{Data: dy.Data, Scale: scale, Other: y.Data, OtherScale: otherScale, Shift: shift}
//
// with the strides of dy and y: dx = s·(dy − mean(dy) − y·mean(dy·y)), s being y's Scale. All three are [C], or [N, C] where the
// coefficients of dy are.
func NormGradient(w *Workers, scale, otherScale, shift []float32, dy, y View, n Norm) {
	count := float64(n.N * n.Pixels)
	n.gradientMoments(w, dy, y, func(c int, sumDy, sumDyY float64) {
		s, b := float64(y.Scale[c]), float64(y.Shift[c])
		other, constant := float32(-s*s*sumDyY/count), float32(-s*(sumDy+b*sumDyY)/count)
		for i := c; i < len(scale); i += n.C {
			scale[i] = float32(s * float64(of(dy.Scale, i, 1)))
			otherScale[i], shift[i] = other, constant
		}
	})
}

// ScaleShiftGradient computes the gradients of x·scale + shift by scale and shift, Σ dy·x and Σ dy, both [C]. dy is the
// gradient by the result, as it lies in memory or scaled; x has no Other.
func ScaleShiftGradient(w *Workers, dscale, dshift []float32, dy, x View, n Norm) {
	n.gradientMoments(w, dy, x, func(c int, sumDy, sumDyX float64) {
		dscale[c], dshift[c] = float32(sumDyX), float32(sumDy)
	})
}

// gradientMoments calls do with Σ dy and Σ dy·x of every channel. Images are gone through one after the other, as they lie in
// memory. What is summed up are products with x less its mean, if x is normalised, since sums of both signs lose fewer
// bits.
func (n *Norm) gradientMoments(w *Workers, dy, x View, do func(c int, sumDy, sumDyX float64)) {
	partial := w.Floats(slotPartial, (2*n.N+1)*n.C)
	centres, sums := partial[:n.C], partial[n.C:]
	for c := range centres {
		centres[c] = 0
		if scale := of(x.Scale, c, 1); scale != 0 {
			centres[c] = -of(x.Shift, c, 0) / scale
		}
	}
	n.eachGroup(w, func(_ *Scratch, i, from, to int) {
		w.set.gradientMoments(sums[(i*n.C+from)*2:], dy.Data[i*dy.Stride:][from*n.Pixels:to*n.Pixels], x.Data[i*x.Stride+from*n.Pixels:], n.Pixels, centres[from:])
	})
	eachChannels(w, n.C, func(c int) {
		var sumDy, sumDyX float64
		for i := range n.N {
			factor := float64(of(dy.Scale, i*dy.PerImage+c, 1))
			sumDy += factor * float64(sums[(i*n.C+c)*2])
			sumDyX += factor * float64(sums[(i*n.C+c)*2+1])
		}
		scale, shift := float64(of(x.Scale, c, 1)), float64(of(x.Shift, c, 0))
		do(c, sumDy, scale*sumDyX+(shift+scale*float64(centres[c]))*sumDy)
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
