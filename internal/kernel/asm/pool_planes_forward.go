package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reduce writes the kernel of the windows' maxima or sums: first within each row, then these results, which lie in scratch
// memory. Sums are of pixels times the factors before, if there are some, and multiplied by the factors after.
func (k *planePool) reduce(name string, largest bool) {
	k.open(name, "computes what windows of rows of pixels have in "+map[bool]string{true: "maxima", false: "sums"}[largest])
	y, x := k.load64("y"), k.load64("x")
	fill, reduce := k.zero(), VADDPS
	var sum vector // of all pixels: NaN if one of them is
	if largest {
		fill, reduce, sum = lowest(), VMAXPS, k.zero()
	}
	k.surroundRows(fill, k.pad(), k.size-k.stride-k.pad(), k.stride)
	k.eachUnit(func(channel reg.Register) {
		in := k.view([5]string{"x", "other", "scale", "shift", "otherScale"}, channel, k.stride)
		second, rows, to := k.second(k.stride), k.rowsOf(k.stride), k.scratch(0)
		k.makeMasks()
		ADDQ(I32(k.pad()*k.rowBytes()), to)
		var before reg.GPVirtual
		factors := !largest && k.stride == 1
		if factors {
			before = k.load64("before")
		}
		Label("across")
		row := k.read("across_read", in, x, func(at reg.Register) []place { return k.places(at, second, k.stride) })
		ADDQ(I32(4*k.stride*k.width), x)
		if factors {
			k.ifSet("before", "across_scaled", func() {
				k.multiply(row, before)
				ADDQ(I32(4*k.width), before)
			})
		}
		if largest {
			for _, v := range row {
				VADDPS(v, sum, sum)
			}
		}
		phases := k.phases(row)
		result := k.tap(phases, 0, fill)
		for b := 1; b < k.size; b++ {
			for i, v := range k.tap(phases, b, fill) {
				u := result[i]
				if b == 1 {
					result[i] = ZMM()
				}
				reduce(v, u, result[i])
			}
		}
		for i, v := range result {
			VMOVUPS(v, Mem{Base: to, Disp: 64 * i})
		}
		ADDQ(I32(k.rowBytes()), to)
		DECQ(rows)
		JNZ(LabelRef("across"))
		if second != nil {
			ADDQ(second, x)
		}

		second, rows = k.second(1), k.rowsOf(1)
		from := k.scratch(0)
		var after reg.GPVirtual
		if !largest {
			after = k.load64("after")
		}
		Label("down")
		for i := range result {
			result[i] = ZMM()
			VMOVUPS(Mem{Base: from, Disp: 64 * i}, result[i])
			for a := 1; a < k.size; a++ {
				reduce(Mem{Base: from, Disp: a*k.rowBytes() + 64*i}, result[i], result[i])
			}
		}
		if !largest {
			k.ifSet("after", "down_scaled", func() {
				k.multiply(result, after)
				ADDQ(I32(4*k.width), after)
			})
		}
		k.put("down_add", result, k.places(y, second, 1))
		ADDQ(I32(4*k.width), y)
		ADDQ(I32(k.stride*k.rowBytes()), from)
		DECQ(rows)
		JNZ(LabelRef("down"))
		if second != nil {
			ADDQ(second, y)
		}
	})
	nan := GP64()
	XORQ(nan, nan)
	if largest {
		unordered := K()
		VCMPPS(Imm(3), sum, sum, unordered)
		KMOVW(unordered, nan.As32())
	}
	k.close(nan)
}

// close writes the end of a kernel.
func (k *planePool) close(nan reg.Register) {
	VZEROUPPER()
	Store(nan, Return("nan"))
	RET()
}
