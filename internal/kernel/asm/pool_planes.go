package main

import (
	"fmt"
	"math"

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

// makeMasks has shift know which lanes of pairs get something, for these distances.
func (k *planePool) makeMasks() {
	k.masks = map[int]reg.OpmaskVirtual{}
	if !k.pair() {
		return
	}
	for d := -k.pad() / k.stride; d <= k.pad()/k.stride; d++ {
		k.makeMask(d)
	}
	if k.stride == 2 {
		k.makeMask(-1)
		k.makeMask(1)
	}
}

func (k *planePool) makeMask(d int) {
	if _, ok := k.masks[d]; ok || d == 0 {
		return
	}
	lanes := uint32(0)
	for i := range 16 {
		if to := i%8 + d; to >= 0 && to < 8 {
			lanes |= 1 << i
		}
	}
	k.masks[d] = maskOf(lanes)
}

// shift returns vector i of a row shifted so that each lane has what is d further on, and outside the row fill. It is the
// row's own for d = 0.
func (k *planePool) shift(row []vector, i, d int, fill vector) vector {
	if d == 0 {
		return row[i]
	}
	v := ZMM()
	if k.pair() {
		VMOVAPS(fill, v)
		VALIGND(U8((d+16)%16), row[i], row[i], k.masks[d], v)
		return v
	}
	neighbour := fill
	if to := i + d/max(d, -d); to >= 0 && to < len(row) {
		neighbour = row[to]
	}
	if d > 0 {
		VALIGND(U8(d), row[i], neighbour, v)
	} else {
		VALIGND(U8(16+d), neighbour, row[i], v)
	}
	return v
}

// offset returns of tap number b of a window in which phase of a row's pixels it is, and how far from the window's number.
func (k *planePool) offset(b int) (phase, d int) {
	e := b - k.pad()
	if k.stride == 1 {
		return 0, e
	}
	phase = e & 1
	return phase, (e - phase) / 2
}

// tap returns tap number b of all windows in a row of pixels, which is split into phases.
func (k *planePool) tap(phases []vector, b int, fill vector) (row []vector) {
	phase, d := k.offset(b)
	if k.stride == 2 {
		return []vector{k.shift(phases[phase:phase+1], 0, d, fill)}
	}
	for i := range phases {
		row = append(row, k.shift(phases, i, d, fill))
	}
	return row
}

// phases splits a row of pixels of a pool with stride 2 into even and odd ones.
func (k *planePool) phases(row []vector) []vector {
	if k.stride == 1 {
		return row
	}
	even := ZMM()
	VMOVAPS(row[0], even)
	VPERMT2PS(row[1], indices("planeEven", func(i int) int32 { return int32(2 * i) }), even)
	VPERMT2PS(row[1], indices("planeOdd", func(i int) int32 { return int32(2*i + 1) }), row[0])
	return []vector{even, row[0]}
}

// merge is the inverse of phases.
func (k *planePool) merge(phases []vector) []vector {
	if k.stride == 1 {
		return phases
	}
	first := ZMM()
	VMOVAPS(phases[0], first)
	VPERMT2PS(phases[1], indices("planeFirst", func(i int) int32 { return int32(i/2 + i%2*16) }), first)
	VPERMT2PS(phases[1], indices("planeSecond", func(i int) int32 { return int32(8 + i/2 + i%2*16) }), phases[0])
	return []vector{first, phases[0]}
}

// indices loads a table of where a vector's lanes come from.
func indices(name string, value func(i int) int32) vector {
	v := ZMM()
	VMOVDQU32(table(name, 16, value), v)
	return v
}

func bitsOf(v float32) int32 { return int32(math.Float32bits(v)) }

func lowest() vector {
	v := ZMM()
	VBROADCASTSS(table("lowest", 1, func(int) int32 { return bitsOf(float32(math.Inf(-1))) }), v)
	return v
}

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
