package kernel

import "math"

// pooledPlanes are channels that follow one another in memory, and that are pooled as they lie there, and what is made of them.
type pooledPlanes struct {
	y             []float32 // y, or dx
	x, dy         *source   // those that are read, with all coefficients
	before, after []float32 // by which the pixels of a plane are multiplied before or after windows are summed up; nil: 1
	scratch       []float32
	from, to      int // which channels of x and dy
	rows          int // of windows
	add           bool
}

// planeShape is the shape of pools that planeLoops can do: size × size windows around all pixels, or with stride 2 around those
// with even numbers, of rows of width windows.
type planeShape struct{ size, stride, width int }

// planeLoops are the inner loops of pools on planes. They add in an order of their own.
type planeLoops struct {
	// reducePlanes computes the windows' maxima or sums. It tells whether there may be a NaN in x; then maxima are wrong.
	reducePlanes func(v *pooledPlanes, p planeShape, largest bool) (nan bool)
	// routePlanes computes the gradient of maxima, spreadPlanes that of sums with stride 2.
	routePlanes, spreadPlanes func(v *pooledPlanes, p planeShape)
}

// planePool is the plan of a pool on planes.
type planePool struct {
	*Pool
	shape   planeShape
	set     *set
	x, dy   input     // with all coefficients
	inverse []float32 // of an average: one over the areas of the windows
}

// onPlanes returns the plan for reading x or dy, the other one being empty if it isn't needed. It is not ok if the set has no
// loops for such pools.
func (p *Pool) onPlanes(w *Workers, x, dy View, inverse []float32) (v *planePool, ok bool) {
	around := (p.K == 3 || p.K == 5) && p.Pad == p.K/2 && p.H == p.Stride*p.OH && p.W == p.Stride*p.OW
	fits := p.OW == 8 || p.OW == 16 || p.OW == 32 && p.Stride == 1
	if !around || !fits || p.Stride > 2 || w.set.reducePlanes == nil {
		return nil, false
	}
	c, size := p.conv(), p.C
	if x.PerImage+dy.PerImage > 0 {
		size *= p.N
	}
	k := w.Floats(slotCoefficients, 6*size)
	return &planePool{
		Pool: p, shape: planeShape{size: p.K, stride: p.Stride, width: p.OW}, set: &w.set, inverse: inverse,
		x:  input{View: x.complete(k[:3*size], p.C), channels: c.input()},
		dy: input{View: dy.complete(k[3*size:], p.C), channels: c.output()},
	}, true
}

// complete returns the view of so many channels with all coefficients, which go to k: 3·C floats, or as many for each image.
func (v View) complete(k []float32, channels int) View {
	size := len(k) / 3
	scale, shift, otherScale := k[:size], k[size:2*size], k[2*size:]
	for i := range size {
		at := i/channels*v.PerImage + i%channels
		scale[i], shift[i], otherScale[i] = of(v.Scale, at, 1), of(v.Shift, at, 0), of(v.OtherScale, at, 1)
	}
	if v.direct() {
		fill(shift, float32(math.Copysign(0, -1))) // to which a zero of either sign can be added
	}
	v.Scale, v.Shift, v.OtherScale = scale, shift, otherScale
	if size > channels {
		v.PerImage = channels
	}
	return v
}

// scratch returns the memory that the loops need: for rows of windows and pixels, three times.
func (v *planePool) scratch(s *Scratch) []float32 {
	return s.Floats(slotAcross, (3*v.H+2*v.K)*max(16, v.OW)+16)
}

// forward computes channels y of image n, and returns whether it could: not if there are NaNs.
func (v *planePool) forward(s *Scratch, y []float32, add bool, n, from, to int) (ok bool) {
	in := v.x.image(n)
	p := pooledPlanes{y: y, x: &in, scratch: v.scratch(s), from: from, to: to, rows: v.OH, add: add}
	if !v.Max {
		p.after = v.inverse
		v.set.reducePlanes(&p, v.shape, false)
		return true
	}
	if add {
		p.y, p.add = s.Floats(slotShares, len(y)), false
	}
	if v.set.reducePlanes(&p, v.shape, true) {
		return false
	}
	if add {
		v.set.sum(y, y, p.y)
	}
	return true
}

// backward computes dx.
func (v *planePool) backward(w *Workers, dx Target) {
	pixels := v.H * v.W
	width := min(v.C, max(1, poolFloats/pixels))
	v.eachGroup(w, width, (v.C+width-1)/width, func(s *Scratch, n, from, to int) {
		gradient := v.dy.image(n)
		p := pooledPlanes{
			y: dx.image(n, v.x.channels)[from*pixels : to*pixels], dy: &gradient, before: v.inverse, scratch: v.scratch(s),
			from: from, to: to, rows: v.OH, add: dx.Add,
		}
		switch {
		case v.Max:
			in := v.x.image(n)
			p.x = &in
			v.set.routePlanes(&p, v.shape)
		case v.Stride == 1: // the windows that a pixel is in lie around it
			p.x, p.dy = p.dy, nil
			v.set.reducePlanes(&p, v.shape, false)
		default:
			v.set.spreadPlanes(&p, v.shape)
		}
	})
}
