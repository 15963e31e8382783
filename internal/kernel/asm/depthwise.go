package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A depthwise kernel takes channels as they lie in memory, without padding: masks leave out what a tap reads left and right of
// a row. It handles either columns of vectors, from the top row to the bottom, or planes of 8×8 pixels, in which two rows make
// a vector. Rows and columns of the window are dilation apart, and the result has the size of x.
type depthwise struct {
	target
	size, dilation int
	small          bool
	masks          []reg.OpmaskVirtual // of each column of the window
	// Where there are no mask registers, all masks lie in memory: those of the columns, then by and add.
	memory Mem
	label  string // what the names of labels begin with
}

// smallSide is how many rows and columns a small plane has.
const smallSide = 8

// depthwises writes these kernels: in AVX-512 both gradients at once, and kernels for small planes, whose rows are half vectors.
func (t target) depthwises() {
	for _, small := range []bool{false, true} {
		for _, size := range []int{3, 5} {
			for dilation := 1; dilation <= 2; dilation++ {
				d := depthwise{target: t, size: size, dilation: dilation, small: small}
				switch {
				case t.opmasks():
					d.forward()
					d.backward()
				case !small:
					d.forward()
					d.backwardToX()
					d.backwardToWeights()
				}
			}
		}
	}
}

// reach is how many rows and columns, dilation apart, there are on each side of the middle of a window.
func (d *depthwise) reach() int { return d.size / 2 }

// name returns a kernel's name.
func (d *depthwise) name(what string) string {
	if d.small {
		what += "Small"
	}
	return fmt.Sprintf("%s%dBy%d", what, d.size, d.dilation)
}

// about returns what planes and windows the kernel is for.
func (d *depthwise) about() string {
	planes := "planes of rows × cols pixels"
	if d.small {
		planes = fmt.Sprintf("planes of %d×%d pixels", smallSide, smallSide)
	}
	return fmt.Sprintf("%s, windows of %d×%d pixels that are %d apart", planes, d.size, d.size, d.dilation)
}

// forward writes the kernel that computes
//
//	y[r, j] = Σ k[a·size + b] · x[r + (a − reach)·dilation, j + (b − reach)·dilation]
//
// for channels that follow one another.
func (d *depthwise) forward() {
	d.begin(d.name("depthwise"), "computes a depthwise convolution of channels that follow one another: "+d.about(),
		"func(y, x *float32, channels, rows, cols int, k *float32)")
	y, x, k := load64("y"), load64("x"), load64("k")
	var step, rest reg.GPVirtual
	if d.small {
		d.smallMasks()
	} else {
		step = d.rowStep()
		rest = load64("rows") // from behind the first rows of a channel to the next channel, in bytes
		SUBQ(Imm(uint64(d.dilation)), rest)
		IMULQ(address("cols"), rest)
		SHLQ(Imm(2), rest)
		d.makeMasks(d.size)
	}
	Label("channel")
	weights := d.weights(k, false)
	if d.small {
		sums := d.several(smallSide/2, func(int) vector { return d.zero() })
		d.pairs(x, func(v vector, a, b, pair int) { weights.multiply(v, a*d.size+b, sums[pair]) })
		for i, sum := range sums {
			d.store(sum, Mem{Base: y, Disp: i * d.bytes}, nil)
		}
		ADDQ(I32(4*smallSide*smallSide), x)
		ADDQ(I32(4*smallSide*smallSide), y)
	} else {
		d.columnsOf(func() {
			out := GP64()
			MOVQ(y, out)
			d.down(x, step, weights, func(sum vector) {
				d.store(sum, Mem{Base: out}, nil)
				ADDQ(step, out)
			})
			ADDQ(I32(d.bytes), x)
			ADDQ(I32(d.bytes), y)
		})
		ADDQ(rest, x)
		ADDQ(rest, y)
	}
	ADDQ(I32(4*d.size*d.size), k)
	DECQ(address("channels"))
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// down computes a column of vectors of the result, row by row, each of which is given to put.
func (d *depthwise) down(x, step reg.Register, weights *weights, put func(sum vector)) {
	sums := d.several(d.size, func(int) vector { return d.zero() })
	in, rows := GP64(), d.rowsLeft(d.reach())
	MOVQ(x, in)
	row := func() {
		d.row(in, func(v vector, a, b int) { weights.multiply(v, a*d.size+b, sums[d.size-1-a]) })
		ADDQ(step, in)
	}
	for range d.reach() {
		row()
		d.rotate(sums)
	}
	Label("rows")
	row()
	put(sums[0])
	d.rotate(sums)
	DECQ(rows)
	JNZ(LabelRef("rows"))
	for _, sum := range sums[:d.reach()] {
		put(sum)
	}
}

// weights are a channel's weights: in registers as far as there are any, else in memory.
type weights struct {
	*depthwise
	k       reg.Register
	flipped bool // from the last one to the first
	held    []vector
}

// weights loads weights from k on.
func (d *depthwise) weights(k reg.Register, flipped bool) *weights {
	w := &weights{depthwise: d, k: k, flipped: flipped}
	most := d.size * d.size
	if !d.opmasks() && d.size == 5 {
		most = 8
	}
	w.held = d.several(most, func(i int) vector {
		v := d.vector()
		VBROADCASTSS(w.at(i), v)
		return v
	})
	return w
}

// at returns where the weight of a tap is.
func (w *weights) at(tap int) Mem {
	if w.flipped {
		tap = w.size*w.size - 1 - tap
	}
	return Mem{Base: w.k, Disp: 4 * tap}
}

// multiply adds the product of v and the weight of a tap to sum.
func (w *weights) multiply(v vector, tap int, sum vector) {
	switch {
	case tap < len(w.held):
		VFMADD231PS(v, w.held[tap], sum)
	case w.opmasks():
		VFMADD231PS_BCST(w.at(tap), v, sum)
	default:
		u := w.vector()
		VBROADCASTSS(w.at(tap), u)
		VFMADD231PS(v, u, sum)
	}
}

// backward writes the kernel that computes the gradients of forward by x and by k from dy,
//
//	dx[r, j] = Σ k[a·size + b] · dy[r − (a − reach)·dilation, j − (b − reach)·dilation]
//	sums[a·size + b] += Σ x[r, j] · dy[r − (a − reach)·dilation, j − (b − reach)·dilation]
//
// for channels that follow one another, of images that lie so many bytes apart. Where by is not 0, dx counts only where x is
// positive; where add is not 0, it is added to what is there.
func (d *depthwise) backward() {
	d.begin(d.name("depthwiseGradient"), "computes the gradients of a depthwise convolution: "+d.about(),
		"func(dx *float32, strideDx int, sums, dy *float32, strideDy int, x *float32, strideX, images, channels, rows, cols int, "+
			"k *float32, by, add int)")
	k := load64("k")
	taps := d.size * d.size
	var step reg.GPVirtual
	if d.small {
		d.smallMasks()
	} else {
		step = d.rowStep()
		d.makeMasks(d.size)
	}
	Label("channel")
	weights := &weights{depthwise: d, k: k, flipped: true} // 5×5 of them leave no registers for the gradients
	if d.size == 3 {
		weights = d.weights(k, true)
	}
	gradients := d.several(taps, func(int) vector { return d.zero() })
	images, dy, x, delta := load64("images"), load64("dy"), load64("x"), load64("dx")
	SUBQ(x, delta) // dx lies so far behind x
	Label("image")
	if d.small {
		sums := d.several(smallSide/2, func(int) vector { return d.zero() })
		d.pairs(dy, func(v vector, a, b, pair int) {
			weights.multiply(v, a*d.size+b, sums[pair])
			VFMADD231PS(Mem{Base: x, Disp: pair * d.bytes}, v, gradients[a*d.size+b])
		})
		by, add := d.unless("by"), d.when("add")
		for i, sum := range sums {
			d.putGradient(sum, Mem{Base: x, Disp: i * d.bytes}, Mem{Base: x, Index: delta, Scale: 1, Disp: i * d.bytes}, by, add)
		}
		ADDQ(address("strideDy"), dy)
		ADDQ(address("strideX"), x)
	} else {
		d.columnsOf(func() {
			by, add := d.unless("by"), d.when("add")
			sums := d.several(d.size, func(int) vector { return d.zero() })
			d.along(dy, x, step, func(at reg.Register, in func(q int) Mem, from, to int) {
				d.row(at, func(v vector, a, b int) {
					if q := d.size - 1 - a; q >= from && q < to {
						weights.multiply(v, a*d.size+b, sums[q])
						VFMADD231PS(in(q), v, gradients[a*d.size+b])
					}
				})
			}, func(in reg.Register) {
				out := GP64()
				LEAQ(Mem{Base: in, Index: delta, Scale: 1}, out)
				d.putGradient(sums[0], Mem{Base: in}, Mem{Base: out}, by, add)
			}, func() { d.rotate(sums) })
			ADDQ(I32(d.bytes), x)
			ADDQ(I32(d.bytes), dy)
		})
		ADDQ(address("strideDy"), dy)
		ADDQ(address("strideX"), x)
		SUBQ(step, dy)
		SUBQ(step, x)
	}
	ADDQ(address("strideDx"), delta)
	SUBQ(address("strideX"), delta)
	DECQ(images)
	JNZ(LabelRef("image"))
	d.addGradients(gradients)
	d.nextChannel(k)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// along goes down a column of vectors of dy and has row called for each, at which the rows of x that its window meets are those
// that in gives, from one number to another; after it, unless the first of them lies above x, put for that one, and then next.
// At the end, put and next are called for the rows of x that are left.
func (d *depthwise) along(
	dy, x, step reg.Register, row func(at reg.Register, in func(q int) Mem, from, to int), put func(in reg.Register), next func(),
) {
	at, in, threefold, rows := GP64(), GP64(), GP64(), d.rowsLeft(2*d.reach())
	LEAQ(Mem{Base: step, Index: step, Scale: 2}, threefold)
	MOVQ(dy, at)
	MOVQ(x, in)
	for range d.reach() {
		SUBQ(step, in)
	}
	inRow := func(q int) Mem {
		switch q {
		case 0:
			return Mem{Base: in}
		case 3:
			return Mem{Base: in, Index: threefold, Scale: 1}
		}
		return Mem{Base: in, Index: step, Scale: uint8(q)}
	}
	each := func(from, to int) {
		row(at, inRow, from, to)
		ADDQ(step, at)
		if from == 0 {
			put(in)
		}
		next()
		ADDQ(step, in)
	}
	for i := range d.reach() {
		each(d.reach()-i, d.size)
	}
	TESTQ(rows, rows)
	JZ(LabelRef(d.label + "last_rows"))
	Label(d.label + "rows")
	each(0, d.size)
	DECQ(rows)
	JNZ(LabelRef(d.label + "rows"))
	Label(d.label + "last_rows")
	for i := range d.reach() {
		each(0, d.size-1-i)
	}
	for range d.reach() {
		put(in)
		next()
		ADDQ(step, in)
	}
}

// backwardToX writes the kernel that computes backward's dx of an image.
func (d *depthwise) backwardToX() {
	d.begin(d.name("depthwiseToX"), "computes the gradient of a depthwise convolution by x: "+d.about(),
		"func(dx, dy, x *float32, channels, rows, cols int, k *float32, by, add int)")
	dx, dy, x, k := load64("dx"), load64("dy"), load64("x"), load64("k")
	SUBQ(dx, x) // it lies so far behind dx
	step := d.rowStep()
	d.makeMasks(d.size + 2)
	by, add := d.maskInMemory(d.size), d.maskInMemory(d.size+1)
	VMOVUPS(d.wholeIf("by", CMOVQNE), by)
	VMOVUPS(d.wholeIf("add", CMOVQEQ), add)
	Label("channel")
	weights := d.weights(k, true)
	d.columnsOf(func() {
		out := GP64()
		MOVQ(dx, out)
		d.down(dy, step, weights, func(sum vector) {
			v, u := d.vector(), d.vector()
			VXORPS(u, u, u)
			VMOVUPS(Mem{Base: out, Index: x, Scale: 1}, v)
			VPCMPGTD(u, v, v)
			VORPS(by, v, v)
			VANDPS(sum, v, v)
			VMOVUPS(Mem{Base: out}, u)
			VANDPS(add, u, u)
			VADDPS(u, v, v)
			VMOVUPS(v, Mem{Base: out})
			ADDQ(step, out)
		})
		ADDQ(I32(d.bytes), dx)
		ADDQ(I32(d.bytes), dy)
	})
	rest := load64("rows")
	SUBQ(Imm(uint64(d.dilation)), rest)
	IMULQ(address("cols"), rest)
	SHLQ(Imm(2), rest)
	ADDQ(rest, dx)
	ADDQ(rest, dy)
	ADDQ(I32(4*d.size*d.size), k)
	DECQ(address("channels"))
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// backwardToWeights writes the kernel that adds to backward's sums, a few columns of the window at a time.
func (d *depthwise) backwardToWeights() {
	d.begin(d.name("depthwiseToWeights"), "adds up the gradient of a depthwise convolution by the weights: "+d.about(),
		"func(sums, dy *float32, strideDy int, x *float32, strideX, images, channels, rows, cols int)")
	step := d.rowStep()
	d.makeMasks(d.size)
	most := map[int]int{3: 3, 5: 2}[d.size]
	Label("channel")
	for first := 0; first < d.size; first += most {
		d.label = fmt.Sprintf("from%d_", first)
		end := min(first+most, d.size)
		gradients := make([][]vector, d.size)
		for a := range gradients {
			gradients[a] = d.several(end-first, func(int) vector { return d.zero() })
		}
		images, dy, x := load64("images"), load64("dy"), load64("x")
		Label(d.label + "image")
		d.columnsOf(func() {
			d.along(dy, x, step, func(at reg.Register, in func(q int) Mem, from, to int) {
				shifted := d.several(end-first, func(i int) vector { return d.shifted(at, first+i) })
				for q := from; q < to; q++ {
					u := d.vector()
					VMOVUPS(in(q), u)
					for i, v := range shifted {
						VFMADD231PS(v, u, gradients[d.size-1-q][i])
					}
				}
			}, func(reg.Register) {}, func() {})
			ADDQ(I32(d.bytes), x)
			ADDQ(I32(d.bytes), dy)
		})
		ADDQ(address("strideDy"), dy)
		ADDQ(address("strideX"), x)
		SUBQ(step, dy)
		SUBQ(step, x)
		DECQ(images)
		JNZ(LabelRef(d.label + "image"))
		to := load64("sums")
		for a, row := range gradients {
			for i, v := range row {
				d.addAcrossOne(v, Mem{Base: to, Disp: 4 * (d.size*d.size - 1 - a*d.size - first - i)})
			}
		}
	}
	size := load64("rows")
	IMULQ(address("cols"), size)
	SHLQ(Imm(2), size)
	ADDQ(size, address("dy"))
	ADDQ(size, address("x"))
	ADDQ(I32(4*d.size*d.size), address("sums"))
	DECQ(address("channels"))
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// wholeIf returns a vector of ones if a parameter, compared with 0, has move done, and otherwise of zeros.
func (d *depthwise) wholeIf(name string, move func(src, dst Op)) vector {
	ones, zeros, v := GP64(), GP64(), d.vector()
	LEAQ(insides().Offset(d.bytes), ones)
	LEAQ(insides().Offset(3*d.bytes), zeros)
	CMPQ(address(name), Imm(0))
	move(zeros, ones)
	VMOVUPS(Mem{Base: ones}, v)
	return v
}

// insides is eight 0, eight −1, and sixteen 0: a window of it is a mask of AVX2 for what lies inside of a row.
func insides() Mem {
	return table("insides", 32, func(i int) int32 { return -int32(i / 8 % 2 * (1 - i/16)) })
}

// maskInMemory is where the mask of that number is.
func (d *depthwise) maskInMemory(i int) Mem { return d.memory.Offset(i * d.bytes) }

// addGradients adds what each vector of products sums up to.
func (d *depthwise) addGradients(products []vector) {
	to, last := load64("sums"), len(products)-1
	in := d.several(len(products), func(i int) vector { return products[last-i] })
	for i := 0; i < last; i += 4 {
		d.addAcross(in[i:i+4], Mem{Base: to, Disp: 4 * i})
	}
	d.addAcrossOne(in[last], Mem{Base: to, Disp: 4 * last})
}

// nextChannel sets all to the next channel of backward; the flags tell whether there is none.
func (d *depthwise) nextChannel(k reg.Register) {
	size := load64("rows")
	IMULQ(address("cols"), size)
	SHLQ(Imm(2), size)
	for _, name := range []string{"dx", "dy", "x"} {
		ADDQ(size, address(name))
	}
	ADDQ(I32(4*d.size*d.size), k)
	ADDQ(I32(4*d.size*d.size), address("sums"))
	DECQ(address("channels"))
}

// putGradient stores a gradient, or adds it to what is there where add says so; where neither by says so nor x is positive, it
// is 0.
func (d *depthwise) putGradient(sum vector, x, dx Mem, by, add reg.OpmaskVirtual) {
	v, counts := d.vector(), K()
	VMOVUPS(x, v)
	VPCMPGTD_BCST(nothing(), v, counts)
	KORW(by, counts, counts)
	VMOVUPS_Z(dx, add, v)
	VADDPS(sum, v, counts, v)
	VMOVUPS(v, dx)
	if !d.small { // as far on as another channel or two
		PREFETCHT0(dx.Offset(4096))
	}
}

// nothing is where a zero is.
func nothing() Mem { return table("nothing", 1, func(int) int32 { return 0 }) }

// when returns a mask of all lanes if a parameter isn't 0, unless one of them if it is.
func (d *depthwise) when(name string) reg.OpmaskVirtual { return d.allIf(name, CMOVQNE) }

func (d *depthwise) unless(name string) reg.OpmaskVirtual { return d.allIf(name, CMOVQEQ) }

func (d *depthwise) allIf(name string, move func(src, dst Op)) reg.OpmaskVirtual {
	none, all, k := GP64(), GP64(), K()
	XORQ(none, none)
	MOVQ(I32(0xffff), all)
	CMPQ(address(name), Imm(0))
	move(all, none)
	KMOVW(none.As32(), k)
	return k
}

// rowStep returns how many bytes apart rows are that a window has above one another.
func (d *depthwise) rowStep() reg.GPVirtual {
	step := load64("cols")
	SHLQ(Imm(uint64(1+d.dilation)), step)
	return step
}

// rowsLeft returns how many such rows there are, less some.
func (d *depthwise) rowsLeft(less int) reg.GPVirtual {
	rows := load64("rows")
	if d.dilation == 2 {
		SHRQ(Imm(1), rows)
	}
	SUBQ(Imm(uint64(less)), rows)
	return rows
}

// columnsOf has every column of vectors handled: those of the first rows, then, if rows are dilated, those of the second.
func (d *depthwise) columnsOf(column func()) {
	turns := GP64()
	if d.dilation > 1 {
		MOVQ(I32(d.dilation), turns)
		Label(d.label + "turn")
	}
	j := GP64()
	XORQ(j, j)
	Label(d.label + "column")
	d.setMasks(j)
	column()
	ADDQ(Imm(uint64(d.bytes/4)), j)
	CMPQ(j, address("cols"))
	JNE(LabelRef(d.label + "column"))
	if d.dilation > 1 {
		DECQ(turns)
		JNZ(LabelRef(d.label + "turn"))
	}
}

// makeMasks makes room for so many masks, the first of which are those of the columns of a window.
func (d *depthwise) makeMasks(count int) {
	d.masks = make([]reg.OpmaskVirtual, d.size)
	if !d.opmasks() {
		d.memory = AllocLocal(count * d.bytes)
		return
	}
	for b := range d.masks {
		if b != d.reach() {
			d.masks[b] = K()
		}
	}
}

// offset returns how many floats further on a column of the window reads.
func (d *depthwise) offset(b int) int { return (b - d.reach()) * d.dilation }

// setMasks sets them for the pixels from column j on.
func (d *depthwise) setMasks(j reg.Register) {
	left := load64("cols")
	SUBQ(j, left)
	for b, k := range d.masks {
		o := d.offset(b)
		if o == 0 {
			continue
		}
		all, some := GP64(), GP64()
		switch {
		case !d.opmasks():
			LEAQ(insides().Offset(d.bytes), all)
			LEAQ(insides().Offset(d.bytes+4*o), some)
		case o < 0:
			MOVQ(I32(0xffff), all)
			MOVQ(I32(0xffff<<-o&0xffff), some)
		default:
			MOVQ(I32(0xffff), all)
			MOVQ(I32(0xffff>>o), some)
		}
		if o < 0 {
			CMPQ(j, Imm(0))
		} else {
			CMPQ(left, Imm(uint64(d.bytes/4)))
		}
		CMOVQEQ(some, all)
		if d.opmasks() {
			KMOVW(all.As32(), k)
			continue
		}
		v := d.vector()
		VMOVUPS(Mem{Base: all}, v)
		VMOVUPS(v, d.maskInMemory(b))
	}
}

// row has do called for every tap, with the vector of the row at x that its column of the window reads.
func (d *depthwise) row(x reg.Register, do func(v vector, a, b int)) {
	for b := range d.size {
		v := d.shifted(x, b)
		for a := range d.size {
			do(v, a, b)
		}
	}
}

// shifted returns the vector of the row at x that a column of the window reads.
func (d *depthwise) shifted(x reg.Register, b int) vector {
	v, m := d.vector(), Mem{Base: x, Disp: 4 * d.offset(b)}
	switch {
	case d.offset(b) == 0:
		VMOVUPS(m, v)
	case d.opmasks():
		VMOVUPS_Z(m, d.masks[b], v)
	default:
		VMOVUPS(d.maskInMemory(b), v)
		VMASKMOVPS(m, v, v)
	}
	return v
}

// rotate has all sums be of the next row, and begins one.
func (d *depthwise) rotate(sums []vector) {
	for q := range d.size - 1 {
		VMOVAPS(sums[q+1], sums[q])
	}
	last := sums[d.size-1]
	VXORPS(last.AsX(), last.AsX(), last.AsX())
}

// smallMask returns the lanes of two rows in which a column of the window reads pixels of a small plane.
func (d *depthwise) smallMask(b int) int {
	one := 0
	for lane := range smallSide {
		if j := lane + d.offset(b); j >= 0 && j < smallSide {
			one |= 1 << lane
		}
	}
	return one | one<<smallSide
}

// smallMasks makes the masks of the columns of a window in small planes.
func (d *depthwise) smallMasks() {
	d.makeMasks(d.size)
	for b, k := range d.masks {
		if d.offset(b) != 0 {
			setMask(k, d.smallMask(b))
		}
	}
}

// setMask sets k to these lanes.
func setMask(k reg.OpmaskVirtual, lanes int) {
	bits := GP32()
	MOVL(U32(lanes), bits)
	KMOVW(bits, k)
}

// pairs has do called for every tap and pair of rows of a result in a small plane, with the vector of x that it reads there,
// unless all of that lies outside.
func (d *depthwise) pairs(x reg.Register, do func(v vector, a, b, pair int)) {
	for first := -(d.dilation % 2); first < smallSide; first++ { // the first row that is read
		if d.dilation == 2 && first%2 == 1 {
			continue
		}
		for b := range d.size {
			v, m := d.vector(), Mem{Base: x, Disp: 4 * (first*smallSide + d.offset(b))}
			switch edge := K(); {
			case first < 0:
				setMask(edge, d.smallMask(b)&0xff00)
				VMOVUPS_Z(m, edge, v)
			case first == smallSide-1:
				setMask(edge, d.smallMask(b)&0xff)
				VMOVUPS_Z(m, edge, v)
			case d.offset(b) == 0:
				VMOVUPS(m, v)
			default:
				VMOVUPS_Z(m, d.masks[b], v)
			}
			for a := range d.size {
				if row := first - d.offset(a); row >= 0 && row < smallSide && row%2 == 0 {
					do(v, a, b, row/2)
				}
			}
		}
	}
}

// load64 loads a parameter.
func load64(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
