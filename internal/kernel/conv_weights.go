package kernel

// Weight gradients are summed over at most maxPartials parts of the batch, in memory of about partialFloats.
const (
	maxPartials   = 16
	partialFloats = 1 << 22
)

// ConvBackwardWeights computes dk, the gradient by the weights, from dy, the gradient by y. x is rectified as it is read
// where c.ReLU says so.
func ConvBackwardWeights(w *Workers, dk, dy, x []float32, c Conv) {
	c = c.flattened()
	c.byParts(w, dk, dy, x, c.parts(), func(*Scratch, int) {})
}

// ConvBackward computes what ConvBackwardData and ConvBackwardWeights do. It is faster than both, one after the other,
// where it can do with reading dy and x from memory once.
func ConvBackward(w *Workers, dx, dk, dy, k, x []float32, c Conv) {
	flat := c.flattened()
	parts := flat.parts()
	if parts < minPieces {
		ConvBackwardData(w, dx, dy, k, x, c)
		ConvBackwardWeights(w, dk, dy, x, c)
		return
	}
	by := x
	if !c.ReLU {
		by = nil
	}
	jobs := jobsOf(w, k, flat.Ci, flat.backwards(w))
	flat.byParts(w, dk, dy, x, parts, func(s *Scratch, n int) {
		for i := range jobs {
			jobs[i].compute(s, dx, dy, by, n, 0, flat.Ci)
		}
	})
}

// parts returns how many parts of the batch the gradients by the weights are summed over.
func (c *Conv) parts() int {
	return min(c.N, maxPartials, max(2, partialFloats/(c.Co*c.group()*c.KH*c.KW)))
}

// byParts computes dk part by part, and calls also with every image after having read it.
func (c *Conv) byParts(w *Workers, dk, dy, x []float32, parts int, also func(s *Scratch, n int)) {
	b := c.forward(w).batch(w, (c.N+parts-1)/parts)
	size := len(b.terms) * c.Co
	partial := w.Floats(slotPartial, parts*size)
	w.Run(parts, func(part int, s *Scratch) {
		sums := partial[part*size:][:size]
		clear(sums)
		end := (part + 1) * c.N / parts
		for n := part * c.N / parts; n < end; n += b.images {
			count := min(b.images, end-n)
			b.add(s, sums, dy, x, n, count)
			for i := range count {
				also(s, n+i)
			}
		}
	})
	addParts(w, dk, partial[:parts*size])
}

// batch is images that are correlated together, since long rows are faster: the pixels of a channel follow one another,
// image by image, with zeros in the gradient wherever the layout has pixels that belong to no output.
type batch struct {
	*correlation
	images int
	pitch  int // from image to image of a channel
	terms  []int
}

// batch returns how the weights' gradients are computed, at most most images at a time.
func (r *correlation) batch(w *Workers, most int) batch {
	b := batch{correlation: r, images: 1, pitch: r.layout.size()}
	if len(r.layout.phases) == 1 {
		b.images = min(most, max(1, r.set.dotPixels/b.pitch))
	}
	b.terms = r.terms(w, b.images*b.pitch)
	return b
}

// add adds to sums [output channels, terms] what count images, from the one numbered n on, contribute to the gradients by
// the weights.
func (b *batch) add(s *Scratch, sums, dy, x []float32, n, count int) {
	if !b.depthwise {
		b.dots(sums, b.gradients(s, dy, n, 0, b.out.count, count), b.inputs(s, x, n, 0, b.in.count, count), b.out.count, count)
		return
	}
	for o := range b.out.count {
		g, in := b.gradients(s, dy, n, o, 1, count), b.inputs(s, x, n, o, 1, count)
		b.dots(sums[o*len(b.terms):], g, in, 1, count)
	}
}

// inputs lays out channels of count images.
func (b *batch) inputs(s *Scratch, x []float32, n, first, channels, count int) []float32 {
	if b.images == 1 {
		return b.prepare(s, slotLayout, b.in.image(x, n, first), channels)
	}
	laid := s.Floats(slotLayout, channels*b.images*b.pitch)
	for i := range count {
		image := b.in.image(x, n+i, first)
		for c := range channels {
			b.layout.fill(b.set, laid[(c*b.images+i)*b.pitch:][:b.pitch], image[c*b.in.pixels:][:b.in.pixels])
		}
	}
	return laid
}

// gradients lays out channels of dy likewise.
func (b *batch) gradients(s *Scratch, dy []float32, n, first, channels, count int) gradients {
	if b.images == 1 && b.rows == 1 {
		return gradients{b.out.image(dy, n, first), b.out.pixels}
	}
	step := b.layout.cols
	size := min(b.pitch, b.layout.rows*step) // of one image
	g := gradients{s.Floats(slotResult, channels*b.images*size), b.images * size}
	pixels := area{rows: b.rows, cols: step, stepY: step, stepX: b.rowStep}
	for i := range count {
		image := b.out.image(dy, n+i, first)
		for o := range channels {
			plane := g.dy[o*g.plane+i*size:][:size]
			b.set.lay(plane, image[o*b.out.pixels:], pixels, columns{to: b.cols, step: 1})
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
			b.set.dot(n, sums[o*len(b.terms):], g.dy[o*g.plane+j:], g.plane, end-o, x[j:], b.terms)
			o = end
		}
	}
}

// addParts computes y as the sum of the parts of its length that partial consists of, in their order.
func addParts(w *Workers, y, partial []float32) {
	w.Run(chunks(len(y)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(y))
		for i := from; i < to; i++ {
			total := 0.0
			for at := i; at < len(partial); at += len(y) {
				total += float64(partial[at])
			}
			y[i] = float32(total)
		}
	})
}
