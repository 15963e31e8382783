package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
