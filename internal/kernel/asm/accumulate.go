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
		acc := make([][]vector, rows)
		for i := range acc {
			acc[i] = t.several(len(l), func(int) vector { return t.zero() })
		}
		terms, k, count, at := GP64(), GP64(), GP64(), GP64()
		Load(Param("terms"), terms)
		Load(Param("k"), k)
		Load(Param("count"), count)
		Label(name + "_terms")
		MOVQ(Mem{Base: terms}, at)
		if in := (Mem{Base: x, Index: at, Scale: 4}); rows == 1 && l[0] == nil {
			t.multiplyRow(in, k, acc[0])
		} else {
			t.multiply(in, k, acc, l)
		}
		ADDQ(Imm(8), terms)
		ADDQ(Imm(uint64(4*rows)), k)
		DECQ(count)
		JNZ(LabelRef(name + "_terms"))
		t.storeRows(acc, y, plane, l)
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

// storeRows writes rows of vectors, plane bytes apart.
func (t target) storeRows(rows [][]vector, y, plane reg.Register, l []*lanes) {
	at := GP64()
	MOVQ(y, at)
	for i, row := range rows {
		for j, v := range row {
			t.store(v, Mem{Base: at, Disp: j * t.bytes}, l[j])
		}
		if i < len(rows)-1 {
			ADDQ(plane, at)
		}
	}
}

// multiply adds to the sums of a row each the products of vectors of x and the weights of the rows.
func (t target) multiply(x Mem, k reg.Register, sums [][]vector, l []*lanes) {
	in := t.several(len(l), func(j int) vector {
		v := t.vector()
		t.load(x.Offset(j*t.bytes), l[j], v)
		return v
	})
	w := t.vector()
	for i, row := range sums {
		VBROADCASTSS(Mem{Base: k, Disp: 4 * i}, w)
		for j, v := range in {
			VFMADD231PS(v, w, row[j])
		}
	}
}

// multiplyRow does the same for a single row and whole vectors, which need not be loaded first since each is used once.
func (t target) multiplyRow(x Mem, k reg.Register, sums []vector) {
	w := t.vector()
	VBROADCASTSS(Mem{Base: k}, w)
	for j, sum := range sums {
		VFMADD231PS(x.Offset(j*t.bytes), w, sum)
	}
}
