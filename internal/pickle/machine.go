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

// instructions are the opcodes of all protocols but those for sets, extension registries and buffers kept outside. Most
// take something, from the pickle or off the stack, and do something with it.
var instructions = [256]func(*machine) error{
	0x80: with(unsigned(1), (*machine).checkProtocol), // PROTO
	0x95: with(unsigned(8), (*machine).skipFrame),     // FRAME

	'N':  push(nil),                                    // NONE
	0x88: push(true),                                   // NEWTRUE
	0x89: push(false),                                  // NEWFALSE
	'I':  with((*machine).line, (*machine).pushInt),    // INT
	'L':  with((*machine).line, (*machine).pushLong),   // LONG
	'J':  with(unsigned(4), (*machine).pushSigned),     // BININT
	'K':  with(unsigned(1), (*machine).pushUnsigned),   // BININT1
	'M':  with(unsigned(2), (*machine).pushUnsigned),   // BININT2
	0x8a: with(sized(1), (*machine).pushBinary),        // LONG1
	0x8b: with(sized(4), (*machine).pushBinary),        // LONG4
	'F':  with((*machine).line, (*machine).pushFloat),  // FLOAT
	'G':  with((*machine).word, (*machine).pushDouble), // BINFLOAT

	'S':  with((*machine).line, (*machine).pushQuoted),  // STRING
	'T':  with(sized(4), (*machine).pushBytes),          // BINSTRING
	'U':  with(sized(1), (*machine).pushBytes),          // SHORT_BINSTRING
	'B':  with(sized(4), (*machine).pushBytes),          // BINBYTES
	'C':  with(sized(1), (*machine).pushBytes),          // SHORT_BINBYTES
	0x8e: with(sized(8), (*machine).pushBytes),          // BINBYTES8
	0x96: with(sized(8), (*machine).pushBytes),          // BYTEARRAY8
	'V':  with((*machine).line, (*machine).pushUnicode), // UNICODE
	'X':  with(sized(4), (*machine).pushText),           // BINUNICODE
	0x8c: with(sized(1), (*machine).pushText),           // SHORT_BINUNICODE
	0x8d: with(sized(8), (*machine).pushText),           // BINUNICODE8

	')':  push(Tuple{}),                                    // EMPTY_TUPLE
	0x85: with(popped(1), (*machine).pushTuple),            // TUPLE1
	0x86: with(popped(2), (*machine).pushTuple),            // TUPLE2
	0x87: with(popped(3), (*machine).pushTuple),            // TUPLE3
	't':  with((*machine).popMarked, (*machine).pushTuple), // TUPLE
	']':  (*machine).emptyList,                             // EMPTY_LIST
	'l':  with((*machine).popMarked, (*machine).pushList),  // LIST
	'a':  with(popped(1), (*machine).extend),               // APPEND
	'e':  with((*machine).popMarked, (*machine).extend),    // APPENDS
	'}':  (*machine).emptyDict,                             // EMPTY_DICT
	'd':  with((*machine).popMarked, (*machine).pushDict),  // DICT
	's':  with(popped(2), (*machine).setItems),             // SETITEM
	'u':  with((*machine).popMarked, (*machine).setItems),  // SETITEMS

	'(':  (*machine).mark,                                     // MARK
	'0':  (*machine).drop,                                     // POP
	'1':  with((*machine).popMarked, (*machine).forget),       // POP_MARK
	'2':  (*machine).duplicate,                                // DUP
	'g':  with((*machine).keyLine, (*machine).recall),         // GET
	'h':  with(unsigned(1), (*machine).recall),                // BINGET
	'j':  with(unsigned(4), (*machine).recall),                // LONG_BINGET
	'p':  with((*machine).keyLine, (*machine).remember),       // PUT
	'q':  with(unsigned(1), (*machine).remember),              // BINPUT
	'r':  with(unsigned(4), (*machine).remember),              // LONG_BINPUT
	0x94: (*machine).rememberNext,                             // MEMOIZE
	'c':  with((*machine).globalLines, (*machine).pushGlobal), // GLOBAL
	0x93: with(popped(2), (*machine).pushNamed),               // STACK_GLOBAL
	'R':  with(popped(2), (*machine).reduce),                  // REDUCE
	0x81: with(popped(2), (*machine).reduce),                  // NEWOBJ: class and arguments lie as for REDUCE
	0x92: with(popped(3), (*machine).reduceNamed),             // NEWOBJ_EX
	'i':  with((*machine).popMarked, (*machine).instance),     // INST
	'o':  with((*machine).popMarked, (*machine).object),       // OBJ
	'b':  with((*machine).pop, (*machine).build),              // BUILD
	'P':  with((*machine).line, (*machine).persistText),       // PERSID
	'Q':  with((*machine).pop, (*machine).persist),            // BINPERSID
}

// with is the instruction that uses what take gives.
func with[T any](take func(*machine) (T, error), use func(*machine, T) error) func(*machine) error {
	return func(m *machine) error {
		v, err := take(m)
		if err != nil {
			return err
		}
		return use(m, v)
	}
}

// push is the instruction that pushes v.
func push(v any) func(*machine) error {
	return func(m *machine) error { return m.push(v) }
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

// unsigned reads a little-endian integer of that many bytes.
func unsigned(bytes uint64) func(*machine) (uint64, error) {
	return func(m *machine) (uint64, error) {
		raw, err := m.take(bytes)
		var n uint64
		for i, b := range raw {
			n |= uint64(b) << (8 * i)
		}
		return n, err
	}
}

// sized reads a length of sizeBytes bytes and that many bytes.
func sized(sizeBytes uint64) func(*machine) ([]byte, error) {
	size := unsigned(sizeBytes)
	return func(m *machine) ([]byte, error) {
		length, err := size(m)
		if err != nil {
			return nil, err
		}
		return m.take(length)
	}
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

// popped takes the topmost values off, which it returns, the lowest first, in a slice of their own.
func popped(count int) func(*machine) ([]any, error) {
	return func(m *machine) ([]any, error) {
		from := len(m.stack) - count
		if from < m.floor() {
			return nil, errStack
		}
		return m.cut(from), nil
	}
}

// popMarked takes off the last mark and what lies above it, which it returns in a slice of its own.
func (m *machine) popMarked() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errStack
	}
	from := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	return m.cut(from), nil
}

func (m *machine) cut(from int) []any {
	items := slices.Clone(m.stack[from:])
	clear(m.stack[from:])
	m.stack = m.stack[:from]
	return items
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

func (m *machine) forget([]any) error { return nil }

func (m *machine) duplicate() error {
	v, err := top[any](m)
	if err != nil {
		return err
	}
	return m.push(v)
}

func (m *machine) checkProtocol(version uint64) error {
	if version > 5 {
		return fmt.Errorf("protocol %d is newer than 5, the newest that is read", version)
	}
	return nil
}

// skipFrame ignores the length of a frame: frames only serve to read ahead.
func (m *machine) skipFrame(uint64) error { return nil }

// remember binds a number to the value on top of the stack.
func (m *machine) remember(key uint64) error {
	v, err := top[any](m)
	if err != nil {
		return err
	}
	m.memo[key] = v
	return nil
}

func (m *machine) rememberNext() error { return m.remember(uint64(len(m.memo))) }

// recall pushes the value that the number is bound to.
func (m *machine) recall(key uint64) error {
	v, ok := m.memo[key]
	if !ok {
		return fmt.Errorf("it recalls value %d, which was never remembered", key)
	}
	return m.push(v)
}
