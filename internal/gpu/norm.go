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

// NormGradient is kernel.NormGradient, of a device's memory.
type NormGradient struct {
	Y                        View
	Scale, OtherScale, Shift Memory
	Gamma, ByGamma, ByShift  Memory
}

// NormGradients is kernel.NormGradients.
func (d *Device) NormGradients(dy View, n kernel.Norm, gradients ...NormGradient) {
	for _, g := range gradients {
		partial := d.gradientSums(dy, g.Y, n)
		a := d.begin()
		a.at(g.Scale, g.OtherScale, g.Shift, partial, g.Y.Scale, g.Y.Shift, dy.Scale)
		a.norm(&n)
		d.launch("norm_gradient", [3]int{n.C, 1, 1}, [3]int{sumThreads, 1, 1})
		if !g.Gamma.IsNil() { // the gradient by x is proportional to it
			for _, k := range []Memory{g.Scale, g.OtherScale, g.Shift} {
				d.scaleCoefficient(k, g.Gamma, k)
			}
		}
		if !g.ByGamma.IsNil() {
			d.channelSums(g.ByShift, g.ByGamma, partial, n)
		}
		d.Free(partial)
	}
}

// ScaleShiftGradient is kernel.ScaleShiftGradient.
func (d *Device) ScaleShiftGradient(dscale, dshift Memory, dy, x View, n kernel.Norm) {
	partial := d.gradientSums(dy, x, n)
	d.channelSums(dshift, dscale, partial, n)
	d.Free(partial)
}

// channelSums adds up over the images what gradientSums returns.
func (d *Device) channelSums(first, second, partial Memory, n kernel.Norm) {
	a := d.begin()
	a.at(first, second, partial)
	a.norm(&n)
	d.launch("channel_sums", [3]int{n.C, 1, 1}, [3]int{sumThreads, 1, 1})
}

// gradientSums returns of each channel of each image Σ dy and Σ dy·x, in memory that is to be freed. x has no Other.
func (d *Device) gradientSums(dy, x View, n kernel.Norm) Memory {
	partial := d.Take(2 * n.N * n.C)
	a := d.begin()
	a.at(partial)
	a.view(dy)
	a.at(x.Data)
	a.ints(x.Stride)
	a.at(x.Scale, x.Shift)
	a.norm(&n)
	d.launch("gradient_sums", [3]int{n.C, n.N, 1}, [3]int{sumThreads, 1, 1})
	return partial
}

// Scaled returns the view of v·scale + shift, both [C]. Its coefficients, up to 3·C numbers, go to k.
func (d *Device) Scaled(v View, scale, shift, k Memory) View {
	c := scale.size
	a := d.begin()
	a.at(k, scale, shift, v.Scale, v.Shift)
	a.ints(c)
	d.launchEach("scale_coefficients", c)
	v.Scale, v.Shift = k.Slice(0, c), k.Slice(c, 2*c)
	if !v.Other.IsNil() {
		old := v.OtherScale
		v.OtherScale = k.Slice(2*c, 3*c)
		d.scaleCoefficient(v.OtherScale, scale, old)
	}
	return v
}

// scaleCoefficient computes k = old·scale; without old, that is scale. k may be old.
func (d *Device) scaleCoefficient(k, scale, old Memory) {
	a := d.begin()
	a.at(k, scale, old)
	a.ints(scale.size)
	d.launchEach("scale_coefficient", scale.size)
}

func (a *arguments) norm(n *kernel.Norm) { a.ints(n.N, n.C, n.Pixels) }
