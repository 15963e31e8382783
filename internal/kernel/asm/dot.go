package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dot writes the kernel that adds up products over n pixels, for so many rows of dy and the target's number of terms:
//
//	sums[o·step + t] += Σ dy[o·plane + i] · x[terms[t] + i]
func (t target) dot(rows int) {
	t.begin(fmt.Sprintf("dot%dx%d", rows, t.terms), "adds up products over n pixels: sums[o·step+t] += Σ dy[o·plane+i]·x[terms[t]+i]",
		"func(sums *float32, step int, dy *float32, plane int, x *float32, terms *int, n int)")
	gradients, inputs := t.gradientRows(rows), t.shifted()
	sums := make([][]vector, rows)
	for i := range sums {
		sums[i] = t.several(t.terms, func(int) vector { return t.zero() })
	}
	at, left := GP64(), Load(Param("n"), GP64()).(reg.GPVirtual)
	XORQ(at, at)
	multiply := func(l *lanes) {
		g := t.several(rows, func(i int) vector {
			v := t.vector()
			m := gradients[i]
			m.Index, m.Scale = at, 4
			t.load(m, l, v)
			return v
		})
		for j, x := range inputs {
			v := t.vector()
			t.load(Mem{Base: x, Index: at, Scale: 4}, l, v)
			for i := range rows {
				VFMADD231PS(v, g[i], sums[i][j])
			}
		}
	}
	floats := t.bytes / 4
	Label("whole")
	CMPQ(left, Imm(uint64(floats)))
	JLT(LabelRef("part"))
	multiply(nil)
	ADDQ(Imm(uint64(floats)), at)
	SUBQ(Imm(uint64(floats)), left)
	JMP(LabelRef("whole"))
	Label("part")
	CMPQ(left, Imm(0))
	JLE(LabelRef("sum"))
	rest := t.mask(left)
	multiply(&rest)
	Label("sum")
	row, step := Load(Param("sums"), GP64()), Load(Param("step"), GP64())
	for i := range rows {
		for j := 0; j < t.terms; j += 4 {
			t.addAcross(sums[i][j:min(j+4, t.terms)], Mem{Base: row, Disp: 4 * j})
		}
		LEAQ(Mem{Base: row, Index: step, Scale: 4}, row)
	}
	VZEROUPPER()
	RET()
}

// gradientRows returns where the rows of dy begin.
func (t target) gradientRows(rows int) []Mem {
	g := Load(Param("dy"), GP64())
	all := []Mem{{Base: g}}
	if rows > 1 {
		plane := Load(Param("plane"), GP64())
		for range rows - 1 {
			next := GP64()
			LEAQ(Mem{Base: g, Index: plane, Scale: 4}, next)
			all = append(all, Mem{Base: next})
			g = next
		}
	}
	return all
}

// shifted returns where the terms begin.
func (t target) shifted() (all []reg.Register) {
	x, terms := Load(Param("x"), GP64()), Load(Param("terms"), GP64())
	for i := range t.terms {
		at := GP64()
		MOVQ(Mem{Base: terms, Disp: 8 * i}, at)
		LEAQ(Mem{Base: x, Index: at, Scale: 4}, at)
		all = append(all, at)
	}
	return all
}

// addAcross adds to four floats in memory, or to two, the sums of the lanes of a vector each.
func (t target) addAcross(v []vector, m Mem) {
	quarters := make([]vector, len(v))
	for i := range v {
		quarters[i] = t.quarter(v[i])
	}
	r := t.pairs(quarters[0], quarters[1])
	if len(v) == 2 {
		old := XMM()
		r = t.pairs(r, r)
		VMOVSD(m, old)
		VADDPS(old, r, r)
		VMOVSD(r, m)
		return
	}
	r = t.pairs(r, t.pairs(quarters[2], quarters[3]))
	VADDPS(m, r, r)
	VMOVUPS(r, m)
}

// addAcrossOne adds to a float in memory the sum of a vector's lanes.
func (t target) addAcrossOne(v vector, m Mem) {
	x := t.quarter(v)
	x = t.pairs(x, x)
	x = t.pairs(x, x)
	VADDSS(m, x, x)
	VMOVSS(x, m)
}

// pairs returns the sums of the pairs of lanes of a, then those of b. There is an instruction for that, but for 16 registers.
func (t target) pairs(a, b vector) vector {
	even, odd := XMM(), XMM()
	VSHUFPS(Imm(0x88), b, a, even)
	VSHUFPS(Imm(0xdd), b, a, odd)
	VADDPS(odd, even, even)
	return even
}

// quarter returns the sum of a vector's parts of four lanes.
func (t target) quarter(v vector) vector {
	x := XMM()
	switch {
	case t.bytes == 64:
	case t.opmasks():
		VEXTRACTF32X4(Imm(1), v, x)
		VADDPS(x, v.AsX(), x)
		return x
	default:
		VEXTRACTF128(Imm(1), v, x)
		VADDPS(x, v.AsX(), x)
		return x
	}
	half := YMM()
	VEXTRACTF64X4(Imm(1), v, half)
	VADDPS(half, v.AsY(), half)
	VEXTRACTF32X4(Imm(1), half, x)
	VADDPS(x, half.AsX(), x)
	return x
}
