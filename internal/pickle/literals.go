package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// maxIntBytes bounds integers, the cost of whose conversion from decimal digits grows with the square of their length.
const maxIntBytes = 1024

// line returns the bytes up to the next end of line, without it.
func (m *machine) line() ([]byte, error) {
	n := bytes.IndexByte(m.data[m.pos:], '\n')
	if n < 0 {
		return nil, errTruncated
	}
	raw, err := m.take(uint64(n) + 1)
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(raw[:n], []byte("\r")), nil
}

// keyLine reads a line with the number of a remembered value.
func (m *machine) keyLine() (uint64, error) {
	raw, err := m.line()
	if err != nil {
		return 0, err
	}
	key, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no number of a remembered value", raw)
	}
	return key, nil
}

// pushInt pushes a decimal int, or a bool, which is written 00 or 01.
func (m *machine) pushInt(digits []byte) error {
	switch string(digits) {
	case "00":
		return m.push(false)
	case "01":
		return m.push(true)
	}
	return m.pushLong(digits)
}

func (m *machine) pushLong(digits []byte) error {
	digits = bytes.TrimSuffix(digits, []byte("L"))
	if len(digits) > maxIntBytes {
		return fmt.Errorf("an int of %d digits is longer than is read", len(digits))
	}
	n, ok := new(big.Int).SetString(string(digits), 10)
	if !ok {
		return fmt.Errorf("%.40q is no int", digits)
	}
	return m.pushBig(n)
}

func (m *machine) pushBig(n *big.Int) error {
	if n.IsInt64() {
		return m.push(n.Int64())
	}
	return m.push(n)
}

// pushBinary pushes an int in two's complement, the lowest byte first.
func (m *machine) pushBinary(raw []byte) error {
	if len(raw) > maxIntBytes {
		return fmt.Errorf("an int of %d bytes is longer than is read", len(raw))
	}
	digits := slices.Clone(raw)
	slices.Reverse(digits)
	n := new(big.Int).SetBytes(digits)
	if len(digits) > 0 && digits[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(digits))))
	}
	return m.pushBig(n)
}

func (m *machine) pushSigned(n uint64) error { return m.push(int64(int32(n))) }

func (m *machine) pushUnsigned(n uint64) error { return m.push(int64(n)) }

func (m *machine) pushFloat(digits []byte) error {
	f, err := strconv.ParseFloat(string(digits), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%.40q is no float", digits)
	}
	return m.push(f)
}

func (m *machine) word() ([]byte, error) { return m.take(8) }

func (m *machine) pushDouble(word []byte) error {
	return m.push(math.Float64frombits(binary.BigEndian.Uint64(word)))
}

func (m *machine) pushBytes(raw []byte) error { return m.push(raw) }

func (m *machine) pushText(raw []byte) error { return m.push(string(raw)) }

// pushQuoted pushes a str of Python 2 in quotes, as its repr writes it.
func (m *machine) pushQuoted(raw []byte) error {
	if n := len(raw); n < 2 || raw[0] != raw[n-1] || (raw[0] != '\'' && raw[0] != '"') {
		return fmt.Errorf("%.40q is no string in quotes", raw)
	}
	text, err := unescape(raw[1 : len(raw)-1])
	if err != nil {
		return err
	}
	return m.push(text)
}

// simpleEscapes are the characters that stand for others behind a backslash, as pairs.
var simpleEscapes = strings.NewReplacer("n", "\n", "r", "\r", "t", "\t", "a", "\a", "b", "\b", "f", "\f", "v", "\v")

// unescape resolves the backslashes of a Python byte string.
func unescape(s []byte) ([]byte, error) {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		slash := bytes.IndexByte(s, '\\')
		if slash < 0 {
			return append(out, s...), nil
		}
		out, s = append(out, s[:slash]...), s[slash+1:]
		digits, base := escapeDigits(s)
		switch {
		case len(s) == 0:
			return nil, errors.New("a string ends in a lone backslash")
		case digits > 0:
			prefix := 0
			if base == 16 {
				prefix = 1
			}
			n, err := strconv.ParseUint(string(s[prefix:digits]), base, 16)
			if err != nil {
				return nil, fmt.Errorf("\\%s is no character", s[:digits])
			}
			out, s = append(out, byte(n)), s[digits:]
		default:
			out, s = append(out, simpleEscapes.Replace(string(s[:1]))...), s[1:]
		}
	}
	return out, nil
}

// escapeDigits returns how many bytes of s, which follows a backslash, are a number (xff or 377), and its base.
func escapeDigits(s []byte) (length, base int) {
	if len(s) >= 3 && s[0] == 'x' {
		return 3, 16
	}
	for length < min(3, len(s)) && s[length] >= '0' && s[length] <= '7' {
		length++
	}
	return length, 8
}

// pushUnicode pushes text in which \uXXXX and \UXXXXXXXX are the only escapes and every other byte is its own character.
func (m *machine) pushUnicode(raw []byte) error {
	var text strings.Builder
	text.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		digits := 0
		if raw[i] == '\\' && i+1 < len(raw) {
			switch raw[i+1] {
			case 'u':
				digits = 4
			case 'U':
				digits = 8
			}
		}
		if digits == 0 {
			text.WriteRune(rune(raw[i]))
			continue
		}
		code := raw[i+2 : min(i+2+digits, len(raw))]
		n, err := strconv.ParseUint(string(code), 16, 32)
		if err != nil || len(code) < digits {
			return fmt.Errorf("\\%c%.8q is no character", raw[i+1], code)
		}
		text.WriteRune(rune(n))
		i += 1 + digits
	}
	return m.push(text.String())
}
