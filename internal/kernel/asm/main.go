// Command asm writes the assembly of package kernel: the inner loops of convolutions and matrix products, for AVX-512 and
// for AVX2 with FMA. It is a module of its own, so that the program doesn't depend on the assembler.
//
//	go run . -out ../micro_amd64.s -stubs ../micro_amd64.go -pkg kernel
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// target is an instruction set: how wide its vectors are, and how many output channels and terms fit into its registers.
type target struct {
	name    string
	bytes   int // of a vector
	rows    int // most rows of an accumulate tile
	dotRows int // rows of a dot tile
	terms   int // columns of a dot tile
}

var (
	avx512 = target{"AVX512", 64, 12, 4, 6}
	avx2   = target{"AVX2", 32, 6, 2, 4}
)

func main() {
	ConstraintExpr("!purego")
	for _, t := range []target{avx512, avx2} {
		for rows := 1; rows <= t.rows; rows++ {
			t.accumulate(rows)
		}
		for rows := 1; rows <= t.dotRows; rows++ {
			t.dot(rows)
		}
	}
	Generate()
}

func (t target) vector() reg.VecVirtual {
	if t.bytes == 64 {
		return ZMM()
	}
	return YMM()
}

// lanes is how loads and stores are limited to the first n floats of a vector: a mask register, or where in memory a vector
// of signs lies, since AVX2 has no registers to spare.
type lanes struct {
	k  reg.OpmaskVirtual
	at reg.GPVirtual
}

// mask makes the lanes below n, which may be negative or larger than a vector; n is lost.
func (t target) mask(n reg.GPVirtual) lanes {
	floats := t.bytes / 4
	zero, most := GP64(), GP64()
	XORQ(zero, zero)
	MOVQ(I32(floats), most)
	CMPQ(n, zero)
	CMOVQLT(zero, n)
	CMPQ(n, most)
	CMOVQGT(most, n)
	if t.bytes == 64 {
		k, ones := K(), GP64()
		MOVQ(I32(-1), ones)
		BZHIQ(n, ones, ones)
		KMOVQ(ones, k)
		return lanes{k: k}
	}
	table := GP64()
	LEAQ(signs(), table)
	NEGQ(n)
	LEAQ(Mem{Base: table, Index: n, Scale: 4, Disp: 32}, table)
	return lanes{at: table}
}

var signTable Mem

// signs is eight −1 and then eight 0: a window of it is a mask of AVX2.
func signs() Mem {
	if signTable.Symbol.Name == "" {
		signTable = GLOBL("signs", RODATA|NOPTR)
		for i := range 16 {
			v := I32(0)
			if i < 8 {
				v = I32(-1)
			}
			DATA(4*i, v)
		}
	}
	return signTable
}

func (t target) load(m Mem, l *lanes, v reg.VecVirtual) {
	switch {
	case l == nil:
		VMOVUPS(m, v)
	case t.bytes == 64:
		VMOVUPS_Z(m, l.k, v)
	default:
		VMOVDQU(Mem{Base: l.at}, v)
		VMASKMOVPS(m, v, v)
	}
}

func (t target) store(v reg.VecVirtual, m Mem, l *lanes) {
	switch {
	case l == nil:
		VMOVUPS(v, m)
	case t.bytes == 64:
		VMOVUPS(v, l.k, m)
	default:
		mask := YMM()
		VMOVDQU(Mem{Base: l.at}, mask)
		VMASKMOVPS(v, mask, m)
	}
}

// accumulate writes the kernel that computes n pixels of so many rows of y, two vectors of each at a time:
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
	tile := func(whole bool) {
		var first, second *lanes
		if !whole {
			a, b := GP64(), GP64()
			MOVQ(n, a)
			MOVQ(n, b)
			SUBQ(Imm(uint64(t.bytes/4)), b)
			l1, l2 := t.mask(a), t.mask(b)
			first, second = &l1, &l2
		}
		suffix := map[bool]string{true: "whole", false: "part"}[whole]
		acc := make([][2]reg.VecVirtual, rows)
		for i := range acc {
			acc[i] = [2]reg.VecVirtual{t.vector(), t.vector()}
			VXORPS(acc[i][0], acc[i][0], acc[i][0])
			VXORPS(acc[i][1], acc[i][1], acc[i][1])
		}
		terms, k, count, at := GP64(), GP64(), GP64(), GP64()
		Load(Param("terms"), terms)
		Load(Param("k"), k)
		Load(Param("count"), count)
		Label(suffix + "_terms")
		MOVQ(Mem{Base: terms}, at)
		b0, b1, w := t.vector(), t.vector(), t.vector()
		t.load(Mem{Base: x, Index: at, Scale: 4}, first, b0)
		t.load(Mem{Base: x, Index: at, Scale: 4, Disp: t.bytes}, second, b1)
		for i := range rows {
			VBROADCASTSS(Mem{Base: k, Disp: 4 * i}, w)
			VFMADD231PS(b0, w, acc[i][0])
			VFMADD231PS(b1, w, acc[i][1])
		}
		ADDQ(Imm(8), terms)
		ADDQ(Imm(uint64(4*rows)), k)
		DECQ(count)
		JNZ(LabelRef(suffix + "_terms"))
		row := GP64()
		MOVQ(y, row)
		for i := range rows {
			t.store(acc[i][0], Mem{Base: row}, first)
			t.store(acc[i][1], Mem{Base: row, Disp: t.bytes}, second)
			if i < rows-1 {
				ADDQ(plane, row)
			}
		}
	}
	pixels := t.bytes / 2 // of two vectors
	Label("whole")
	CMPQ(n, Imm(uint64(pixels)))
	JLT(LabelRef("part"))
	tile(true)
	ADDQ(I32(4*pixels), x)
	ADDQ(I32(4*pixels), y)
	SUBQ(Imm(uint64(pixels)), n)
	JMP(LabelRef("whole"))
	Label("part")
	CMPQ(n, Imm(0))
	JLE(LabelRef("done"))
	tile(false)
	Label("done")
	VZEROUPPER()
	RET()
}

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
