package draw

import (
	"slices"
	"strconv"

	"nat/internal/draw/dot"
	"nat/internal/genotype"
	"nat/internal/primitive"
)

// diagram is a cell as nodes and lines between them. Every operation is a node of its own on the way from its source to
// its target, so that Graphviz keeps its label clear of everything else, and two operations between the same nodes both
// show.
type diagram struct {
	states     []state     // by the genotype's numbers: 0 and 1 are the inputs
	operations []operation // in the order of the cell's edges
	concat     []int
	layout     *dot.Layout // where things lie, once placed
}

// state is a node of the cell: an input or a sum.
type state struct {
	output bool // it is in the concat list
	idle   bool // nothing flows through it from an input to the output
}

// operation is an edge of the cell.
type operation struct {
	genotype.Edge
	changed       bool
	was           string  // under a changed operation: what it was before; empty where nothing is written
	width, height float64 // what is kept free for its label
}

// boxHeight returns the height of the label itself, which may be less than what is kept free.
func (o operation) boxHeight() float64 {
	if o.was != "" {
		return pillHeightWas
	}
	return pillHeight
}

func newDiagram(c genotype.Cell) *diagram {
	d := &diagram{states: make([]state, c.Nodes()+inputs), concat: c.Concat}
	for _, e := range c.Edges {
		d.operations = append(d.operations, operation{Edge: e})
	}
	fed, heard := flow(c)
	for t := range d.states {
		d.states[t] = state{output: slices.Contains(c.Concat, t), idle: !fed[t] || !heard[t]}
	}
	return d
}

// flow tells by node whether anything but zeros reaches it from the cell's inputs, and whether anything from it reaches
// the cell's output: null edges carry nothing.
func flow(c genotype.Cell) (fed, heard []bool) {
	fed, heard = make([]bool, c.Nodes()+inputs), make([]bool, c.Nodes()+inputs)
	fed[0], fed[1] = true, true
	for _, e := range c.Edges { // sources come before their targets
		fed[e.To] = fed[e.To] || fed[e.From] && e.Op != primitive.NullOp
	}
	for _, t := range c.Concat {
		heard[t] = true
	}
	for _, e := range slices.Backward(c.Edges) {
		heard[e.From] = heard[e.From] || heard[e.To] && e.Op != primitive.NullOp
	}
	return fed, heard
}

// inputs is how many nodes of a cell are its inputs: 0 and 1.
const inputs = 2

// Names of the diagram's nodes in DOT.
func stateID(t int) string     { return "n" + strconv.Itoa(t) }
func operationID(i int) string { return "op" + strconv.Itoa(i) }

const outputID = "out"

// The sizes of nodes, and what is kept between them, in millimetres.
const (
	stateSize      = 7.5
	terminalWidth  = 14.0
	terminalHeight = 8.5
	pillHeight     = 5.2
	pillHeightWas  = 8.2 // with what it was before
	pillPadding    = 2.2
	rowGap         = 2.6
	columnGap      = 9.0
)

// measure keeps free for every operation what its label needs.
func (d *diagram) measure(types *typefaces) {
	for i := range d.operations {
		o := &d.operations[i]
		o.height = o.boxHeight()
		o.width = max(types.width(operationText(*o), o.Op.String()), types.width(wasText, o.was)) + 2*pillPadding
	}
}
