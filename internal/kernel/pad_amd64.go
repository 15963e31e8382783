//go:build !purego

package kernel

// padKernel is assembly for pad.
type padKernel func(
	y, x, other *float32, channels, top, rows, vectors, gap, bottom int, scale, shift, otherScale *float32, low, outside float32,
)

// padKernels are those of a vector's width, by what is done on the way.
type padKernels struct{ plain, rectified, scaled, combined padKernel }

func padAVX512(y []float32, x source, first, count int, p padding, lanes int) {
	k := padKernels{padPlainAVX512, padRectifiedAVX512, padScaledAVX512, padCombinedAVX512}
	if lanes == 8 {
		k = padKernels{padPlainAVX512Half, padRectifiedAVX512Half, padScaledAVX512Half, padCombinedAVX512Half}
	}
	k.pad(y, x, first, count, p, lanes)
}

func padAVX2(y []float32, x source, first, count int, p padding, lanes int) {
	k := padKernels{padPlainAVX2, padRectifiedAVX2, padScaledAVX2, padCombinedAVX2}
	k.pad(y, x, first, count, p, lanes)
}

func (k *padKernels) pad(y []float32, x source, first, count int, p padding, lanes int) {
	do, at := k.plain, first*x.pixels
	var other, scale, shift, otherScale *float32
	low := lowest(x.relu)
	if x.relu {
		do = k.rectified
	}
	if x.scale != nil {
		do, scale, shift = k.scaled, &x.scale[first], &x.shift[first]
	}
	if x.other != nil {
		do, other, otherScale = k.combined, &x.other[at], &x.otherScale[first]
	}
	do(&y[0], &x.data[at], other, count, p.top, p.rows, p.cols/lanes, p.gap, p.bottom, scale, shift, otherScale, low, p.outside)
}
