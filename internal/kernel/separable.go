package kernel

// SeparableForward computes a depthwise convolution dw and then a pointwise one pw, which keeps the size and has no ReLU, and
// y's moments as ConvForward does. What lies between the two is never stored.
func SeparableForward(w *Workers, y Target, moments []float32, x View, depthwise, pointwise []float32, dw, pw Conv) {
	p := newSeparable(w, depthwise, pointwise, dw, pw)
	p.planForward(w, 0)
	p.toY = p.pw.planForward(w, 1, pointwise, p.pw.Co, true)
	in, out := input{x, dw.input(), dw.ReLU}, p.pw.output()
	w.Run(dw.N, func(n int, s *Scratch) {
		between := p.between(s, 1)
		p.first(s, between, p.read(s, in, n, 1), 1)
		image := y.image(n, out)
		p.toY.compute(s, image, y.Add, between.image(0), source{}, 0, out.count)
		if moments != nil {
			describe(&w.set, moments[n*out.count*2:], image, out.pixels)
		}
	})
}

// SeparableBackward computes the gradients of SeparableForward by x and by both kinds of weights from dy, the gradient by y.
// A dx without Data is not computed. The tensor between the two convolutions is computed again.
func SeparableBackward(
	w *Workers, dx Target, dDepthwise, dPointwise []float32, dy, x View, depthwise, pointwise []float32, dw, pw Conv,
) {
	parts := pw.parts()
	p := newSeparable(w, depthwise, pointwise, dw, pw)
	p.planForward(w, 0)
	p.planBackward(w, dx.Data != nil, (dw.N+parts-1)/parts)
	in, gradient := input{x, dw.input(), dw.ReLU}, input{View: dy, channels: p.pw.output()}
	sizes := [2]int{len(depthwise), len(p.pwBatch.terms) * p.pw.Co}
	size := sizes[0] + sizes[1]
	partial := w.Floats(slotPartial, parts*size)
	w.Run(parts, func(part int, s *Scratch) {
		// All parts' sums by the weights of the first convolution lie before those by the weights of the second.
		sums, pointwiseSums := partial[part*sizes[0]:][:sizes[0]], partial[parts*sizes[0]+part*sizes[1]:][:sizes[1]]
		clear(sums)
		clear(pointwiseSums)
		end := (part + 1) * dw.N / parts
		for n := part * dw.N / parts; n < end; n += p.images {
			p.backward(s, dx, sums, pointwiseSums, gradient, in, n, min(p.images, end-n))
		}
	})
	addParts(w, dDepthwise, partial, sizes[0], parts)
	addParts(w, dPointwise, partial[parts*sizes[0]:], sizes[1], parts)
}

// separable is how a pair of convolutions is computed: the first either over planes, or as any convolution is.
type separable struct {
	set                  *set
	dw, pw               Conv
	depthwise, pointwise []float32
	planes               planes
	asPlanes             bool
	dwBatch, pwBatch     batch
	images               int  // computed together backward
	forward, toX         plan // of the first convolution, unless it is over planes
	toY, toBetween       plan
}

func newSeparable(w *Workers, depthwise, pointwise []float32, dw, pw Conv) separable {
	p := separable{set: &w.set, dw: dw, pw: pw.flattened(), depthwise: depthwise, pointwise: pointwise}
	p.planes, p.asPlanes = dw.planes(p.set)
	return p
}

// planForward plans the first convolution, by a correlation of that number.
func (p *separable) planForward(w *Workers, number int) {
	if !p.asPlanes {
		p.forward = p.dw.planForward(w, number, p.depthwise, p.dw.Ci, false)
	}
}

// planBackward plans the gradients, wantsX tells whether that by x is wanted, at most most images together.
func (p *separable) planBackward(w *Workers, wantsX bool, most int) {
	p.toBetween = p.pw.planBackward(w, 2, p.pointwise, p.pw.Ci, true)
	p.pwBatch = p.pw.batch(w, 1, most)
	p.images = p.pwBatch.images
	if p.asPlanes {
		return
	}
	p.dwBatch = p.dw.batch(w, 0, most)
	p.images = max(p.images, p.dwBatch.images)
	if wantsX {
		p.toX = p.dw.planBackward(w, 3, p.depthwise, p.dw.Ci, true)
	}
}

// between returns scratch memory for what count images are between the two convolutions.
func (p *separable) between(s *Scratch, count int) input {
	c := p.dw.output()
	return input{View: Plain(s.Floats(slotBetween, count*c.count*c.pixels), c.count, c.pixels), channels: c}
}

// read returns count images of x, from the one numbered n on, as the first convolution reads them.
func (p *separable) read(s *Scratch, x input, n, count int) input {
	if p.asPlanes {
		return x.values(s, p.set, slotHeldX, n, count)
	}
	return x.held(s, p.set, slotHeldX, n, count)
}

// first computes the first convolution of count images.
func (p *separable) first(s *Scratch, between, x input, count int) {
	for i := range count {
		out, in := between.Data[i*between.Stride:][:between.Stride], x.image(i)
		if p.asPlanes {
			p.planes.convolve(s, p.set, out, in.data, p.depthwise, p.dw.Co)
		} else {
			p.forward.compute(s, out, false, in, source{}, 0, p.dw.Co)
		}
	}
}

// backward computes dx of count images from the one numbered n on, and adds to both sums what they contribute.
func (p *separable) backward(s *Scratch, dx Target, sums, pointwiseSums []float32, dy, x input, n, count int) {
	g, in := dy.held(s, p.set, slotHeldDy, n, count), p.read(s, x, n, count)
	between := p.between(s, count)
	p.first(s, between, in, count)
	p.pwBatch.addAll(s, pointwiseSums, g, between, count)
	for i := range count { // its gradient takes its place
		p.toBetween.compute(s, between.Data[i*between.Stride:][:between.Stride], false, g.image(i), source{}, 0, p.pw.Ci)
	}
	if p.asPlanes {
		p.planeGradients(s, dx, sums, between, in, n, count)
		return
	}
	p.dwBatch.addAll(s, sums, between, in, count)
	if p.toX != nil {
		p.dw.gradients(s, dx, between, in, n, count, p.toX)
	}
}

// planeGradients computes the gradients of the first convolution over planes.
func (p *separable) planeGradients(s *Scratch, dx Target, sums []float32, between, x input, n, count int) {
	size := p.dw.Ci * p.planes.pixels()
	g := depthwiseGradients{
		count: p.dw.Ci, images: count, dy: p.planes.spread(s, p.set, between.Data[:count*between.Stride], count*p.dw.Ci),
		strideDy: size, x: x.Data, strideX: x.Stride, sums: sums, k: p.depthwise, by: p.dw.ReLU,
	}
	if dx.Data == nil {
		g.dx = s.Floats(slotUnwanted, size)
	} else {
		g.dx, g.strideDx, g.add = dx.Data[n*dx.Stride:], dx.Stride, dx.Add
	}
	p.set.depthwiseGradient(&g, p.planes)
}

// addAll is add for any number of images.
func (b *batch) addAll(s *Scratch, sums []float32, dy, x input, count int) {
	for n := 0; n < count; n += b.images {
		b.add(s, sums, dy.from(n), x.from(n), min(b.images, count-n))
	}
}
