package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// maxRank bounds the number of dimensions of an array; numpy's own bound is 64.
const maxRank = 64

// Array is a numpy array of numbers; Shape is empty for a scalar.
type Array struct {
	Type         string // as numpy writes it: b1, i1 … i8, u1 … u8, f2, f4 or f8; the digit is the size in bytes
	BigEndian    bool
	Shape        []int
	FortranOrder bool   // the first index varies fastest in Data, not the last one
	Data         []byte // as many elements as Shape says; not to be changed
}

// dtype is the type of an array's elements while a pickle builds it.
type dtype struct {
	name      string
	bigEndian bool
}

// elementSizes are the types that are read, and their sizes in bytes.
var elementSizes = map[string]int{
	"b1": 1, "i1": 1, "i2": 2, "i4": 4, "i8": 8, "u1": 1, "u2": 2, "u4": 4, "u8": 8, "f2": 2, "f4": 4, "f8": 8,
}

// dtype makes an element type of its name; a state with the byte order follows.
func (m *machine) dtype(args Tuple) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("wants a type's name")
	}
	name, ok := Text(args[0])
	if !ok || elementSizes[name] == 0 {
		return nil, errors.New("only booleans, integers and floats are read from arrays")
	}
	return &dtype{name: name}, nil
}

// setState takes (version, byte order, …).
func (t *dtype) setState(state any) error {
	fields, ok := state.(Tuple)
	if !ok || len(fields) < 2 {
		return errors.New("the state of a numpy type wants its byte order")
	}
	order, ok := Text(fields[1])
	if !ok {
		return errors.New("the state of a numpy type wants its byte order")
	}
	t.bigEndian = order == ">"
	return nil
}

// emptyArray makes the array that a state is set to next.
func (m *machine) emptyArray(Tuple) (any, error) {
	return &Array{Type: "u1", Shape: []int{0}}, nil
}

// setState takes (version, shape, type, Fortran order, bytes).
func (a *Array) setState(state any) error {
	fields, ok := state.(Tuple)
	if !ok || len(fields) != 5 {
		return errors.New("the state of an array is not the five values that numpy writes")
	}
	fortran, ok := fields[3].(bool)
	if !ok {
		return errors.New("the state of an array does not say in which order its elements are")
	}
	return a.assign(fields[4], fields[2], fields[1], fortran)
}

// assign makes a the array of those bytes, element type and shape, if they fit together.
func (a *Array) assign(bytes, elements, shape any, fortran bool) error {
	data, ok := bytes.([]byte)
	if !ok {
		return fmt.Errorf("the elements of an array are %s, not bytes", Describe(bytes))
	}
	t, ok := elements.(*dtype)
	if !ok {
		return errors.New("the type of an array's elements is missing")
	}
	dims, ok := shape.(Tuple)
	if !ok || len(dims) > maxRank {
		return errors.New("the shape of an array is not a tuple of at most 64 ints")
	}
	sizes, ok := Ints(dims)
	if !ok {
		return errors.New("the shape of an array is not a tuple of ints")
	}
	if have := len(data) / elementSizes[t.name]; len(data)%elementSizes[t.name] != 0 || !holds(sizes, have) {
		return fmt.Errorf("an array of shape %v and type %s has %d bytes", sizes, t.name, len(data))
	}
	*a = Array{Type: t.name, BigEndian: t.bigEndian, FortranOrder: fortran, Data: data, Shape: make([]int, len(sizes))}
	for i, size := range sizes {
		a.Shape[i] = int(size)
	}
	return nil
}

// holds reports whether count elements make an array of that shape.
func holds(shape []int64, count int) bool {
	if slices.Contains(shape, 0) {
		return count == 0 && slices.Min(shape) == 0
	}
	product := int64(1)
	for _, size := range shape {
		if size < 0 || size > int64(count)/product {
			return false
		}
		product *= size
	}
	return product == int64(count)
}

// arrayFromBuffer makes an array of (bytes, type, shape, order "C" or "F"): how protocol 5 writes them.
func (m *machine) arrayFromBuffer(args Tuple) (any, error) {
	if len(args) != 4 {
		return nil, errors.New("wants bytes, type, shape and order")
	}
	order, _ := Text(args[3])
	if order != "C" && order != "F" {
		return nil, errors.New("wants C or F as order")
	}
	a := &Array{}
	if err := a.assign(args[0], args[1], args[2], order == "F"); err != nil {
		return nil, err
	}
	return a, nil
}

// scalar makes a numpy number of (type, bytes).
func (m *machine) scalar(args Tuple) (any, error) {
	if len(args) != 2 {
		return nil, errors.New("wants type and bytes")
	}
	a := &Array{}
	if err := a.assign(args[1], args[0], Tuple{}, false); err != nil {
		return nil, err
	}
	return a, nil
}

// ints returns the elements of a one-dimensional array of integers that fit into an int64.
func (a *Array) ints() ([]int64, bool) {
	if len(a.Shape) != 1 || (a.Type[0] != 'i' && a.Type[0] != 'u') {
		return nil, false
	}
	size := elementSizes[a.Type]
	numbers := make([]int64, a.Shape[0])
	for i := range numbers {
		n := a.element(a.Data[i*size : (i+1)*size])
		if a.Type[0] == 'i' {
			unused := 64 - 8*size
			numbers[i] = int64(n<<unused) >> unused
			continue
		}
		if n > 1<<63-1 {
			return nil, false
		}
		numbers[i] = int64(n)
	}
	return numbers, true
}

// element returns the bits of one element, of at most 8 bytes.
func (a *Array) element(raw []byte) uint64 {
	var word [8]byte
	if a.BigEndian {
		copy(word[8-len(raw):], raw)
		return binary.BigEndian.Uint64(word[:])
	}
	copy(word[:], raw)
	return binary.LittleEndian.Uint64(word[:])
}
