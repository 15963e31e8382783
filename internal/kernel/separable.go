package kernel

// SeparableForward computes a depthwise convolution dw and then a pointwise one pw, which keeps the size and has no ReLU, and
// y's moments as ConvForward does. What lies between the two is never stored.
func SeparableForward(w *Workers, y Target, moments []float32, x View, depthwise, pointwise []float32, dw, pw Conv) {
	p := newSeparable(w, dw, pw, 0)
	first := dw.planForward(w, 0, depthwise, dw.Ci, false)
	second := p.pw.planForward(w, 1, pointwise, p.pw.Co, true)
	in, out := input{x, dw.input(), dw.ReLU}, p.pw.output()
	w.Run(dw.N, func(n int, s *Scratch) {
		between := p.between(s, 1)
		first.compute(s, between.Data, false, in.image(n), source{}, 0, dw.Co)
		image := y.image(n, out)
		second.compute(s, image, y.Add, between.image(0), source{}, 0, out.count)
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
	p := newSeparable(w, dw, pw, (dw.N+parts-1)/parts)
	p.forward = dw.planForward(w, 0, depthwise, dw.Ci, false)
	p.toBetween = p.pw.planBackward(w, 2, pointwise, p.pw.Ci, true)
	if dx.Data != nil {
		p.toX = dw.planBackward(w, 3, depthwise, dw.Ci, true)
	}
	in, gradient := input{x, dw.input(), dw.ReLU}, input{View: dy, channels: p.pw.output()}
	sizes := [2]int{len(p.dwBatch.terms) * dw.Co, len(p.pwBatch.terms) * p.pw.Co}
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
	addParts(w, dDepthwise, partial[:parts*sizes[0]])
	addParts(w, dPointwise, partial[parts*sizes[0]:])
}

// separable is how a pair of convolutions is computed.
type separable struct {
	set                     *set
	dw, pw                  Conv
	dwBatch, pwBatch        batch
	images                  int // computed together backward
	forward, toBetween, toX plan
}

// newSeparable returns a pair of which backward takes at most most images together, forward if that is 0.
func newSeparable(w *Workers, dw, pw Conv, most int) separable {
	p := separable{set: &w.set, dw: dw, pw: pw.flattened()}
	if most == 0 {
		return p
	}
	p.dwBatch, p.pwBatch = dw.batch(w, 0, most), p.pw.batch(w, 1, most)
	p.images = max(p.dwBatch.images, p.pwBatch.images)
	return p
}

// between returns scratch memory for what count images are between the two convolutions.
func (p *separable) between(s *Scratch, count int) input {
	c := p.dw.output()
	return input{View: Plain(s.Floats(slotBetween, count*c.count*c.pixels), c.count, c.pixels), channels: c}
}

// backward computes dx of count images from the one numbered n on, and adds to both sums what they contribute.
func (p *separable) backward(s *Scratch, dx Target, sums, pointwiseSums []float32, dy, x input, n, count int) {
	g, in := dy.held(s, p.set, slotHeldDy, n, count), x.held(s, p.set, slotHeldX, n, count)
	between := p.between(s, count)
	size := between.Stride
	for i := range count {
		p.forward.compute(s, between.Data[i*size:][:size], false, in.image(i), source{}, 0, p.dw.Co)
	}
	p.pwBatch.addAll(s, pointwiseSums, g, between, count)
	for i := range count { // its gradient takes its place
		p.toBetween.compute(s, between.Data[i*size:][:size], false, g.image(i), source{}, 0, p.pw.Ci)
	}
	p.dwBatch.addAll(s, sums, between, in, count)
	if p.toX != nil {
		p.dw.gradients(s, dx, between, in, n, count, p.toX)
	}
}

// addAll is add for any number of images.
func (b *batch) addAll(s *Scratch, sums []float32, dy, x input, count int) {
	for n := 0; n < count; n += b.images {
		b.add(s, sums, dy.from(n), x.from(n), min(b.images, count-n))
	}
}
