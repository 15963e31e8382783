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
}

// smallSide is how many rows and columns a small plane has.
const smallSide = 8

// depthwises writes these kernels, whose vectors have 16 lanes.
func (t target) depthwises() {
	for _, small := range []bool{false, true} {
		for _, size := range []int{3, 5} {
			for dilation := 1; dilation <= 2; dilation++ {
				d := depthwise{target: t, size: size, dilation: dilation, small: small}
				d.forward()
				d.backward()
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
		d.makeMasks()
	}
	Label("channel")
	weights := d.several(d.size*d.size, func(i int) vector {
		v := d.vector()
		VBROADCASTSS(Mem{Base: k, Disp: 4 * i}, v)
		return v
	})
	if d.small {
		sums := d.several(smallSide/2, func(int) vector { return d.zero() })
		d.pairs(x, func(v vector, a, b, pair int) { VFMADD231PS(v, weights[a*d.size+b], sums[pair]) })
		for i, sum := range sums {
			d.store(sum, Mem{Base: y, Disp: i * d.bytes}, nil)
		}
		ADDQ(I32(4*smallSide*smallSide), x)
		ADDQ(I32(4*smallSide*smallSide), y)
	} else {
		d.columnsOf(func() {
			sums := d.several(d.size, func(int) vector { return d.zero() })
			in, out, rows := GP64(), GP64(), d.rowsLeft(d.reach())
			MOVQ(x, in)
			MOVQ(y, out)
			row := func() {
				d.row(in, func(v vector, a, b int) { VFMADD231PS(v, weights[a*d.size+b], sums[d.size-1-a]) })
				ADDQ(step, in)
			}
			put := func(i int) {
				d.store(sums[i], Mem{Base: out}, nil)
				ADDQ(step, out)
			}
			for range d.reach() {
				row()
				d.rotate(sums)
			}
			Label("rows")
			row()
			put(0)
			d.rotate(sums)
			DECQ(rows)
			JNZ(LabelRef("rows"))
			for i := range d.reach() {
				put(i)
			}
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
		d.makeMasks()
	}
	Label("channel")
	var weights []vector // where there are registers for them
	if d.size == 3 {
		weights = d.several(taps, func(i int) vector {
			v := d.vector()
			VBROADCASTSS(Mem{Base: k, Disp: 4 * (taps - 1 - i)}, v)
			return v
		})
	}
	weigh := func(v vector, tap int, sum vector) {
		if weights != nil {
			VFMADD231PS(v, weights[tap], sum)
		} else {
			VFMADD231PS_BCST(Mem{Base: k, Disp: 4 * (taps - 1 - tap)}, v, sum)
		}
	}
	gradients := d.several(taps, func(int) vector { return d.zero() })
	images, dy, x, delta := load64("images"), load64("dy"), load64("x"), load64("dx")
	SUBQ(x, delta) // dx lies so far behind x
	Label("image")
	if d.small {
		sums := d.several(smallSide/2, func(int) vector { return d.zero() })
		d.pairs(dy, func(v vector, a, b, pair int) {
			weigh(v, a*d.size+b, sums[pair])
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
			at, rows, threefold := GP64(), d.rowsLeft(2*d.reach()), GP64()
			LEAQ(Mem{Base: step, Index: step, Scale: 2}, threefold)
			MOVQ(dy, at)
			// in is so many rows above the one of dy that is read, even where that lies outside of x.
			in := GP64()
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
			row := func(from, to int) { // of those that lie inside of x
				d.row(at, func(v vector, a, b int) {
					if q := d.size - 1 - a; q >= from && q < to {
						weigh(v, a*d.size+b, sums[q])
						VFMADD231PS(inRow(q), v, gradients[a*d.size+b])
					}
				})
				ADDQ(step, at)
			}
			put := func() {
				out := GP64()
				LEAQ(Mem{Base: in, Index: delta, Scale: 1}, out)
				d.putGradient(sums[0], Mem{Base: in}, Mem{Base: out}, by, add)
			}
			next := func() {
				d.rotate(sums)
				ADDQ(step, in)
			}
			for i := range d.reach() {
				row(d.reach()-i, d.size)
				next()
			}
			TESTQ(rows, rows)
			JZ(LabelRef("last_rows"))
			Label("rows")
			row(0, d.size)
			put()
			next()
			DECQ(rows)
			JNZ(LabelRef("rows"))
			Label("last_rows")
			for i := range d.reach() {
				row(0, d.size-1-i)
				put()
				next()
			}
			for range d.reach() {
				put()
				next()
			}
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
		Label("turn")
	}
	j := GP64()
	XORQ(j, j)
	Label("column")
	d.setMasks(j)
	column()
	ADDQ(Imm(uint64(d.bytes/4)), j)
	CMPQ(j, address("cols"))
	JNE(LabelRef("column"))
	if d.dilation > 1 {
		DECQ(turns)
		JNZ(LabelRef("turn"))
	}
}

// makeMasks makes room for the masks of the columns of a window.
func (d *depthwise) makeMasks() {
	d.masks = make([]reg.OpmaskVirtual, d.size)
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
		MOVQ(I32(0xffff), all)
		if o < 0 {
			MOVQ(I32(0xffff<<-o&0xffff), some)
			CMPQ(j, Imm(0))
		} else {
			MOVQ(I32(0xffff>>o), some)
			CMPQ(left, Imm(uint64(d.bytes/4)))
		}
		CMOVQEQ(some, all)
		KMOVW(all.As32(), k)
	}
}

// row has do called for every tap, with the vector of the row at x that its column of the window reads.
func (d *depthwise) row(x reg.Register, do func(v vector, a, b int)) {
	for b := range d.size {
		v, m := d.vector(), Mem{Base: x, Disp: 4 * d.offset(b)}
		if d.offset(b) == 0 {
			VMOVUPS(m, v)
		} else {
			VMOVUPS_Z(m, d.masks[b], v)
		}
		for a := range d.size {
			do(v, a, b)
		}
	}
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
	d.makeMasks()
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
