package genotype

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is what a literal is.
type kind uint8

const (
	text     kind = iota // a string
	integer              //
	decimal              // a number with a point or an exponent
	name                 // None, true, a variable: anything that is not a value of the others
	list                 // [ … ] or ( … )
	mapping              // { key: value, … }
	call                 // name(…)
	computed             // the result of an operator
)

// literal is a value as Python or JSON writes it.
type literal struct {
	kind   kind
	at     int       // where in the text it begins
	word   string    // of a text its contents; of a name, a call and an operator the name
	number int       // of an integer
	items  []literal // of a list, or of a call's positional arguments
	fields []field   // of a mapping, or of a call's named arguments
}

type field struct {
	name  string
	at    int
	value literal
}

// String describes a literal in an error message.
func (l literal) String() string {
	switch l.kind {
	case text:
		return strconv.Quote(shortened(l.word))
	case integer:
		return strconv.Itoa(l.number)
	case decimal, name:
		return shortened(l.word)
	case list:
		return fmt.Sprintf("a list of %d", len(l.items))
	case mapping:
		return "a dictionary"
	case call:
		return shortened(l.word) + "(…)"
	}
	return "an expression with " + l.word
}

// shortened cuts what a message quotes to a length that fits a line.
func shortened(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

// Bounds on one literal, far above any genotype.
const (
	maxDepth  = 32
	maxValues = 1 << 18
)

// reader reads a literal from an excerpt, which is code or JSON only as far as the literal reaches. It runs nothing.
type reader struct {
	excerpt
	pos    int
	open   []int // where the brackets began that are still open
	values int   // read so far
}

// failure is an error at a place in the document.
type failure struct {
	at    int
	cause error
}

func (f failure) Error() string { return f.cause.Error() }

// fail returns the error for what stands at an offset of the excerpt.
func (r *reader) fail(at int, format string, args ...any) error {
	return failure{r.origin(at), fmt.Errorf(format, args...)}
}

// space skips white space and comments.
func (r *reader) space() {
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '#':
			if end := strings.IndexByte(r.text[r.pos:], '\n'); end >= 0 {
				r.pos += end
			} else {
				r.pos = len(r.text)
			}
		case strings.IndexByte(" \t\r\n\f\v\\", c) >= 0:
			if c == '\\' && !strings.HasPrefix(strings.TrimLeft(r.text[r.pos+1:], " \t\r"), "\n") {
				return // only a backslash that ends a line joins it to the next
			}
			r.pos++
		case strings.HasPrefix(r.text[r.pos:], "\u00a0"):
			r.pos += len("\u00a0")
		default:
			return
		}
	}
}

// peek returns the next character that is not white space, or 0 at the end.
func (r *reader) peek() byte {
	r.space()
	if r.pos >= len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

// missing is the error of a text that ends too early.
func (r *reader) missing() error {
	whole, remedy := "the text", "close it"
	if r.origins != nil {
		whole, remedy = "the string around it", "write it in one string, or without quotes"
	}
	if len(r.open) > 0 {
		at := r.open[len(r.open)-1]
		return r.fail(at, "the bracket %q that begins here is never closed: %s ends before; %s", r.text[at], whole, remedy)
	}
	return r.fail(len(r.text), "%s ends where a value should stand", whole)
}

// misplaced is the error for what stands next, in place of a comma or the bracket that closes the last open one.
func (r *reader) misplaced(end byte) error {
	open := r.open[len(r.open)-1]
	line, column := r.place(r.origin(open))
	return r.fail(r.pos, "found %q where a comma or the closing %q should stand, for the %q of line %d, column %d is still open",
		firstRune(r.text[r.pos:]), end, r.text[open], line, column)
}

// value reads a literal, with the operators that may follow it.
func (r *reader) value() (literal, error) {
	l, err := r.operand()
	for err == nil {
		c := r.peek()
		if c == 0 || strings.IndexByte("+*-/%|<>", c) < 0 {
			return l, nil
		}
		r.pos++
		l = literal{kind: computed, at: l.at, word: string(c)}
		_, err = r.operand()
	}
	return l, err
}

func (r *reader) operand() (literal, error) {
	c := r.peek()
	at := r.pos
	if r.values++; r.values > maxValues {
		return literal{}, r.fail(at, "more than %d values: this is no genotype, cut out what is", maxValues)
	}
	switch first := firstRune(r.text[at:]); {
	case c == 0:
		return literal{}, r.missing()
	case c == '[' || c == '(':
		items, _, err := r.sequence(map[byte]byte{'[': ']', '(': ')'}[c], false)
		return literal{kind: list, at: at, items: items}, err
	case c == '{':
		return r.mapping()
	case c == '\'' || c == '"':
		return r.string()
	case strings.ContainsRune("‘’‚“”„´`", first):
		return literal{}, r.fail(at, "found the typographic quote %q: write ' or \" as in Python", first)
	case c >= '0' && c <= '9' || c == '-' || c == '.':
		return r.number()
	case isWord(c):
		return r.named()
	default:
		return literal{}, r.fail(at, "found %q where a value should stand", first)
	}
}

func firstRune(s string) rune {
	for _, c := range s {
		return c
	}
	return 0
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// sequence reads what stands between brackets, the opening one being next: values, and in a call also NAME=value.
func (r *reader) sequence(end byte, named bool) (items []literal, fields []field, err error) {
	if len(r.open) == maxDepth {
		return nil, nil, r.fail(r.pos, "brackets are nested more than %d deep", maxDepth)
	}
	r.open = append(r.open, r.pos)
	r.pos++
	for {
		c := r.peek()
		if c == end {
			r.pos++
			r.open = r.open[:len(r.open)-1]
			return items, fields, nil
		}
		at := r.pos
		l, err := r.value()
		if err != nil {
			return nil, nil, err
		}
		if named && l.kind == name && r.peek() == '=' {
			r.pos++
			v, err := r.value()
			if err != nil {
				return nil, nil, err
			}
			fields = append(fields, field{l.word, at, v})
		} else if len(fields) > 0 {
			return nil, nil, r.fail(at, "an argument without a name follows named ones")
		} else {
			items = append(items, l)
		}
		if err := r.comma(end); err != nil {
			return nil, nil, err
		}
	}
}

// comma reads the comma that separates items, unless the closing bracket is next.
func (r *reader) comma(end byte) error {
	switch c := r.peek(); c {
	case ',':
		r.pos++
	case end:
	case 0:
		return r.missing()
	default:
		return r.misplaced(end)
	}
	return nil
}

func (r *reader) mapping() (literal, error) {
	l := literal{kind: mapping, at: r.pos}
	if len(r.open) == maxDepth {
		return l, r.fail(r.pos, "brackets are nested more than %d deep", maxDepth)
	}
	r.open = append(r.open, r.pos)
	r.pos++
	for r.peek() != '}' {
		key, err := r.value()
		if err != nil {
			return l, err
		}
		if key.kind != text && key.kind != integer && key.kind != name {
			return l, r.fail(key.at, "found %s as a key, where a name should stand", key)
		}
		if c := r.peek(); c != ':' {
			if c == 0 {
				return l, r.missing()
			}
			return l, r.fail(r.pos, "found %q where the colon after the key %s should stand", firstRune(r.text[r.pos:]), key)
		}
		r.pos++
		v, err := r.value()
		if err != nil {
			return l, err
		}
		l.fields = append(l.fields, field{key.word, key.at, v})
		if err := r.comma('}'); err != nil {
			return l, err
		}
	}
	r.pos++
	r.open = r.open[:len(r.open)-1]
	return l, nil
}

// string reads a string between quotes of either kind.
func (r *reader) string() (literal, error) {
	open := r.pos
	end, closed := stringEnd(r.text, open)
	switch {
	case closed:
	case end < len(r.text):
		return literal{}, r.fail(open, "a line break inside a name: was the line wrapped by a terminal? join it")
	default:
		return literal{}, r.fail(open, "the string that begins here is never closed: the text ends before")
	}
	r.pos = end
	l := literal{kind: text, at: open, word: r.text[open+1 : end-1]}
	if strings.ContainsRune(l.word, '\\') {
		l.word = r.inside(open, end).text
	}
	if c := r.peek(); c == '\'' || c == '"' {
		return l, r.fail(r.pos, "a string follows a string: adjacent ones are not joined, write one, or a comma between them")
	}
	return l, nil
}

func (r *reader) number() (literal, error) {
	l := literal{kind: integer, at: r.pos}
	end := r.pos
	for end < len(r.text) && (isWord(r.text[end]) || strings.IndexByte(".+-", r.text[end]) >= 0) {
		if c := r.text[end]; end > r.pos && (c == '+' || c == '-') && r.text[end-1]|0x20 != 'e' {
			break
		}
		end++
	}
	l.word = r.text[r.pos:end]
	r.pos = end
	n, err := strconv.ParseInt(l.word, 10, 32)
	if err == nil {
		l.number = int(n)
		return l, nil
	}
	if _, err := strconv.ParseFloat(l.word, 64); err != nil || !strings.ContainsAny(l.word, ".eE") {
		return l, r.fail(l.at, "found %s where a number should stand", shortened(l.word))
	}
	l.kind = decimal
	return l, nil
}

// named reads what begins with a word: a name, a string with a prefix, or a call.
func (r *reader) named() (literal, error) {
	at := r.pos
	for r.pos < len(r.text) && (isWord(r.text[r.pos]) || r.text[r.pos] == '.') {
		r.pos++
	}
	word := r.text[at:r.pos]
	if r.pos < len(r.text) && (r.text[r.pos] == '\'' || r.text[r.pos] == '"') && strings.Contains("|u|r|b|U|R|B|", "|"+word+"|") {
		l, err := r.string()
		l.at = at
		return l, err
	}
	if r.peek() != '(' {
		return literal{kind: name, at: at, word: word}, nil
	}
	items, fields, err := r.sequence(')', true)
	l := literal{kind: call, at: at, word: word, items: items, fields: fields}
	if err != nil {
		return l, err
	}
	return l.reduced(), nil
}

// reduced returns what a call is that merely wraps a value: list(…), tuple(…), and the numbers and strings of NumPy as it
// prints them. Any other stays a call.
func (l literal) reduced() literal {
	if len(l.items) != 1 || len(l.fields) > 0 {
		return l
	}
	inner := l.items[0]
	wraps := map[string]kind{
		"list": list, "tuple": list, "int": integer, "np.int64": integer, "np.int32": integer, "numpy.int64": integer,
		"numpy.int32": integer, "str": text, "np.str_": text, "numpy.str_": text,
	}
	if k, ok := wraps[l.word]; ok && (inner.kind == k || k == list && inner.kind == call && inner.word == "range") {
		return inner
	}
	return l
}
