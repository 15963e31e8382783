package genotype

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxText is the size in bytes of the largest text that Parse reads: a log of a very long search.
const MaxText = 16 << 20

// maxDefinitions bounds how many genotypes, and other names of them, are looked at in one text.
const maxDefinitions = 10_000

// File is a text with the genotypes that it defines: a Python file, a log, JSON, or a single expression.
type File struct {
	source string
	*document
	definitions []definition
	aliases     map[string]string
	log         bool // whether there are lines as only logs have them
}

// definition is one genotype of a text, or why it can't be read.
type definition struct {
	names    []string // the first is the genotype's own; there may be none
	rank     rank
	genotype Genotype
	warnings []string
	err      error
}

// rank says where a definition stands, and so how much it counts.
type rank uint8

const (
	code    rank = iota // NAME = Genotype(…), a dictionary, or an expression alone
	logged              // in a line with other text before it
	quoted              // within a triple-quoted string: it counts if there is none of those above
	program             // with variables in place of edges: it counts if there is no other
)

// Parse reads all genotypes of a text. It fails if there is none; one that can't be read fails when it is asked for. source
// names the text in errors.
func Parse(source, text string) (*File, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%s: the text has more than the %d bytes that are read: cut out the genotype", source, MaxText)
	}
	f := &File{source: source, document: newDocument(text), aliases: map[string]string{}}
	s := &finder{file: f, excerpt: excerpt{document: f.document, text: f.text}}
	s.find()
	f.definitions = s.found
	if len(f.definitions) > maxDefinitions {
		return nil, fmt.Errorf("%s: the text has more than the %d genotypes that are read: cut out the one that is meant", source, maxDefinitions)
	}
	if len(f.definitions) == 0 {
		return nil, f.nothing()
	}
	return f, nil
}

// located turns a failure into an error with line and column.
func (f *File) located(err error) error {
	var at failure
	if err == nil || !errors.As(err, &at) {
		return err
	}
	line, column := f.place(at.at)
	return &SyntaxError{f.source, line, column, at.Error()}
}

// counted returns the definitions that count, in the order of the text.
func (f *File) counted() []definition {
	for _, last := range []rank{logged, quoted} {
		if found := slices.DeleteFunc(slices.Clone(f.definitions), func(d definition) bool { return d.rank > last }); len(found) > 0 {
			return found
		}
	}
	return f.definitions
}

// isLog tells whether found, the definitions that count, are what a search printed as it went on, so that the last is the
// one that is meant. Several names of their own are no log, whatever else the text has.
func (f *File) isLog(found []definition) bool {
	names := map[string]bool{}
	lines, unnamed := 0, 0
	for _, d := range found {
		switch {
		case d.rank == logged:
			lines++
		case len(d.names) == 0:
			unnamed++
		case !strings.Contains(strings.ToLower(d.names[0]), "genotype"):
			names[d.names[0]] = true
		}
	}
	switch {
	case len(names) > 1:
		return false
	case f.log:
		return true
	default:
		return len(names) == 0 && (lines > 0 || unnamed == 0)
	}
}

// Names returns the names under which the text's genotypes can be asked for, in its order, without repeats. Genotypes
// without a name are numbered from 1 on.
func (f *File) Names() (names []string) {
	seen := map[string]bool{}
	for i, d := range f.counted() {
		name := strconv.Itoa(i + 1)
		if len(d.names) > 0 {
			name = d.names[0]
		}
		if !seen[name] {
			names = append(names, name)
		}
		seen[name] = true
	}
	return names
}

// Only returns the genotype of a text that has one, and the last one of a log, with what the user should know about how it
// was read.
func (f *File) Only() (Genotype, []string, error) {
	found := f.counted()
	last := found[len(found)-1]
	if len(found) == 1 {
		return last.genotype, last.warnings, f.located(last.err)
	}
	if !f.isLog(found) {
		names := f.Names()
		if len(names) == 1 {
			return Genotype{}, nil, f.twice(names[0])
		}
		return Genotype{}, nil, fmt.Errorf("%s has %d genotypes: say which as %s:NAME; there are %s", f.source, len(found), f.source, shortList(names))
	}
	warnings := append([]string{fmt.Sprintf("of the %d genotypes in %s the last was taken", len(found), f.source)}, last.warnings...)
	return last.genotype, warnings, f.located(last.err)
}

// shortList puts the first of a list of names, which may be very long, in one line.
func shortList(names []string) string {
	const most = 20
	shown := strings.Join(names[:min(most, len(names))], ", ")
	if len(names) > most {
		shown += ", …"
	}
	return shown
}

func (f *File) twice(name string) error {
	return fmt.Errorf("%s defines %s more than once: leave one definition", f.source, name)
}

// Find returns the genotype of a name, or of a number as Names gives them. It follows aliases.
func (f *File) Find(name string) (Genotype, []string, error) {
	counted := f.counted()
	for _, definitions := range [][]definition{counted, f.definitions} {
		found := f.named(definitions, name)
		if other, ok := f.aliases[name]; ok && len(found) > 0 && other != name && len(f.named(definitions, f.root(name))) > 0 {
			return Genotype{}, nil, f.twice(name)
		}
		if len(found) == 0 {
			found = f.named(definitions, f.root(name))
		}
		if len(found) > 1 && !f.isLog(counted) {
			return Genotype{}, nil, f.twice(name)
		}
		if len(found) > 0 {
			d := found[len(found)-1]
			d.genotype.Name = name
			return d.genotype, d.warnings, f.located(d.err)
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(counted) {
		d := counted[n-1]
		return d.genotype, d.warnings, f.located(d.err)
	}
	names := f.Names()
	for alias := range f.aliases {
		if len(f.named(counted, f.root(alias))) > 0 {
			names = append(names, alias)
		}
	}
	slices.Sort(names[len(f.Names()):])
	if near := Nearest(name, names); near != "" {
		return Genotype{}, nil, fmt.Errorf("%s has no genotype %s: did you mean %s?", f.source, shortened(name), near)
	}
	return Genotype{}, nil, fmt.Errorf("%s has no genotype %s: there are %s", f.source, shortened(name), shortList(names))
}

// named returns those definitions that have a name.
func (f *File) named(definitions []definition, name string) (found []definition) {
	for _, d := range definitions {
		if slices.Contains(d.names, name) {
			found = append(found, d)
		}
	}
	return found
}

// root follows the aliases from a name to what they stand for.
func (f *File) root(name string) string {
	for range len(f.aliases) {
		next, ok := f.aliases[name]
		if !ok {
			break
		}
		name = next
	}
	return name
}
