package draw

import (
	"strconv"

	"github.com/tdewolff/canvas"

	"nat/internal/draw/dot"
	"nat/internal/primitive"
)

// The widths of lines in millimetres. Dashes are counted in widths.
const (
	outlineWidth   = 0.35
	operationWidth = 0.45
	changedWidth   = 0.8
	concatWidth    = 0.25
	haloWidth      = 2.6
)

func nullDashes() []float64  { return []float64{0.05, 2.4} } // dots, with round ends
func asideDashes() []float64 { return []float64{3, 3} }

// diagram draws a placed diagram with its lower left corner at a point: haloes first, then lines, then what they join.
func (p *page) diagram(d *diagram, corner dot.Point) {
	boxes, curves := d.placed(corner)
	for i, o := range d.operations {
		if o.changed {
			p.halo(boxes[operationID(i)], o, curves[way{stateID(o.From), operationID(i)}], curves[way{operationID(i), stateID(o.To)}])
		}
	}
	for _, t := range d.concat {
		p.line(curves[way{stateID(t), outputID}], stroke{color: faint, width: concatWidth}, true)
	}
	for i, o := range d.operations {
		look := operationStroke(o)
		p.line(curves[way{stateID(o.From), operationID(i)}], look, false)
		p.line(curves[way{operationID(i), stateID(o.To)}], look, true)
	}
	for t, s := range d.states {
		p.state(boxes[stateID(t)], t, s)
	}
	p.terminal(boxes[outputID], "k", "", false)
	for i, o := range d.operations {
		p.operation(boxes[operationID(i)], o)
	}
}

// way names a line of a diagram by the nodes at its ends.
type way struct{ tail, head string }

// placed returns where the diagram's nodes and lines lie on the page if its lower left corner is at a point.
func (d *diagram) placed(corner dot.Point) (map[string]dot.Box, map[way][]dot.Point) {
	move := func(q dot.Point) dot.Point { return dot.Point{X: q.X + corner.X, Y: q.Y + corner.Y} }
	boxes, curves := map[string]dot.Box{}, map[way][]dot.Point{}
	for id, b := range d.layout.Nodes {
		b.Center = move(b.Center)
		boxes[id] = b
	}
	for _, e := range d.layout.Edges {
		curve := make([]dot.Point, len(e.Curve))
		for i, q := range e.Curve {
			curve[i] = move(q)
		}
		curves[way{e.Tail, e.Head}] = curve
	}
	return boxes, curves
}

// halo marks an operation and its lines as changed.
func (p *page) halo(b dot.Box, o operation, lines ...[]dot.Point) {
	for _, line := range lines {
		p.line(line, stroke{color: halo, width: haloWidth}, false)
	}
	p.box(dot.Box{Center: b.Center, Width: b.Width + haloWidth, Height: o.boxHeight() + haloWidth},
		(pillHeight+haloWidth)/2, halo, stroke{})
}

// operationStroke is how an operation's lines look.
func operationStroke(o operation) stroke {
	s := stroke{color: o.Op.Get().Family.Color(), width: operationWidth}
	if o.changed {
		s.width = changedWidth
	}
	if o.Op == primitive.NullOp {
		s.dashes = nullDashes()
	}
	return s
}

// stateStroke is how the outline of a node of the cell looks, and what is inside.
func stateStroke(s state) (outline stroke, fill string) {
	outline, fill = stroke{color: ink, width: outlineWidth}, stateFill
	if !s.output {
		outline.dashes, fill = asideDashes(), paper
	}
	if s.idle {
		outline.color, fill = faint, paper
	}
	return outline, fill
}

// state draws a node of the cell under its number in the genotype.
func (p *page) state(b dot.Box, number int, s state) {
	if number < inputs {
		p.terminal(b, [...]string{"k−2", "k−1"}[number], strconv.Itoa(number), s.idle)
		return
	}
	w := nameText
	if s.idle {
		w = idleText
	}
	outline, fill := stateStroke(s)
	p.shape(canvas.Circle(b.Width/2), b.Center, fill, outline)
	p.text(b.Center, canvas.Center, w, strconv.Itoa(number))
}

// terminal draws an input or the output of the cell: c with an index, and in the corner the node's number, if it has one.
func (p *page) terminal(b dot.Box, index, number string, idle bool) {
	const radius, inset = 1.6, 1.2
	name, sub, outline, fill := nameText, indexText, stroke{color: ink, width: outlineWidth}, terminalFill
	if idle {
		name, sub, outline.color, fill = idleText, idleIndexText, faint, paper
	}
	p.box(b, radius, fill, outline)
	if number != "" {
		corner := dot.Point{X: b.Center.X - b.Width/2 + inset, Y: b.Center.Y + b.Height/2 - inset*3/2}
		p.text(corner, canvas.Left, numberText, number)
	}
	p.indexed(b.Center, name, "c", sub, index)
}

// operationText is how an operation's name is written.
func operationText(o operation) writing {
	switch {
	case o.changed:
		return changedText
	case o.Op == primitive.NullOp:
		return nullText
	}
	return opText
}

// operation draws an operation's name in a box of its family's colour, and below it what it was.
func (p *page) operation(b dot.Box, o operation) {
	look := operationStroke(o)
	look.width *= outlineWidth / operationWidth // outlines are finer than lines
	fill := tint(look.color)
	if o.Op == primitive.NullOp {
		fill = paper
	}
	b.Height = o.boxHeight()
	p.box(b, pillHeight/2, fill, look)
	name := b.Center
	if o.was != "" {
		name.Y += 1.5
		p.text(dot.Point{X: b.Center.X, Y: b.Center.Y - 2}, canvas.Center, wasText, o.was)
	}
	p.text(name, canvas.Center, operationText(o), o.Op.String())
}
