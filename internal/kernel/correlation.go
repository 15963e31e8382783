package kernel

// Slots of the scratch memory of a convolution.
const (
	slotLayout = iota // of a thread: the input channels as they are read
	slotResult        // of a thread: what is not yet at its place in y
)
const (
	slotWeights = iota // shared: the weights as they are read
	slotPartial        // shared: sums over a part of the images
)
const (
	slotTap = iota // shared, integers: tables of the taps, of the layout, of the terms
	slotPhase
	slotShift
	slotTerm
)

// minPieces is the number of pieces that a small batch is cut into, by output channels.
const minPieces = 8

// correlation is what both directions of a convolution come down to: for every output channel the sum of shifted copies of
// input channels, each copy times a weight. A copy is called a term; there is one for every input channel and tap of the
// kernel. In a depthwise correlation output channel o reads input channel o alone, and the terms are the taps.
type correlation struct {
	images    int
	depthwise bool
	in, out   channels
	layout    layout
	// The taps in use have the places tap in the kernel and read the layout shift floats further on. The weight of the next
	// output channel lies outStep further, that of the next input channel inStep.
	tap, shift      []int
	outStep, inStep int
	// The pixels computed are rows × cols; that of row i and column j is pixel start + i·rowStep + j·colStep of y.
	rows, cols              int
	start, rowStep, colStep int
}

// run computes the output channels y from the input channels x and the weights k. Where by is given, y is set to zero
// wherever that is not positive.
func (r *correlation) run(w *Workers, y, x, k, by []float32) {
	terms := r.terms(w)
	width := r.pieceWidth(&w.set)
	weights := r.weights(w, k, len(terms), width)
	groups := (r.out.count + width - 1) / width
	w.Run(r.images*groups, func(piece int, s *Scratch) {
		n, from := piece/groups, piece%groups*width
		to := min(from+width, r.out.count)
		g := r.target(s, &w.set, y, n, from, to)
		if r.depthwise {
			for o := from; o < to; o++ {
				in := r.prepare(s, r.in.image(x, n, o), 1)
				g.compute(&w.set, g.y[(o-from)*g.plane:], in, terms, weights[o*len(terms):], 1)
			}
		} else {
			in := r.prepare(s, r.in.image(x, n, 0), r.in.count)
			g.compute(&w.set, g.y, in, terms, weights[from*len(terms):], to-from)
		}
		r.place(y, by, g, n, from, to)
	})
}

// pieceWidth returns the number of output channels that one piece computes: all, if the images make pieces enough. Where
// there are several pieces, they are of what the set computes together.
func (r *correlation) pieceWidth(s *set) int {
	groups := (minPieces + r.images - 1) / r.images
	width := (r.out.count + groups - 1) / groups
	return (width + s.rows - 1) / s.rows * s.rows
}

// terms returns the shift of every term, input channel by input channel.
func (r *correlation) terms(w *Workers) []int {
	if r.depthwise {
		return r.shift
	}
	terms := w.ints(slotTerm, r.in.count*len(r.shift))
	for t := range terms {
		c := t / len(r.shift)
		terms[t] = c*r.layout.size() + r.shift[t%len(r.shift)]
	}
	return terms
}

// weights returns the weights in the order in which accumulate reads them: piece after piece of width channels, and in a
// piece one group of channels that are computed together after the other.
func (r *correlation) weights(w *Workers, k []float32, terms, width int) []float32 {
	packed := w.Floats(slotWeights, r.out.count*terms)
	for from := 0; from < r.out.count; from += width {
		count, most := min(width, r.out.count-from), w.set.rows
		if r.depthwise {
			most = 1
		}
		for i, o := 0, 0; o < count; i++ {
			end := split(count, most, i+1)
			r.pack(&w.set, packed[(from+o)*terms:(from+end)*terms], k, from+o, end-o, terms)
			o = end
		}
	}
	return packed
}

// pack writes the weights of rows output channels, from the one numbered first on, to group.
func (r *correlation) pack(s *set, group, k []float32, first, rows, terms int) {
	for t := range terms {
		at := first*r.outStep + t/len(r.tap)*r.inStep + r.tap[t%len(r.tap)]
		for row := range rows {
			group[s.weightAt(row, t, rows, terms)] = k[at+row*r.outStep]
		}
	}
}

// prepare returns count channels of an image in the form of the layout.
func (r *correlation) prepare(s *Scratch, x []float32, count int) []float32 {
	if r.layout.identity() || len(r.tap) == 0 {
		return x
	}
	size := r.layout.size()
	laid := s.Floats(slotLayout, count*size)
	for c := range count {
		r.layout.fill(laid[c*size:][:size], x[c*r.in.pixels:][:r.in.pixels])
	}
	return laid
}

// target returns the grid in which output channels from to to of image n are computed. Where that pays, it consists of
// one long row, the zeros between the rows of the layout being pixels like others, which place leaves out.
func (r *correlation) target(s *Scratch, inner *set, y []float32, n, from, to int) grid {
	g := grid{rows: r.rows, cols: r.cols, stepX: r.layout.cols}
	short := r.short(inner.tile)
	if !short && r.colStep == 1 {
		g.y, g.plane, g.step = r.out.image(y, n, from)[r.start:], r.out.pixels, r.rowStep
		return g
	}
	g.scratch = true
	g.plane, g.step = r.rows*r.layout.cols, r.layout.cols
	g.y = s.Floats(slotResult, (to-from)*g.plane)
	if short {
		g.rows, g.cols = 1, g.plane-r.layout.cols+r.cols
	}
	return g
}

// short tells whether rows are so short that one long row is faster: whether the zeros between them cost less than
// what a set that handles tile pixels at once wastes on the end of each.
func (r *correlation) short(tile int) bool {
	if r.rows == 1 {
		return false
	}
	if tile == 0 {
		return 2*r.layout.cols <= 3*r.cols
	}
	return r.layout.cols < (r.cols+tile-1)/tile*tile
}

// place puts what was computed in scratch memory where it belongs in y, and sets y to zero where by is not positive.
func (r *correlation) place(y, by []float32, g grid, n, from, to int) {
	if !g.scratch && by == nil {
		return
	}
	for o := range to - from {
		plane := r.out.image(y, n, from+o)[:r.out.pixels]
		for i := range r.rows {
			at := r.start + i*r.rowStep
			row := plane[at:min(at+r.cols*r.colStep, len(plane))]
			if g.scratch {
				spread(row, g.y[o*g.plane+i*g.step:][:r.cols], r.colStep)
			}
			if by != nil {
				maskEvery(row, r.out.image(by, n, from+o)[at:][:len(row)], r.colStep)
			}
		}
	}
}

// spread copies x to every step-th float of y.
func spread(y, x []float32, step int) {
	if step == 1 {
		copy(y, x)
		return
	}
	for j, v := range x {
		y[j*step] = v
	}
}

// maskEvery sets every step-th float of y to zero where x is not positive.
func maskEvery(y, x []float32, step int) {
	if step == 1 {
		mask(y, y, x)
		return
	}
	x = x[:len(y)]
	for j := 0; j < len(y); j += step {
		y[j] = where(x[j], y[j])
	}
}

// grid is where an image's output channels are computed, rows × cols pixels each: in y, planes plane floats apart, rows
// step floats apart. The rows of the layout they are computed from lie stepX floats apart.
type grid struct {
	y                  []float32
	scratch            bool // y is scratch memory
	rows, cols         int
	plane, step, stepX int
}

// compute computes count channels of y.
func (g *grid) compute(s *set, y, x []float32, terms []int, weights []float32, count int) {
	for i := range g.rows {
		for j := 0; j < g.cols; j += s.pixels {
			n := min(s.pixels, g.cols-j)
			in := x
			if len(terms) > 0 {
				in = x[i*g.stepX+j:]
			}
			for group, o := 0, 0; o < count; group++ {
				end := split(count, s.rows, group+1)
				s.accumulate(y[o*g.plane+i*g.step+j:], g.plane, n, in, terms, weights[o*len(terms):end*len(terms)], end-o)
				o = end
			}
		}
	}
}
