package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// routeBack writes the kernel of the gradient of maxima. In each row of pixels it looks for the first largest one that each
// window has there; these are in area 0 of scratch memory, and their numbers in area 1. Then it gives each window's
// gradient to the first row with the largest of those, in area 2, and in the end to its pixel.
func (k *planePool) routeBack() {
	k.open("planeRoute", "computes the gradient of maxima, which goes to a window's first largest pixel")
	y, x, dy := k.load64("y"), k.load64("x"), k.load64("dy")
	fill := lowest()
	k.surroundRows(fill, k.pad(), k.size-k.stride-k.pad(), k.stride)
	zero := k.zero()
	numbers := []vector{zero}
	for b := 1; b < k.size; b++ {
		v := ZMM()
		VBROADCASTSS(table(fmt.Sprintf("number%d", b), 1, func(int) int32 { return bitsOf(float32(b)) }), v)
		numbers = append(numbers, v)
	}
	k.eachUnit(func(channel reg.Register) {
		k.winnersOfRows(x, channel, fill, numbers)
		for i := range k.vectors() {
			k.routeToRows(i, dy, channel)
		}
		second, bytes := k.second(1), k.load64("rows")
		IMUL3Q(I32(4*k.width), bytes, bytes)
		ADDQ(bytes, dy)
		if second != nil {
			ADDQ(second, dy)
		}
		k.routeToPixels(y, zero, numbers)
	})
	nan := GP64()
	XORQ(nan, nan)
	k.close(nan)
}

func (k *planePool) winnersOfRows(x, channel reg.Register, fill vector, numbers []vector) {
	in := k.view([5]string{"x", "other", "scale", "shift", "otherScale"}, channel, k.stride)
	second, rows, to, number := k.second(k.stride), k.rowsOf(k.stride), k.scratch(0), k.scratch(1)
	k.makeMasks()
	ADDQ(I32(k.pad()*k.rowBytes()), to)
	Label("across")
	row := k.read("across_read", in, x, func(at reg.Register) []place { return k.places(at, second, k.stride) })
	ADDQ(I32(4*k.stride*k.width), x)
	phases := k.phases(row)
	var best, winner []vector
	for _, v := range k.tap(phases, 0, fill) {
		best, winner = append(best, v), append(winner, k.zero())
	}
	for b := 1; b < k.size; b++ {
		for i, v := range k.tap(phases, b, fill) {
			greater, larger := K(), ZMM()
			VCMPPS(U8(0x1e), best[i], v, greater)
			VMOVAPS(numbers[b], greater, winner[i])
			VMAXPS(best[i], v, larger) // best[i] unless v is greater
			best[i] = larger
		}
	}
	for i := range best {
		VMOVUPS(best[i], Mem{Base: to, Disp: 64 * i})
		VMOVUPS(winner[i], Mem{Base: number, Disp: 64 * i})
	}
	ADDQ(I32(k.rowBytes()), to)
	ADDQ(I32(k.rowBytes()), number)
	DECQ(rows)
	JNZ(LabelRef("across"))
	if second != nil {
		ADDQ(second, x)
	}
}

// routeToRows goes down vector i of the rows of windows. It keeps what the rows of a window have got so far.
func (k *planePool) routeToRows(i int, dy, channel reg.Register) {
	label := fmt.Sprintf("windows%d", i)
	in := k.view([5]string{"dy", "dyOther", "dyScale", "dyShift", "dyOtherScale"}, channel, 1)
	second, rows, from, to, at := k.second(1), k.rowsOf(1), k.scratch(0), k.scratch(2), GP64()
	LEAQ(Mem{Base: dy, Disp: 64 * i}, at)
	sums := k.several(k.size, func(int) vector { return k.zero() })
	Label(label)
	gradient := k.read(label+"_read", in, at, func(at reg.Register) []place { return k.places(at, second, 1)[:1] })[0]
	best := ZMM()
	VMOVUPS(Mem{Base: from, Disp: 64 * i}, best)
	greater := make([]reg.OpmaskVirtual, k.size)
	for a := 1; a < k.size; a++ {
		v := ZMM()
		VMOVUPS(Mem{Base: from, Disp: a*k.rowBytes() + 64*i}, v)
		greater[a] = K()
		VCMPPS(U8(0x1e), best, v, greater[a])
		VMAXPS(best, v, best)
	}
	for a := k.size - 1; a > 0; a-- { // the last that was greater than all before
		VADDPS(gradient, sums[a], greater[a], sums[a])
		VXORPS(gradient, gradient, greater[a], gradient)
	}
	VADDPS(gradient, sums[0], sums[0])
	for a, v := range sums {
		if a < k.stride {
			VMOVUPS(v, Mem{Base: to, Disp: a*k.rowBytes() + 64*i})
		}
		if a+k.stride < k.size {
			VMOVAPS(sums[a+k.stride], v)
		} else {
			VXORPS(v, v, v)
		}
	}
	ADDQ(I32(4*k.width), at)
	ADDQ(I32(k.stride*k.rowBytes()), from)
	ADDQ(I32(k.stride*k.rowBytes()), to)
	DECQ(rows)
	JNZ(LabelRef(label))
	for a, v := range sums[:k.size-k.stride] {
		VMOVUPS(v, Mem{Base: to, Disp: a*k.rowBytes() + 64*i})
	}
}

func (k *planePool) routeToPixels(y reg.Register, zero vector, numbers []vector) {
	second, rows, number, from := k.second(k.stride), k.rowsOf(k.stride), k.scratch(1), k.scratch(2)
	k.makeMasks()
	ADDQ(I32(k.pad()*k.rowBytes()), from)
	Label("pixels")
	var gradient, winner []vector
	for i := range k.vectors() {
		gradient, winner = append(gradient, ZMM()), append(winner, ZMM())
		VMOVUPS(Mem{Base: from, Disp: 64 * i}, gradient[i])
		VMOVUPS(Mem{Base: number, Disp: 64 * i}, winner[i])
	}
	sums := make([]vector, k.stride*k.vectors())
	for b := range k.size {
		var won []vector
		for i, g := range gradient {
			equal, v := K(), ZMM()
			VCMPPS(Imm(0), numbers[b], winner[i], equal)
			VMOVAPS_Z(g, equal, v)
			won = append(won, v)
		}
		phase, d := k.offset(b)
		for i := range won {
			v := k.shift(won, i, -d, zero)
			if sum := sums[phase+i]; sum == nil {
				sums[phase+i] = v
			} else {
				VADDPS(v, sum, sum)
			}
		}
	}
	k.put("pixels_add", k.merge(sums), k.places(y, second, k.stride))
	ADDQ(I32(4*k.stride*k.width), y)
	ADDQ(I32(k.rowBytes()), from)
	ADDQ(I32(k.rowBytes()), number)
	DECQ(rows)
	JNZ(LabelRef("pixels"))
	if second != nil {
		ADDQ(second, y)
	}
}

// spreadBack writes the kernel of the gradient of sums with stride 2.
func (k *planePool) spreadBack() {
	k.open("planeSpread", "computes the gradient of sums, whose own is multiplied by the factors before")
	y, dy := k.load64("y"), k.load64("dy")
	zero := k.zero()
	k.surroundRows(zero, 1, 1, 1)
	k.eachUnit(func(channel reg.Register) {
		in := k.view([5]string{"dy", "dyOther", "dyScale", "dyShift", "dyOtherScale"}, channel, 1)
		second, rows, to, before := k.second(1), k.rowsOf(1), k.scratch(0), k.load64("before")
		Label("shares")
		row := k.read("shares_read", in, dy, func(at reg.Register) []place { return k.places(at, second, 1) })
		k.multiply(row, before)
		VMOVUPS(row[0], Mem{Base: to, Disp: 64})
		ADDQ(I32(4*k.width), dy)
		ADDQ(I32(4*k.width), before)
		ADDQ(Imm(64), to)
		DECQ(rows)
		JNZ(LabelRef("shares"))
		if second != nil {
			ADDQ(second, dy)
		}

		second, rows = k.second(2), k.rowsOf(1)
		from := k.scratch(0)
		k.makeMasks()
		Label("pixels")
		for line := range 2 {
			v := ZMM()
			for i, d := range k.windowsOf(line) {
				if m := (Mem{Base: from, Disp: 64 * (1 + d)}); i == 0 {
					VMOVUPS(m, v)
				} else {
					VADDPS(m, v, v)
				}
			}
			var phases []vector
			for phase := range 2 {
				sum := ZMM()
				for i, d := range k.windowsOf(phase) {
					if u := k.shift([]vector{v}, 0, d, zero); i == 0 {
						VMOVAPS(u, sum)
					} else {
						VADDPS(u, sum, sum)
					}
				}
				phases = append(phases, sum)
			}
			k.put(fmt.Sprintf("pixels_add%d", line), k.merge(phases), k.places(y, second, 2))
			ADDQ(I32(8*k.width), y)
		}
		ADDQ(Imm(64), from)
		DECQ(rows)
		JNZ(LabelRef("pixels"))
		if second != nil {
			ADDQ(second, y)
		}
	})
	nan := GP64()
	XORQ(nan, nan)
	k.close(nan)
}

// windowsOf returns the windows that a pixel of a phase is in, along one side, by their distance from its own, in order.
func (k *planePool) windowsOf(phase int) (distances []int) {
	for b := k.size - 1; b >= 0; b-- {
		if p, d := k.offset(b); p == phase {
			distances = append(distances, -d)
		}
	}
	return distances
}
