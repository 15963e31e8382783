package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// planePool is a pool whose rows are vectors: size × size windows, stride apart, around the pixels of rows of so many windows, with
// stride times as many pixels. Rows of 8 windows are taken from two channels at a time, one in each half of a vector.
type planePool struct {
	target
	size, stride, width int
	left                reg.GPVirtual
	masks               map[int]reg.OpmaskVirtual // of pairs: which lanes get a pixel of their own half by a shift
}

// planePools writes the kernels of pools that read planes of pixels as they lie in memory, and keep them in registers and in a
// few rows of scratch memory.
func (t target) planePools() {
	for _, size := range []int{3, 5} {
		for _, s := range [][2]int{{1, 8}, {1, 16}, {1, 32}, {2, 8}, {2, 16}} {
			k := planePool{target: t, size: size, stride: s[0], width: s[1]}
			k.reduce("planeMax", true)
			k.reduce("planeSum", false)
			k.routeBack()
			if k.stride == 2 {
				k.spreadBack()
			}
		}
	}
}

// open writes the head of a kernel.
func (k *planePool) open(name, doc string) {
	k.begin(fmt.Sprintf("%s%dBy%dTo%d", name, k.size, k.stride, k.width), doc,
		"func(y, x, other, scale, shift, otherScale, before, after, dy, dyOther, dyScale, dyShift, dyOtherScale, scratch *float32, "+
			"channels, rows, add int) (nan int)")
	k.left = k.load64("channels")
}

// eachUnit writes the loop over channels, or pairs of them. Coefficients of channels lie channel bytes further on.
func (k *planePool) eachUnit(do func(channel reg.Register)) {
	channel := GP64()
	XORQ(channel, channel)
	Label("unit")
	do(channel)
	channels := 1
	if k.pair() {
		channels = 2
	}
	ADDQ(I32(4*channels), channel)
	SUBQ(I32(channels), k.left)
	JG(LabelRef("unit"))
}

func (k *planePool) pair() bool { return k.width == 8 }

// pad is how far a window reaches to the left and above.
func (k *planePool) pad() int { return k.size / 2 }

// vectors is how many vectors a row of windows has, and rowBytes their size in scratch memory.
func (k *planePool) vectors() int  { return max(1, k.width/16) }
func (k *planePool) rowBytes() int { return 64 * k.vectors() }

func (k *planePool) load64(name string) reg.GPVirtual {
	return Load(Param(name), GP64()).(reg.GPVirtual)
}

// ifSet writes what is done if a field isn't 0.
func (k *planePool) ifSet(field, label string, do func()) {
	CMPQ(address(field), Imm(0))
	JE(LabelRef(label))
	do()
	Label(label)
}

// rowsOf returns how many rows there are with so many a window.
func (k *planePool) rowsOf(stride int) reg.GPVirtual {
	rows := k.load64("rows")
	if stride == 2 {
		SHLQ(Imm(1), rows)
	}
	return rows
}

// scratch returns where an area of scratch memory begins: area 0 has all rows that windows have, 1 those of pixels, and 2 is
// like 0.
func (k *planePool) scratch(area int) reg.GPVirtual {
	at := k.load64("scratch")
	ADDQ(Imm(63), at)
	ANDQ(I32(-64), at)
	if area > 0 {
		rows := k.rowsOf(k.stride)
		IMUL3Q(I32(area*k.rowBytes()), rows, rows)
		LEAQ(Mem{Base: at, Index: rows, Scale: 1, Disp: k.size * k.rowBytes()}, at)
	}
	return at
}

// surroundRows writes v to the rows of area 0 that are above and below all pixels.
func (k *planePool) surroundRows(v vector, above, below, stride int) {
	at := k.scratch(0)
	for i := range above * k.vectors() {
		VMOVUPS(v, Mem{Base: at, Disp: 64 * i})
	}
	rows := k.rowsOf(stride)
	IMUL3Q(I32(k.rowBytes()), rows, rows)
	ADDQ(rows, at)
	for i := range below * k.vectors() {
		VMOVUPS(v, Mem{Base: at, Disp: above*k.rowBytes() + 64*i})
	}
}

// second returns how many bytes behind the first channel of a pair the second one lies, in tensors whose rows have stride
// pixels for each window. Where there is none, it is the first again.
func (k *planePool) second(stride int) reg.GPVirtual {
	if !k.pair() {
		return nil
	}
	bytes, zero := k.load64("rows"), GP64()
	IMUL3Q(I32(stride*stride*4*k.width), bytes, bytes)
	XORQ(zero, zero)
	CMPQ(k.left, Imm(1))
	CMOVQEQ(zero, bytes)
	return bytes
}

// place is where a vector lies in memory, or its halves.
type place struct {
	m, high Mem
	halves  bool
}

// places returns where the vectors of a row lie that begins at at.
func (k *planePool) places(at, second reg.Register, stride int) []place {
	first := Mem{Base: at}
	switch {
	case k.pair():
		other := Mem{Base: at, Index: second, Scale: 1}
		if stride == 1 {
			return []place{{m: first, high: other, halves: true}}
		}
		return []place{{m: first}, {m: other}}
	case stride*k.width == 32:
		return []place{{m: first}, {m: Mem{Base: at, Disp: 64}}}
	}
	return []place{{m: first}}
}

func (p place) load() vector {
	v := ZMM()
	if p.halves {
		VBROADCASTF64X4(p.m, v)
		VINSERTF64X4(Imm(1), p.high, v, v)
	} else {
		VMOVUPS(p.m, v)
	}
	return v
}

func (p place) store(v vector) {
	if p.halves {
		VMOVUPS(v.AsY(), p.m)
		VEXTRACTF64X4(Imm(1), v, p.high)
	} else {
		VMOVUPS(v, p.m)
	}
}

// put writes a row, or adds it to what is there.
func (k *planePool) put(label string, row []vector, at []place) {
	k.ifSet("add", label, func() {
		for i, v := range row {
			VADDPS(at[i].load(), v, v)
		}
	})
	for i, v := range row {
		at[i].store(v)
	}
}

// view is a view as a kernel reads it: what its fields begin with, how far behind the data the others lie, and the coefficients of
// each vector of a row.
type view struct {
	otherField   string
	other        reg.Register
	coefficients [][3]vector
}

// view loads a channel's coefficients.
func (k *planePool) view(fields [5]string, channel reg.Register, stride int) *view {
	v := &view{otherField: fields[1], other: k.load64(fields[1])}
	SUBQ(address(fields[0]), v.other)
	load := func(second reg.Register, both bool) (c [3]vector) {
		var high reg.OpmaskVirtual
		if both {
			high = maskOf(0xff00)
		}
		for i, name := range fields[2:] {
			base := k.load64(name)
			ADDQ(channel, base)
			c[i] = ZMM()
			switch {
			case both:
				VBROADCASTSS(Mem{Base: base}, c[i])
				VBROADCASTSS(Mem{Base: base, Index: second, Scale: 4}, high, c[i])
			case second != nil:
				VBROADCASTSS(Mem{Base: base, Index: second, Scale: 4}, c[i])
			default:
				VBROADCASTSS(Mem{Base: base}, c[i])
			}
		}
		return c
	}
	if !k.pair() {
		c := load(nil, false)
		v.coefficients = [][3]vector{c, c}
		return v
	}
	second := GP64()
	XORQ(second, second)
	CMPQ(k.left, Imm(1))
	SETNE(second.As8())
	if stride == 1 {
		v.coefficients = [][3]vector{load(second, true)}
	} else {
		v.coefficients = [][3]vector{load(nil, false), load(second, false)}
	}
	return v
}

func maskOf(lanes uint32) reg.OpmaskVirtual {
	k, bits := K(), GP32()
	MOVL(U32(lanes), bits)
	KMOVW(bits, k)
	return k
}

// read reads a row of a view: scale·data + otherScale·other + shift. Those of its vectors from the one numbered first on are
// read, as many as there are places.
func (k *planePool) read(label string, v *view, at reg.Register, places func(at reg.Register) []place) (row []vector) {
	for i, p := range places(at) {
		row = append(row, p.load())
		VMULPS(v.coefficients[i][0], row[i], row[i])
	}
	k.ifSet(v.otherField, label, func() {
		other := GP64()
		LEAQ(Mem{Base: at, Index: v.other, Scale: 1}, other)
		for i, p := range places(other) {
			u := p.load()
			VMULPS(v.coefficients[i][2], u, u)
			VADDPS(u, row[i], row[i])
		}
	})
	for i, u := range row {
		VADDPS(v.coefficients[i][1], u, u)
	}
	return row
}

// multiply multiplies a row by that of a plane of factors, which are those of all channels.
func (k *planePool) multiply(row []vector, at reg.Register) {
	for i, v := range row {
		if k.pair() {
			u := ZMM()
			VBROADCASTF64X4(Mem{Base: at}, u)
			VMULPS(u, v, v)
		} else {
			VMULPS(Mem{Base: at, Disp: 64 * i}, v, v)
		}
	}
}
