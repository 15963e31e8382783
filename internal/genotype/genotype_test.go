package genotype

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"nat/internal/primitive"
)

// TestRandomIsUniform draws many cells and counts sources and operations (spec section 7).
func TestRandomIsUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const draws, nodes = 20_000, 4
	sources, ops, doubled := map[[2]int]int{}, map[primitive.ID]int{}, 0
	for range draws {
		c := RandomCell(r, nodes)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Edges {
			sources[[2]int{e.From, e.To}]++
			ops[e.Op]++
		}
		if c.Edges[6].From == c.Edges[7].From {
			doubled++
		}
	}
	for to := 2; to < nodes+2; to++ {
		for from := range to {
			if got, want := float64(sources[[2]int{from, to}]), 2*draws/float64(to); got < 0.95*want || got > 1.05*want {
				t.Errorf("node %d feeds node %d %g times, want about %g", from, to, got, want)
			}
		}
	}
	for id := range primitive.ID(primitive.Searchable) {
		want := 2 * nodes * draws / float64(primitive.Searchable-1)
		if id == primitive.NullOp {
			want = 0
		}
		if got := float64(ops[id]); got < 0.95*want || got > 1.05*want {
			t.Errorf("%s was drawn %g times, want about %g", id, got, want)
		}
	}
	if got, want := float64(doubled), draws/5.0; got < 0.9*want || got > 1.1*want {
		t.Errorf("both edges of node 5 have one source %g times, want about %g", got, want)
	}
}

func TestAdjacencyAndSources(t *testing.T) {
	c := Cell{Edges: []Edge{{primitive.NullOp, 0, 2}, {primitive.Conv1x1, 0, 2}, {primitive.SkipConnect, 2, 3}, {primitive.NullOp, 1, 3}}, Concat: []int{3}}
	if got, want := c.Adjacency(), []float32{0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("adjacency %v, want %v", got, want)
	}
	if got := c.Sources(); !slices.Equal(got, []bool{true, true, true, false}) {
		t.Errorf("sources %v: null edges count", got)
	}
}

// TestValidate refuses every way in which a cell can be wrong.
func TestValidate(t *testing.T) {
	good := func() Genotype { return Random(rand.New(rand.NewPCG(3, 4)), 3) }
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Genotype){
		"for each of 1 to 12":            func(g *Genotype) { g.Normal.Edges = nil },
		"reduce cell: 5 edges":           func(g *Genotype) { g.Reduce.Edges = g.Reduce.Edges[:5] },
		"every node has two edges":       func(g *Genotype) { g.Normal.Edges[2].To = 4 },
		"fed from nodes 0 to 3":          func(g *Genotype) { g.Normal.Edges[5].From = 4 },
		"is fed from nodes 0 to 1 only":  func(g *Genotype) { g.Normal.Edges[0].From = -1 },
		"concat list is empty":           func(g *Genotype) { g.Reduce.Concat = nil },
		"names node 5":                   func(g *Genotype) { g.Reduce.Concat[0] = 5 },
		"names node 3 twice":             func(g *Genotype) { g.Reduce.Concat[2] = 3 },
		"normal cell has 3 nodes and th": func(g *Genotype) { g.Reduce = RandomCell(rand.New(rand.NewPCG(1, 1)), 2) },
	} {
		g := good()
		spoil(&g)
		if err := g.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
