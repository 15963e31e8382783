package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type vector = reg.VecVirtual

// unroll is how many vectors a pass handles at a time while there are so many.
const unroll = 4

// pass is a kernel that goes over slices of one length, element by element.
type pass struct {
	name, doc string
	outputs   []string // slices; the first gives the length
	inputs    []string // slices, which may be outputs too
	scalars   []string // float32, spread over vectors
	// compute returns the vectors of the outputs, from those of the inputs and of the scalars.
	compute func(in, scalars []vector) []vector
}

// passes writes all kernels of that kind. None fuses a product with a sum: they round as portable Go does.
func (t target) passes() {
	one := func(v vector) []vector { return []vector{v} }
	for _, p := range []pass{
		{name: "rectify", doc: "computes y = max(x, 0)", outputs: []string{"y"}, inputs: []string{"x"},
			compute: func(in, _ []vector) []vector { return one(t.rectified(in[0])) }},
		{name: "mask", doc: "computes dx = dy where x > 0, else 0", outputs: []string{"dx"}, inputs: []string{"dy", "x"},
			compute: func(in, _ []vector) []vector { return one(t.wherePositive(in[1], in[0])) }},
		{name: "addMasked", doc: "adds dy to dx where x > 0", outputs: []string{"dx"}, inputs: []string{"dx", "dy", "x"},
			compute: func(in, _ []vector) []vector { return one(t.add(in[0], t.wherePositive(in[2], in[1]))) }},
		{name: "sum", doc: "computes y = a + b", outputs: []string{"y"}, inputs: []string{"a", "b"},
			compute: func(in, _ []vector) []vector { return one(t.add(in[0], in[1])) }},
		{name: "product", doc: "computes y = a·b", outputs: []string{"y"}, inputs: []string{"a", "b"},
			compute: func(in, _ []vector) []vector { return one(t.times(in[0], in[1])) }},
		{name: "scaleAndShift", doc: "computes y = x·scale + shift", outputs: []string{"y"}, inputs: []string{"x"},
			scalars: []string{"scale", "shift"},
			compute: func(in, s []vector) []vector { return one(t.add(t.times(in[0], s[0]), s[1])) }},
		{name: "combine", doc: "computes z = u·a + v·b + shift", outputs: []string{"z"}, inputs: []string{"u", "v"},
			scalars: []string{"a", "b", "shift"},
			compute: func(in, s []vector) []vector {
				return one(t.add(t.add(t.times(in[0], s[0]), t.times(in[1], s[1])), s[2]))
			}},
		{name: "scaleShiftRectify", doc: "computes y = max(x·scale + shift, 0)", outputs: []string{"y"}, inputs: []string{"x"},
			scalars: []string{"scale", "shift"},
			compute: func(in, s []vector) []vector { return one(t.rectified(t.add(t.times(in[0], s[0]), s[1]))) }},
		{name: "combineRectify", doc: "computes z = max(u·a + v·b + shift, 0)", outputs: []string{"z"}, inputs: []string{"u", "v"},
			scalars: []string{"a", "b", "shift"},
			compute: func(in, s []vector) []vector {
				return one(t.rectified(t.add(t.add(t.times(in[0], s[0]), t.times(in[1], s[1])), s[2])))
			}},
		{name: "firstStep", doc: "computes buffer = gradient + decay·p and p −= rate·buffer",
			outputs: []string{"p", "buffer"}, inputs: []string{"p", "gradient"}, scalars: []string{"rate", "decay"},
			compute: func(in, s []vector) []vector {
				buffer := t.add(in[1], t.times(s[1], in[0]))
				return []vector{t.subtract(in[0], t.times(s[0], buffer)), buffer}
			}},
		{name: "step", doc: "computes buffer = momentum·buffer + (gradient + decay·p) and p −= rate·buffer",
			outputs: []string{"p", "buffer"}, inputs: []string{"p", "buffer", "gradient"},
			scalars: []string{"rate", "momentum", "decay"},
			compute: func(in, s []vector) []vector {
				buffer := t.add(t.times(s[1], in[1]), t.add(in[2], t.times(s[2], in[0])))
				return []vector{t.subtract(in[0], t.times(s[0], buffer)), buffer}
			}},
	} {
		t.pass(p)
	}
}

// signature returns the parameters of a kernel: the slices, each once, and the scalars.
func signature(slices, scalars []string, result string) string {
	s, seen := "func(", map[string]bool{}
	for _, name := range slices {
		if !seen[name] {
			s += name + ", "
		}
		seen[name] = true
	}
	s = s[:len(s)-2] + " []float32"
	for i, name := range scalars {
		s += ", " + name
		if i == len(scalars)-1 {
			s += " float32"
		}
	}
	return s + ")" + result
}

// pass writes a kernel.
func (t target) pass(p pass) {
	slices := append(append([]string{}, p.outputs...), p.inputs...)
	t.begin(p.name, p.doc, signature(slices, p.scalars, ""))
	base := bases(slices)
	scalars := t.spread(p.scalars)
	n := Load(Param(p.outputs[0]).Len(), GP64()).(reg.GPVirtual)
	at := GP64()
	XORQ(at, at)
	t.vectors("", n, at, func(disp int, l *lanes) {
		in := make([]vector, len(p.inputs))
		for i, name := range p.inputs {
			in[i] = t.vector()
			t.load(Mem{Base: base[name], Index: at, Scale: 4, Disp: disp}, l, in[i])
		}
		for i, v := range p.compute(in, scalars) {
			t.store(v, Mem{Base: base[p.outputs[i]], Index: at, Scale: 4, Disp: disp}, l)
		}
	})
	VZEROUPPER()
	RET()
}

// vectors writes the loop over n elements, which at counts: unroll vectors at a time, then one at a time, then the rest of
// a vector, whose lanes are limited. Its labels begin with name; n is lost.
func (t target) vectors(name string, n reg.GPVirtual, at reg.Register, do func(disp int, l *lanes)) {
	floats := t.bytes / 4
	Label(name + "many")
	CMPQ(n, Imm(uint64(unroll*floats)))
	JLT(LabelRef(name + "one"))
	for i := range unroll {
		do(i*t.bytes, nil)
	}
	ADDQ(Imm(uint64(unroll*floats)), at)
	SUBQ(Imm(uint64(unroll*floats)), n)
	JMP(LabelRef(name + "many"))
	Label(name + "one")
	CMPQ(n, Imm(uint64(floats)))
	JLT(LabelRef(name + "rest"))
	do(0, nil)
	ADDQ(Imm(uint64(floats)), at)
	SUBQ(Imm(uint64(floats)), n)
	JMP(LabelRef(name + "one"))
	Label(name + "rest")
	CMPQ(n, Imm(0))
	JLE(LabelRef(name + "end"))
	l := t.mask(n)
	do(0, &l)
	Label(name + "end")
}

// total is a kernel that sums up over slices of one length, in single precision for a block of elements, then in double.
type total struct {
	name, doc string
	inputs    []string
	scalars   []string
	sums      []string // the results
	// add adds to the sums what elements are worth, of which those outside of l, if given, are 0.
	add func(sums, in, scalars []vector, l *lanes)
}

func (t target) totals() {
	for _, k := range []total{
		{name: "total", doc: "returns Σ x", inputs: []string{"x"}, sums: []string{"sum"},
			add: func(sums, in, _ []vector, _ *lanes) { VADDPS(in[0], sums[0], sums[0]) }},
		{name: "deviations", doc: "returns Σ (x − centre) and Σ (x − centre)²", inputs: []string{"x"}, scalars: []string{"centre"},
			sums: []string{"sum", "squares"},
			add: func(sums, in, s []vector, l *lanes) {
				d := t.subtract(in[0], s[0])
				if l != nil {
					t.keep(d, l)
				}
				VADDPS(d, sums[0], sums[0])
				VFMADD231PS(d, d, sums[1])
			}},
	} {
		t.total(k)
	}
}

// total writes a kernel. Each of unroll vectors has sums of its own; after a block of 16 rounds they are added up.
func (t target) total(k total) {
	const rounds = 16
	result := " ("
	for _, name := range k.sums {
		result += name + " float64, "
	}
	t.begin(k.name, k.doc, signature(k.inputs, k.scalars, result[:len(result)-2]+")"))
	base, scalars := bases(k.inputs), t.spread(k.scalars)
	n := Load(Param(k.inputs[0]).Len(), GP64()).(reg.GPVirtual)
	at, left := GP64(), GP64()
	XORQ(at, at)
	doubles := make([]vector, len(k.sums))
	singles := make([][]vector, unroll)
	for j := range doubles {
		doubles[j] = t.zero()
	}
	for i := range singles {
		for range k.sums {
			singles[i] = append(singles[i], t.vector())
		}
	}
	add := func(i int, l *lanes) {
		in := make([]vector, len(k.inputs))
		disp := 0
		if l == nil {
			disp = i * t.bytes
		}
		for j, name := range k.inputs {
			in[j] = t.vector()
			t.load(Mem{Base: base[name], Index: at, Scale: 4, Disp: disp}, l, in[j])
		}
		k.add(singles[i], in, scalars, l)
	}
	floats := t.bytes / 4
	Label("block")
	for _, sums := range singles {
		for _, v := range sums {
			VXORPS(v, v, v)
		}
	}
	MOVQ(I32(rounds), left)
	Label("many")
	CMPQ(n, Imm(uint64(unroll*floats)))
	JLT(LabelRef("one"))
	for i := range unroll {
		add(i, nil)
	}
	ADDQ(Imm(uint64(unroll*floats)), at)
	SUBQ(Imm(uint64(unroll*floats)), n)
	DECQ(left)
	JNZ(LabelRef("many"))
	JMP(LabelRef("sum"))
	Label("one")
	CMPQ(n, Imm(0))
	JLE(LabelRef("sum"))
	m := GP64()
	MOVQ(n, m)
	l := t.mask(m)
	add(0, &l)
	ADDQ(Imm(uint64(floats)), at)
	SUBQ(Imm(uint64(floats)), n)
	JMP(LabelRef("one"))
	Label("sum")
	for j, d := range doubles {
		VADDPS(singles[1][j], singles[0][j], singles[0][j])
		VADDPS(singles[3][j], singles[2][j], singles[2][j])
		VADDPS(singles[2][j], singles[0][j], singles[0][j])
		t.addDoubles(singles[0][j], d)
	}
	CMPQ(n, Imm(0))
	JG(LabelRef("block"))
	for j, name := range k.sums {
		Store(t.acrossDoubles(doubles[j]), Return(name))
	}
	VZEROUPPER()
	RET()
}

// addDoubles adds both halves of singles to doubles; singles is lost.
func (t target) addDoubles(singles, doubles vector) {
	wide := t.vector()
	if t.bytes == 64 {
		half := YMM()
		VEXTRACTF64X4(Imm(1), singles, half)
		VCVTPS2PD(half, wide)
		VADDPD(wide, doubles, doubles)
		VCVTPS2PD(singles.AsY(), wide)
	} else {
		half := XMM()
		VEXTRACTF128(Imm(1), singles, half)
		VCVTPS2PD(half, wide)
		VADDPD(wide, doubles, doubles)
		VCVTPS2PD(singles.AsX(), wide)
	}
	VADDPD(wide, doubles, doubles)
}

// acrossDoubles adds a vector's doubles, halves to halves.
func (t target) acrossDoubles(v vector) vector {
	x, y := XMM(), XMM()
	if t.bytes == 64 {
		half := YMM()
		VEXTRACTF64X4(Imm(1), v, half)
		VADDPD(half, v.AsY(), half)
		VEXTRACTF128(Imm(1), half, x)
		VADDPD(x, half.AsX(), x)
	} else {
		VEXTRACTF128(Imm(1), v, x)
		VADDPD(x, v.AsX(), x)
	}
	VUNPCKHPD(x, x, y)
	VADDPD(x, y, x)
	return x
}

// begin writes the head of a kernel for this target.
func (t target) begin(name, doc, signature string) {
	name += t.name
	TEXT(name, NOSPLIT, signature)
	Doc(name + " " + doc + ".")
	Pragma("noescape")
}

// bases loads where the slices of these names begin.
func bases(names []string) map[string]reg.Register {
	base := map[string]reg.Register{}
	for _, name := range names {
		if base[name] == nil {
			base[name] = Load(Param(name).Base(), GP64())
		}
	}
	return base
}

// spread loads scalars into all lanes of a vector each.
func (t target) spread(names []string) (vectors []vector) {
	for _, name := range names {
		v := t.vector()
		VBROADCASTSS(address(name), v)
		vectors = append(vectors, v)
	}
	return vectors
}

func (t target) zero() vector {
	v := t.vector()
	VXORPS(v, v, v)
	return v
}

func (t target) add(a, b vector) vector {
	v := t.vector()
	VADDPS(b, a, v)
	return v
}

func (t target) subtract(a, b vector) vector {
	v := t.vector()
	VSUBPS(b, a, v)
	return v
}

func (t target) times(a, b vector) vector {
	v := t.vector()
	VMULPS(b, a, v)
	return v
}

// rectified returns max(x, 0): a NaN stays one, and −0 becomes 0.
func (t target) rectified(x vector) vector {
	zero, v := t.zero(), t.vector()
	VMAXPS(x, zero, v) // of two zeros, or where one is NaN: x
	VADDPS(zero, v, v)
	return v
}

// wherePositive returns v where x > 0, told from the bits, else 0.
func (t target) wherePositive(x, v vector) vector {
	r := t.vector()
	if t.opmasks() {
		k := K()
		VPCMPGTD(t.zero(), x, k)
		VMOVAPS_Z(v, k, r)
		return r
	}
	VPCMPGTD(t.zero(), x, r)
	VANDPS(v, r, r)
	return r
}

// keep sets the lanes of v outside of l to 0.
func (t target) keep(v vector, l *lanes) {
	if t.bytes == 64 {
		VMOVAPS_Z(v, l.k, v)
		return
	}
	VANDPS(Mem{Base: l.at}, v, v)
}
