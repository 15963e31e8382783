package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// weightKernels writes the kernels of the gradient by the weights, F(r×r, 4×4): tiles of pixels are as in the convolution,
// and tiles of 4 × 4 of the gradient are what taps are there. Lanes are the eight vertical frequencies of each tile of a unit,
// which has one for every eight lanes, side by side: first those up to 3 of all tiles, then the others. So products need no sums
// over lanes. Vector j of a unit has the j-th frequencies horizontally.
func (w winograd) weightKernels() {
	w.inputs()
	w.gradients()
	w.finish()
}

// tiles returns how many tiles a unit has.
func (t target) tiles() int { return t.bytes / 32 }

// unit writes the loops over channels and units of a transform; do gets where a unit begins, for as many units as are
// transformed together, and where what becomes of the first belongs. All vectors of a channel and frequency follow one another.
func (w winograd) unit(together int, do func(x []reg.Register, row reg.Register, v reg.Register)) {
	v, plane := Load(Param("v"), GP64()), Load(Param("x"), GP64())
	row, channels := bytesOf("row"), Load(Param("channels"), GP64())
	Label("channel")
	at, units := GP64(), GP64()
	Load(Param("at"), at)
	Load(Param("units"), units)
	Label("unit")
	x := make([]reg.Register, together)
	for i := range x {
		x[i] = GP64()
		MOVQ(Mem{Base: at, Disp: 8 * i}, x[i])
		LEAQ(Mem{Base: plane, Index: x[i], Scale: 4}, x[i])
	}
	do(x, row, v)
	ADDQ(Imm(uint64(8*together)), at)
	ADDQ(I32(together*w.bytes), v)
	SUBQ(Imm(uint64(together)), units)
	JG(LabelRef("unit"))
	if together > 1 { // of an odd number, one too many was transformed
		SHLQ(Imm(uint64(math.Log2(float64(w.bytes)))), units)
		ADDQ(units, v)
	}
	w.advance("plane", plane)
	DECQ(channels)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// columns returns the vectors of pixels that the rows of vertical frequencies make: column c of the tiles of a unit.
func (w winograd) columns(low, high []vector, count int) []vector {
	x := make([]vector, count)
	for k := range 4 { // column k and k+4 of the first tile are the same of two tiles
		for _, c := range []int{k, k + 4} {
			if c < count {
				x[c] = w.joined(low[k], high[k], c/4)
			}
		}
	}
	return x
}

// joined returns, from vectors of the frequencies up to 3 and the others of tiles side by side, a vector of all frequencies of
// the tiles of a unit, from the tile numbered first on.
func (t target) joined(low, high vector, first int) vector {
	v := t.vector()
	if t.bytes == 64 {
		quarters := map[int]uint64{0: 0x44, 1: 0x99, 2: 0xee}
		VSHUFF32X4(Imm(quarters[first]), high, low, v)
	} else {
		VPERM2F128(Imm(uint64(0x20+0x11*first)), high, low, v)
	}
	return v
}

// kept returns vectors that put is called with, in memory until they are asked for where registers are few.
func (w winograd) kept(count int, buffer Mem, compute func(put func(v vector))) func(i int) vector {
	vectors, n := make([]vector, count), 0
	compute(func(v vector) {
		if w.bytes == 64 {
			vectors[n] = v
		} else {
			VMOVUPS(v, buffer.Offset(n*w.bytes))
		}
		n++
	})
	return func(i int) vector {
		if w.bytes == 64 {
			return vectors[i]
		}
		return w.loaded(buffer.Offset(i * w.bytes))
	}
}

// upright returns the transposed vertical frequencies of pixels side by side: those up to 3, and the others.
func (w winograd) upright(frequency func(i int) vector) (low, high []vector) {
	some := func(first int) []vector {
		return w.several(4, func(i int) vector {
			if first+i < w.side() {
				return frequency(first + i)
			}
			return w.zero()
		})
	}
	return w.transposed4(some(0), 4), w.transposed4(some(4), 4)
}

const unitSignature = "func(v, x, buffer *float32, at *int, units, channels, plane, row, stride int)"

// inputs writes the transform of the pixels of units of every channel of padded planes.
func (w winograd) inputs() {
	w.begin("Inputs", false, "transforms the pixels of units of every channel to their frequencies", unitSignature)
	stride, buffer := bytesOf("stride"), Load(Param("buffer"), GP64())
	w.unit(1, func(x []reg.Register, row, v reg.Register) {
		pixels := w.several(w.side(), func(i int) vector {
			p := w.loaded(Mem{Base: x[0]})
			ADDQ(row, x[0])
			return p
		})
		low, high := w.upright(w.kept(w.side(), Mem{Base: buffer}, func(put func(vector)) { w.pixelLine(pixels, put) }))
		to := GP64()
		MOVQ(v, to)
		w.pixelLine(w.columns(low, high, w.side()), func(u vector) {
			VMOVUPS(u, Mem{Base: to})
			ADDQ(stride, to)
		})
	})
}

// gradients writes the transform of the gradients of units of every channel, two units at a time.
func (w winograd) gradients() {
	w.begin("Gradients", false, "transforms the gradients of units of every channel to their frequencies, two at a time", unitSignature)
	stride, buffer := bytesOf("stride"), Load(Param("buffer"), GP64())
	w.unit(2, func(x []reg.Register, row, v reg.Register) {
		pixels := w.several(4, func(int) vector {
			p := w.two(x)
			for _, at := range x {
				ADDQ(row, at)
			}
			return p
		})
		lines := w.kept(w.side(), Mem{Base: buffer}, func(put func(vector)) { w.valueLine(pixels, false, put) })
		low, high := w.upright(lines)
		left := w.kept(w.side(), Mem{Base: buffer}, func(put func(vector)) { w.valueLine(low, false, put) })
		to, j := GP64(), 0
		MOVQ(v, to)
		w.valueLine(high, false, func(right vector) {
			both := left(j)
			VMOVUPS(w.joined(both, right, 0), Mem{Base: to})
			VMOVUPS(w.joined(both, right, w.tiles()), Mem{Base: to, Disp: w.bytes})
			ADDQ(stride, to)
			j++
		})
	})
}

// two loads half a vector from each of two places.
func (t target) two(at []reg.Register) vector {
	v := t.vector()
	if t.bytes == 64 {
		VBROADCASTF32X8(Mem{Base: at[0]}, v)
		VINSERTF32X8(Imm(1), Mem{Base: at[1]}, v, v)
	} else {
		VBROADCASTF128(Mem{Base: at[0]}, v)
		VINSERTF128(Imm(1), Mem{Base: at[1]}, v, v)
	}
	return v
}

// sums writes the kernel that multiplies gradients of so many rows by inputs of so many columns, lane by lane, unit after unit:
// full groups of columns, and then rest groups of one less. The sums take the place of what is there, or are added to it.
func (t target) sums(rows, columns int) {
	t.begin(fmt.Sprintf("winogradSums%dx%d", rows, columns),
		fmt.Sprintf("multiplies gradients of %d rows by inputs, %d columns at a time, and then rest times one less", rows, columns),
		"func(sums, y, x *float32, units, full, rest, columns, add int)")
	y, x, sums := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("sums"), GP64())
	shift := Imm(uint64(math.Log2(float64(t.bytes))))
	step, next := Load(Param("units"), GP64()), Load(Param("columns"), GP64()) // from row to row of the factors, of the sums
	SHLQ(shift, step)
	SHLQ(shift, next)
	multiples := []reg.Register{3: GP64(), 5: GP64()}
	LEAQ(Mem{Base: step, Index: step, Scale: 2}, multiples[3])
	LEAQ(Mem{Base: step, Index: step, Scale: 4}, multiples[5])
	row := func(p reg.Register, i int) Mem {
		switch i {
		case 0:
			return Mem{Base: p}
		case 3, 5:
			return Mem{Base: p, Index: multiples[i], Scale: 1}
		}
		return Mem{Base: p, Index: step, Scale: uint8(i)}
	}
	group := func(name string, columns int) {
		left, units, add := GP64(), GP64(), GP64()
		Load(Param(name), left)
		Load(Param("add"), add)
		TESTQ(left, left)
		JZ(LabelRef(name + "_end"))
		Label(name)
		acc := make([][]vector, rows)
		for i := range acc {
			acc[i] = t.several(columns, func(int) vector { return t.zero() })
		}
		Load(Param("units"), units)
		atY := GP64()
		MOVQ(y, atY)
		Label(name + "_unit")
		gradients := t.several(rows, func(i int) vector { return t.loaded(row(atY, i)) })
		for j := range columns {
			in := t.loaded(row(x, j))
			for i := range rows {
				VFMADD231PS(gradients[i], in, acc[i][j])
			}
		}
		ADDQ(I32(t.bytes), atY)
		ADDQ(I32(t.bytes), x)
		DECQ(units)
		JNZ(LabelRef(name + "_unit"))
		t.putSums(name, acc, sums, next, add)
		ADDQ(I32(columns*t.bytes), sums)
		for range columns - 1 { // one was passed already
			ADDQ(step, x)
		}
		DECQ(left)
		JNZ(LabelRef(name))
		Label(name + "_end")
	}
	group("full", columns)
	if columns > 1 {
		group("rest", columns-1)
	}
	VZEROUPPER()
	RET()
}

// putSums stores rows of vectors, next bytes apart, or adds them to what is there.
func (t target) putSums(name string, acc [][]vector, sums, next, add reg.Register) {
	to := GP64()
	MOVQ(sums, to)
	TESTQ(add, add)
	JZ(LabelRef(name + "_put"))
	for i, row := range acc {
		for j, v := range row {
			VADDPS(Mem{Base: to, Disp: j * t.bytes}, v, v)
		}
		if i < len(acc)-1 {
			ADDQ(next, to)
		}
	}
	MOVQ(sums, to)
	Label(name + "_put")
	for i, row := range acc {
		for j, v := range row {
			VMOVUPS(v, Mem{Base: to, Disp: j * t.bytes})
		}
		if i < len(acc)-1 {
			ADDQ(next, to)
		}
	}
}

// finish writes the last transform, of sums to r × r weights, four filters at a time. stride is from one horizontal frequency to
// the next.
func (w winograd) finish() {
	w.begin("Finish", false, "transforms the sums of groups of four filters to their weights",
		"func(dk, sums, buffer *float32, groups, stride int)")
	dk, sums, buffer := Load(Param("dk"), GP64()), Load(Param("sums"), GP64()), Load(Param("buffer"), GP64())
	groups, stride := Load(Param("groups"), GP64()), bytesOf("stride")
	lines := func(f, x int) Mem { return Mem{Base: buffer, Disp: (4*x + f) * w.bytes} }
	taps := Mem{Base: buffer, Disp: 4 * w.r * w.bytes}
	Label("group")
	for f := range 4 {
		from, i := GP64(), 0
		LEAQ(Mem{Base: sums, Disp: f * w.bytes}, from)
		line := w.resultLine(w.r, func() vector {
			v := w.scaled(w.loaded(Mem{Base: from}), 1/w.divisor(i))
			ADDQ(stride, from)
			i++
			return v
		})
		for x, v := range line {
			VMOVUPS(v, lines(f, x))
		}
	}
	for x := range w.r {
		v := w.transposed4(w.several(4, func(f int) vector { return w.loaded(lines(f, x)) }), 4)
		for y := range w.r {
			sum := w.vector()
			VMULPS(w.verticalFactors(y, 0), v[0], sum)
			for e := 1; e < 4; e++ {
				VFMADD231PS(w.verticalFactors(y, e), v[e], sum)
			}
			VMOVUPS(w.quarter(sum), taps.Offset(16*(y*w.r+x)))
		}
	}
	quad := target{bytes: 16}
	for t := 0; t < w.r*w.r; t += 4 {
		from := min(t, w.r*w.r-4)
		for f, v := range quad.transposed4(quad.several(4, func(i int) vector { return quad.loaded(taps.Offset(16 * (from + i))) }), 4) {
			VMOVUPS(v, Mem{Base: dk, Disp: 4 * (f*w.r*w.r + from)})
		}
	}
	ADDQ(I32(4*w.bytes), sums)
	ADDQ(I32(16*w.r*w.r), dk)
	DECQ(groups)
	JNZ(LabelRef("group"))
	VZEROUPPER()
	RET()
}

// verticalFactors returns what the lanes of a transposed vector count for in row y of the weights: those of vector e are
// vertical frequency e of every tile, and then frequency e + 4.
func (w winograd) verticalFactors(y, e int) Mem {
	return table(fmt.Sprintf("winograd%d%sFactors%d_%d", w.r, w.name, y, e), w.bytes/4, func(lane int) int32 {
		i, factor := e+lane/(4*w.tiles())*4, 0.0
		switch {
		case i >= w.side():
		case i == w.side()-1 && y == w.r-1, i == 0 && y == 0:
			factor = 1 / w.divisor(i)
		case i > 0 && i < w.side()-1:
			point := w.points[(i-1)/2] * float64(1-(i-1)%2*2)
			factor = math.Pow(point, float64(y)) / w.divisor(i)
		}
		return int32(math.Float32bits(float32(factor)))
	})
}
