package gpu

import "nat/internal/kernel"

// sumThreads is how many threads a group has that sums.
const sumThreads = 128

// Moments is kernel.Moments.
func (d *Device) Moments(moments Memory, x View, n kernel.Norm) {
	a := d.begin()
	a.at(moments)
	a.view(x)
	a.norm(&n)
	d.launch("moments", [3]int{n.C, n.N, 1}, [3]int{sumThreads, 1, 1})
}

// describe computes the moments of what was just written, if they are wanted.
func (d *Device) describe(moments Memory, y Target, n kernel.Norm) {
	if !moments.IsNil() {
		d.Moments(moments, y.read(), n)
	}
}

// NormStatistics is kernel.NormStatistics.
func (d *Device) NormStatistics(mean, variance, scale, shift, moments Memory, n kernel.Norm) {
	a := d.begin()
	a.at(mean, variance, scale, shift, moments)
	a.norm(&n)
	a.number(n.Eps)
	d.launch("norm_statistics", [3]int{n.C, 1, 1}, [3]int{sumThreads, 1, 1})
}

// NormGradient is kernel.NormGradient, of any view dy.
func (d *Device) NormGradient(scale, otherScale, shift Memory, dy, y View, n kernel.Norm) {
	partial := d.gradientSums(dy, y, n)
	a := d.begin()
	a.at(scale, otherScale, shift, partial, y.Scale, y.Shift)
	a.norm(&n)
	d.launch("norm_gradient", [3]int{n.C, 1, 1}, [3]int{sumThreads, 1, 1})
	d.Free(partial)
}

// gradientSums returns of each channel of each image Σ dy and Σ dy·(x − centre), in memory that is to be freed. x is the Data of
// y, and its centre where y is 0, or 0 if y has no Scale.
func (d *Device) gradientSums(dy, y View, n kernel.Norm) Memory {
	partial := d.take(2 * n.N * n.C)
	a := d.begin()
	a.at(partial)
	a.view(dy)
	a.at(y.Data)
	a.ints(y.Stride)
	a.at(y.Scale, y.Shift)
	a.norm(&n)
	d.launch("gradient_sums", [3]int{n.C, n.N, 1}, [3]int{sumThreads, 1, 1})
	return partial
}

// ScaleShiftForward computes y = x·scale + shift, scale and shift being [C]. x must be as it lies in memory.
func (d *Device) ScaleShiftForward(y Target, x View, scale, shift Memory, n kernel.Norm) {
	x.Scale, x.Shift = scale, shift
	d.Materialise(y, x, n)
}

// ScaleShiftBackward is kernel.ScaleShiftBackward. dy and x must be as they lie in memory.
func (d *Device) ScaleShiftBackward(dx Target, dscale, dshift Memory, dy, x View, scale Memory, n kernel.Norm) {
	partial := d.gradientSums(dy, x, n)
	a := d.begin()
	a.at(dshift, dscale, partial)
	a.norm(&n)
	d.launch("channel_sums", [3]int{n.C, 1, 1}, [3]int{sumThreads, 1, 1})
	d.Free(partial)
	if !dx.Data.IsNil() {
		dy.Scale = scale
		d.Materialise(dx, dy, n)
	}
}

func (a *arguments) norm(n *kernel.Norm) { a.ints(n.N, n.C, n.Pixels) }
