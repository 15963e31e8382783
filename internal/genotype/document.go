package genotype

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// SyntaxError is a text that can't be read as a genotype, and where.
type SyntaxError struct {
	Source       string // the file, or what else the text came from
	Line, Column int    // from 1 on; columns count characters
	Problem      string // what was found and what would do
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Source, e.Line, e.Column, e.Problem)
}

// document is a text that is parsed, and where its lines begin.
type document struct {
	text  string
	lines []int
}

// terminalCodes are the colours that programs write into logs.
var terminalCodes = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// newDocument takes a text as editors, shells and terminals of all systems save it: with a byte order mark, in UTF-16, with
// colours, which become blanks.
func newDocument(text string) *document {
	text = strings.TrimPrefix(decodeUTF16(text), "\ufeff")
	if strings.Contains(text, "\x1b[") {
		text = terminalCodes.ReplaceAllStringFunc(text, func(code string) string { return strings.Repeat(" ", len(code)) })
	}
	d := &document{text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// decodeUTF16 returns a text that begins with the byte order mark of UTF-16 as UTF-8, and any other as it is. PowerShell
// writes such files.
func decodeUTF16(text string) string {
	if !strings.HasPrefix(text, "\xff\xfe") && !strings.HasPrefix(text, "\xfe\xff") {
		return text
	}
	low, high := 0, 1
	if text[0] == '\xfe' {
		low, high = 1, 0
	}
	units := make([]uint16, 0, len(text)/2)
	for i := 0; i+1 < len(text); i += 2 {
		units = append(units, uint16(text[i+high])<<8|uint16(text[i+low]))
	}
	return string(utf16.Decode(units))
}

// place returns line and column, from 1 on, of an offset in the text.
func (d *document) place(at int) (line, column int) {
	at = min(at, len(d.text))
	line, found := slices.BinarySearch(d.lines, at)
	if found {
		line++
	}
	return line, 1 + utf8.RuneCountInString(d.text[d.lines[line-1]:at])
}

// excerpt is something to read in a document: all of it, a part, or what a string literal in it says.
type excerpt struct {
	*document
	text    string
	base    int     // where the text begins in the document, unless there are origins
	origins []int32 // of what a string says: by byte, where it is written in the document
	outer   *excerpt
	outerAt int // where in outer the quote of the string begins
}

// origin returns where in the document what is at an offset of the excerpt is written.
func (x excerpt) origin(at int) int {
	if x.origins == nil {
		return x.base + at
	}
	if at < len(x.origins) {
		return int(x.origins[at])
	}
	if n := len(x.origins); n > 0 {
		return int(x.origins[n-1]) + 1
	}
	return x.base
}

// stringEnd returns where the string that begins with the quote at open ends, behind its closing quote, and whether it has
// one on its line.
func stringEnd(text string, open int) (end int, closed bool) {
	for i := open + 1; i < len(text); i++ {
		switch text[i] {
		case text[open]:
			return i + 1, true
		case '\n':
			return i, false
		case '\\':
			i++ // what follows has lost its meaning
			if strings.HasPrefix(text[i:], "\r\n") {
				i++
			}
		}
	}
	return len(text), false
}

// inside returns what the string literal between the quote at open and the one in front of end says.
func (x excerpt) inside(open, end int) excerpt {
	inner := excerpt{document: x.document, base: x.origin(open + 1), origins: []int32{}, outer: &x, outerAt: open}
	var said strings.Builder
	for i := open + 1; i < end-1; {
		text, length := unescape(x.text[i : end-1])
		said.WriteString(text)
		for range len(text) {
			inner.origins = append(inner.origins, int32(x.origin(i)))
		}
		i += length
	}
	inner.text = said.String()
	return inner
}

// part returns the text between two offsets as an excerpt of its own.
func (x excerpt) part(start, end int) excerpt {
	p := excerpt{document: x.document, text: x.text[start:end], base: x.origin(start), outer: &x, outerAt: start}
	if x.origins != nil {
		p.origins = x.origins[start:end]
	}
	return p
}

// escapes are what a character behind a backslash means in strings of Python and JSON. An escaped line break is none.
var escapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '\'': "'", '"': `"`, '/': "/", '\n': ""}

// unescape returns what the first bytes of a text in a string mean, and how many bytes that are. An unknown escape means
// itself.
func unescape(text string) (meaning string, length int) {
	if text[0] != '\\' || len(text) == 1 {
		return text[:1], 1
	}
	if strings.HasPrefix(text, "\\\r\n") {
		return "", 3
	}
	if meaning, ok := escapes[text[1]]; ok {
		return meaning, 2
	}
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[1]]; digits > 0 && len(text) >= 2+digits {
		code, err := strconv.ParseUint(text[2:2+digits], 16, 31)
		if err == nil && utf8.ValidRune(rune(code)) {
			return string(rune(code)), 2 + digits
		}
	}
	return text[:2], 2
}
