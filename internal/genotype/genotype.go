// Package genotype describes architectures: two cells of edges, as the field writes them down. It reads and prints them,
// checks them, draws them at random and gives their graph. It is a leaf: of this program it imports primitive alone.
package genotype

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"nat/internal/primitive"
)

// MaxNodes is how many intermediate nodes a cell may have to be read, drawn and costed.
const MaxNodes = 12

// Edge is an operation on the way from one node of a cell to another. Nodes 0 and 1 are the cell's inputs.
type Edge struct {
	Op       primitive.ID
	From, To int
}

// Cell is one of the two cells of an architecture (spec section 2): two edges for every intermediate node 2, 3, … in the
// order of their targets, and the nodes whose outputs are concatenated, in the order in which they are.
type Cell struct {
	Edges  []Edge
	Concat []int
}

// Nodes returns the number of intermediate nodes.
func (c Cell) Nodes() int { return len(c.Edges) / 2 }

// Clone returns a copy that shares no memory.
func (c Cell) Clone() Cell { return Cell{slices.Clone(c.Edges), slices.Clone(c.Concat)} }

// Equal tells whether two cells are the same, edge by edge.
func (c Cell) Equal(d Cell) bool {
	return slices.Equal(c.Edges, d.Edges) && slices.Equal(c.Concat, d.Concat)
}

// Adjacency returns, row by row, the [nodes+2, nodes+2] matrix of the cell's graph: element [t, f] is how many edges lead
// from f to t (0, 1 or 2), null edges included (spec section 6).
func (c Cell) Adjacency() []float32 {
	n := c.Nodes() + 2
	a := make([]float32, n*n)
	for _, e := range c.Edges {
		a[e.To*n+e.From]++
	}
	return a
}

// Sources returns by node whether any edge of the cell, null edges included, leaves it: the loose ends are the
// intermediate nodes for which it is false (spec section 5).
func (c Cell) Sources() []bool {
	used := make([]bool, c.Nodes()+2)
	for _, e := range c.Edges {
		used[e.From] = true
	}
	return used
}

// Validate checks what every cell must hold: 1 to MaxNodes nodes, two edges each in order, sources below their node, and
// a concat list of intermediate nodes without repeats.
func (c Cell) Validate() error {
	n := c.Nodes()
	if len(c.Edges)%2 != 0 || n < 1 || n > MaxNodes {
		return fmt.Errorf("%d edges: a cell has two for each of 1 to %d nodes", len(c.Edges), MaxNodes)
	}
	for i, e := range c.Edges {
		if want := 2 + i/2; e.To != want {
			return fmt.Errorf("edge %d (%s, %d, %d) leads to node %d, where one to node %d must stand: every node has two edges", i, e.Op, e.From, e.To, e.To, want)
		}
		if e.From < 0 || e.From >= e.To {
			return fmt.Errorf("edge %d (%s, %d, %d): node %d is fed from nodes 0 to %d only", i, e.Op, e.From, e.To, e.To, e.To-1)
		}
	}
	if len(c.Concat) == 0 {
		return fmt.Errorf("the concat list is empty: name the nodes that make the cell's output, of 2 to %d", n+1)
	}
	for i, node := range c.Concat {
		if node < 2 || node > n+1 {
			return fmt.Errorf("the concat list names node %d: a cell of %d nodes has 2 to %d", node, n, n+1)
		}
		if slices.Contains(c.Concat[:i], node) {
			return fmt.Errorf("the concat list names node %d twice", node)
		}
	}
	return nil
}

// Genotype is an architecture: what the stack's normal and reduce cells are. Name is empty where it has none.
type Genotype struct {
	Name           string
	Normal, Reduce Cell
}

// Nodes returns the number of intermediate nodes of each cell.
func (g Genotype) Nodes() int { return g.Normal.Nodes() }

// Equal tells whether two genotypes have the same cells.
func (g Genotype) Equal(h Genotype) bool { return g.Normal.Equal(h.Normal) && g.Reduce.Equal(h.Reduce) }

// Validate checks both cells, and that they have as many nodes.
func (g Genotype) Validate() error {
	for _, c := range []struct {
		kind string
		Cell
	}{{"normal", g.Normal}, {"reduce", g.Reduce}} {
		if err := c.Validate(); err != nil {
			return fmt.Errorf("%s cell: %w", c.kind, err)
		}
	}
	if g.Normal.Nodes() != g.Reduce.Nodes() {
		return fmt.Errorf("the normal cell has %d nodes and the reduce cell %d: they must have as many", g.Normal.Nodes(), g.Reduce.Nodes())
	}
	return nil
}

// RandomCell draws a cell of n nodes uniformly (spec section 7): both sources of a node from all earlier nodes, with
// replacement, and both operations from the search space without null. All nodes are concatenated.
func RandomCell(random *rand.Rand, n int) Cell {
	var c Cell
	for to := 2; to < n+2; to++ {
		for range 2 {
			c.Edges = append(c.Edges, Edge{From: random.IntN(to), To: to})
		}
		for i := range 2 {
			c.Edges[len(c.Edges)-2+i].Op = primitive.ID(random.IntN(primitive.Searchable - 1))
		}
		c.Concat = append(c.Concat, to)
	}
	return c
}

// Random draws an architecture of n nodes: a normal cell and a reduce cell, independently.
func Random(random *rand.Rand, n int) Genotype {
	return Genotype{Normal: RandomCell(random, n), Reduce: RandomCell(random, n)}
}
