package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// windowRows is how many rows of y a kernel over windows computes together.
const windowRows = 4

// windows writes the kernels of depthwise convolutions, which keep all weights, or their gradients, in registers.
func (t target) windows() {
	for _, size := range []int{3, 5} {
		for dilation := 1; dilation <= 2; dilation++ {
			t.window(size, dilation)
			t.windowGradient(size, dilation)
		}
	}
}

// window writes the kernel that computes
//
//	y[r·stepY + j] = Σ k[a·size + b] · x[(r+a)·stepX + j + b·dilation]
//
// for rows × cols pixels, multiples of windowRows and of a vector's floats. Rows that are read dilation rows apart are not
// its business: the steps are of such rows.
func (t target) window(size, dilation int) {
	t.begin(fmt.Sprintf("window%dBy%d", size, dilation), fmt.Sprintf("computes sums over windows of %d×%d pixels, %d apart", size, size, dilation),
		"func(y *float32, stepY int, x *float32, stepX, rows, cols int, k, by *float32, add int)")
	y, stepY := Load(Param("y"), GP64()), Load(Param("stepY"), GP64())
	x, stepX := Load(Param("x"), GP64()), Load(Param("stepX"), GP64())
	SHLQ(Imm(2), stepY)
	SHLQ(Imm(2), stepX)
	k := Load(Param("k"), GP64())
	weights := t.several(size*size, func(i int) vector {
		v := t.vector()
		VBROADCASTSS(Mem{Base: k, Disp: 4 * i}, v)
		return v
	})
	cols := Load(Param("cols"), GP64())
	Label("column")
	rows, atY, group := GP64(), GP64(), GP64()
	Load(Param("rows"), rows)
	MOVQ(y, atY)
	MOVQ(x, group)
	Label("rows")
	sums := t.several(windowRows, func(int) vector { return t.zero() })
	at := GP64()
	MOVQ(group, at)
	for row := range windowRows + size - 1 {
		for b := range size {
			v := t.vector()
			t.load(Mem{Base: at, Disp: 4 * b * dilation}, nil, v)
			for o, sum := range sums {
				if a := row - o; a >= 0 && a < size {
					VFMADD231PS(v, weights[a*size+b], sum)
				}
			}
		}
		ADDQ(stepX, at)
		if row == windowRows-1 {
			MOVQ(at, group)
		}
	}
	each := make([][]vector, windowRows)
	for o, sum := range sums {
		each[o] = []vector{sum}
	}
	t.finish(each, atY, stepY)
	LEAQ(Mem{Base: atY, Index: stepY, Scale: windowRows}, atY)
	SUBQ(Imm(windowRows), rows)
	JNZ(LabelRef("rows"))
	ADDQ(I32(t.bytes), x)
	ADDQ(I32(t.bytes), y)
	SUBQ(Imm(uint64(t.bytes/4)), cols)
	JNZ(LabelRef("column"))
	VZEROUPPER()
	RET()
}

// windowGradient writes the kernel that computes the gradient of window by the weights,
//
//	sums[a·size + b] += Σ dy[r·stepDy + j] · x[(r+a)·stepX + j + b·dilation]
//
// over rows × cols pixels, of which it goes down the columns of vectors.
func (t target) windowGradient(size, dilation int) {
	t.begin(fmt.Sprintf("windowGradient%dBy%d", size, dilation),
		fmt.Sprintf("adds up products with windows of %d×%d pixels, %d apart", size, size, dilation),
		"func(sums, dy *float32, stepDy int, x *float32, stepX, rows, cols int)")
	dy, stepDy := Load(Param("dy"), GP64()), Load(Param("stepDy"), GP64())
	x, stepX := Load(Param("x"), GP64()), Load(Param("stepX"), GP64())
	SHLQ(Imm(2), stepDy)
	SHLQ(Imm(2), stepX)
	cols := Load(Param("cols"), GP64())
	sums := t.several(size*size, func(int) vector { return t.zero() })
	Label("column")
	// Of the row of x that is read, the row of dy a rows above it meets the row a of the window.
	above := t.several(size, func(int) vector { return t.zero() })
	rows, atDy, at := GP64(), GP64(), GP64()
	Load(Param("rows"), rows)
	MOVQ(dy, atDy)
	MOVQ(x, at)
	row := func() {
		for b := range size {
			v := t.vector()
			t.load(Mem{Base: at, Disp: 4 * b * dilation}, nil, v)
			for a := range size {
				VFMADD231PS(v, above[a], sums[a*size+b])
			}
		}
		ADDQ(stepX, at)
		for a := size - 1; a > 0; a-- {
			VMOVAPS(above[a-1], above[a])
		}
	}
	Label("rows")
	t.load(Mem{Base: atDy}, nil, above[0])
	row()
	ADDQ(stepDy, atDy)
	DECQ(rows)
	JNZ(LabelRef("rows"))
	VXORPS(above[0], above[0], above[0])
	MOVQ(U32(size-1), rows)
	Label("below")
	row()
	DECQ(rows)
	JNZ(LabelRef("below"))
	ADDQ(I32(t.bytes), x)
	ADDQ(I32(t.bytes), dy)
	SUBQ(Imm(uint64(t.bytes/4)), cols)
	JNZ(LabelRef("column"))
	to := Load(Param("sums"), GP64())
	i := 0
	for ; i+4 <= len(sums); i += 4 {
		t.addAcross(sums[i:i+4], Mem{Base: to, Disp: 4 * i})
	}
	t.addAcrossOne(sums[i], Mem{Base: to, Disp: 4 * i})
	VZEROUPPER()
	RET()
}

// opmasks tells whether lanes are limited by mask registers.
func (t target) opmasks() bool { return t.name != avx2.name }
