package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winograds writes the kernels of Winograd convolution. A tile is a lane: a vector holds the same pixel, or the same
// frequency, of as many tiles as it has lanes. Four vectors of neighbouring pixels are four times as many tiles' rows; what a
// 4 × 4 transposition within 128 bits makes of them are the columns of these tiles, in an order of tiles that the transposition
// of the results undoes. Frequency j·side + i is the i-th vertically and the j-th horizontally.
func (t target) winograds() {
	for _, w := range winogradsOf(t) {
		w.pixels(false)
		w.results(false)
		if t.bytes == 64 { // for planes whose width is nearer to an odd multiple of half a vector
			w.pixels(true)
			w.results(true)
		}
		w.taps()
		w.weightKernels()
	}
	for rows := 1; rows <= t.rows; rows++ {
		t.products(rows)
	}
	for rows := 1; rows <= t.sumRows; rows++ {
		for columns := 1; columns <= t.sumColumns; columns++ {
			t.sums(rows, columns)
		}
	}
}

func (w winograd) begin(name string, halves bool, doc, signature string) {
	name = fmt.Sprintf("winograd%s%d", name, w.r)
	if halves {
		name += "Halves"
		doc += "; a strip's second half lies four rows below its first"
	}
	w.target.begin(name, doc, signature)
}

// strips loads where the four strips begin that a group of tiles consists of: at[e] floats after a pointer.
func (t target) strips(base string) []reg.Register {
	p, at := Load(Param(base), GP64()), Load(Param("at"), GP64())
	strips := make([]reg.Register, 4)
	for e := range strips {
		strips[e] = GP64()
		MOVQ(Mem{Base: at, Disp: 8 * e}, strips[e])
		LEAQ(Mem{Base: p, Index: strips[e], Scale: 4}, strips[e])
	}
	return strips
}

// bytes loads a parameter that counts floats.
func bytesOf(name string) reg.GPVirtual {
	n := Load(Param(name), GP64()).(reg.GPVirtual)
	SHLQ(Imm(2), n)
	return n
}

// pixels writes the transform of a group of tiles of every channel of a padded plane. Tile rows begin where the strips do.
func (w winograd) pixels(halves bool) {
	w.begin("Pixels", halves, "transforms four strips of pixels of every channel to their frequencies",
		"func(v, x, buffer *float32, at *int, channels, plane, row, stride int)")
	strips := w.strips("x")
	row, stride, next := bytesOf("row"), bytesOf("stride"), bytesOf("plane")
	v, buffer, channels := Load(Param("v"), GP64()), Load(Param("buffer"), GP64()), Load(Param("channels"), GP64())
	for range w.side() {
		SUBQ(row, next)
	}
	line := func(disp, columns int) []vector {
		return w.transposed4(w.several(4, func(e int) vector { return w.loadStrip(strips[e], disp, row, halves) }), columns)
	}
	Label("channel")
	for i := range w.side() {
		x := append(line(0, 4), line(16, w.side()-4)...)
		j := 0
		w.pixelLine(x, func(u vector) {
			VMOVUPS(u, Mem{Base: buffer, Disp: (j*w.side() + i) * w.bytes})
			j++
		})
		for _, p := range strips {
			ADDQ(row, p)
		}
	}
	to := GP64()
	MOVQ(v, to)
	for j := range w.side() {
		x := w.several(w.side(), func(i int) vector { return w.loaded(Mem{Base: buffer, Disp: (j*w.side() + i) * w.bytes}) })
		w.pixelLine(x, func(u vector) {
			VMOVUPS(u, Mem{Base: to})
			ADDQ(stride, to)
		})
	}
	for _, p := range strips {
		ADDQ(next, p)
	}
	ADDQ(I32(2*w.bytes), v)
	DECQ(channels)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

func (t target) loaded(m Mem) vector {
	v := t.vector()
	VMOVUPS(m, v)
	return v
}

// loadStrip loads a row of a strip.
func (t target) loadStrip(p reg.Register, disp int, row reg.Register, halves bool) vector {
	m := Mem{Base: p, Disp: disp}
	if !halves {
		return t.loaded(m)
	}
	v := ZMM()
	VBROADCASTF32X8(m, v)
	m.Index, m.Scale = row, 4
	VINSERTF32X8(Imm(1), m, v, v)
	return v
}

// storeStrip stores a row of a strip.
func (t target) storeStrip(v vector, p reg.Register, row reg.Register, halves bool) {
	m := Mem{Base: p}
	if !halves {
		VMOVUPS(v, m)
		return
	}
	VMOVUPS(v.AsY(), m)
	m.Index, m.Scale = row, 4
	VEXTRACTF32X8(Imm(1), v, m)
}

// results writes the transform of a group of tiles of every channel to pixels.
func (w winograd) results(halves bool) {
	w.begin("Results", halves, "transforms the frequencies of four strips of every channel to pixels",
		"func(y, m, buffer *float32, at *int, channels, plane, row, stride int)")
	strips := w.strips("y")
	row, stride, next := bytesOf("row"), bytesOf("stride"), bytesOf("plane")
	m, buffer, channels := Load(Param("m"), GP64()), Load(Param("buffer"), GP64()), Load(Param("channels"), GP64())
	for range 4 {
		SUBQ(row, next)
	}
	Label("channel")
	from := GP64()
	MOVQ(m, from)
	for j := range w.side() {
		y := w.resultLine(4, func() vector {
			u := w.loaded(Mem{Base: from})
			ADDQ(stride, from)
			return u
		})
		for k, u := range y {
			VMOVUPS(u, Mem{Base: buffer, Disp: (k*w.side() + j) * w.bytes})
		}
	}
	for k := range 4 {
		j := 0
		y := w.resultLine(4, func() vector {
			u := w.loaded(Mem{Base: buffer, Disp: (k*w.side() + j) * w.bytes})
			j++
			return u
		})
		for e, u := range w.transposed4(y, 4) {
			w.storeStrip(u, strips[e], row, halves)
			ADDQ(row, strips[e])
		}
	}
	for _, p := range strips {
		ADDQ(next, p)
	}
	ADDQ(I32(2*w.bytes), m)
	DECQ(channels)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// taps writes the transform of the weights of some rows, a lane each, for every channel: those of row f and the first channel
// begin at[f] floats after k. Where backwards is not 0, the order of the taps is reversed.
func (w winograd) taps() {
	w.begin("Taps", false, "transforms the weights of some rows and every channel to their frequencies",
		"func(u, k, buffer *float32, at *int, channels, step, rows, stride, backwards int)")
	k, at, buffer := Load(Param("k"), GP64()), Load(Param("at"), GP64()), Load(Param("buffer"), GP64())
	u, channels, stride := Load(Param("u"), GP64()), Load(Param("channels"), GP64()), bytesOf("stride")
	n := Load(Param("rows"), GP64()).(reg.GPVirtual)
	rows := w.mask(n)
	tapCount := w.r * w.r
	first, nextTap, backwards := GP64(), GP64(), Load(Param("backwards"), GP64())
	MOVQ(buffer, first)
	MOVQ(I32(w.bytes), nextTap)
	TESTQ(backwards, backwards)
	JZ(LabelRef("channel"))
	ADDQ(I32((tapCount-1)*w.bytes), first)
	NEGQ(nextTap)
	Label("channel")
	for t := 0; t < tapCount; t += 4 {
		from := min(t, tapCount-4)
		for i, v := range w.transposed4(w.fourTaps(k, at, from), 4) {
			VMOVUPS(v, Mem{Base: buffer, Disp: (from + i) * w.bytes})
		}
	}
	lines := tapCount * w.bytes // where the rows' transforms lie
	tap := GP64()
	MOVQ(first, tap)
	for y := range w.r {
		x := w.several(w.r, func(int) vector {
			v := w.loaded(Mem{Base: tap})
			ADDQ(nextTap, tap)
			return v
		})
		j := 0
		w.valueLine(x, true, func(v vector) {
			VMOVUPS(v, Mem{Base: buffer, Disp: lines + (j*w.r+y)*w.bytes})
			j++
		})
	}
	to := GP64()
	MOVQ(u, to)
	for j := range w.side() {
		x := w.several(w.r, func(y int) vector { return w.loaded(Mem{Base: buffer, Disp: lines + (j*w.r+y)*w.bytes}) })
		w.valueLine(x, true, func(v vector) {
			w.store(v, Mem{Base: to}, &rows)
			ADDQ(stride, to)
		})
	}
	w.advance("rows", u)
	w.advance("step", k)
	DECQ(channels)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// fourTaps loads four taps, from the one numbered first on, of every row: those of row f are element f/4 of 128 bits of
// vector f%4.
func (w winograd) fourTaps(k, at reg.Register, first int) []vector {
	v := w.several(4, func(int) vector { return w.vector() })
	for f := range w.rows {
		row := GP64()
		MOVQ(Mem{Base: at, Disp: 8 * f}, row)
		m := Mem{Base: k, Index: row, Scale: 4, Disp: 4 * first}
		switch {
		case f < 4 && w.bytes == 64:
			VBROADCASTF32X4(m, v[f])
		case f < 4:
			VBROADCASTF128(m, v[f])
		case w.bytes == 64:
			VINSERTF32X4(Imm(uint64(f/4)), m, v[f%4], v[f%4])
		default:
			VINSERTF128(Imm(1), m, v[f%4], v[f%4])
		}
	}
	return v
}

// products writes the kernel that multiplies, frequency by frequency, the weights of panels of so many rows, and then of panels
// of one row less, by two vectors of tiles:
//
//	m[f·strideM + o·tiles + t] = Σ u[f·strideU + …] · v[f·strideV + c·tiles + t]
func (t target) products(rows int) {
	t.begin(fmt.Sprintf("winogradProducts%d", rows),
		fmt.Sprintf("multiplies panels of %d rows, and then rest of one less, by two vectors of tiles at every frequency", rows),
		"func(m, u, v *float32, frequencies, panels, rest, channels, strideM, strideU, strideV int)")
	u0, v0, m0 := Load(Param("u"), GP64()), Load(Param("v"), GP64()), Load(Param("m"), GP64())
	frequencies := Load(Param("frequencies"), GP64())
	u, v, m, left, channels := GP64(), GP64(), GP64(), GP64(), GP64()
	panels := func(name string, rows int) {
		Load(Param(name), left)
		TESTQ(left, left)
		JZ(LabelRef(name + "_end"))
		Label(name)
		MOVQ(v0, v)
		Load(Param("channels"), channels)
		sums := make([][]vector, rows)
		for i := range sums {
			sums[i] = t.several(2, func(int) vector { return t.zero() })
		}
		Label(name + "_channel")
		t.multiply(Mem{Base: v}, u, sums, make([]*lanes, 2))
		ADDQ(I32(2*t.bytes), v)
		ADDQ(Imm(uint64(4*rows)), u)
		DECQ(channels)
		JNZ(LabelRef(name + "_channel"))
		for i, row := range sums {
			for j, sum := range row {
				VMOVUPS(sum, Mem{Base: m, Disp: (2*i + j) * t.bytes})
			}
		}
		ADDQ(I32(2*rows*t.bytes), m)
		DECQ(left)
		JNZ(LabelRef(name))
		Label(name + "_end")
	}
	Label("frequency")
	MOVQ(u0, u)
	MOVQ(m0, m)
	panels("panels", rows)
	if rows > 1 {
		panels("rest", rows-1)
	}
	t.advance("strideM", m0)
	t.advance("strideU", u0)
	t.advance("strideV", v0)
	DECQ(frequencies)
	JNZ(LabelRef("frequency"))
	VZEROUPPER()
	RET()
}

// advance moves a pointer on by a parameter that counts floats.
func (t target) advance(name string, p reg.Register) {
	step := GP64()
	Load(Param(name), step)
	LEAQ(Mem{Base: p, Index: step, Scale: 4}, p)
}
