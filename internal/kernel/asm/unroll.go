package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unrolls writes the kernels that copy rows of channels once for every tap that reads them, so that a tap's pixels follow one
// another. They are for AVX-512, which permutes the lanes of two vectors.
func (t target) unrolls() {
	for _, width := range []struct{ from, to, taps int }{
		{8, 8, 5}, {16, 16, 5}, {16, 8, 5}, {32, 16, 5}, {32, 32, 3},
	} {
		for taps := 1; taps <= width.taps; taps++ {
			t.unroll(width.from, width.to, taps)
		}
	}
}

// unroll writes the kernel that makes, of every row of from pixels, one of to pixels for each of so many taps: pixel j of tap i is
// the one whose number in its row indices has at i·lanes + j, or 0 where that is negative. It is low at least. Above the rows come
// top rows of zeros, and bottom below.
func (t target) unroll(from, to, taps int) {
	t.begin(fmt.Sprintf("unroll%dOf%dTo%d", taps, from, to),
		fmt.Sprintf("makes %d rows of %d pixels of every row of %d pixels of some channels", taps, to, from),
		"func(y, x *float32, indices *int32, channels, top, rows, bottom, stepY, tap, nextY, stepX, nextX int, low float32)")
	floats := t.bytes / 4
	vectors := (to + floats - 1) / floats // of a row of y
	indices := Load(Param("indices"), GP64())
	index, inside := make([]vector, taps*vectors), make([]reg.OpmaskVirtual, taps*vectors)
	for i := range index {
		index[i], inside[i] = t.loaded(Mem{Base: indices, Disp: i * t.bytes}), K()
		VPMOVD2M(index[i], inside[i])
		KNOTW(inside[i], inside[i])
	}
	low, zero := t.vector(), t.zero()
	VBROADCASTSS(address("low"), low)
	y, x, channels := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("channels"), GP64())
	stepY, stepX := bytesOf("stepY"), bytesOf("stepX")
	places := tapPlaces(taps)
	put := func(name, count string, row func() (pixels func(i int) vector)) {
		n := GP64()
		Load(Param(count), n)
		TESTQ(n, n)
		JZ(LabelRef(name + "_end"))
		Label(name)
		pixels := row()
		for tap := range taps {
			for j := range vectors {
				v, m := pixels(tap*vectors+j), places(y, tap).Offset(j*t.bytes)
				if to < floats {
					VMOVUPS(v.AsY(), m)
				} else {
					VMOVUPS(v, m)
				}
			}
		}
		ADDQ(stepY, y)
		DECQ(n)
		JNZ(LabelRef(name))
		Label(name + "_end")
	}
	zeros := func() func(int) vector { return func(int) vector { return zero } }
	Label("channel")
	firstX, firstY := GP64(), GP64()
	MOVQ(x, firstX)
	MOVQ(y, firstY)
	put("top", "top", zeros)
	put("row", "rows", func() func(int) vector {
		a, b := t.vector(), t.vector()
		if from < floats {
			VMOVUPS(Mem{Base: x}, a.AsY())
		} else {
			VMOVUPS(Mem{Base: x}, a)
		}
		VMAXPS(a, low, a) // of two zeros, or where one is NaN: the pixel
		if from > floats {
			VMOVUPS(Mem{Base: x, Disp: t.bytes}, b)
			VMAXPS(b, low, b)
		}
		ADDQ(stepX, x)
		return func(i int) vector {
			v := t.vector()
			if from > floats {
				VMOVAPS(a, v)
				VPERMT2PS_Z(b, index[i], inside[i], v)
			} else {
				VPERMPS_Z(a, index[i], inside[i], v)
			}
			return v
		}
	})
	put("bottom", "bottom", zeros)
	MOVQ(firstX, x)
	MOVQ(firstY, y)
	t.advance("nextX", x)
	t.advance("nextY", y)
	DECQ(channels)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// tapPlaces returns where the row of a tap is, given that of the first: they lie as far apart as the parameter tap says.
func tapPlaces(taps int) func(y reg.Register, tap int) Mem {
	step := bytesOf("tap")
	thrice := GP64()
	if taps > 3 {
		LEAQ(Mem{Base: step, Index: step, Scale: 2}, thrice)
	}
	return func(y reg.Register, tap int) Mem {
		switch tap {
		case 0:
			return Mem{Base: y}
		case 3:
			return Mem{Base: y, Index: thrice, Scale: 1}
		}
		return Mem{Base: y, Index: step, Scale: uint8(tap)}
	}
}
