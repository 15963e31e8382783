package pickle

import (
	"errors"
	"fmt"
	"slices"
)

// Limits on what a pickle may ask for. The instructions bound the number of values, each of some hundred bytes at the most;
// the effort bounds instructions whose cost is not that of their own bytes, such as converting a remembered text again and
// again: effortPerByte units a byte of the pickle, and freeEffort units for a short one.
const (
	maxInstructions = 1 << 21
	effortPerByte   = 4
	freeEffort      = 1 << 16
	pairCost        = 32 // of a pair of a list that becomes a dictionary, of which a list may be remembered
)

// Decode runs the first pickle in data and returns the value it makes and what follows it. An error says at which byte the
// pickle is wrong; it is, or wraps, a *GlobalError where the pickle names what it may not.
func Decode(data []byte, names Names) (value any, rest []byte, err error) {
	m := &machine{data: data, names: names, memo: map[uint64]any{}, effort: freeEffort + effortPerByte*len(data)}
	for range maxInstructions {
		at := m.pos
		code, err := m.take(1)
		if err != nil {
			return nil, nil, err
		}
		if code[0] == '.' {
			value, err := m.pop()
			if err != nil {
				return nil, nil, fmt.Errorf("byte %d of the pickle: %w", at, err)
			}
			return value, data[m.pos:], nil
		}
		run := instructions[code[0]]
		if run == nil {
			return nil, nil, fmt.Errorf("byte %d of the pickle: 0x%02x is no instruction that is known here", at, code[0])
		}
		if err := run(m); err != nil {
			return nil, nil, fmt.Errorf("byte %d of the pickle: %w", at, err)
		}
	}
	return nil, nil, fmt.Errorf("the pickle has more than %d instructions, more than are read", maxInstructions)
}

// machine is the state of a running pickle.
type machine struct {
	data   []byte
	pos    int
	names  Names
	stack  []any
	marks  []int // heights of the stack at which MARK was put
	memo   map[uint64]any
	effort int
}

var (
	errTruncated = errors.New("the pickle ends in the middle: the file is cut short or damaged")
	errStack     = errors.New("it takes more values than were put")
)

// instructions are the opcodes of all protocols but those for sets, extension registries and buffers kept outside.
var instructions = [256]func(*machine) error{
	0x80: (*machine).protocol, // PROTO
	0x95: (*machine).frame,    // FRAME

	'N':  constant(nil),            // NONE
	0x88: constant(true),           // NEWTRUE
	0x89: constant(false),          // NEWFALSE
	'I':  (*machine).intLine,       // INT
	'L':  (*machine).longLine,      // LONG
	'J':  (*machine).signedInt,     // BININT
	'K':  unsignedInt(1),           // BININT1
	'M':  unsignedInt(2),           // BININT2
	0x8a: long(1),                  // LONG1
	0x8b: long(4),                  // LONG4
	'F':  (*machine).floatLine,     // FLOAT
	'G':  (*machine).binaryFloat,   // BINFLOAT
	'S':  (*machine).quotedLine,    // STRING
	'T':  sizedBytes(4),            // BINSTRING
	'U':  sizedBytes(1),            // SHORT_BINSTRING
	'B':  sizedBytes(4),            // BINBYTES
	'C':  sizedBytes(1),            // SHORT_BINBYTES
	0x8e: sizedBytes(8),            // BINBYTES8
	0x96: sizedBytes(8),            // BYTEARRAY8
	'V':  (*machine).unicodeLine,   // UNICODE
	'X':  sizedText(4),             // BINUNICODE
	0x8c: sizedText(1),             // SHORT_BINUNICODE
	0x8d: sizedText(8),             // BINUNICODE8
	')':  constant(Tuple{}),        // EMPTY_TUPLE
	0x85: tuple(1),                 // TUPLE1
	0x86: tuple(2),                 // TUPLE2
	0x87: tuple(3),                 // TUPLE3
	't':  (*machine).markedTuple,   // TUPLE
	']':  (*machine).emptyList,     // EMPTY_LIST
	'l':  (*machine).markedList,    // LIST
	'a':  (*machine).appendOne,     // APPEND
	'e':  (*machine).appendMarked,  // APPENDS
	'}':  (*machine).emptyDict,     // EMPTY_DICT
	'd':  (*machine).markedDict,    // DICT
	's':  (*machine).setOne,        // SETITEM
	'u':  (*machine).setMarked,     // SETITEMS
	'(':  (*machine).mark,          // MARK
	'0':  (*machine).drop,          // POP
	'1':  (*machine).dropMarked,    // POP_MARK
	'2':  (*machine).duplicate,     // DUP
	'g':  (*machine).recallLine,    // GET
	'h':  recall(1),                // BINGET
	'j':  recall(4),                // LONG_BINGET
	'p':  (*machine).rememberLine,  // PUT
	'q':  remember(1),              // BINPUT
	'r':  remember(4),              // LONG_BINPUT
	0x94: (*machine).rememberNext,  // MEMOIZE
	'c':  (*machine).globalLines,   // GLOBAL
	0x93: (*machine).stackedGlobal, // STACK_GLOBAL
	'R':  (*machine).reduce,        // REDUCE
	0x81: (*machine).reduce,        // NEWOBJ: class and arguments lie as for REDUCE
	0x92: (*machine).newWithNames,  // NEWOBJ_EX
	'i':  (*machine).instance,      // INST
	'o':  (*machine).object,        // OBJ
	'b':  (*machine).build,         // BUILD
	'P':  (*machine).persistLine,   // PERSID
	'Q':  (*machine).persistTop,    // BINPERSID
}

// take returns the next n bytes of the pickle.
func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.data)-m.pos) {
		return nil, errTruncated
	}
	from := m.pos
	m.pos += int(n)
	return m.data[from:m.pos:m.pos], nil
}

// size reads an unsigned little-endian integer of that many bytes.
func (m *machine) size(bytes uint64) (uint64, error) {
	raw, err := m.take(bytes)
	var n uint64
	for i, b := range raw {
		n |= uint64(b) << (8 * i)
	}
	return n, err
}

// spend counts work that the length of an instruction does not account for.
func (m *machine) spend(units int) error {
	if units > m.effort {
		return errors.New("the pickle asks for far more work than its length warrants")
	}
	m.effort -= units
	return nil
}

// charge counts the work of looking at values, for each of which a pickle needs no more than a byte or two.
func (m *machine) charge(values ...any) error {
	units := len(values)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			units += len(v)
		case []byte:
			units += len(v)
		}
	}
	return m.spend(units)
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

// floor is the height of the stack below which only a mark may be taken off.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) pop() (any, error) {
	top := len(m.stack) - 1
	if top < m.floor() {
		return nil, errStack
	}
	v := m.stack[top]
	m.stack[top] = nil
	m.stack = m.stack[:top]
	return v, nil
}

// popMarked takes off the last mark and what lies above it, which it returns in a slice of its own.
func (m *machine) popMarked() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errStack
	}
	from := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	items := slices.Clone(m.stack[from:])
	clear(m.stack[from:])
	m.stack = m.stack[:from]
	return items, nil
}

// top returns the value on top of the stack as a T.
func top[T any](m *machine) (T, error) {
	var none T
	if len(m.stack) <= m.floor() {
		return none, errStack
	}
	v, ok := m.stack[len(m.stack)-1].(T)
	if !ok {
		return none, fmt.Errorf("it does not fit %s", Describe(m.stack[len(m.stack)-1]))
	}
	return v, nil
}

func (m *machine) mark() error {
	m.marks = append(m.marks, len(m.stack))
	return nil
}

// drop takes off one value, or a mark where that comes first.
func (m *machine) drop() error {
	if len(m.marks) > 0 && m.floor() == len(m.stack) {
		m.marks = m.marks[:len(m.marks)-1]
		return nil
	}
	_, err := m.pop()
	return err
}

func (m *machine) dropMarked() error {
	_, err := m.popMarked()
	return err
}

func (m *machine) duplicate() error {
	v, err := top[any](m)
	if err != nil {
		return err
	}
	return m.push(v)
}

func (m *machine) protocol() error {
	version, err := m.size(1)
	if err == nil && version > 5 {
		return fmt.Errorf("protocol %d is newer than 5, the newest that is read", version)
	}
	return err
}

// frame skips the length of a frame: frames only serve to read ahead.
func (m *machine) frame() error {
	_, err := m.take(8)
	return err
}

// rememberAs binds a number to the value on top of the stack.
func (m *machine) rememberAs(key uint64) error {
	v, err := top[any](m)
	if err != nil {
		return err
	}
	m.memo[key] = v
	return nil
}

func remember(bytes uint64) func(*machine) error {
	return func(m *machine) error {
		key, err := m.size(bytes)
		if err != nil {
			return err
		}
		return m.rememberAs(key)
	}
}

func (m *machine) rememberLine() error {
	key, err := m.keyLine()
	if err != nil {
		return err
	}
	return m.rememberAs(key)
}

func (m *machine) rememberNext() error { return m.rememberAs(uint64(len(m.memo))) }

// recallAs pushes the value that the number is bound to.
func (m *machine) recallAs(key uint64) error {
	v, ok := m.memo[key]
	if !ok {
		return fmt.Errorf("it recalls value %d, which was never remembered", key)
	}
	return m.push(v)
}

func recall(bytes uint64) func(*machine) error {
	return func(m *machine) error {
		key, err := m.size(bytes)
		if err != nil {
			return err
		}
		return m.recallAs(key)
	}
}

func (m *machine) recallLine() error {
	key, err := m.keyLine()
	if err != nil {
		return err
	}
	return m.recallAs(key)
}
