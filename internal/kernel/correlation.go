package kernel

import "slices"

// Slots of the scratch memory of a thread.
const (
	slotLayout     = iota // the input channels as they are read
	slotResult            // what is not yet at its place in y
	slotPlane             // a channel of a view
	slotOtherPlane        // and of another
	slotPositive          // what a mask is made of
	slotHeldX             // images of views that are read several times
	slotHeldDy
	slotBetween    // images between a depthwise and a pointwise convolution
	slotFull       // what has a stride, at full size
	slotUnwanted   // a gradient that nobody wants
	slotAcross     // of a pool: the windows' results within each row
	slotWinners    // of a pool: which tap each window's maximum is at, or which pixel of each row
	slotWinnerRows // and in which row it is
	slotShares     // of a pool: what each pixel of a window gets of its gradient
	slotLaidWinners
	slotFrequencies // of a Winograd convolution: of the pixels of a block of tiles
	slotProducts    // and of its results
	slotTransform   // what is transformed in one direction
	slotSums        // of the gradient by the weights
	slotLaidDy
)

const (
	slotPartial      = iota // shared by the pieces of a kernel: sums over a part of the images
	slotCoefficients        // of a view
	slotTransposed
	slotWholeX // of a convolution with a kernel as large as its input
	slotWholeDy
	slotWholeResult
	slotStacked // weights of several convolutions
	slotAreas   // of a pool
	slotTaps    // of a pool
	slotWeights // and on, one for each correlation: the weights as they are read
)

// What each correlation needs shared slots of integers for: tables of the taps, of the layout, of the terms.
const (
	slotTap = iota
	slotPhase
	slotShift
	slotTerm
	slotsOfInts
)

// minPieces is the number of pieces that a small batch is cut into, by output channels.
const minPieces = 8

// correlation is what both directions of a convolution come down to: for every output channel the sum of shifted copies of
// input channels, each copy times a weight. A copy is called a term; there is one for every input channel and tap of the
// kernel. In a depthwise correlation output channel o reads input channel o alone, and the terms are the taps.
type correlation struct {
	set       *set
	number    int // tells correlations apart that are in use at the same time
	depthwise bool
	in, out   channels
	layout    layout
	shared    bool // the layout is that of the job before, of the same input
	// The taps in use have the places tap in the kernel and read the layout shift floats further on. The weight of the next
	// output channel lies outStep further, that of the next input channel inStep.
	tap, shift      []int
	outStep, inStep int
	// The pixels computed are rows × cols; that of row i and column j is pixel start + i·rowStep + j·colStep of y.
	rows, cols              int
	start, rowStep, colStep int
}

// job is a correlation ready to run.
type job struct {
	*correlation
	block   int // how many pixels a pointwise correlation takes together, 0 if it is none
	terms   []int
	weights []float32
}

// jobs are correlations that each compute some of the pixels of one result.
type jobs []job

// jobsOf prepares correlations, which take their weights from k and whose pieces have width output channels each. asIs tells
// that their input is in memory as it is.
func jobsOf(w *Workers, k []float32, width int, asIs bool, all ...*correlation) jobs {
	list := make(jobs, len(all))
	for i, r := range all {
		block, plane := r.pointwiseBlock(asIs), r.layout.size()
		if block > 0 {
			plane = block
		}
		terms := r.terms(w, plane)
		list[i] = job{r, block, terms, r.weights(w, k, len(terms), width)}
	}
	return list
}

func (all jobs) compute(s *Scratch, y []float32, add bool, x, by source, from, to int) {
	if !add && all.leavesOut() {
		pixels := all[0].out.pixels
		clear(y[from*pixels : to*pixels])
		add = true
	}
	var in []float32
	for i := range all {
		switch j := &all[i]; {
		case add && len(j.tap) == 0: // nothing to add
		case j.block > 0:
			j.pointwise(s, y, add, x, by, from, to)
		case j.depthwise:
			for o := from; o < to; o++ {
				in := j.prepare(s, slotLayout, x, o, 1)
				g := j.target(s, y, add, o, o+1)
				g.compute(j.set, in, j.terms, j.weights[o*len(j.terms):], 1)
				j.place(s, y, add, by, g, o, o+1)
			}
		default:
			if !j.shared {
				in = j.prepare(s, slotLayout, x, 0, j.in.count)
			}
			g := j.target(s, y, add, from, to)
			g.compute(j.set, in, j.terms, j.weights[from*len(j.terms):], to-from)
			j.place(s, y, add, by, g, from, to)
		}
	}
}

// leavesOut tells whether there are pixels that nothing contributes to.
func (all jobs) leavesOut() bool {
	return slices.ContainsFunc(all, func(j job) bool { return len(j.tap) == 0 })
}

// pointwiseFloats is about how many floats the input channels of a block of pixels have: they stay in the first-level cache.
const pointwiseFloats = 6 << 10

// pointwiseBlock returns how many pixels a pointwise correlation takes together: their input channels are copied side by
// side first, since planes may lie so that they evict one another from the cache. It returns 0 where that doesn't pay.
func (r *correlation) pointwiseBlock(asIs bool) int {
	pixels := r.set.pixels
	pays := !asIs || r.out.count > r.set.rows
	if r.depthwise || !pays || !r.layout.unpadded() || r.rows > 1 || r.colStep > 1 || len(r.shift) != 1 {
		return 0
	}
	return max(1, pointwiseFloats/(r.in.count*pixels)) * pixels
}

// pointwise is compute block by block.
func (j *job) pointwise(s *Scratch, y []float32, add bool, x, by source, from, to int) {
	block := s.Floats(slotLayout, j.in.count*j.block)
	for at := 0; at < j.cols; at += j.block {
		width := min(j.block, j.cols-at)
		for c := range j.in.count {
			x.read(j.set, block[c*j.block:][:width], c, at)
		}
		result, plane := y[from*j.out.pixels+at:], j.out.pixels
		if add {
			result, plane = s.Floats(slotResult, (to-from)*j.block), j.block
		}
		for group, o := 0, from; o < to; group++ {
			end := from + split(to-from, j.set.rows, group+1)
			j.set.accumulate(result[(o-from)*plane:], plane, width, block, j.terms, j.weights[o*len(j.terms):end*len(j.terms)], end-o)
			for ; o < end; o++ {
				row := y[o*j.out.pixels+at:][:width]
				j.set.put(row, result[(o-from)*plane:][:width], by.positive(s, j.set, o, at, width), add)
			}
		}
	}
}

// put completes pixels x that belong at y, or are there already: they become 0 where by, if given, isn't positive, and are
// added to y or take its place.
func (s *set) put(y, x, by []float32, add bool) {
	switch {
	case add && by != nil:
		s.addMasked(y, x, by)
	case add:
		s.sum(y, y, x)
	case by != nil:
		s.mask(y, x, by)
	case &y[0] != &x[0]:
		copy(y, x)
	}
}

// pieceWidth returns the number of output channels that one piece computes: all, if the images make pieces enough. Where
// there are several pieces, they are of the rows that a set computes together.
func pieceWidth(images, channels, rows int) int {
	groups := (minPieces + images - 1) / images
	width := (channels + groups - 1) / groups
	return (width + rows - 1) / rows * rows
}

// termCount returns how many terms an output channel has.
func (r *correlation) termCount() int {
	if r.depthwise {
		return len(r.shift)
	}
	return r.in.count * len(r.shift)
}

// terms returns the shift of every term, input channel by input channel, these being plane floats apart.
func (r *correlation) terms(w *Workers, plane int) []int {
	if r.depthwise {
		return r.shift
	}
	terms := w.ints(r.number*slotsOfInts+slotTerm, r.termCount())
	for t := range terms {
		terms[t] = t/len(r.shift)*plane + r.shift[t%len(r.shift)]
	}
	return terms
}

// minTogether is how many weights are packed by one thread at least.
const minTogether = 1 << 12

// weights returns the weights in the order in which accumulate reads them: piece after piece of width channels, and in a
// piece one group of channels that are computed together after the other.
func (r *correlation) weights(w *Workers, k []float32, terms, width int) []float32 {
	packed, most := w.Floats(slotWeights+r.number, r.out.count*terms), r.set.rows
	if r.depthwise {
		most = 1
	}
	groups := (width + most - 1) / most // of a piece, but for the last
	all := (r.out.count + width - 1) / width * groups
	together := max(1, minTogether/max(1, most*terms))
	w.Run((all+together-1)/together, func(part int, _ *Scratch) {
		for i := part * together; i < min((part+1)*together, all); i++ {
			from := i / groups * width
			count := min(width, r.out.count-from)
			if group := i % groups; group*most < count {
				o, end := split(count, most, group), split(count, most, group+1)
				r.pack(packed[(from+o)*terms:(from+end)*terms], k, from+o, end-o, terms)
			}
		}
	})
	return packed
}

// pack writes the weights of rows output channels, from the one numbered first on, to group.
func (r *correlation) pack(group, k []float32, first, rows, terms int) {
	for t := 0; t < terms; {
		from := k[first*r.outStep+t/len(r.tap)*r.inStep:]
		for _, tap := range r.tap {
			if r.set.weightAt == nil {
				at := tap
				for row := range group[t*rows:][:rows] {
					group[t*rows+row] = from[at]
					at += r.outStep
				}
			} else {
				for row := range rows {
					group[r.set.weightAt(row, t, rows, terms)] = from[tap+row*r.outStep]
				}
			}
			t++
		}
	}
}

// prepare returns count channels of an image, from the one numbered first on, in the form of the layout, which may be in a
// slot of scratch memory.
func (r *correlation) prepare(s *Scratch, slot int, x source, first, count int) []float32 {
	l := &r.layout
	size := l.size()
	switch {
	case len(r.tap) == 0:
		return nil
	case l.unpadded() && x.direct() && !x.relu:
		return x.data[first*size:][:count*size]
	}
	laid := s.Floats(slot, count*size)
	if l.unpadded() && x.direct() { // all in one pass
		r.set.rectify(laid, x.data[first*size:][:count*size])
		return laid
	}
	if l.unpadded() {
		x.readFrom(r.set, laid, first)
		return laid
	}
	l.fillAll(s, r.set, laid, x, first, count)
	return laid
}

// target returns the grid in which output channels from to to of an image are computed. Where that pays, it consists of
// one long row, the zeros between the rows of the layout being pixels like others, which place leaves out.
func (r *correlation) target(s *Scratch, y []float32, add bool, from, to int) grid {
	g := grid{rows: r.rows, cols: r.cols, stepX: r.layout.cols}
	short := r.short()
	if r.layout.unrolled != nil && r.contiguous() && !add {
		g.rows, g.cols = 1, r.rows*r.cols
		g.y, g.plane, g.step = y[from*r.out.pixels:], r.out.pixels, r.cols
		return g
	}
	if !short && !add && r.colStep == 1 {
		g.y, g.plane, g.step = y[from*r.out.pixels+r.start:], r.out.pixels, r.rowStep
		return g
	}
	g.scratch = true
	g.plane, g.step = r.rows*r.layout.cols, r.layout.cols
	if !short {
		g.plane, g.step = r.rows*r.cols, r.cols
	}
	g.y = s.Floats(slotResult, (to-from)*g.plane)
	if short {
		g.rows, g.cols = 1, r.longRow()
	}
	return g
}

// contiguous tells whether the pixels computed are all that follow one another in y from the first to the last.
func (r *correlation) contiguous() bool { return r.colStep == 1 && r.rowStep == r.cols }

// longRow returns the number of pixels from the first to the last, those between the rows included.
func (r *correlation) longRow() int { return (r.rows-1)*r.layout.cols + r.cols }

// short tells whether rows are so short that one long row is faster: whether the zeros between them cost less than
// what a set that handles some pixels at once wastes on the end of each.
func (r *correlation) short() bool {
	tile := r.set.tile
	switch {
	case r.rows == 1:
		return false
	case tile == 0:
		return 2*r.layout.cols <= 3*r.cols
	case r.depthwise: // the fewer calls the better
		return r.layout.cols <= 2*r.cols
	}
	return r.layout.cols < (r.cols+tile-1)/tile*tile
}

// place puts what was computed in scratch memory where it belongs in y, or adds it, and zeros where by is not positive.
func (r *correlation) place(s *Scratch, y []float32, add bool, by source, g grid, from, to int) {
	if !g.scratch && by.data == nil {
		return
	}
	pixels := area{rows: r.rows, cols: r.cols, stepY: r.rowStep, stepX: g.step}
	for o := from; o < to; o++ {
		plane := y[o*r.out.pixels:][r.start:r.out.pixels]
		x, positive := plane, by.positive(s, r.set, o, r.start, len(plane))
		if g.scratch {
			x = g.y[(o-from)*g.plane:]
		}
		if r.contiguous() && g.step == r.cols {
			size := r.rows * r.cols
			if positive != nil {
				positive = positive[:size]
			}
			r.set.put(plane[:size], x[:size], positive, add)
			continue
		}
		r.set.place(plane, x, positive, pixels, r.colStep, add)
	}
}

// grid is where output channels of an image are computed, rows × cols pixels each: in y, planes plane floats apart, rows
// step floats apart. The rows of the layout they are computed from lie stepX floats apart.
type grid struct {
	y                  []float32
	scratch            bool // y is scratch memory
	rows, cols         int
	plane, step, stepX int
}

// compute computes count channels.
func (g *grid) compute(s *set, x []float32, terms []int, weights []float32, count int) {
	pixels := s.pixels
	if count == 1 {
		pixels = s.long
	}
	for i := range g.rows {
		for j := 0; j < g.cols; j += pixels {
			n := min(pixels, g.cols-j)
			in := x
			if len(terms) > 0 {
				in = x[i*g.stepX+j:]
			}
			for group, o := 0, 0; o < count; group++ {
				end := split(count, s.rows, group+1)
				s.accumulate(g.y[o*g.plane+i*g.step+j:], g.plane, n, in, terms, weights[o*len(terms):end*len(terms)], end-o)
				o = end
			}
		}
	}
}
