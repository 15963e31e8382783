package genotype

import (
	"regexp"
	"slices"
	"strings"
)

// Bounds on what is looked into: strings in strings, the length of a string, and that of a line with an alias.
const (
	maxStrings  = 4
	maxString   = 1 << 20
	longestLine = 300
)

// finder goes through an excerpt and collects the genotypes in it. Whatever stands round them is passed over.
type finder struct {
	file *File
	excerpt
	pos      int
	strings  int  // how many strings the excerpt stands in
	rank     rank // what definitions have at best
	found    []definition
	cut      bool         // whether one of those found reached the end of the excerpt too early
	unclosed map[byte]int // by quote, up to where no string with it is closed
}

var (
	callPattern   = regexp.MustCompile(`^Genotype\s*\(`)
	cellPattern   = regexp.MustCompile(`['"](?:normal|reduce|reduction)(?:_concat|/\w+)?['"]\s*:`)
	prefixPattern = regexp.MustCompile(`(?:^|\W)[uUrRbBfF]{1,2}$`)
	firstKey      = regexp.MustCompile(`^(?:\s|#[^\n]*\n)*[uUrRbB]{0,2}['"]`)
	inputPattern  = regexp.MustCompile(`['"]input['"]\s*:`)
	// logPattern is a line that starts as logs do: with a date, a time or a step.
	logPattern   = regexp.MustCompile(`^[ \t\[(]*(?:\d{1,4}[-/.:]\d{1,2}[-/.:]\d{1,2}|\d{1,2}/\d{1,2}[ T]\d{1,2}:|(?i:epoch|step|iter|iteration)[ :#\[(]{0,3}\d)`)
	aliasPattern = regexp.MustCompile(`^[ \t]*([A-Za-z_]\w*(?:[ \t]*=[ \t]*[A-Za-z_]\w*)+)[ \t]*(?:#.*)?$`)
)

// find collects what the excerpt has from pos on.
func (s *finder) find() {
	for s.pos < len(s.text) && len(s.found) <= maxDefinitions {
		if s.strings == 0 && (s.pos == 0 || s.text[s.pos-1] == '\n') {
			s.line()
		}
		switch c := s.text[s.pos]; {
		case c == '#' && isComment(s.text, s.pos):
			s.pos = lineEnd(s.text, s.pos)
		case c == '\'' || c == '"':
			s.quote(c)
		case c == '{':
			s.dictionary()
		case c == 'G' && s.atCall():
			s.call()
		default:
			s.pos++
		}
	}
}

// line looks at the line that begins at pos: it may give something another name, or show that the text is a log.
func (s *finder) line() {
	line := strings.TrimSuffix(s.text[s.pos:min(lineEnd(s.text, s.pos), s.pos+longestLine)], "\r")
	if logPattern.MatchString(line) {
		s.file.log = true
	}
	if len(s.file.aliases) == maxDefinitions || !strings.Contains(line, "=") {
		return
	}
	if m := aliasPattern.FindStringSubmatch(line); m != nil {
		names := strings.Split(m[1], "=")
		last := strings.TrimSpace(names[len(names)-1])
		for _, name := range names[:len(names)-1] {
			s.file.aliases[strings.TrimSpace(name)] = last
		}
	}
}

// lineEnd returns where the line ends that at is in.
func lineEnd(text string, at int) int {
	if length := strings.IndexByte(text[at:], '\n'); length >= 0 {
		return at + length
	}
	return len(text)
}

// isComment tells whether the # at a place begins a comment. One before a number does so at the start of a line only: logs
// count with it.
func isComment(text string, at int) bool {
	if at+1 == len(text) || text[at+1] < '0' || text[at+1] > '9' {
		return true
	}
	start := strings.LastIndexByte(text[:at], '\n') + 1
	return at-start < 1000 && strings.TrimSpace(text[start:at]) == ""
}

// quote passes over a string, after it has looked for genotypes in it.
func (s *finder) quote(c byte) {
	if triple := strings.Repeat(string(c), 3); strings.HasPrefix(s.text[s.pos:], triple) {
		s.tripleQuote(triple)
		return
	}
	open := s.pos
	s.pos++
	if open < s.unclosed[c] || open > 0 && isWord(s.text[open-1]) && !prefixed(s.text[:open]) {
		return // an apostrophe
	}
	end, closed := stringEnd(s.text[:min(len(s.text), open+maxString)], open)
	if !closed {
		if s.unclosed == nil {
			s.unclosed = map[byte]int{}
		}
		s.unclosed[c] = end
		return
	}
	inner := s.text[open+1 : end-1]
	if strings.Contains(inner, "Genotype") || cellPattern.MatchString(strings.ReplaceAll(inner, `\`, "")) {
		found := s.inside(s.excerpt.inside(open, end))
		if found.cut && callPattern.FindString(strings.TrimSpace(inner)) == "" {
			return // the quote may be an apostrophe, and the string end in the genotype
		}
		s.found = append(s.found, found.found...)
	}
	s.pos = end
}

// inside looks for genotypes in an excerpt of this one.
func (s *finder) inside(x excerpt) *finder {
	inner := &finder{file: s.file, excerpt: x, strings: s.strings + 1, rank: s.rank}
	if inner.strings <= maxStrings {
		inner.find()
	}
	return inner
}

// prefixed tells whether a text ends in what may stand in front of a string in Python.
func prefixed(text string) bool { return prefixPattern.MatchString(text[max(0, len(text)-3):]) }

// tripleQuote passes over a string that may have several lines. If all of it is one genotype that stands as a value, it
// counts as code.
func (s *finder) tripleQuote(triple string) {
	open := s.pos
	length := strings.Index(s.text[open+3:], triple)
	if length < 0 {
		s.pos += 3
		return
	}
	s.pos = open + 3 + length + 3
	x := s.part(open+3, open+3+length)
	before := strings.TrimRight(s.text[max(0, open-100):open], " \t\r\n")
	if before == "" || !strings.ContainsRune("=:([,", rune(before[len(before)-1])) || callPattern.FindString(strings.TrimSpace(x.text)) == "" {
		outer := s.rank
		s.rank = max(outer, quoted)
		defer func() { s.rank = outer }()
	}
	s.found = append(s.found, s.inside(x).found...)
}

// atCall tells whether a call of Genotype begins at pos: neither of another word that ends so, nor a class of that name.
func (s *finder) atCall() bool {
	if s.pos > 0 && isWord(s.text[s.pos-1]) {
		return false
	}
	before := strings.TrimRight(s.text[max(0, s.pos-20):s.pos], " \t")
	return !strings.HasSuffix(before, "class") && !strings.HasSuffix(before, "def") && callPattern.MatchString(s.text[s.pos:min(len(s.text), s.pos+100)])
}

// call reads the call of Genotype at pos.
func (s *finder) call() {
	at := s.pos
	r := &reader{excerpt: s.excerpt, pos: at}
	l, err := r.operand()
	d := s.placed(at)
	switch {
	case err != nil:
		d.err = err
		reached := min(r.pos+1, len(s.text))
		s.cut = s.cut || reached == len(s.text)
		if reached < len(s.text) && !strings.ContainsAny(s.text[at:reached], `'"`) {
			d.rank = program
		}
		s.pos = at + len("Genotype")
	case s.changed(r.pos):
		d.err = r.fail(r.pos, "the genotype is changed by code, which is not run: write down its result")
		s.pos = r.pos
	default:
		s.build(&d, r, l)
		s.pos = r.pos
	}
	s.found = append(s.found, d)
}

// changed tells whether an attribute, a method or an item is taken of the genotype that ends at a place.
func (s *finder) changed(end int) bool {
	rest := s.text[end:]
	return len(rest) > 1 && (rest[0] == '.' && isWord(rest[1]) || rest[0] == '[')
}

// build makes the definition's genotype of what was read.
func (s *finder) build(d *definition, r *reader, l literal) {
	b := &builder{reader: r}
	d.genotype, d.err = b.fromLiteral(l)
	d.warnings = b.warnings
	if len(d.names) > 0 {
		d.genotype.Name = d.names[0]
	}
	if d.err != nil && l.kind == call && l.isProgram() {
		d.rank = program
	}
}

// isProgram tells whether variables and calls stand in a call of Genotype where edges should.
func (l literal) isProgram() bool {
	variable := func(v literal) bool { return v.kind == name && !v.isNone() || v.kind == call || v.kind == computed }
	named := slices.ContainsFunc(l.fields, func(f field) bool { return variable(f.value) })
	edges := slices.ContainsFunc(l.fields, func(f field) bool { return f.value.kind == list && len(f.value.items) > 0 })
	return !edges && (named || len(l.fields) == 0 && !slices.ContainsFunc(l.items, func(v literal) bool { return v.kind == list }))
}

// dictionary reads what begins with the brace at pos, if it is a dictionary of Python or an object of JSON.
func (s *finder) dictionary() {
	at := s.pos
	s.pos++
	if !firstKey.MatchString(s.text[s.pos:min(len(s.text), s.pos+longestLine)]) {
		return
	}
	r := &reader{excerpt: s.excerpt, pos: at}
	l, err := r.operand()
	if err == nil {
		s.pos = r.pos
		s.search(r, l, s.placed(at))
		return
	}
	if len(r.open) == maxDepth {
		s.pos = max(s.pos, r.pos) // else every brace in here would be tried
	}
	read := s.text[at:max(at, min(r.pos, len(s.text)))]
	if cellPattern.MatchString(read) || inputPattern.MatchString(read) {
		d := s.placed(at)
		d.err = err
		s.found = append(s.found, d)
		s.cut = s.cut || r.pos >= len(s.text)
		s.pos = max(s.pos, r.pos)
	}
}

// search collects the genotypes in a value of a dictionary. d is where it stands, with the name that was seen for it last.
func (s *finder) search(r *reader, l literal, d definition) {
	switch l.kind {
	case call:
		if l.word == "Genotype" || strings.HasSuffix(l.word, ".Genotype") {
			s.build(&d, r, l)
			s.found = append(s.found, d)
		}
	case text:
		s.searchString(l, d)
	case list:
		for _, item := range l.items {
			s.search(r, item, d)
		}
	case mapping:
		if l.isGenotype() {
			s.build(&d, r, l)
			s.found = append(s.found, d)
			return
		}
		s.searchFields(r, l, d)
	}
}

// searchFields goes through the values of a dictionary. Of what nat derive prints, the output is meant.
func (s *finder) searchFields(r *reader, l literal, d definition) {
	if output, ok := l.field("output"); ok && output.kind == mapping {
		if _, ok := output.field("genotype"); ok {
			l = output
		}
	}
	title, titled := l.field("name")
	for _, f := range l.fields {
		inner := d
		switch {
		case titled && title.kind == text && title.word != "":
			inner.names = []string{title.word}
		case !slices.Contains(generic, strings.ToLower(f.name)):
			inner.names = []string{f.name}
		}
		s.search(r, f.value, inner)
	}
}

// generic are keys that hold an architecture, but don't name it.
var generic = []string{
	"spec", "genotype", "genotypes", "architecture", "architectures", "arch", "archs", "model", "models", "cells", "config", "best",
	"result", "results", "output", "outputs", "network", "super_network", "text", "data",
}

// searchString collects the genotypes that a string within a dictionary says. Its key is another name of theirs.
func (s *finder) searchString(l literal, d definition) {
	open := l.at + strings.IndexAny(s.text[l.at:], `'"`)
	end, _ := stringEnd(s.text, open)
	if end-open > maxString || !strings.Contains(l.word, "Genotype") && !cellPattern.MatchString(l.word) {
		return
	}
	x := s.excerpt.inside(open, end)
	x.outer = nil // d says what stands round the string
	for _, inner := range s.inside(x).found {
		inner.names = slices.Concat(inner.names, d.names)
		if len(inner.names) > 0 {
			inner.genotype.Name = inner.names[0]
		}
		inner.rank = max(inner.rank, d.rank)
		s.found = append(s.found, inner)
	}
}

// field returns the value that a mapping has under a key.
func (l literal) field(key string) (literal, bool) {
	i := slices.IndexFunc(l.fields, func(f field) bool { return f.name == key })
	if i < 0 {
		return literal{}, false
	}
	return l.fields[i].value, true
}
