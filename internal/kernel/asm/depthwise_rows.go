package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowStep returns how many bytes apart rows are that a window has above one another.
func (d *depthwise) rowStep() reg.GPVirtual {
	step := load64("cols")
	SHLQ(Imm(uint64(1+d.dilation)), step)
	return step
}

// rowsLeft returns how many such rows there are, less some.
func (d *depthwise) rowsLeft(less int) reg.GPVirtual {
	rows := load64("rows")
	if d.dilation == 2 {
		SHRQ(Imm(1), rows)
	}
	SUBQ(Imm(uint64(less)), rows)
	return rows
}

// columnsOf has every column of vectors handled: those of the first rows, then, if rows are dilated, those of the second.
func (d *depthwise) columnsOf(column func()) {
	turns := GP64()
	if d.dilation > 1 {
		MOVQ(I32(d.dilation), turns)
		Label(d.label + "turn")
	}
	j := GP64()
	XORQ(j, j)
	Label(d.label + "column")
	d.setMasks(j)
	column()
	ADDQ(Imm(uint64(d.bytes/4)), j)
	CMPQ(j, address("cols"))
	JNE(LabelRef(d.label + "column"))
	if d.dilation > 1 {
		DECQ(turns)
		JNZ(LabelRef(d.label + "turn"))
	}
}

// makeMasks makes room for so many masks, the first of which are those of the columns of a window.
func (d *depthwise) makeMasks(count int) {
	d.masks = make([]reg.OpmaskVirtual, d.size)
	if !d.opmasks() {
		d.memory = AllocLocal(count * d.bytes)
		return
	}
	for b := range d.masks {
		if b != d.reach() {
			d.masks[b] = K()
		}
	}
}

// offset returns how many floats further on a column of the window reads.
func (d *depthwise) offset(b int) int { return (b - d.reach()) * d.dilation }

// setMasks sets them for the pixels from column j on.
func (d *depthwise) setMasks(j reg.Register) {
	left := load64("cols")
	SUBQ(j, left)
	for b, k := range d.masks {
		o := d.offset(b)
		if o == 0 {
			continue
		}
		all, some := GP64(), GP64()
		switch {
		case !d.opmasks():
			LEAQ(insides().Offset(d.bytes), all)
			LEAQ(insides().Offset(d.bytes+4*o), some)
		case o < 0:
			MOVQ(I32(0xffff), all)
			MOVQ(I32(0xffff<<-o&0xffff), some)
		default:
			MOVQ(I32(0xffff), all)
			MOVQ(I32(0xffff>>o), some)
		}
		if o < 0 {
			CMPQ(j, Imm(0))
		} else {
			CMPQ(left, Imm(uint64(d.bytes/4)))
		}
		CMOVQEQ(some, all)
		if d.opmasks() {
			KMOVW(all.As32(), k)
			continue
		}
		v := d.vector()
		VMOVUPS(Mem{Base: all}, v)
		VMOVUPS(v, d.maskInMemory(b))
	}
}

// row has do called for every tap, with the vector of the row at x that its column of the window reads.
func (d *depthwise) row(x reg.Register, do func(v vector, a, b int)) {
	for b := range d.size {
		v := d.shifted(x, b)
		for a := range d.size {
			do(v, a, b)
		}
	}
}

// shifted returns the vector of the row at x that a column of the window reads.
func (d *depthwise) shifted(x reg.Register, b int) vector {
	v, m := d.vector(), Mem{Base: x, Disp: 4 * d.offset(b)}
	switch {
	case d.offset(b) == 0:
		VMOVUPS(m, v)
	case d.opmasks():
		VMOVUPS_Z(m, d.masks[b], v)
	default:
		VMOVUPS(d.maskInMemory(b), v)
		VMASKMOVPS(m, v, v)
	}
	return v
}

// rotate has all sums be of the next row, and begins one.
func (d *depthwise) rotate(sums []vector) {
	for q := range d.size - 1 {
		VMOVAPS(sums[q+1], sums[q])
	}
	last := sums[d.size-1]
	VXORPS(last.AsX(), last.AsX(), last.AsX())
}

// smallMask returns the lanes of two rows in which a column of the window reads pixels of a small plane.
func (d *depthwise) smallMask(b int) int {
	one := 0
	for lane := range smallSide {
		if j := lane + d.offset(b); j >= 0 && j < smallSide {
			one |= 1 << lane
		}
	}
	return one | one<<smallSide
}

// smallMasks makes the masks of the columns of a window in small planes.
func (d *depthwise) smallMasks() {
	d.makeMasks(d.size)
	for b, k := range d.masks {
		if d.offset(b) != 0 {
			setMask(k, d.smallMask(b))
		}
	}
}

// setMask sets k to these lanes.
func setMask(k reg.OpmaskVirtual, lanes int) {
	bits := GP32()
	MOVL(U32(lanes), bits)
	KMOVW(bits, k)
}

// pairs has do called for every tap and pair of rows of a result in a small plane, with the vector of x that it reads there,
// unless all of that lies outside.
func (d *depthwise) pairs(x reg.Register, do func(v vector, a, b, pair int)) {
	for first := -(d.dilation % 2); first < smallSide; first++ { // the first row that is read
		if d.dilation == 2 && first%2 == 1 {
			continue
		}
		for b := range d.size {
			v, m := d.vector(), Mem{Base: x, Disp: 4 * (first*smallSide + d.offset(b))}
			switch edge := K(); {
			case first < 0:
				setMask(edge, d.smallMask(b)&0xff00)
				VMOVUPS_Z(m, edge, v)
			case first == smallSide-1:
				setMask(edge, d.smallMask(b)&0xff)
				VMOVUPS_Z(m, edge, v)
			case d.offset(b) == 0:
				VMOVUPS(m, v)
			default:
				VMOVUPS_Z(m, d.masks[b], v)
			}
			for a := range d.size {
				if row := first - d.offset(a); row >= 0 && row < smallSide && row%2 == 0 {
					do(v, a, b, row/2)
				}
			}
		}
	}
}

// load64 loads a parameter.
func load64(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
