package genotype

import (
	"fmt"
	"strings"
	"unicode"
)

// String returns the genotype in the published form, on one line and without its name.
func (g Genotype) String() string {
	return fmt.Sprintf("Genotype(normal=%s, normal_concat=%s, reduce=%s, reduce_concat=%s)",
		edgeList(g.Normal), concatList(g.Normal), edgeList(g.Reduce), concatList(g.Reduce))
}

// MarshalText returns what String does: JSON holds genotypes so.
func (g Genotype) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads a text that holds one genotype, in any form.
func (g *Genotype) UnmarshalText(text []byte) error {
	file, err := Parse("genotype", string(text))
	if err != nil {
		return err
	}
	*g, _, err = file.Only()
	return err
}

// Define returns the definition NAME = Genotype(…) as users write it, or the expression alone where there is no name.
func (g Genotype) Define() string {
	if g.Name == "" {
		return g.String()
	}
	return identifier(g.Name) + " = " + g.String()
}

// identifier turns a name, which may be the key of an object or a file's, into one that Python takes.
func identifier(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, name)
	if first := firstRune(name); unicode.IsDigit(first) {
		name = "_" + name
	}
	return name
}

func edgeList(c Cell) string {
	var edges []string
	for _, e := range c.Edges {
		edges = append(edges, fmt.Sprintf("('%s', %d, %d)", e.Op, e.From, e.To))
	}
	return "[" + strings.Join(edges, ", ") + "]"
}

func concatList(c Cell) string { return strings.ReplaceAll(fmt.Sprint(c.Concat), " ", ", ") }
