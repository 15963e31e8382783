package gpu

import "nat/internal/kernel"

// The sizes of what a group of threads computes, as in convolution.cl.
const (
	rows, columns = 32, 128 // of a correlation: channels, and pixels of all images
	outs, terms   = 32, 64  // of gradients by weights
	partThreads   = 128
)

const (
	// fullDevice is about how many groups keep a device busy. It is the same for all, so that all sum in the same order.
	fullDevice = 512
	// leastPart is how many pixels a part of a gradient by weights has at least.
	leastPart = 512
	// mostPartial is how many numbers the parts of a gradient may have together.
	mostPartial = 1 << 24
)

// ConvForward is kernel.ConvForward.
func (d *Device) ConvForward(y Target, moments Memory, x View, k Memory, c kernel.Conv) {
	d.correlate(y, x, k, View{}, forward(&c), c.Depthwise)
	d.describe(moments, y, kernel.Norm{N: c.N, C: c.Co, Pixels: c.OH * c.OW})
}

// ConvBackward is kernel.ConvBackward.
func (d *Device) ConvBackward(dx Target, dk Memory, dy, x View, k Memory, c kernel.Conv) {
	// dk goes first: dx may take the memory of x.
	if !dk.IsNil() {
		d.weightGradients(dk, dy, x, &c)
	}
	if dx.Data.IsNil() {
		return
	}
	by := View{}
	if c.ReLU {
		by = x
	}
	d.correlate(dx, dy, k, by, backward(&c), c.Depthwise)
}

// SeparableForward is kernel.SeparableForward.
func (d *Device) SeparableForward(y Target, moments Memory, x View, depthwise, pointwise Memory, dw, pw kernel.Conv) {
	between := d.between(x, depthwise, dw)
	d.ConvForward(y, moments, Plain(between, dw.Co, dw.OH*dw.OW), pointwise, pw)
	d.Free(between)
}

// SeparableBackward is kernel.SeparableBackward.
func (d *Device) SeparableBackward(
	dx Target, dDepthwise, dPointwise Memory, dy, x View, depthwise, pointwise Memory, dw, pw kernel.Conv,
) {
	between := d.between(x, depthwise, dw)
	pixels := dw.OH * dw.OW
	d.ConvBackward(Target{}, dPointwise, dy, Plain(between, dw.Co, pixels), pointwise, pw)
	d.ConvBackward(Whole(between, dw.Co, pixels), Memory{}, dy, View{}, pointwise, pw)
	d.ConvBackward(dx, dDepthwise, Plain(between, dw.Co, pixels), x, depthwise, dw)
	d.Free(between)
}

// between returns the result of a depthwise convolution in memory that is to be freed.
func (d *Device) between(x View, depthwise Memory, dw kernel.Conv) Memory {
	m := d.Take(dw.N * dw.Co * dw.OH * dw.OW)
	d.ConvForward(Whole(m, dw.Co, dw.OH*dw.OW), Memory{}, x, depthwise, dw)
	return m
}

// correlation is what convolution.cl calls so.
type correlation struct {
	n, c, h, w, o, oh, ow, kh, kw                                          int
	stepH, stepW, offsetH, offsetW, dilationH, dilationW, divideH, divideW int
	outStep, inStep                                                        int
	relu                                                                   bool
}

// forward returns the correlation that computes y.
func forward(c *kernel.Conv) correlation {
	r := correlation{
		n: c.N, c: c.Ci, h: c.H, w: c.W, o: c.Co, oh: c.OH, ow: c.OW, kh: c.KH, kw: c.KW,
		stepH: c.StrideH, stepW: c.StrideW, offsetH: c.PadH, offsetW: c.PadW, dilationH: c.DilationH, dilationW: c.DilationW,
		divideH: 1, divideW: 1, outStep: c.Ci * c.KH * c.KW, inStep: c.KH * c.KW, relu: c.ReLU,
	}
	if c.Depthwise {
		r.outStep = r.inStep
	}
	return r
}

// backward returns the correlation that computes dx.
func backward(c *kernel.Conv) correlation {
	r := correlation{
		n: c.N, c: c.Co, h: c.OH, w: c.OW, o: c.Ci, oh: c.H, ow: c.W, kh: c.KH, kw: c.KW,
		stepH: 1, stepW: 1, offsetH: -c.PadH, offsetW: -c.PadW, dilationH: -c.DilationH, dilationW: -c.DilationW,
		divideH: c.StrideH, divideW: c.StrideW, outStep: c.KH * c.KW, inStep: c.Ci * c.KH * c.KW,
	}
	return r
}

func (a *arguments) correlation(r *correlation) {
	relu := 0
	if r.relu {
		relu = 1
	}
	a.ints(r.n, r.c, r.h, r.w, r.o, r.oh, r.ow, r.kh, r.kw, r.stepH, r.stepW, r.offsetH, r.offsetW,
		r.dilationH, r.dilationW, r.divideH, r.divideW, r.outStep, r.inStep, relu)
}

// correlate computes a correlation; where by is given, what is computed counts only where that is positive.
func (d *Device) correlate(y Target, x View, k Memory, by View, r correlation, depthwise bool) {
	a := d.begin()
	a.target(y)
	a.view(x)
	a.at(k)
	a.view(by)
	a.correlation(&r)
	pixels := r.n * r.oh * r.ow
	if depthwise {
		d.launchEach("correlate_depthwise", pixels*r.o)
		return
	}
	d.launch(d.dense("correlate"), [3]int{groupsOf(pixels, columns), groupsOf(r.o, rows), 1}, [3]int{threadsEach, 1, 1})
}

// weightGradients computes dk.
func (d *Device) weightGradients(dk Memory, dy, x View, c *kernel.Conv) {
	r, pixels := forward(c), c.N*c.OH*c.OW
	name, numbers, groups := d.dense("weight_parts"), c.Co*r.outStep, [3]int{groupsOf(r.outStep, terms), groupsOf(c.Co, outs), 1}
	if c.Depthwise {
		name, groups = "weight_parts_depthwise", [3]int{c.Co, 1, 1}
	}
	parts := max(1, min(fullDevice/(groups[0]*groups[1]), pixels/leastPart, mostPartial/numbers))
	if c.Depthwise {
		groups[1] = parts
	} else {
		groups[2] = parts
	}
	partial := dk
	if parts > 1 {
		partial = d.Take(parts * numbers)
		defer d.Free(partial)
	}
	a := d.begin()
	a.at(partial)
	a.view(dy)
	a.view(x)
	a.correlation(&r)
	a.ints(parts)
	d.launch(name, groups, [3]int{partThreads, 1, 1})
	if parts > 1 {
		a := d.begin()
		a.at(dk, partial)
		a.ints(numbers)
		a.ints(parts)
		d.launchEach("sum_parts", numbers)
	}
}
