package checkpoint

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/x448/float16"
)

// element is a type of numbers as files store them, little-endian.
type element struct {
	name string // as safetensors writes it
	size int    // bytes
	// decode turns the numbers in src into dst, and returns the position of the first that float32 cannot hold, or −1.
	decode func(dst []float32, src []byte) int
}

// elements are the types that are read, by name.
var elements = map[string]element{
	"F64": {"F64", 8, decodeF64},
	"F32": {"F32", 4, func(dst []float32, src []byte) int {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
		return -1
	}},
	"F16": {"F16", 2, func(dst []float32, src []byte) int {
		for i := range dst {
			dst[i] = float16.Frombits(binary.LittleEndian.Uint16(src[2*i:])).Float32()
		}
		return -1
	}},
	"BF16": {"BF16", 2, func(dst []float32, src []byte) int {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
		return -1
	}},
	"I64":  integers("I64", 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }),
	"I32":  integers("I32", 4, func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) }),
	"I16":  integers("I16", 2, func(b []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(b))) }),
	"I8":   integers("I8", 1, func(b []byte) int64 { return int64(int8(b[0])) }),
	"U32":  integers("U32", 4, func(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) }),
	"U16":  integers("U16", 2, func(b []byte) int64 { return int64(binary.LittleEndian.Uint16(b)) }),
	"U8":   integers("U8", 1, func(b []byte) int64 { return int64(b[0]) }),
	"BOOL": integers("BOOL", 1, func(b []byte) int64 { return int64(b[0]) }),
}

func decodeF64(dst []float32, src []byte) int {
	for i := range dst {
		wide := math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
		dst[i] = float32(wide)
		if math.IsInf(float64(dst[i]), 0) && !math.IsInf(wide, 0) {
			return i
		}
	}
	return -1
}

// integers is a type of whole numbers, of which those up to 2^24 in size are read: float32 holds them all.
func integers(name string, size int, read func([]byte) int64) element {
	return element{name, size, func(dst []float32, src []byte) int {
		for i := range dst {
			n := read(src[i*size:])
			if n < -1<<24 || n > 1<<24 {
				return i
			}
			dst[i] = float32(n)
		}
		return -1
	}}
}

// pieceBytes is how much is converted at a time, so that a checkpoint needs no second copy of itself in memory.
const pieceBytes = 1 << 16

// readElements fills dst from r.
func readElements(dst []float32, r io.Reader, e element) error {
	piece := make([]byte, min(len(dst)*e.size, pieceBytes))
	for done := 0; done < len(dst); {
		n := min(len(dst)-done, len(piece)/e.size)
		raw := piece[:n*e.size]
		if _, err := io.ReadFull(r, raw); err != nil {
			return err
		}
		if bad := e.decode(dst[done:done+n], raw); bad >= 0 {
			return fmt.Errorf("element %d, of type %s, does not fit into a float32", done+bad, e.name)
		}
		done += n
	}
	return nil
}

// Precision is the type of the numbers in a file that is written.
type Precision int

// The precisions that are written. F16 halves a file; its numbers are rounded to the nearest half.
const (
	F32 Precision = iota
	F16
)

func (p Precision) String() string {
	if p == F16 {
		return "F16"
	}
	return "F32"
}

// size returns the bytes of a number.
func (p Precision) size() int { return elements[p.String()].size }

// writeElements writes the numbers of src.
func writeElements(w io.Writer, src []float32, p Precision) error {
	piece := make([]byte, 0, min(len(src)*p.size(), pieceBytes))
	for i, v := range src {
		if p == F16 {
			half := float16.Fromfloat32(v)
			if half.IsInf(0) && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("element %d, %g, is too large for half precision: write it in single", i, v)
			}
			piece = binary.LittleEndian.AppendUint16(piece, half.Bits())
		} else {
			piece = binary.LittleEndian.AppendUint32(piece, math.Float32bits(v))
		}
		if len(piece) == cap(piece) {
			if _, err := w.Write(piece); err != nil {
				return err
			}
			piece = piece[:0]
		}
	}
	_, err := w.Write(piece)
	return err
}

// elementsOf returns the product of a shape's sizes, or −1 where one is negative or the product is more than most.
func elementsOf(shape []int, most int64) int64 {
	product := int64(1)
	if slices.Contains(shape, 0) {
		product = 0
	}
	for _, size := range shape {
		if size < 0 {
			return -1
		}
		if product > 0 && int64(size) > most/product {
			return -1
		}
		product *= int64(size)
	}
	return product
}
