package kernel

// Weight gradients are summed over at most maxPartials parts of the batch, in memory of about partialFloats.
const (
	maxPartials   = 16
	partialFloats = 1 << 22
	partPixels    = 1024 // that a part should have
	longPixels    = 256  // that an image has if it is faster by itself, provided that it needn't be laid out
)

// parts returns how many parts of the batch the gradients by the weights are summed over: fewer where images are so small that
// a part would have too few pixels.
func (c *Conv) parts() int {
	most := maxPartials
	if c.N*c.OH*c.OW < maxPartials*partPixels {
		most = minPieces
	}
	return min(c.N, most, max(2, partialFloats/(c.Co*c.group()*c.KH*c.KW)))
}

// gradients computes dx for count images from the one numbered n on, which dy and x begin with.
func (c *Conv) gradients(s *Scratch, dx Target, dy, x input, n, count int, backward plan) {
	for i := range count {
		var by source
		if c.ReLU {
			by = x.image(i)
		}
		backward.compute(s, dx.image(n+i, c.input()), dx.Add, dy.image(i), by, 0, c.Ci)
	}
}

// batch is images that are correlated together, since long rows are faster: the pixels of a channel follow one another,
// image by image, with zeros in the gradient wherever the layout has pixels that belong to no output.
type batch struct {
	*correlation
	images int
	pitch  int // from image to image of a channel
	terms  []int
}

// batch returns how the weights' gradients are computed, at most most images at a time, by the forward correlation of that
// number.
func (c *Conv) batch(w *Workers, number, most int) batch {
	images := max(1, w.set.dotPixels/(c.OH*c.OW))
	if r, ok := c.unrolledForward(w, number, min(most, images)); ok {
		return batch{correlation: r, images: min(most, images), terms: r.terms(w, r.layout.size())}
	}
	r := c.forward(w, number)
	b := batch{correlation: r, images: 1, pitch: r.layout.size()}
	if long := r.layout.unpadded() && b.pitch >= longPixels; len(r.layout.phases) == 1 && !long {
		b.images = min(most, max(1, r.set.dotPixels/b.pitch))
	}
	b.terms = r.terms(w, b.images*b.pitch)
	return b
}

// add adds to sums [output channels, terms] what the first count images contribute to the gradients by the weights.
func (b *batch) add(s *Scratch, sums []float32, dy, x input, count int) {
	if b.layout.unrolled != nil {
		b.addUnrolled(s, sums, dy, x, count)
		return
	}
	if !b.depthwise {
		b.dots(sums, b.gradients(s, dy, 0, b.out.count, count), b.inputs(s, x, 0, b.in.count, count), b.out.count, count)
		return
	}
	for o := range b.out.count {
		g, in := b.gradients(s, dy, o, 1, count), b.inputs(s, x, o, 1, count)
		b.dots(sums[o*len(b.terms):], g, in, 1, count)
	}
}

// inputs lays out channels of count images, from the one numbered first on.
func (b *batch) inputs(s *Scratch, x input, first, channels, count int) []float32 {
	if b.images == 1 {
		return b.prepare(s, slotLayout, x.image(0), first, channels)
	}
	laid := s.Floats(slotLayout, channels*b.images*b.pitch)
	if b.layout.unpadded() && x.direct() {
		b.interleave(laid, x, first, channels, count)
		return laid
	}
	for i := range count {
		image := x.image(i)
		for c := range channels {
			plane, relu := image.plane(s, b.set, slotPlane, first+c)
			b.layout.fill(b.set, laid[(c*b.images+i)*b.pitch:][:b.pitch], plane, relu)
		}
	}
	return laid
}

// interleave copies channels of count images so that those of a channel follow one another.
func (b *batch) interleave(to []float32, x input, first, channels, count int) {
	pixels := area{rows: count, cols: x.pixels, stepY: x.pixels, stepX: x.Stride}
	for c := range channels {
		b.set.lay(to[c*b.images*x.pixels:], x.Data[(first+c)*x.pixels:], pixels, columns{to: x.pixels, step: 1, relu: x.relu})
	}
}

// gradients lays out channels of dy likewise, which is in memory as it is.
func (b *batch) gradients(s *Scratch, dy input, first, channels, count int) gradients {
	if b.images == 1 && b.rows == 1 {
		return gradients{dy.Data[first*b.out.pixels:], b.out.pixels}
	}
	step := b.layout.cols
	size := min(b.pitch, b.layout.rows*step) // of one image
	g := gradients{s.Floats(slotResult, channels*b.images*size), b.images * size}
	if b.rows == 1 && size == b.out.pixels {
		b.interleave(g.dy, dy, first, channels, count)
		return g
	}
	pixels := area{rows: b.rows, cols: step, stepY: step, stepX: b.rowStep}
	for i := range count {
		image := dy.image(i).data
		for o := range channels {
			plane := g.dy[o*g.plane+i*size:][:size]
			b.set.lay(plane, image[(first+o)*b.out.pixels:], pixels, columns{to: b.cols, step: 1})
			clear(plane[b.rows*step:])
		}
	}
	return g
}

// gradients are channels of dy, plane floats apart.
type gradients struct {
	dy    []float32
	plane int
}

// dots adds to sums, for count output channels and every term, the product of dy and the term's shifted x, summed over
// the pixels of the images. It goes by blocks of pixels that stay in the first-level cache; their sums are short enough for
// single precision.
func (b *batch) dots(sums []float32, g gradients, x []float32, count, images int) {
	pixels := (images-1)*b.pitch + b.longRow()
	for j := 0; j < pixels; j += b.set.dotPixels {
		n := min(b.set.dotPixels, pixels-j)
		for group, o := 0, 0; o < count; group++ {
			end := split(count, b.set.dotRows, group+1)
			b.set.dot(n, sums[o*len(b.terms):], len(b.terms), g.dy[o*g.plane+j:], g.plane, end-o, x[j:], b.terms)
			o = end
		}
	}
}

// addParts computes y as the sum of as many parts, which lie step floats apart in partial, in their order.
func addParts(w *Workers, y, partial []float32, step, parts int) {
	w.Run(chunks(len(y)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(y))
		copy(y[from:to], partial[from:to])
		for part := 1; part < parts; part++ {
			w.set.sum(y[from:to], y[from:to], partial[part*step+from:part*step+to])
		}
	})
}
