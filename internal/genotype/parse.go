package genotype

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MaxText is the size in bytes of the largest text that Parse reads: a log of a very long search.
const MaxText = 16 << 20

// maxDefinitions bounds how many genotypes are looked at in one text.
const maxDefinitions = 10_000

// SyntaxError is a text that can't be read as a genotype, and where.
type SyntaxError struct {
	Source       string // the file, or what else the text came from
	Line, Column int    // from 1 on
	Problem      string // what was found and what would do
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Source, e.Line, e.Column, e.Problem)
}

// File is a text with the genotypes that it defines: a Python file, a log, JSON, or a single expression.
type File struct {
	source, text string
	definitions  []definition
	aliases      map[string]string
}

// definition is one genotype of a text, or why it can't be read.
type definition struct {
	name     string // empty if it has none
	at, end  int
	rank     rank
	genotype Genotype
	warnings []string
	err      error
}

// rank says how much a definition counts: those of a higher rank are ignored if there is one of a lower.
type rank uint8

const (
	code   rank = iota // NAME = Genotype(…), a dictionary, or an expression alone
	quoted             // within a triple-quoted string
	logged             // in a line with other text before it
)

// Parse reads all genotypes of a text. It fails if there is none; one that can't be read fails when it is asked for. source
// names the text in errors.
func Parse(source, text string) (*File, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%s: the text has %d bytes, more than the %d that are read: cut out the genotype", source, len(text), MaxText)
	}
	f := &File{source: source, text: text, aliases: map[string]string{}}
	f.find()
	f.findAliases()
	if len(f.definitions) == 0 {
		return nil, f.nothing()
	}
	return f, nil
}

var (
	callPattern = regexp.MustCompile(`\bGenotype\s*\(`)
	keyPattern  = regexp.MustCompile(`['"](?:normal|normal/op_2_0)['"]\s*:`)
	// outputPattern marks what nat derive prints as JSON: its result is meant, not its input.
	outputPattern = regexp.MustCompile(`"(input|output)"\s*:\s*\{`)
	aliasPattern  = regexp.MustCompile(`(?m)^[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*([A-Za-z_]\w*)[ \t]*(?:#.*)?\r?$`)
)

// find collects the definitions in the order of the text.
func (f *File) find() {
	triple, marks := tripleQuoted(f.text), outputPattern.FindAllStringSubmatchIndex(f.text, -1)
	var starts []int
	for _, m := range callPattern.FindAllStringIndex(f.text, maxDefinitions) {
		starts = append(starts, m[0])
	}
	for _, m := range keyPattern.FindAllStringIndex(f.text, maxDefinitions) {
		if at := enclosingBrace(f.text, m[0]); at >= 0 {
			starts = append(starts, at)
		}
	}
	slices.Sort(starts)
	end := 0
	for _, at := range slices.Compact(starts) {
		if at < end || f.isInput(marks, at) {
			continue
		}
		d, ok := f.read(at)
		if !ok {
			continue
		}
		if slices.ContainsFunc(triple, func(span [2]int) bool { return span[0] < at && at < span[1] }) {
			d.rank = quoted
		}
		f.definitions = append(f.definitions, d)
		end = max(end, d.end)
	}
}

// isInput tells whether a genotype is the input that nat derive prints beside its output; marks are where both begin.
func (f *File) isInput(marks [][]int, at int) bool {
	next, _ := slices.BinarySearchFunc(marks, at, func(m []int, at int) int { return m[0] - at })
	return next > 0 && next < len(marks) && f.text[marks[next-1][2]:marks[next-1][3]] == "input"
}

// tripleQuoted returns the spans of a text between triple quotes.
func tripleQuoted(text string) (spans [][2]int) {
	for at := 0; ; {
		open := strings.IndexAny(text[at:], `'"`)
		if open < 0 {
			return spans
		}
		at += open
		quote := text[at : at+1]
		if triple := strings.Repeat(quote, 3); !strings.HasPrefix(text[at:], triple) {
			at++
		} else if length := strings.Index(text[at+3:], triple); length >= 0 {
			spans = append(spans, [2]int{at, at + 3 + length})
			at += length + 6
		} else {
			return append(spans, [2]int{at, len(text)})
		}
	}
}

// enclosingBrace returns where the dictionary begins that a key stands in, or −1.
func enclosingBrace(text string, at int) int {
	const far = 1 << 16
	depth := 0
	for i := at - 1; i >= max(0, at-far); i-- {
		switch text[i] {
		case '}', ']', ')':
			depth++
		case '[', '(':
			depth--
		case '{':
			if depth <= 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

var (
	// assignedPattern is what stands before a named definition; group 1 is its first name, group 2 a quote.
	assignedPattern = regexp.MustCompile(`(?:^|[^\w.'"])([A-Za-z_][\w.]*)\s*=\s*\\?\s*\(?\s*(?:[A-Za-z_][\w.]*\s*=\s*)*(['"]?)$`)
	// labelledPattern is a name and a colon without quotes, as in YAML and logs.
	labelledPattern = regexp.MustCompile(`([A-Za-z_]\w*)\s*:\s*$`)
	keyedPattern    = regexp.MustCompile(`['"]([^'"\n]{1,100})['"]\s*:\s*(['"]?)$`)
	modulePattern   = regexp.MustCompile(`(?:[A-Za-z_]\w*\.)+$`)
	definesPattern  = regexp.MustCompile(`\b(?:class|def)\s+$`)
	namePattern     = regexp.MustCompile(`"name"\s*:\s*"([^"\n]{1,100})"[^{}]*$`)
)

// read reads the definition that begins at a place. It reports false for what is none: a comment, a class of that name.
func (f *File) read(at int) (definition, bool) {
	d := definition{at: at}
	before := f.text[max(0, at-400):at]
	start := strings.LastIndexByte(before, '\n') + 1
	if isComment(before[start:]) || definesPattern.MatchString(before) {
		return d, false
	}
	quote := f.describe(&d, before, start)
	r := &reader{text: f.text, pos: at, quote: quote}
	b := &builder{reader: r}
	l, err := r.operand()
	d.end = r.pos
	if err == nil {
		err = f.notComputed(r)
	}
	if err == nil {
		d.genotype, err = b.fromLiteral(l)
	}
	d.genotype.Name, d.warnings, d.err = d.name, b.warnings, err
	return d, true
}

// describe finds the definition's name and rank, and the quote of the string that it stands in, by what stands before it.
func (f *File) describe(d *definition, before string, start int) (quote byte) {
	before = before[:len(before)-len(modulePattern.FindString(before))]
	rest := before[min(start, len(before)):]
	match := assignedPattern.FindStringSubmatchIndex(before)
	if m := keyedPattern.FindStringSubmatchIndex(before); m != nil {
		match = m
	}
	if m := labelledPattern.FindStringSubmatch(before); match == nil && m != nil {
		d.name, d.rank = m[1], logged
		return 0
	}
	if match != nil {
		d.name = before[match[2]:match[3]]
		if dot := strings.LastIndexByte(d.name, '.'); dot >= 0 {
			d.name = d.name[dot+1:]
		}
		if match[4] < match[5] {
			quote = before[match[4]]
		}
		rest = before[min(start, match[2]):match[2]]
	}
	if slices.Contains([]string{"spec", "genotype", "architecture", "arch"}, d.name) && f.text[d.at] == '{' || quote != 0 && d.name == "genotype" {
		d.name = "" // the key of a JSON object
		if m := namePattern.FindStringSubmatch(before); m != nil {
			d.name = m[1]
		}
		return quote
	}
	if strings.Trim(rest, " \t\r\n`*>-{'\"[(,") != "" && f.text[d.at] != '{' && !keyedPattern.MatchString(before) {
		d.rank = logged
	}
	return quote
}

// isComment tells whether what stands before something on its line makes it a comment. A # before a number is none: logs
// count with it.
func isComment(line string) bool {
	for i, c := range line {
		if c == '#' && (i+1 == len(line) || line[i+1] < '0' || line[i+1] > '9') {
			return true
		}
	}
	return false
}

// notComputed refuses a genotype that an attribute or method is taken of.
func (f *File) notComputed(r *reader) error {
	if rest := r.text[r.pos:]; len(rest) > 1 && rest[0] == '.' && isWord(rest[1]) {
		return r.fail(r.pos, "the genotype is changed by code, which is not run: write down its result")
	}
	return nil
}

// fromLiteral makes a genotype of a call or a dictionary.
func (b *builder) fromLiteral(l literal) (Genotype, error) {
	if slices.ContainsFunc(l.fields, func(f field) bool { return strings.HasPrefix(f.name, "normal/") }) {
		return b.flatKeys(l)
	}
	fields, err := b.positional(l)
	if err != nil {
		return Genotype{}, err
	}
	return b.genotype(l.at, fields)
}

// flatKeys reads NNI's form, 'normal/op_2_0': 'skip_connect', 'normal/input_2_0': [0]: the first number is the node, the
// second counts its edges. All nodes are concatenated.
func (b *builder) flatKeys(l literal) (Genotype, error) {
	var g Genotype
	values := map[string]field{}
	for _, f := range l.fields {
		values[f.name] = f
	}
	for _, c := range []struct {
		kind string
		cell *Cell
	}{{"normal", &g.Normal}, {"reduce", &g.Reduce}} {
		for node := 2; node < MaxNodes+2; node++ {
			if _, ok := values[fmt.Sprintf("%s/op_%d_0", c.kind, node)]; !ok {
				break
			}
			for i := range 2 {
				e, err := b.flatKeyEdge(l, values, fmt.Sprintf("%s/%%s_%d_%d", c.kind, node, i))
				if err != nil {
					return g, err
				}
				e.To = node
				c.cell.Edges = append(c.cell.Edges, e)
			}
			c.cell.Concat = append(c.cell.Concat, node)
		}
	}
	for _, f := range l.fields {
		if _, left := values[f.name]; left {
			return g, b.reader.fail(f.at, "the key %s doesn't fit: each node from 2 on has an op and an input for its edges 0 and 1", shortened(f.name))
		}
	}
	b.warn("no concat list is given: all nodes are concatenated")
	if err := g.Validate(); err != nil {
		return g, b.reader.fail(l.at, "%w", err)
	}
	return g, nil
}

// flatKeyEdge takes the operation and the source of an edge out of values.
func (b *builder) flatKeyEdge(l literal, values map[string]field, pattern string) (Edge, error) {
	op, input := values[fmt.Sprintf(pattern, "op")], values[fmt.Sprintf(pattern, "input")]
	for _, f := range []struct {
		field
		what string
	}{{op, "op"}, {input, "input"}} {
		if f.name == "" {
			return Edge{}, b.reader.fail(l.at, "the key %s is missing: every node needs exactly two edges", fmt.Sprintf(pattern, f.what))
		}
		delete(values, f.name)
	}
	from := input.value
	if from.kind == list && len(from.items) == 1 {
		from = from.items[0]
	}
	if op.value.kind != text || from.kind != integer {
		return Edge{}, b.reader.fail(op.at, "%s is %s with input %s, where an operation and the number of a node should stand", shortened(op.name), op.value, from)
	}
	id, err := b.operation(op.value)
	return Edge{Op: id, From: from.number}, err
}

// located turns a failure into an error with line and column.
func (f *File) located(err error) error {
	var at failure
	if err == nil || !errors.As(err, &at) {
		return err
	}
	line, column := position(f.text, at.at)
	return &SyntaxError{f.source, line, column, at.Error()}
}

// findAliases collects lines NAME = OTHER.
func (f *File) findAliases() {
	for _, m := range aliasPattern.FindAllStringSubmatch(f.text, maxDefinitions) {
		f.aliases[m[1]] = m[2]
	}
}

// nothing is the error of a text without a genotype. It names the form if that is one of those that are known, but can't be
// read.
func (f *File) nothing() error {
	for _, form := range []struct{ pattern, message string }{
		{`\|\w+~\d+\|`, "this is a NAS-Bench-201 string: one cell whose nodes have one, two and three edges, which is no architecture of two cells"},
		{`!!python/`, "this is YAML with tagged objects, which are never constructed: write the genotype as Genotype(…)"},
		{`(normal|reduce)_n\d+_p\d+`, "these are chosen edges by name: write the genotype as Genotype(…)"},
		{`(edge|inputs_node)_(normal|reduce)_\d+`, "these are ConfigSpace keys: write the genotype as Genotype(…)"},
		{`(normal|reduce)_\d+_(op|input)_\w+`, "this is the flat form of the NDS spaces, whose operations are others: write the genotype as Genotype(…)"},
		{`^[\s\[\],]*\d[\d\s\[\],]*$`, "these are bare numbers: several projects number operations, each in its own way; write the genotype as Genotype(…) with names"},
		{`^\s*[\[(]+\s*['"]\w+['"]\s*,`, "this is a list of edges of one cell: write Genotype(normal=[…], normal_concat=[…], reduce=[…], reduce_concat=[…])"},
	} {
		if at := regexp.MustCompile(form.pattern).FindStringIndex(f.text); at != nil {
			return f.located(failure{at[0], errors.New(form.message)})
		}
	}
	return f.located(failure{0, errors.New("there is no genotype here: one is written as NAME = Genotype(normal=[('sep_conv_3x3', 0, 2), …], normal_concat=[…], reduce=[…], reduce_concat=[…])")})
}

// counted returns the definitions that count: those of the lowest rank that there is.
func (f *File) counted() (found []definition) {
	lowest := slices.MinFunc(f.definitions, func(a, b definition) int { return int(a.rank) - int(b.rank) }).rank
	for _, d := range f.definitions {
		if d.rank == lowest {
			found = append(found, d)
		}
	}
	return found
}

// Names returns the names under which the text's genotypes can be asked for, in its order, without repeats. Genotypes
// without a name are numbered from 1 on.
func (f *File) Names() (names []string) {
	for i, d := range f.counted() {
		if name := d.called(i); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// called returns what definition number i is asked for by.
func (d definition) called(i int) string {
	if d.name == "" {
		return strconv.Itoa(i + 1)
	}
	return d.name
}

// Only returns the genotype of a text that has one, and the last one of a log, with what the user should know about how it
// was read.
func (f *File) Only() (Genotype, []string, error) {
	found := f.counted()
	last := found[len(found)-1]
	names := f.Names()
	if len(names) == 1 && strings.EqualFold(last.name, "genotype") {
		last.rank = logged // what programs of the field print after every epoch
	}
	if len(found) > 1 && last.rank != logged {
		if len(names) == 1 {
			return Genotype{}, nil, f.twice(names[0])
		}
		const most = 20
		shown := strings.Join(names[:min(most, len(names))], ", ")
		if len(names) > most {
			shown += ", …"
		}
		return Genotype{}, nil, fmt.Errorf("%s has %d genotypes: say which as %s:NAME; there are %s", f.source, len(found), f.source, shown)
	}
	if len(found) > 1 {
		last.warnings = append([]string{fmt.Sprintf("of the %d genotypes in %s the last was taken", len(found), f.source)}, last.warnings...)
	}
	return last.genotype, last.warnings, f.located(last.err)
}

func (f *File) twice(name string) error {
	return fmt.Errorf("%s defines %s more than once: leave one definition", f.source, name)
}

// Find returns the genotype of a name, following aliases.
func (f *File) Find(name string) (Genotype, []string, error) {
	wanted := name
	for range len(f.aliases) + 1 {
		var found []definition
		for i, d := range f.counted() {
			if d.called(i) == wanted {
				found = append(found, d)
			}
		}
		if len(found) > 1 && found[0].rank != logged {
			return Genotype{}, nil, f.twice(wanted)
		}
		if len(found) > 0 {
			d := found[len(found)-1]
			d.genotype.Name = name
			return d.genotype, d.warnings, f.located(d.err)
		}
		wanted = f.aliases[wanted]
	}
	names := f.Names()
	if near := Nearest(name, names); near != "" {
		return Genotype{}, nil, fmt.Errorf("%s has no genotype %s: did you mean %s?", f.source, name, near)
	}
	return Genotype{}, nil, fmt.Errorf("%s has no genotype %s: there are %s", f.source, name, shortened(strings.Join(names, ", ")))
}
