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
	g, v := t.several(rows, func(int) vector { return t.vector() }), t.vector()
	multiply := func(l *lanes) {
		for i, m := range gradients {
			m.Index, m.Scale = at, 4
			t.load(m, l, g[i])
		}
		for j, x := range inputs {
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
	next := func() { LEAQ(Mem{Base: row, Index: step, Scale: 4}, row) }
	if t.bytes == 64 {
		newAcross().addRows(row, sums, next)
	} else {
		for _, v := range sums {
			t.addAcross(v, Mem{Base: row})
			next()
		}
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

// across adds up the lanes of vectors of 512 bits, with a few registers for all it does.
type across struct {
	even, odd reg.VecVirtual
	upper     reg.Register // the mask of a vector's upper half
}

func newAcross() across {
	x, ones := across{ZMM(), ZMM(), K()}, GP32()
	MOVL(U32(0xff00), ones)
	KMOVW(ones, x.upper)
	return x
}

// four makes of four rows of four vectors each one, the first, whose quarters are the rows' sums.
func (x across) four(rows [][]vector) vector {
	x.two(rows[:2])
	x.two(rows[2:])
	for i, v := range rows[0] {
		VSHUFF64X2(Imm(0x88), rows[2][i], v, x.even)
		VSHUFF64X2(Imm(0xdd), rows[2][i], v, x.odd)
		VADDPS(x.odd, x.even, v)
	}
	return x.within(rows[0])
}

// two makes of two rows the first, whose vectors are in the lower half the sums of its own halves, in the upper those of the second's.
func (x across) two(rows [][]vector) {
	for i, v := range rows[0] {
		other := rows[1][i]
		VBLENDMPS(other, v, x.upper, x.even)
		VSHUFF64X2(Imm(0x4e), other, v, x.odd)
		VADDPS(x.odd, x.even, v)
	}
}

// within makes of four vectors one, the first, whose quarters are the sums of theirs.
func (x across) within(v []vector) vector {
	x.pairs(v[0], v[1])
	x.pairs(v[2], v[3])
	x.pairs(v[0], v[2])
	return v[0]
}

// pairs makes each quarter of a the sums of the pairs of lanes of its own and then of b's.
func (x across) pairs(a, b vector) {
	VSHUFPS(Imm(0x88), b, a, x.even)
	VSHUFPS(Imm(0xdd), b, a, x.odd)
	VADDPS(x.odd, x.even, a)
}

// addTo adds every step-th quarter of v to four floats in memory; next goes on from one to the next.
func (x across) addTo(row reg.Register, v vector, step int, next func()) {
	for quarter := 0; quarter < 4; quarter += step {
		VEXTRACTF32X4(Imm(uint64(quarter)), v, x.even.AsX())
		VADDPS(Mem{Base: row}, x.even.AsX(), x.even.AsX())
		VMOVUPS(x.even.AsX(), Mem{Base: row})
		next()
	}
}

// addRows adds to rows of sums those of the lanes of four vectors each.
func (x across) addRows(row reg.Register, sums [][]vector, next func()) {
	for len(sums) > 0 {
		if len(sums) >= 4 {
			x.addTo(row, x.four(sums[:4]), 1, next)
			sums = sums[4:]
			continue
		}
		count := min(2, len(sums))
		if count == 2 {
			x.two(sums[:2])
		} else {
			x.two([][]vector{sums[0], sums[0]})
		}
		for _, v := range sums[0] { // before within, as four does, so that a sum is the same in any number of rows
			VSHUFF64X2(Imm(0xb1), v, v, x.odd)
			VADDPS(x.odd, v, v)
		}
		x.addTo(row, x.within(sums[0]), 4/count, next)
		sums = sums[count:]
	}
}

// addAcross adds to four floats in memory the sums of the lanes of a vector each.
func (t target) addAcross(v []vector, m Mem) {
	quarters := make([]vector, len(v))
	for i := range v {
		quarters[i] = t.quarter(v[i])
	}
	r := t.pairs(t.pairs(quarters[0], quarters[1]), t.pairs(quarters[2], quarters[3]))
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
