package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dot writes the kernel that computes sums of products over a block of pixels, for so many rows of dy and the target's
// number of terms:
//
//	sums[o·terms + t] = Σ dy[o·plane + r·stepDY + i] · x[terms[t] + r·stepX + i]
func (t target) dot(rows int) {
	name := fmt.Sprintf("dot%dx%d%s", rows, t.terms, t.name)
	TEXT(name, NOSPLIT, "func(sums, dy *float32, plane, stepDY int, x *float32, terms *int, stepX, rows, cols int)")
	Doc(fmt.Sprintf("%s computes sums over a block of rows × cols pixels: sums[o·%d+t] = Σ dy[o·plane+r·stepDY+i]·x[terms[t]+r·stepX+i].", name, t.terms))
	Pragma("noescape")
	g := Load(Param("dy"), GP64())
	xs := make([]reg.Register, t.terms)
	{
		x := Load(Param("x"), GP64())
		terms, at := Load(Param("terms"), GP64()), GP64()
		for i := range xs {
			xs[i] = GP64()
			MOVQ(Mem{Base: terms, Disp: 8 * i}, at)
			LEAQ(Mem{Base: x, Index: at, Scale: 4}, xs[i])
		}
	}
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		for range t.terms {
			v := t.vector()
			VXORPS(v, v, v)
			acc[i] = append(acc[i], v)
		}
	}
	floats := t.bytes / 4
	var rest lanes
	{
		n := Load(Param("cols"), GP64()).(reg.GPVirtual)
		ANDQ(I32(floats-1), n)
		rest = t.mask(n)
	}
	column, p := GP64(), GP64()
	multiply := func(l *lanes) {
		us := make([]reg.VecVirtual, rows)
		MOVQ(g, p)
		plane := GP64()
		if rows > 1 {
			Load(Param("plane"), plane)
		}
		for i := range us {
			us[i] = t.vector()
			t.load(Mem{Base: p, Index: column, Scale: 4}, l, us[i])
			if i < rows-1 {
				LEAQ(Mem{Base: p, Index: plane, Scale: 4}, p)
			}
		}
		for j := range t.terms {
			v := t.vector()
			t.load(Mem{Base: xs[j], Index: column, Scale: 4}, l, v)
			for i := range rows {
				VFMADD231PS(v, us[i], acc[i][j])
			}
		}
	}
	left := Load(Param("rows"), GP64())
	Label("row")
	XORQ(column, column)
	limit := GP64()
	Load(Param("cols"), limit)
	ANDQ(I32(-floats), limit)
	Label("whole")
	CMPQ(column, limit)
	JGE(LabelRef("part"))
	multiply(nil)
	ADDQ(Imm(uint64(floats)), column)
	JMP(LabelRef("whole"))
	Label("part")
	Load(Param("cols"), limit)
	CMPQ(column, limit)
	JGE(LabelRef("next"))
	multiply(&rest)
	Label("next")
	step := GP64()
	Load(Param("stepDY"), step)
	LEAQ(Mem{Base: g, Index: step, Scale: 4}, g)
	Load(Param("stepX"), step)
	for _, x := range xs {
		LEAQ(Mem{Base: x, Index: step, Scale: 4}, x)
	}
	DECQ(left)
	JNZ(LabelRef("row"))
	sums := Load(Param("sums"), GP64())
	for i := range rows {
		for j := range t.terms {
			VMOVSS(t.across(acc[i][j]), Mem{Base: sums, Disp: 4 * (i*t.terms + j)})
		}
	}
	VZEROUPPER()
	RET()
}

// across adds a vector's lanes, halves to halves.
func (t target) across(v reg.VecVirtual) reg.VecVirtual {
	x, y := XMM(), XMM()
	if t.bytes == 64 {
		half := YMM()
		VEXTRACTF64X4(Imm(1), v, half)
		VADDPS(half, v.AsY(), half)
		VEXTRACTF32X4(Imm(1), half, x)
		VADDPS(x, half.AsX(), x)
	} else {
		VEXTRACTF128(Imm(1), v, x)
		VADDPS(x, v.AsX(), x)
	}
	VMOVHLPS(x, x, y)
	VADDPS(x, y, x)
	VMOVSHDUP(x, y)
	VADDPS(x, y, x)
	return x
}
