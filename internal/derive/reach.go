package derive

import (
	"nat/internal/genotype"
	"nat/internal/primitive"
)

// dependsOnInput tells whether the outputs of both cells depend on their inputs.
func dependsOnInput(g genotype.Genotype) bool {
	return passesOn(g.Normal) && passesOn(g.Reduce)
}

// passesOn tells whether a way without null edges leads from the inputs of a cell to its output.
func passesOn(c genotype.Cell) bool {
	fed := newReach()
	for _, e := range c.Edges {
		fed = fed.after(e.From, e.To, e.Op)
	}
	return fed.any(c.Concat)
}

// reach is the set of a cell's nodes that something of the cell's inputs comes to, as bits.
type reach uint32

func newReach() reach { return 0b11 }

// after returns the set after one more edge; edges must come in the cell's order.
func (r reach) after(from, to int, op primitive.ID) reach {
	if op != primitive.NullOp && r>>from&1 == 1 {
		r |= 1 << to
	}
	return r
}

// any tells whether any of the nodes is in the set.
func (r reach) any(nodes []int) bool {
	for _, t := range nodes {
		if r>>t&1 == 1 {
			return true
		}
	}
	return false
}
