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
