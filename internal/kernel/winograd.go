package kernel

import (
	"slices"
	"unsafe"
)

// slotStrips is the slot of integers of a thread for where strips begin.
const slotStrips = 0

// winogradSizes are the sizes of the square kernels that there are Winograd convolutions F(4×4, r×r) for.
var winogradSizes = [2]int{3, 5}

// winogradKernels are the inner loops of Winograd convolution. They take lanes tiles together, a group, which lie in four strips
// of neighbouring pixels; two groups are a block. A block's frequency f of channel c and tile t is number f·stride + c·2·lanes + t.
type winogradKernels struct {
	lanes int
	panel int // most output channels that are multiplied together
	// pixels transforms a group of tiles of padded planes x, whose strips begin at those four places, to v, and results the
	// products m to pixels of planes y. The second of each takes strips whose second half lies four rows below the first; it
	// is nil where there is none. Each is there for both sizes. buffer has winogradBuffer floats.
	pixels, results [2][2]transform
	// toFrequencies transforms the weights of some rows, whose first taps are at those places in k, to u.
	toFrequencies [2]func(u, k, buffer []float32, at []int, p filters)
	// products multiplies weights u by a block's pixels v.
	products func(m, u, v []float32, p panels, frequencies, channels int)
	// inputs and gradients transform units of padded planes, which begin at those places, for the gradient by the weights, and
	// one more place is given. Vectors have lanes floats, and go channel by channel and unit by unit.
	inputs, gradients [2]unitTransform
	// multiply computes, or adds to them, sums of products of vectors: of every row of y and every one of x, over units vectors.
	multiply func(sums, y, x []float32, rows, columns, units int, add bool)
	// toWeights transforms sums of groups of four filters to weights. Horizontal frequencies are stride floats apart.
	toWeights [2]func(dk, sums, buffer []float32, groups, stride int)
}

// transform is the transform of a group of tiles.
type transform func(to, from, buffer []float32, at []int, g geometry)

// unitTransform is the transform of units of planes.
type unitTransform func(to, from, buffer []float32, at []int, units int, g geometry)

// blockStrips is how many strips a block has.
const blockStrips = 8

// winogradBuffer is the size of the memory in which transforms keep what is transformed in one direction.
const winogradBuffer = (maxSide*5 + 25) * 16

// geometry says how planes lie, in floats: channels planes, plane apart, with rows row apart. Frequencies are stride apart.
type geometry struct{ channels, plane, row, stride int }

// filters says how weights lie: of rows rows of channels channels, step floats apart. Those of a frequency, stride apart, go
// channel by channel. The taps of backwards weights are read in reverse.
type filters struct {
	channels, step, rows, stride int
	backwards                    bool
}

// panels says how output channels are multiplied together: full panels of rows channels, then rest of one channel less.
// Frequencies are strideU floats apart in the weights, strideV in the pixels and strideM in the products.
type panels struct{ rows, full, rest, strideU, strideV, strideM int }

// winograd is a convolution of planes [h, w] by F(4×4, r×r), which keeps their size. A piece of work is some images.
type winograd struct {
	winogradKernels
	set              *set
	which            int // of winogradSizes
	in, out          int // channels
	h, w             int
	images, together int  // all, and those of a piece
	backwards        bool // the weights are those of the gradient by the input
	tiling
	layout  layout
	u       []float32 // the transformed weights
	strideU int
}

// tiling is how planes are cut into strips: down rows of across strips.
type tiling struct {
	across, down int
	width, rows  int // of a strip, in pixels
}

// newTiling returns the tiling of planes [h, w] that wastes the fewest tiles. halved tells whether strips may consist of two
// halves, one below the other.
func newTiling(h, w, lanes int, halved bool) tiling {
	t := tiling{width: lanes, rows: 4}
	if over := (w-1)%lanes + 1; halved && over <= lanes/2 {
		t.width, t.rows = lanes/2, 8
	}
	t.across, t.down = (w+t.width-1)/t.width, (h+t.rows-1)/t.rows
	return t
}

func (t *tiling) strips() int { return t.across * t.down }

// at returns where strip i begins in a plane whose rows are row floats apart.
func (t *tiling) at(i, row int) int { return i/t.across*t.rows*row + i%t.across*t.width }

// halves is 1 if strips consist of halves, else 0.
func (t *tiling) halves() int { return t.rows/4 - 1 }

// fits tells whether planes [h, w] consist of whole strips.
func (t *tiling) fits(h, w int) bool { return h == t.down*t.rows && w == t.across*t.width }

// newWinograd returns the convolution c, or the one that computes the gradient by its input.
func newWinograd(set *set, c *Conv, backwards bool) *winograd {
	k := &winograd{
		winogradKernels: set.winograd, set: set, images: c.N, in: c.Ci, out: c.Co, h: c.H, w: c.W,
		which: slices.Index(winogradSizes[:], c.KH), backwards: backwards,
	}
	if backwards {
		k.in, k.out = c.Co, c.Ci
	}
	k.tiling = newTiling(k.h, k.w, k.lanes, k.pixels[1][0] != nil)
	k.together = k.pieceImages()
	rows, cols := k.down*k.rows+c.KH-1, k.across*k.width+4
	k.layout = layout{
		h: k.h, w: k.w, padH: c.PadH, padW: c.PadW, stepH: 1, stepW: 1, across: 1,
		rows: rows, cols: (cols + lineFloats - 1) / lineFloats * lineFloats,
	}
	k.layout.step = k.layout.cols
	k.layout.at(0, 0, 0)
	k.strideU = oddLines(k.in * k.out)
	return k
}

// pieceImages returns how many images make a piece: as few as fill blocks well.
func (k *winograd) pieceImages() int {
	for n := 1; n < min(k.images, blockStrips); n++ {
		used := n * k.strips()
		if blocks := (used + blockStrips - 1) / blockStrips; blocks*blockStrips-used <= used/8 {
			return n
		}
	}
	return min(k.images, blockStrips)
}

func (k *winograd) pieces() int { return (k.images + k.together - 1) / k.together }

func (k *winograd) taps() int { return winogradSizes[k.which] * winogradSizes[k.which] }

func (k *winograd) side() int { return winogradSizes[k.which] + 3 }

func (k *winograd) frequencies() int { return k.side() * k.side() }

// panels returns how the output channels are multiplied together.
func (k *winograd) panels() panels {
	rows, full, rest := evenly(k.out, k.panel)
	return panels{rows: rows, full: full, rest: rest, strideU: k.strideU, strideV: oddLines(k.in * 2 * k.lanes)}
}

// evenly cuts count rows into as few groups as possible of at most most: full groups of size rows and rest of one less.
func evenly(count, most int) (size, full, rest int) {
	groups := (count + most - 1) / most
	size = (count + groups - 1) / groups
	full = count - groups*(size-1)
	return size, full, groups - full
}

// first returns the first output channel of panel i.
func (p *panels) first(i int) int { return i*p.rows - max(0, i-p.full) }

// some returns the panels from to to.
func (p panels) some(from, to int) panels {
	full := min(to, p.full) - min(from, p.full)
	p.full, p.rest = full, to-from-full
	return p
}

// oddLines returns n, rounded up to an odd number of cache lines: distances of many lines to a power of two would
// bring all frequencies into the same few sets of the cache.
func oddLines(n int) int { return ((n+15)/16 | 1) * 16 }

// weights transforms the weights k of the convolution.
func (k *winograd) weights(w *Workers, slot int, weights []float32) {
	outStep, inStep := k.in*k.taps(), k.taps()
	if k.backwards {
		outStep, inStep = k.taps(), k.out*k.taps()
	}
	p := k.panels()
	k.u = aligned(w.Floats(slot, k.frequencies()*k.strideU+lineFloats))
	w.Run(p.full+p.rest, func(piece int, s *Scratch) {
		first, at := p.first(piece), s.ints.take(slotStrips, k.panel)
		f := filters{channels: k.in, step: inStep, rows: p.first(piece+1) - first, stride: k.strideU, backwards: k.backwards}
		for i := range at {
			at[i] = (first + min(i, f.rows-1)) * outStep
		}
		k.toFrequencies[k.which](k.u[first*k.in:], weights, k.buffer(s), at, f)
	})
}

func (k *winograd) buffer(s *Scratch) []float32 {
	return aligned(s.Floats(slotTransform, winogradBuffer+lineFloats))
}

// run computes y and its moments unless they are nil. Where by is given, y is set to zero wherever that is not
// positive.
func (k *winograd) run(w *Workers, y Target, moments []float32, x input, by *input) {
	w.Run(k.pieces(), func(piece int, s *Scratch) {
		first := piece * k.together
		images := min(k.together, k.images-first)
		k.convolve(s, y, by, k.lay(s, slotLayout, x, first, images, 0, k.in), first, images)
		for n := first; n < first+images && moments != nil; n++ {
			describe(k.set, moments[n*k.out*2:], y.image(n, channels{k.out, k.h * k.w}), k.h*k.w)
		}
	})
}

// lay lays out the channels from to to of count images from the one numbered first on.
func (k *winograd) lay(s *Scratch, slot int, x input, first, count, from, to int) []float32 {
	size, channels := k.layout.size(), to-from
	laid := s.Floats(slot, count*channels*size)
	for n := range count {
		image := x.image(first + n)
		k.layout.fillAll(s, k.set, laid[n*channels*size:][:channels*size], image, from, channels)
	}
	return laid
}

// convolve computes count images of y from the one numbered first on, which are laid out in x.
func (k *winograd) convolve(s *Scratch, y Target, by *input, x []float32, first, count int) {
	if k.fits(k.h, k.w) && !y.Add {
		k.compute(s, y.Data[first*y.Stride:], x, y.Stride, k.h*k.w, k.w, count)
		if by == nil {
			return
		}
		for n := first; n < first+count; n++ {
			image := y.image(n, channels{k.out, k.h * k.w})
			k.place(s, image, image, n, k.h*k.w, k.w, by, false)
		}
		return
	}
	row := k.across * k.width
	plane := k.down * k.rows * row
	results := s.Floats(slotResult, count*k.out*plane)
	k.compute(s, results, x, k.out*plane, plane, row, count)
	for n := range count {
		image := y.image(first+n, channels{k.out, k.h * k.w})
		k.place(s, image, results[n*k.out*plane:], first+n, plane, row, by, y.Add)
	}
}

// place puts the results x of image n, whose planes are plane floats apart and their rows row, where they belong in y, or adds
// them, and zeros where by is not positive.
func (k *winograd) place(s *Scratch, y, x []float32, n, plane, row int, by *input, add bool) {
	var mask source
	if by != nil {
		mask = by.image(n)
	}
	pixels := k.h * k.w
	for o := range k.out {
		y, x := y[o*pixels:][:pixels], x[o*plane:]
		positive := mask.positive(s, k.set, o, 0, pixels)
		if plane == pixels {
			k.set.put(y, x[:pixels], positive, add)
			continue
		}
		k.set.place(y, x, positive, area{rows: k.h, cols: k.w, stepY: k.w, stepX: row}, 1, add)
	}
}

// compute convolves count images, at most a piece, which are laid out in x. The planes of y are row floats wide and plane
// floats apart, and those of the next image image floats further on; they consist of whole strips.
func (k *winograd) compute(s *Scratch, y, x []float32, image, plane, row, count int) {
	p, frequencies, block := k.panels(), k.frequencies(), 2*k.lanes
	const together = 2 // panels that are multiplied before their results are transformed
	p.strideM = oddLines(together * p.rows * block)
	v := aligned(s.Floats(slotFrequencies, frequencies*p.strideV+lineFloats))
	m := aligned(s.Floats(slotProducts, frequencies*p.strideM+lineFloats))
	buffer, at := k.buffer(s), s.ints.take(slotStrips, 4)
	in := geometry{k.in, k.layout.size(), k.layout.cols, p.strideV}
	for strip := 0; strip < count*k.strips(); strip += blockStrips {
		groups := min(2, (count*k.strips()-strip+3)/4)
		for g := range groups {
			k.places(at, strip+4*g, count, k.in*in.plane, in.row)
			k.pixels[k.halves()][k.which](v[g*k.lanes:], x, buffer, at, in)
		}
		for i := 0; i < p.full+p.rest; i += together {
			end := min(i+together, p.full+p.rest)
			from, to := p.first(i), p.first(end)
			k.products(m, k.u[from*k.in:], v, p.some(i, end), frequencies, k.in)
			out := geometry{to - from, plane, row, p.strideM}
			for g := range groups {
				k.places(at, strip+4*g, count, image, row)
				k.results[k.halves()][k.which](y[from*plane:], m[g*k.lanes:], buffer, at, out)
			}
		}
	}
}

// places computes where four strips from number first on begin, in count images. Strips that there aren't are the last one again.
func (k *winograd) places(at []int, first, count, image, row int) {
	for e := range 4 {
		i := min(first+e, count*k.strips()-1)
		at[e] = i/k.strips()*image + k.at(i%k.strips(), row)
	}
}

// lineFloats is a cache line.
const lineFloats = 16

// aligned returns x from the beginning of a cache line on, of which it must have one to spare.
func aligned(x []float32) []float32 {
	over := uintptr(unsafe.Pointer(&x[0])) % (4 * lineFloats) / 4
	return x[(lineFloats-over)%lineFloats:]
}
