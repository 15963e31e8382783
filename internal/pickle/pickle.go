// Package pickle reads Python pickles (protocols 0 to 5) as data. It runs nothing: a pickle is a small program that may
// name any Python function to call, and here only names on a list are known, each standing for a piece of Go that builds a
// value; a pickle that names anything else is refused. It is a leaf of the program, used by package checkpoint for
// PyTorch's files, which adds PyTorch's names, and by package dataset for CIFAR's Python files, which adds none:
//
//	value, _, err := pickle.Decode(file, pickle.Names{})
//	batch, ok := value.(*pickle.Dict)
//	data, ok := batch.Lookup("data")          // *pickle.Array, Type "u1", Shape [10000 3072]
//	labels, ok := batch.Lookup("labels")      // *pickle.List of int64
//	numbers, ok := pickle.Ints(labels)
//
// Python values come as these Go values:
//
//	None                         nil
//	bool, float                  bool, float64
//	int                          int64, or *big.Int where it is larger
//	str (Python 3), unicode      string
//	bytes, str of Python 2       []byte, most often a piece of the pickle itself: not to be changed
//	tuple                        Tuple
//	list                         *List
//	dict, OrderedDict            *Dict
//	numpy array or scalar        *Array
//	a class or function itself   Global
//	what a name of Names builds  what its Constructor returned
//
// A pickle may be hostile. Work and memory are bounded by a multiple of its length, values that hold each other are
// built without recursion, and they may form cycles or share parts, so what comes out must be walked to a known depth only.
//
// Two libraries were weighed first: nlpodyssey/gopickle allocates what a pickle claims to hold before it looks whether it
// does, and kisielk/og-rek has no BUILD instruction, without which neither numpy arrays nor state dicts can be read.
package pickle

import (
	"fmt"
	"iter"
	"math/big"
)

// Tuple is a Python tuple.
type Tuple []any

// List is a Python list.
type List struct{ Items []any }

// Global is a Python class or function that a pickle names: its module and its name with a dot between.
type Global string

// Constructor builds the value that calling a Python class or function with args gives.
type Constructor func(args Tuple) (any, error)

// Names is what a pickle may refer to besides Python's and numpy's own data types.
type Names struct {
	// Globals are the classes and functions that may be named. One without a Constructor may be named but not called.
	Globals map[Global]Constructor
	// Persistent builds the value of an object that is kept outside of the pickle. Without it such an object is an error.
	Persistent func(id any) (any, error)
}

// GlobalError says that a pickle names a class or function that it may not name.
type GlobalError struct{ Name Global }

func (e *GlobalError) Error() string {
	return fmt.Sprintf("it refers to %.100q, which is not among the names that are safe to read", string(e.Name))
}

// Dict is a Python dictionary in the order in which its keys came. Bytes and text are the same key here, for Python 2
// did not tell them apart.
type Dict struct {
	entries []entry
	byText  map[string]int // position in entries of each key that is text
}

type entry struct{ key, value any }

// Lookup returns the value whose key is that text, as str or bytes.
func (d *Dict) Lookup(key string) (any, bool) {
	i, ok := d.byText[key]
	if !ok {
		return nil, false
	}
	return d.entries[i].value, true
}

// All yields keys and values in their order.
func (d *Dict) All() iter.Seq2[any, any] {
	return func(yield func(key, value any) bool) {
		for _, e := range d.entries {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Len returns the number of keys.
func (d *Dict) Len() int { return len(d.entries) }

// set binds a key to a value. Only keys that are text replace what they were bound to before.
func (d *Dict) set(key, value any) {
	text, ok := Text(key)
	if !ok {
		d.entries = append(d.entries, entry{key, value})
		return
	}
	if i, ok := d.byText[text]; ok {
		d.entries[i].value = value
		return
	}
	if d.byText == nil {
		d.byText = map[string]int{}
	}
	d.byText[text] = len(d.entries)
	d.entries = append(d.entries, entry{key, value})
}

// Text returns v as a string if it is a str or bytes.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// Ints returns the numbers of a list or tuple of integers, or of a one-dimensional array of them.
func Ints(v any) ([]int64, bool) {
	var items []any
	switch v := v.(type) {
	case *List:
		items = v.Items
	case Tuple:
		items = v
	case *Array:
		return v.ints()
	default:
		return nil, false
	}
	numbers := make([]int64, len(items))
	for i, item := range items {
		n, ok := item.(int64)
		if !ok {
			return nil, false
		}
		numbers[i] = n
	}
	return numbers, true
}

// Describe names the kind of a decoded value in Python's words, for messages.
func Describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64, *big.Int:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a str"
	case []byte:
		return "bytes"
	case Tuple:
		return "a tuple"
	case *List:
		return "a list"
	case *Dict:
		return "a dict"
	case *Array:
		return "an array"
	case Global:
		return fmt.Sprintf("the class %.100q", string(v))
	}
	return "an object"
}
