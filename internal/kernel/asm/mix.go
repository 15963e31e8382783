package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mixed says how a kernel that mixes channels reads them.
type mixed int

const (
	asIs     mixed = iota
	scaled         // max(x·scale + shift, low)
	combined       // max(x·scale + other·otherScale + shift, low)
	positive       // max(x, 0)
)

// ahead is how far before it is read memory is fetched into the second-level cache, in bytes.
const ahead = 256

// mixes writes the kernels that compute output channels of a pointwise convolution from channels as they lie in memory.
func (t target) mixes() {
	for rows := 4; rows <= t.mixRows; rows += 4 {
		for _, kind := range []mixed{asIs, scaled, combined, positive} {
			t.mix(rows, kind)
		}
	}
}

// mix writes the kernel for so many rows of y, a vector of each at a time, or two where there are registers for them.
func (t target) mix(rows int, kind mixed) {
	name := fmt.Sprintf("mix%d%s", rows, map[mixed]string{scaled: "Scaled", combined: "Combined", positive: "Rectified"}[kind])
	t.begin(name, fmt.Sprintf("computes %d rows of y as mixing says", rows),
		"func(y *float32, planeY int, x *float32, planeX int, other, k *float32, count, pixels int, "+
			"scale, shift, otherScale *float32, low float32, by *float32, add int)")
	field := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	y, planeY, x, planeX, left := field("y"), field("planeY"), field("x"), field("planeX"), field("pixels")
	SHLQ(Imm(2), planeY)
	SHLQ(Imm(2), planeX)
	var other reg.GPVirtual
	if kind == combined {
		other = field("other")
		SUBQ(x, other) // it lies so far behind x
	}
	low := t.vector()
	switch kind {
	case positive:
		VXORPS(low, low, low)
	case scaled, combined:
		VBROADCASTSS(address("low"), low)
	}
	vectors := 1
	if 2*rows <= t.mixSums {
		vectors = 2
	}
	Label("pixels")
	acc := make([][]vector, rows)
	for i := range acc {
		acc[i] = t.several(vectors, func(int) vector { return t.zero() })
	}
	at, k, count := GP64(), field("k"), field("count")
	MOVQ(x, at)
	var scale, shift, otherScale reg.GPVirtual
	if kind == scaled || kind == combined {
		scale, shift = field("scale"), field("shift")
	}
	if kind == combined {
		otherScale = field("otherScale")
	}
	Label("channels")
	in := t.several(vectors, func(j int) vector {
		v := t.vector()
		t.load(Mem{Base: at, Disp: j * t.bytes}, nil, v)
		return v
	})
	PREFETCHT1(Mem{Base: at, Disp: ahead})
	switch kind {
	case positive:
		for _, v := range in {
			VMAXPS(v, low, v)
		}
	case scaled, combined:
		t.transform(in, low, Mem{Base: at, Index: other, Scale: 1}, Mem{Base: scale}, Mem{Base: shift}, Mem{Base: otherScale}, kind)
		ADDQ(Imm(4), scale)
		ADDQ(Imm(4), shift)
	}
	if kind == combined {
		ADDQ(Imm(4), otherScale)
	}
	for i, row := range acc {
		t.multiplyAll(Mem{Base: k, Disp: 4 * i}, in, row)
	}
	ADDQ(planeX, at)
	ADDQ(I32(4*rows), k)
	DECQ(count)
	JNZ(LabelRef("channels"))
	t.finish(acc, y, planeY)
	ADDQ(I32(vectors*t.bytes), x)
	ADDQ(I32(vectors*t.bytes), y)
	SUBQ(I32(vectors*t.bytes/4), left)
	JNZ(LabelRef("pixels"))
	VZEROUPPER()
	RET()
}

// transform makes what is in memory what is read.
func (t target) transform(in []vector, low vector, other, scale, shift, otherScale Mem, kind mixed) {
	for j, v := range in {
		t.onSpread(scale, v, VMULPS_BCST, VMULPS)
		if kind == combined {
			u := t.vector()
			t.load(other.Offset(j*t.bytes), nil, u)
			if t.bytes == 64 {
				PREFETCHT1(other.Offset(j*t.bytes + ahead))
			}
			t.onSpread(otherScale, u, VMULPS_BCST, VMULPS)
			VADDPS(u, v, v)
		}
		t.onSpread(shift, v, VADDPS_BCST, VADDPS)
		VMAXPS(v, low, v)
	}
}

// onSpread applies an operation to v and a float in memory, spread over a vector.
func (t target) onSpread(m Mem, v vector, embedded, plain func(ops ...Op)) {
	if t.bytes == 64 {
		embedded(m, v, v)
		return
	}
	u := t.vector()
	VBROADCASTSS(m, u)
	plain(u, v, v)
}

// multiplyAll adds to sums the products of a weight and vectors of x.
func (t target) multiplyAll(k Mem, x, sums []vector) {
	if t.bytes == 64 && len(x) == 1 {
		VFMADD231PS_BCST(k, x[0], sums[0])
		return
	}
	w := t.vector()
	VBROADCASTSS(k, w)
	for j, v := range x {
		VFMADD231PS(v, w, sums[j])
	}
}

// finish stores rows of sums, or adds them to what is there; where a mask is given, only what it lets through counts.
func (t target) finish(rows [][]vector, y, plane reg.Register) {
	by := Load(Param("by"), GP64())
	put := func(name string, masked, add bool) {
		Label(name)
		at := GP64()
		MOVQ(y, at)
		if masked {
			SUBQ(address("y"), by) // it lies so far behind y
		}
		for i, row := range rows {
			for j, v := range row {
				if masked {
					u := t.vector()
					t.load(Mem{Base: at, Index: by, Scale: 1, Disp: j * t.bytes}, nil, u)
					v = t.wherePositive(u, v)
				}
				if add {
					VADDPS(Mem{Base: at, Disp: j * t.bytes}, v, v)
				}
				t.store(v, Mem{Base: at, Disp: j * t.bytes}, nil)
			}
			if i < len(rows)-1 {
				ADDQ(plane, at)
			}
		}
		JMP(LabelRef("stored"))
	}
	CMPQ(address("add"), Imm(0))
	JNE(LabelRef("adds"))
	TESTQ(by, by)
	JNE(LabelRef("masks"))
	put("stores", false, false)
	put("masks", true, false)
	Label("adds")
	TESTQ(by, by)
	JNE(LabelRef("masks_and_adds"))
	put("only_adds", false, true)
	put("masks_and_adds", true, true)
	Label("stored")
}

// address returns where a parameter is.
func address(name string) Mem {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}
