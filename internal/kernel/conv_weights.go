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
	r := c.forward(w)
	terms := r.terms(w)
	size := r.out.count * len(terms)
	parts := min(c.N, maxPartials, max(2, partialFloats/size))
	partial := w.Floats(slotPartial, parts*size)
	w.Run(parts, func(part int, s *Scratch) {
		sums := partial[part*size:][:size]
		clear(sums)
		for n := part * c.N / parts; n < (part+1)*c.N/parts; n++ {
			r.correlate(s, sums, dy, x, terms, n)
		}
	})
	addParts(w, dk, partial)
}

// correlate adds to sums [output channels, terms] what image n contributes to the gradients by the weights.
func (r *correlation) correlate(s *Scratch, sums, dy, x []float32, terms []int, n int) {
	if !r.depthwise {
		r.dots(sums, r.out.image(dy, n, 0), r.prepare(s, slotLayout, r.in.image(x, n, 0), r.in.count), terms, r.out.count)
		return
	}
	for o := range r.out.count {
		in := r.prepare(s, slotLayout, r.in.image(x, n, o), 1)
		r.dots(sums[o*len(terms):], r.out.image(dy, n, o), in, terms, 1)
	}
}

// dots adds to sums, for count output channels and every term, the product of dy and the term's shifted x, summed over
// the pixels. It goes by blocks of pixels that stay in the first-level cache; their sums are short enough for single
// precision.
func (r *correlation) dots(sums, dy, x []float32, terms []int, count int) {
	s := r.set
	width := min(s.dotPixels, r.cols)
	height := max(1, s.dotPixels/r.cols)
	for i := 0; i < r.rows; i += height {
		for j := 0; j < r.cols; j += width {
			b := block{
				rows: min(height, r.rows-i), cols: min(width, r.cols-j),
				stepG: r.rowStep, stepX: r.layout.cols,
			}
			g, in := dy[i*r.rowStep+j:], x[i*r.layout.cols+j:]
			for group, o := 0, 0; o < count; group++ {
				end := split(count, s.dotRows, group+1)
				s.dot(b, sums[o*len(terms):], g[o*r.out.pixels:], r.out.pixels, end-o, in, terms)
				o = end
			}
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
