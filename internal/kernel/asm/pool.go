package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pools writes the kernels of maxima. Like accumulate they go over terms: shifts at which x is read.
func (t target) pools() {
	t.largest()
	t.winners()
	t.route()
}

// overTerms writes the loop over n pixels of y; tile computes so many vectors of them, whose first pixel is at. Its labels
// must contain its name.
func (t target) overTerms(tile func(name string, vectors int, at reg.Register, l *lanes)) {
	n, at := Load(Param("n"), GP64()).(reg.GPVirtual), GP64()
	XORQ(at, at)
	floats := t.bytes / 4
	Label("many")
	CMPQ(n, Imm(uint64(unroll*floats)))
	JLT(LabelRef("one"))
	tile("many", unroll, at, nil)
	ADDQ(Imm(uint64(unroll*floats)), at)
	SUBQ(Imm(uint64(unroll*floats)), n)
	JMP(LabelRef("many"))
	Label("one")
	CMPQ(n, Imm(0))
	JLE(LabelRef("end"))
	m := GP64()
	MOVQ(n, m)
	l := t.mask(m)
	tile("one", 1, at, &l)
	ADDQ(Imm(uint64(floats)), at)
	SUBQ(Imm(uint64(floats)), n)
	JMP(LabelRef("one"))
	Label("end")
	VZEROUPPER()
	RET()
}

// eachTerm writes a loop over the terms from the one numbered first on, of which there is at least one; do gets the place of
// a term's first pixel.
func (t target) eachTerm(name string, first int, at reg.Register, do func(place reg.Register)) {
	terms, left, place := GP64(), GP64(), GP64()
	Load(Param("terms"), terms)
	Load(Param("count"), left)
	if first > 0 {
		SUBQ(Imm(uint64(first)), left)
		JLE(LabelRef(name + "_end"))
	}
	Label(name + "_term")
	MOVQ(Mem{Base: terms, Disp: 8 * first}, place)
	ADDQ(at, place)
	do(place)
	ADDQ(Imm(8), terms)
	DECQ(left)
	JNZ(LabelRef(name + "_term"))
	Label(name + "_end")
}

// firstTerm loads the place of the first term's first pixel.
func (t target) firstTerm(at reg.Register) reg.Register {
	place := GP64()
	Load(Param("terms"), place)
	MOVQ(Mem{Base: place}, place)
	ADDQ(at, place)
	return place
}

func (t target) several(n int, make func(i int) vector) (vectors []vector) {
	for i := range n {
		vectors = append(vectors, make(i))
	}
	return vectors
}

// largest writes the kernel that computes the largest pixel of all terms.
func (t target) largest() {
	t.begin("largest", "computes y[j] = max x[terms[t]+j] over count terms, NaN if one is", "func(y *float32, n int, x *float32, terms *int, count int)")
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	t.overTerms(func(name string, vectors int, at reg.Register, l *lanes) {
		place := t.firstTerm(at)
		load := func(place reg.Register) func(i int) vector {
			return func(i int) vector {
				v := t.vector()
				t.load(Mem{Base: x, Index: place, Scale: 4, Disp: i * t.bytes}, l, v)
				return v
			}
		}
		best := t.several(vectors, load(place))
		t.eachTerm(name, 1, at, func(place reg.Register) {
			for i, v := range t.several(vectors, load(place)) {
				VMAXPS(best[i], v, best[i]) // keeps best[i] unless v is greater
				t.moveWhere(3, v, v, v, best[i])
			}
		})
		for i, v := range best {
			t.store(v, Mem{Base: y, Index: at, Scale: 4, Disp: i * t.bytes}, l)
		}
	})
}

// moveWhere copies from to to in the lanes in which a and b compare as the predicate says.
func (t target) moveWhere(predicate uint8, a, b, from, to vector) {
	if t.bytes == 64 {
		k := K()
		VCMPPS(U8(predicate), b, a, k)
		VMOVAPS(from, k, to)
		return
	}
	m := YMM()
	VCMPPS(U8(predicate), b, a, m)
	VBLENDVPS(m, from, to, to)
}

// winners writes the kernel that computes which term has the largest pixel, the first if several have.
func (t target) winners() {
	t.begin("winners", "computes which of count terms has the largest x[terms[t]+j], of equal ones the first",
		"func(y *float32, n int, x *float32, terms *int, count int)")
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	one := t.vector()
	VBROADCASTSS(table("one", 1, func(int) int32 { return 0x3f800000 }), one)
	t.overTerms(func(name string, vectors int, at reg.Register, l *lanes) {
		place := t.firstTerm(at)
		best := t.several(vectors, func(i int) vector {
			v := t.vector()
			t.load(Mem{Base: x, Index: place, Scale: 4, Disp: i * t.bytes}, l, v)
			return v
		})
		winner := t.several(vectors, func(int) vector { return t.zero() })
		number := t.zero()
		t.eachTerm(name, 1, at, func(place reg.Register) {
			VADDPS(one, number, number)
			for i := range best {
				v := t.vector()
				t.load(Mem{Base: x, Index: place, Scale: 4, Disp: i * t.bytes}, l, v)
				t.moveWhereGreater(v, best[i], number, winner[i])
			}
		})
		for i, v := range winner {
			t.store(v, Mem{Base: y, Index: at, Scale: 4, Disp: i * t.bytes}, l)
		}
	})
}

// moveWhereGreater has v take the place of best, and number that of winner, where v is greater.
func (t target) moveWhereGreater(v, best, number, winner vector) {
	const greater = 0x1e
	if t.bytes == 64 {
		k := K()
		VCMPPS(U8(greater), best, v, k)
		VMOVAPS(v, k, best)
		VMOVAPS(number, k, winner)
		return
	}
	m := YMM()
	VCMPPS(U8(greater), best, v, m)
	VBLENDVPS(m, v, best, best)
	VBLENDVPS(m, number, winner, winner)
}

// route writes the kernel that sums up dy over the terms whose number has won.
func (t target) route() {
	t.begin("route", "computes y[j] = Σ dy[terms[t]+j] over the count terms for which winners has taps[t] there",
		"func(y *float32, n int, dy, winners *float32, terms *int, taps *float32, count int)")
	y, dy, winners := Load(Param("y"), GP64()), Load(Param("dy"), GP64()), Load(Param("winners"), GP64())
	t.overTerms(func(name string, vectors int, at reg.Register, l *lanes) {
		sums := t.several(vectors, func(int) vector { return t.zero() })
		taps := GP64()
		Load(Param("taps"), taps)
		t.eachTerm(name, 0, at, func(place reg.Register) {
			tap := t.vector()
			VBROADCASTSS(Mem{Base: taps}, tap)
			ADDQ(Imm(4), taps)
			for i, sum := range sums {
				u, v := t.vector(), t.vector()
				t.load(Mem{Base: winners, Index: place, Scale: 4, Disp: i * t.bytes}, l, u)
				t.load(Mem{Base: dy, Index: place, Scale: 4, Disp: i * t.bytes}, l, v)
				t.addWhereEqual(u, tap, v, sum)
			}
		})
		for i, v := range sums {
			t.store(v, Mem{Base: y, Index: at, Scale: 4, Disp: i * t.bytes}, l)
		}
	})
}

// addWhereEqual adds v to sum where a = b.
func (t target) addWhereEqual(a, b, v, sum vector) {
	if t.bytes == 64 {
		k := K()
		VCMPPS(Imm(0), b, a, k)
		VADDPS(v, sum, k, sum)
		return
	}
	m := YMM()
	VCMPPS(Imm(0), b, a, m)
	VANDPS(v, m, m)
	VADDPS(m, sum, sum)
}
