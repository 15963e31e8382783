package genotype

import (
	"fmt"
	"strings"
)

// String returns the genotype in the published form, on one line and without its name.
func (g Genotype) String() string {
	return fmt.Sprintf("Genotype(normal=%s, normal_concat=%s, reduce=%s, reduce_concat=%s)",
		edgeList(g.Normal), concatList(g.Normal), edgeList(g.Reduce), concatList(g.Reduce))
}

// Define returns the definition NAME = Genotype(…) as users write it, or the expression alone where there is no name.
func (g Genotype) Define() string {
	if g.Name == "" {
		return g.String()
	}
	return g.Name + " = " + g.String()
}

func edgeList(c Cell) string {
	var edges []string
	for _, e := range c.Edges {
		edges = append(edges, fmt.Sprintf("('%s', %d, %d)", e.Op, e.From, e.To))
	}
	return "[" + strings.Join(edges, ", ") + "]"
}

func concatList(c Cell) string { return strings.ReplaceAll(fmt.Sprint(c.Concat), " ", ", ") }
