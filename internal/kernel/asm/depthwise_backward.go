package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
