// Command asm writes the assembly of package kernel: the inner loops, for AVX-512 and for AVX2 with FMA. It is a module of
// its own, so that the program doesn't depend on the assembler.
//
//	go run . -out ../micro_amd64.s -stubs ../micro_amd64.go -pkg kernel
//	go run . -winograd -out ../winograd_amd64.s -stubs ../winograd_amd64.go -pkg kernel
package main

import (
	"flag"

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
	mixRows int // most rows of a mix tile
	mixSums int // and its most vectors
	// A tile of the sums of Winograd's gradients by the weights.
	sumRows, sumColumns int
}

var (
	avx512 = target{"AVX512", 64, 12, 6, 4, 20, 24, 4, 6}
	avx2   = target{"AVX2", 32, 6, 2, 4, 12, 12, 2, 4}
	// AVX-512 on vectors of half the size, for short rows.
	avx512Half = target{name: "AVX512Half", bytes: 32}
)

func main() {
	winograd := flag.Bool("winograd", false, "write the kernels of Winograd convolution, not the others")
	flag.Parse()
	ConstraintExpr("!purego")
	for _, t := range []target{avx512, avx2} {
		if *winograd {
			t.winograds()
			continue
		}
		for rows := 1; rows <= t.rows; rows++ {
			t.accumulate(rows)
		}
		for rows := 1; rows <= t.dotRows; rows++ {
			t.dot(rows)
		}
		t.mixes()
		t.passes()
		t.totals()
		t.rowPasses()
		t.layouts()
		t.pools()
		t.peak()
	}
	if !*winograd {
		avx512.depthwises()
		avx2.depthwises()
		avx512.pads()
		avx512Half.pads()
		avx2.pads()
		avx512.planePools()
		avx512.unrolls()
	}
	Generate()
}

// opmasks tells whether lanes are limited by mask registers.
func (t target) opmasks() bool { return t.name != avx2.name }

func (t target) vector() reg.VecVirtual {
	switch t.bytes {
	case 64:
		return ZMM()
	case 16:
		return XMM()
	}
	return YMM()
}

// lanes is how loads and stores are limited to some floats of a vector: a mask register, or in AVX2 a vector of signs. Where
// registers are short, that lies in memory.
type lanes struct {
	k  reg.OpmaskVirtual
	v  reg.VecVirtual
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

func (t target) load(m Mem, l *lanes, v reg.VecVirtual) {
	switch {
	case l == nil:
		VMOVUPS(m, v)
	case t.bytes == 64:
		VMOVUPS_Z(m, l.k, v)
	case l.v != nil:
		VMASKMOVPS(m, l.v, v)
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
	case l.v != nil:
		VMASKMOVPS(v, l.v, m)
	default:
		mask := YMM()
		VMOVDQU(Mem{Base: l.at}, mask)
		VMASKMOVPS(v, mask, m)
	}
}
