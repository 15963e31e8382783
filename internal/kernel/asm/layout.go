package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// layouts writes the kernels that copy rectangles of pixels, vector column by vector column, so that lanes are limited once
// a column.
func (t target) layouts() {
	for _, step := range []int{1, 2} {
		t.lay(step, false)
		t.lay(step, true)
	}
	for _, add := range []bool{false, true} {
		for _, step := range []int{1, 2} {
			t.place(step, false, add)
			t.place(step, true, add)
		}
	}
}

// columns writes the loops of such a kernel: begin is called once a vector column, numbered by the register j, and returns
// what is done in each of its rows, whose places at then gives.
func (t target) columns(begin func(j reg.Register), row func(y, x reg.Register, part *lanes), stepX, stepY int) {
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	advanceY, advanceX := Load(Param("stepY"), GP64()), Load(Param("stepX"), GP64())
	SHLQ(Imm(2), advanceY)
	SHLQ(Imm(2), advanceX)
	j, cols := GP64(), Load(Param("cols"), GP64())
	XORQ(j, j)
	floats := t.bytes / 4
	Label("column")
	CMPQ(j, cols)
	JGE(LabelRef("end"))
	begin(j)
	left := GP64()
	MOVQ(cols, left)
	SUBQ(j, left)
	loop := func(name string, part *lanes) {
		rows, atY, atX := GP64(), GP64(), GP64()
		Load(Param("rows"), rows)
		MOVQ(y, atY)
		MOVQ(x, atX)
		Label(name)
		row(atY, atX, part)
		ADDQ(advanceY, atY)
		ADDQ(advanceX, atX)
		DECQ(rows)
		JNZ(LabelRef(name))
	}
	CMPQ(left, Imm(uint64(floats)))
	JLT(LabelRef("part"))
	loop("whole_row", nil)
	ADDQ(I32(stepY*t.bytes), y)
	ADDQ(I32(stepX*t.bytes), x)
	ADDQ(Imm(uint64(floats)), j)
	JMP(LabelRef("column"))
	Label("part")
	l := t.mask(left)
	loop("part_row", &l)
	Label("end")
	VZEROUPPER()
	RET()
}

// lay writes the kernel that computes rows × cols pixels of y,
//
//	y[r·stepY + j] = x[r·stepX + step·(j − from)] where from ≤ j < to, else outside,
//
// rectified if asked for, which has zeros outside.
func (t target) lay(step int, rectify bool) {
	name := map[int]string{1: "lay", 2: "layEven"}[step]
	doc := "copies rows × cols pixels: y[r·stepY+j] = x[r·stepX+j−from] where from ≤ j < to, else outside"
	if step == 2 {
		doc = "copies every other pixel: y[r·stepY+j] = x[r·stepX+2(j−from)] where from ≤ j < to, else outside"
	}
	if rectify {
		name += "Rectified"
		doc += ", rectified"
	}
	t.begin(name, doc, "func(y, x *float32, rows, cols, from, to, stepY, stepX int, outside float32)")
	outside := t.spread([]string{"outside"})[0]
	back := GP64() // from column 0 to the pixel x[0]
	Load(Param("from"), back)
	NEGQ(back)
	SHLQ(Imm(uint64(1+step)), back)
	var even vector
	if step == 2 && t.bytes == 64 {
		even = ZMM()
		VMOVUPS(evens(), even)
	}
	inside := make([]lanes, step)
	for i := range inside {
		inside[i] = t.held()
	}
	begin := func(j reg.Register) {
		for i := range inside {
			low, high := GP64(), GP64()
			Load(Param("from"), low)
			Load(Param("to"), high)
			SUBQ(j, low)
			SUBQ(j, high)
			if step == 2 { // the last pixel is the last lane: what follows it may lie outside x
				ADDQ(low, low)
				LEAQ(Mem{Base: high, Index: high, Scale: 1, Disp: -1}, high)
			}
			if i > 0 {
				SUBQ(Imm(uint64(t.bytes/4)), low)
				SUBQ(Imm(uint64(t.bytes/4)), high)
			}
			t.between(low, high, inside[i])
		}
	}
	t.columns(begin, func(y, x reg.Register, part *lanes) {
		v := make([]vector, step)
		for i := range v {
			v[i] = t.loadOr(Mem{Base: x, Index: back, Scale: 1, Disp: i * t.bytes}, inside[i], outside)
		}
		if step == 2 {
			v[0] = t.evenLanes(v[0], v[1], even)
		}
		if rectify {
			v[0] = t.rectified(v[0])
		}
		t.store(v[0], Mem{Base: y}, part)
	}, step, 1)
}

// place writes the kernel that computes y[r·stepY + step·j] = x[r·stepX + j] for rows × cols pixels, or adds that. With a
// mask, it is 0 instead where by, read as y is written, is not positive.
func (t target) place(step int, masked, add bool) {
	name := map[int]string{1: "place", 2: "placeEven"}[step]
	doc, parameters := "copies rows × cols pixels: y[r·stepY+j] = x[r·stepX+j]", "func(y, x *float32, "
	if step == 2 {
		doc = "copies to every other pixel: y[r·stepY+2j] = x[r·stepX+j]"
	}
	if masked {
		name += "Masked"
		doc += " where by is positive there, else 0"
		parameters = "func(y, x, by *float32, "
	}
	if add {
		name += "Add"
		doc += "; it is added to what is there"
	}
	t.begin(name, doc, parameters+"rows, cols, stepY, stepX int)")
	var by reg.Register
	if masked {
		by = Load(Param("by"), GP64())
		SUBQ(Load(Param("y"), GP64()), by) // it lies so far behind y
	}
	put := func(v vector, y reg.Register, disp int, l *lanes) {
		if masked {
			u := t.vector()
			t.load(Mem{Base: y, Index: by, Scale: 1, Disp: disp}, l, u)
			v = t.wherePositive(u, v)
		}
		if add {
			old := t.vector()
			t.load(Mem{Base: y, Disp: disp}, l, old)
			v = t.add(old, v)
		}
		t.store(v, Mem{Base: y, Disp: disp}, l)
	}
	if step == 1 {
		t.columns(func(reg.Register) {}, func(y, x reg.Register, part *lanes) {
			v := t.vector()
			t.load(Mem{Base: x}, part, v)
			put(v, y, 0, part)
		}, 1, 1)
		return
	}
	twice := [2]vector{t.vector(), t.vector()}
	for i, v := range twice {
		VMOVUPS(doubled().Offset(i*t.bytes), v)
	}
	limit := [2]lanes{t.held(), t.held()}
	begin := func(j reg.Register) {
		for i := range limit {
			n := GP64()
			Load(Param("cols"), n)
			SUBQ(j, n)
			ADDQ(n, n)
			if i > 0 {
				SUBQ(Imm(uint64(t.bytes/4)), n)
			}
			t.everyOther(n, limit[i])
		}
	}
	t.columns(begin, func(y, x reg.Register, part *lanes) {
		v := t.vector()
		t.load(Mem{Base: x}, part, v)
		for i := range twice {
			u := t.vector()
			VPERMPS(v, twice[i], u)
			put(u, y, i*t.bytes, &limit[i])
		}
	}, 1, 2)
}

// held returns lanes that between and everyOther set: a mask register, or a vector.
func (t target) held() lanes {
	if t.bytes == 64 {
		return lanes{k: K()}
	}
	return lanes{v: YMM()}
}

// between sets l to the lanes from low to below high, either of which may be negative or larger than a vector; both are lost.
func (t target) between(low, high reg.GPVirtual, l lanes) {
	below, all := t.mask(low), t.mask(high)
	if t.bytes == 64 {
		KANDNQ(all.k, below.k, l.k)
		return
	}
	VMOVDQU(Mem{Base: below.at}, l.v)
	VPANDN(Mem{Base: all.at}, l.v, l.v)
}

// everyOther sets l to the even lanes below n; n is lost.
func (t target) everyOther(n reg.GPVirtual, l lanes) {
	all := t.mask(n)
	if t.bytes == 64 {
		pattern := GP64()
		MOVQ(I32(0x5555), pattern)
		KMOVQ(pattern, l.k)
		KANDQ(all.k, l.k, l.k)
		return
	}
	VMOVDQU(alternating(), l.v)
	VPAND(Mem{Base: all.at}, l.v, l.v)
}

// loadOr returns what is in memory in the lanes of l, and what is in or elsewhere.
func (t target) loadOr(m Mem, l lanes, or vector) vector {
	v := t.vector()
	if t.bytes == 64 {
		VMOVAPS(or, v)
		VMOVUPS(m, l.k, v)
		return v
	}
	VMASKMOVPS(m, l.v, v)
	VBLENDVPS(l.v, v, or, v)
	return v
}

// evenLanes returns the even lanes of a, then those of b; even holds their numbers, in AVX-512.
func (t target) evenLanes(a, b, even vector) vector {
	if t.bytes == 64 {
		VPERMT2PS(b, even, a)
		return a
	}
	v := t.vector()
	VSHUFPS(Imm(0x88), b, a, v)
	VPERMPD(Imm(0xd8), v, v)
	return v
}

var tables = map[string]Mem{}

// table returns where n 32-bit integers are.
func table(name string, n int, value func(i int) int32) Mem {
	if m, ok := tables[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range n {
		DATA(4*i, I32(value(i)))
	}
	tables[name] = m
	return m
}

// signs is eight −1 and then eight 0: a window of it is a mask of AVX2.
func signs() Mem { return table("signs", 16, func(i int) int32 { return int32(i/8) - 1 }) }

func alternating() Mem { return table("alternating", 8, func(i int) int32 { return int32(i%2) - 1 }) }

func evens() Mem { return table("evens", 16, func(i int) int32 { return int32(2 * i) }) }

func doubled() Mem { return table("doubled", 32, func(i int) int32 { return int32(i / 2) }) }
