package genotype

import (
	"errors"
	"regexp"
)

// language is another way to write architectures down, which is refused by name.
type language struct {
	pattern *regexp.Regexp
	message string // what it is and what to do
}

// publishedForm ends the messages that say what to write instead.
const publishedForm = "write NAME = Genotype(normal=[('sep_conv_3x3', 0, 2), …], normal_concat=[…], reduce=[…], reduce_concat=[…])"

// languages are tried in this order on a text without genotypes.
var languages = []language{
	{regexp.MustCompile(`\x00`), "this is not text: give a file with a genotype in it"},
	{regexp.MustCompile(`\|\w+~\d+\|`), "this is a NAS-Bench-201 string: one cell whose nodes have one, two and three edges, which is no architecture of two cells"},
	{regexp.MustCompile(`!!python/`), "this is YAML with tagged objects, which are never constructed: " + publishedForm},
	{regexp.MustCompile(`\b(normal|reduce)_n\d+_p\d+`), "these are chosen edges by name, the edges not chosen among them: " + publishedForm},
	{regexp.MustCompile(`(edge|inputs_node)_(normal|reduce)_\d+`), "these are ConfigSpace keys: " + publishedForm},
	{regexp.MustCompile(`\b(normal|reduce)_\d+_(op|input)_\w+`), "this is the flat form of the NDS spaces, whose operations are others: " + publishedForm},
	{regexp.MustCompile(`\b\w+Genotype\s*\(`), "this is another class than Genotype, with other fields: " + publishedForm},
	{regexp.MustCompile(`(?m)^[ \t]*#.*\bGenotype\s*\(`), "the genotype is in a comment: take away the # in front of it"},
	{regexp.MustCompile(`\b(?i:genotype)\s*\(`), "Genotype is spelt with a capital and small letters: " + publishedForm},
	{regexp.MustCompile(`^[\[\]()\d\s,]*\d[\[\]()\d\s,]*$`), "these are bare numbers: several projects number operations, each in its own way; " + publishedForm},
	{regexp.MustCompile(`\b(normal|reduce)(_concat)?\s*=`), "the fields stand alone, without Genotype( in front and ) behind: " + publishedForm},
	{regexp.MustCompile(`(?m)^\s*(- )?(normal|reduce)(_concat)?:|\{\s*normal\s*:`), "this is YAML, which is not read: write it as JSON, or " + publishedForm},
	{regexp.MustCompile(`^\s*[\[(]{3,}\s*['"]`), "this is a list of cells, or of edges for each node, without names: " + publishedForm},
	{regexp.MustCompile(`^\s*[\[(]+\s*['"][^'"\n]*['"]\s*,`), "this is a list of edges of one cell: " + publishedForm},
}

// nothing is the error of a text without a genotype. It names the language if that is one that is known, but isn't read.
func (f *File) nothing() error {
	const enough = 100_000 // bytes to know a language by
	for _, l := range languages {
		if at := l.pattern.FindStringIndex(f.text[:min(len(f.text), enough)]); at != nil {
			return f.located(failure{at[0], errors.New(l.message)})
		}
	}
	return f.located(failure{0, errors.New("there is no genotype here: " + publishedForm)})
}
