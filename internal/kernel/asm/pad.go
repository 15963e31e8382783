package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rectified is one more way to read channels: max(x, 0).
const rectified mixed = combined + 1

// pads writes the kernels that surround channels by one number, and scale, combine or rectify them on the way.
func (t target) pads() {
	t.pad("padPlain", asIs)
	t.pad("padRectified", rectified)
	t.pad("padScaled", scaled)
	t.pad("padCombined", combined)
}

// pad writes the kernel that lays out channels, which follow one another both in x and in y: as many floats of the number outside
// as top says, then rows of so many vectors with gap such floats between them, then bottom of them. What is too much of a vector
// of them is overwritten by the next pixels, so gap is at most a vector, and bottom at least one.
func (t target) pad(name string, kind mixed) {
	t.begin(name, "copies channels, rows of so many vectors, and surrounds them by one number",
		"func(y, x, other *float32, channels, top, rows, vectors, gap, bottom int, scale, shift, otherScale *float32, low, outside float32)")
	field := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	y, x, channels, gap := field("y"), field("x"), field("channels"), field("gap")
	SHLQ(Imm(2), gap)
	outside, zero, low := t.spread([]string{"outside"})[0], t.zero(), t.vector()
	var other, scale, shift, otherScale reg.GPVirtual
	if kind == scaled || kind == combined {
		scale, shift = field("scale"), field("shift")
		VBROADCASTSS(address("low"), low)
	}
	if kind == combined {
		other, otherScale = field("other"), field("otherScale")
		SUBQ(x, other) // it lies so far behind x
	}
	Label("channel")
	a, b, c := t.vector(), t.vector(), t.vector()
	if kind == scaled || kind == combined {
		VBROADCASTSS(Mem{Base: scale}, a)
		VBROADCASTSS(Mem{Base: shift}, b)
		ADDQ(Imm(4), scale)
		ADDQ(Imm(4), shift)
	}
	if kind == combined {
		VBROADCASTSS(Mem{Base: otherScale}, c)
		ADDQ(Imm(4), otherScale)
	}
	top := field("top")
	t.surround("top", y, top, outside)
	t.store(outside, Mem{Base: y}, nil)
	LEAQ(Mem{Base: y, Index: top, Scale: 4}, y)
	rows := field("rows")
	Label("row")
	left := field("vectors")
	Label("pixels")
	v := t.vector()
	t.load(Mem{Base: x}, nil, v)
	switch kind {
	case rectified:
		VMAXPS(v, zero, v)
	case scaled, combined:
		VMULPS(a, v, v)
		if kind == combined {
			u := t.vector()
			t.load(Mem{Base: x, Index: other, Scale: 1}, nil, u)
			VMULPS(c, u, u)
			VADDPS(u, v, v)
		}
		VADDPS(b, v, v)
		VMAXPS(v, low, v)
	}
	t.store(v, Mem{Base: y}, nil)
	ADDQ(I32(t.bytes), x)
	ADDQ(I32(t.bytes), y)
	DECQ(left)
	JNZ(LabelRef("pixels"))
	t.store(outside, Mem{Base: y}, nil)
	ADDQ(gap, y)
	DECQ(rows)
	JNZ(LabelRef("row"))
	SUBQ(gap, y)
	bottom := field("bottom")
	t.surround("bottom", y, bottom, outside)
	LEAQ(Mem{Base: y, Index: bottom, Scale: 4}, y)
	t.store(outside, Mem{Base: y, Disp: -t.bytes}, nil)
	DECQ(channels)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// surround writes as many whole vectors outside to y as n floats have, and leaves in n the floats that are left.
func (t target) surround(name string, y, n reg.Register, outside vector) {
	floats := t.bytes / 4
	Label(name)
	CMPQ(n, Imm(uint64(floats)))
	JLT(LabelRef(name + "_rest"))
	t.store(outside, Mem{Base: y}, nil)
	ADDQ(I32(t.bytes), y)
	SUBQ(Imm(uint64(floats)), n)
	JMP(LabelRef(name))
	Label(name + "_rest")
}
