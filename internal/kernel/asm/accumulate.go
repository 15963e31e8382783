package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// accumulate writes the kernel that computes n pixels of so many rows of y, two vectors of each at a time, or of one row
// alone eight while there are so many:
//
//	y[o·plane + j] = Σ k[t·rows + o] · x[terms[t] + j]
func (t target) accumulate(rows int) {
	name := fmt.Sprintf("accumulate%d%s", rows, t.name)
	TEXT(name, NOSPLIT, "func(y *float32, plane, n int, x *float32, terms *int, count int, k *float32)")
	Doc(fmt.Sprintf("%s computes n pixels of %d rows, plane floats apart: y[o·plane+j] = Σ k[t·%d+o]·x[terms[t]+j].", name, rows, rows))
	Pragma("noescape")
	y := Load(Param("y"), GP64())
	plane := Load(Param("plane"), GP64())
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	x := Load(Param("x"), GP64())
	SHLQ(Imm(2), plane)
	width := t.bytes / 4
	tile := func(name string, l []*lanes) {
		acc := make([][]reg.VecVirtual, rows)
		for i := range acc {
			for range l {
				acc[i] = append(acc[i], t.zero())
			}
		}
		terms, k, count, at := GP64(), GP64(), GP64(), GP64()
		Load(Param("terms"), terms)
		Load(Param("k"), k)
		Load(Param("count"), count)
		Label(name + "_terms")
		MOVQ(Mem{Base: terms}, at)
		multiply(t, rows, Mem{Base: x, Index: at, Scale: 4}, k, acc, l)
		ADDQ(Imm(8), terms)
		ADDQ(Imm(uint64(4*rows)), k)
		DECQ(count)
		JNZ(LabelRef(name + "_terms"))
		row := GP64()
		MOVQ(y, row)
		for i := range rows {
			for j, v := range acc[i] {
				t.store(v, Mem{Base: row, Disp: j * t.bytes}, l[j])
			}
			if i < rows-1 {
				ADDQ(plane, row)
			}
		}
	}
	whole := func(name, next string, vectors int) {
		Label(name)
		CMPQ(n, I32(vectors*width))
		JLT(LabelRef(next))
		tile(name, make([]*lanes, vectors))
		ADDQ(I32(vectors*t.bytes), x)
		ADDQ(I32(vectors*t.bytes), y)
		SUBQ(I32(vectors*width), n)
		JMP(LabelRef(name))
	}
	if rows == 1 {
		whole("wide", "whole", 8)
	}
	whole("whole", "part", 2)
	Label("part")
	CMPQ(n, Imm(0))
	JLE(LabelRef("done"))
	a, b := GP64(), GP64()
	MOVQ(n, a)
	MOVQ(n, b)
	SUBQ(Imm(uint64(width)), b)
	first, second := t.mask(a), t.mask(b)
	tile("part", []*lanes{&first, &second})
	Label("done")
	VZEROUPPER()
	RET()
}

// multiply adds to the sums the products of vectors of x and the weights of the rows.
func multiply(t target, rows int, x Mem, k reg.Register, sums [][]reg.VecVirtual, l []*lanes) {
	w := t.vector()
	if rows == 1 { // each vector is used once: no need to load it first
		VBROADCASTSS(Mem{Base: k}, w)
	}
	in := make([]reg.VecVirtual, len(l))
	for j := range in {
		m := x.Offset(j * t.bytes)
		if rows == 1 && l[j] == nil {
			VFMADD231PS(m, w, sums[0][j])
			continue
		}
		in[j] = t.vector()
		t.load(m, l[j], in[j])
		if rows == 1 {
			VFMADD231PS(in[j], w, sums[0][j])
		}
	}
	if rows == 1 {
		return
	}
	for i := range rows {
		VBROADCASTSS(Mem{Base: k, Disp: 4 * i}, w)
		for j, v := range in {
			VFMADD231PS(v, w, sums[i][j])
		}
	}
}
