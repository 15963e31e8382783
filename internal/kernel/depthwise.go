package kernel

// planes is a depthwise convolution of channels as they lie in memory, rows × cols pixels each: of windows of size × size
// pixels, dilation apart, around every pixel. With stride 2, only every other row and column of the result counts. It is
// computed at full size all the same, and a gradient by it is one with zeros between: that is faster than picking out pixels.
type planes struct{ size, dilation, stride, rows, cols int }

// depthwiseLoops are the inner loops over planes whose rows are whole vectors of so many lanes, or over 8×8 pixels.
type depthwiseLoops struct {
	planeLanes int
	// depthwise computes count channels of y, at full size, from x and the weights k.
	depthwise func(y, x, k []float32, count int, v planes)
	// depthwiseGradient computes the gradients by x and by the weights.
	depthwiseGradient func(g *depthwiseGradients, v planes)
}

// depthwiseGradients is what the gradients of some images' channels are computed from: dy at full size, x as it was read, and
// the weights k. The images lie a stride apart.
type depthwiseGradients struct {
	count, images               int
	dx, dy, x                   []float32
	strideDx, strideDy, strideX int
	sums, k                     []float32 // [count, taps]. sums are added to
	by, add                     bool      // dx is 0 where x isn't positive, and is added to
}

// smallPlane is how many rows and columns the planes have for which sets with longer vectors have kernels, too.
const smallPlane = 8

// planes returns the convolution as one of planes, and whether the set has kernels for it.
func (c *Conv) planes(set *set) (v planes, ok bool) {
	v = planes{size: c.KH, dilation: c.DilationH, stride: c.StrideH, rows: c.H, cols: c.W}
	square := c.KW == c.KH && c.DilationW == c.DilationH && c.StrideW == c.StrideH && c.PadH == c.PadW
	known := (v.size == 3 || v.size == 5) && v.dilation <= 2 && v.stride <= 2
	reach := v.size / 2 * v.dilation
	centred := c.PadH == reach && c.OH*v.stride == c.H && c.OW*v.stride == c.W
	if set.depthwise == nil || !c.Depthwise || !square || !known || !centred {
		return v, false
	}
	small := c.H == smallPlane && c.W == smallPlane
	return v, small || c.W%set.planeLanes == 0 && c.H%v.dilation == 0 && c.H >= 2*reach
}

// pixels is how many a plane has.
func (v *planes) pixels() int { return v.rows * v.cols }

// convolve computes count channels of the result.
func (v *planes) convolve(s *Scratch, set *set, y, x, k []float32, count int) {
	if v.stride == 1 {
		set.depthwise(y, x, k, count, *v)
		return
	}
	full := s.Floats(slotFull, count*v.pixels())
	set.depthwise(full, x, k, count, *v)
	cols := v.cols / 2
	set.lay(y, full, area{rows: count * v.rows / 2, cols: cols, stepY: cols, stepX: 2 * v.cols}, columns{to: cols, step: 2})
}

// spread returns the gradients by images of so many channels at full size.
func (v *planes) spread(s *Scratch, set *set, dy []float32, count int) []float32 {
	if v.stride == 1 {
		return dy
	}
	full := s.Floats(slotFull, count*v.pixels())
	clear(full)
	cols := v.cols / 2
	set.place(full, dy, nil, area{rows: count * v.rows / 2, cols: cols, stepY: 2 * v.cols, stepX: cols}, 2, false)
	return full
}
