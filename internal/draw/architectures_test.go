package draw

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"nat/genotypes"
	"nat/internal/genotype"
	"nat/internal/primitive"
)

// cell reads edges written as "op source", two for each node, and a concat list.
func cell(t *testing.T, concat []int, edges ...string) genotype.Cell {
	t.Helper()
	c := genotype.Cell{Concat: concat}
	for i, e := range edges {
		name, source, _ := strings.Cut(e, " ")
		op, known := primitive.ByName(name)
		from, err := strconv.Atoi(source)
		if !known || err != nil {
			t.Fatalf("edge %q", e)
		}
		c.Edges = append(c.Edges, genotype.Edge{Op: op, From: from, To: 2 + i/2})
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// architectures are those of the tests: published ones with their outputs, odd ones, and random ones of many sizes.
func architectures(t *testing.T) map[string]genotype.Genotype {
	t.Helper()
	all := map[string]genotype.Genotype{
		"Odd": { // doubled edges of every sort; an isolated node; everything null
			Normal: cell(t, []int{2}, "conv_5x5 0", "conv_5x5 0", "null 1", "null 1", "sep_conv_7x7 3", "dil_conv_1x1 3"),
			Reduce: cell(t, []int{4, 2}, "null 0", "null 1", "null 0", "null 0", "null 2", "null 3"),
		},
	}
	for _, name := range genotypes.Names() {
		all[name], _ = genotypes.Lookup(name)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= genotype.MaxNodes; n++ {
		all["Random"+strconv.Itoa(n)] = genotype.Random(random, n)
	}
	for name, g := range all {
		g.Name = name
		all[name] = g
	}
	return all
}
