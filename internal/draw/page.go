package draw

import (
	"fmt"

	"github.com/tdewolff/canvas"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"nat/internal/draw/dot"
)

// The colours beside those of the families, which primitive has.
const (
	ink          = "#2b2b2b"
	muted        = "#6b6b6b"
	faint        = "#a6a6a6"
	paper        = "#ffffff"
	stateFill    = "#f2f2f2"
	terminalFill = "#e4e4e4"
	frameFill    = "#f7f7f7"
	halo         = "#ffedae"
)

// tint returns a colour's light relative, for the inside of boxes.
func tint(hex string) string {
	const white = 0.84
	c := canvas.Hex(hex)
	mix := func(part uint8) uint8 { return uint8(float64(part)*(1-white) + 255*white) }
	return fmt.Sprintf("#%02x%02x%02x", mix(c.R), mix(c.G), mix(c.B))
}

// writing is a kind of text in the figures.
type writing int

const (
	titleText     writing = iota
	subtitleText          // beside the title
	nameText              // of nodes and panels
	indexText             // a subscript to it
	idleText              // of nodes without effect
	idleIndexText         // a subscript to it
	numberText            // of the inputs, in their corners
	opText                // an operation's name
	changedText           // one that changed
	nullText              // one that is null
	wasText               // what one was before
	noteText              // legends, footers, captions
	lightText             // on dark ground
)

// look returns how a kind of text looks: its size in points, its weight and its colour.
func (w writing) look() (points float64, style canvas.FontStyle, color string) {
	const plain, bold = canvas.FontRegular, canvas.FontBold
	row := [...]struct {
		points float64
		style  canvas.FontStyle
		color  string
	}{
		titleText:     {12, bold, ink},
		subtitleText:  {12, plain, muted},
		nameText:      {10, plain, ink},
		indexText:     {7, plain, ink},
		idleText:      {10, plain, faint},
		idleIndexText: {7, plain, faint},
		numberText:    {6.5, plain, muted},
		opText:        {9, plain, ink},
		changedText:   {9, bold, ink},
		nullText:      {9, plain, muted},
		wasText:       {7, plain, muted},
		noteText:      {8, plain, muted},
		lightText:     {8, plain, paper},
	}[w]
	return row.points, row.style, row.color
}

// fontFamily names a font for the invisible words in SVG files.
const fontFamily = "sans-serif"

// typefaces are the fonts that figures are written with.
type typefaces struct{ family *canvas.FontFamily }

func loadTypefaces() (*typefaces, error) {
	family := canvas.NewFontFamily(fontFamily)
	if err := family.LoadFont(goregular.TTF, 0, canvas.FontRegular); err != nil {
		return nil, err
	}
	if err := family.LoadFont(gobold.TTF, 0, canvas.FontBold); err != nil {
		return nil, err
	}
	return &typefaces{family}, nil
}

func (t *typefaces) face(w writing) *canvas.FontFace {
	points, style, color := w.look()
	return t.family.Face(points, style, canvas.Hex(color))
}

// width returns how wide a text is, in millimetres.
func (t *typefaces) width(w writing, s string) float64 { return t.face(w).TextWidth(s) }

// stroke is how a line looks; no dashes means solid.
type stroke struct {
	color  string
	width  float64 // in millimetres
	dashes []float64
}

// page is a sheet of white paper that is drawn on, in millimetres from its lower left corner.
type page struct {
	canvas *canvas.Canvas
	pen    *canvas.Context
	types  *typefaces
	labels []label
}

// label is a text on the page and the box that it fills.
type label struct {
	text    string
	writing writing
	start   dot.Point // of its base line
	box     dot.Box
}

func newPage(types *typefaces, width, height float64) *page {
	c := canvas.New(width, height)
	p := &page{canvas: c, pen: canvas.NewContext(c), types: types}
	const over = 1.0 // past the edges, which may lie between two pixels
	p.shape(canvas.Rectangle(width+2*over, height+2*over), dot.Point{X: -over, Y: -over}, paper, stroke{})
	return p
}

// shape draws a path with its origin at a point. An empty fill and a stroke without width draw nothing.
func (p *page) shape(path *canvas.Path, at dot.Point, fill string, s stroke) {
	p.pen.SetFillColor(canvas.Transparent)
	if fill != "" {
		p.pen.SetFillColor(canvas.Hex(fill))
	}
	p.pen.SetStrokeColor(canvas.Transparent)
	if s.width > 0 {
		p.pen.SetStrokeColor(canvas.Hex(s.color))
		p.pen.SetStrokeWidth(s.width)
	}
	p.pen.SetStrokeCapper(canvas.RoundCap)
	p.pen.SetStrokeJoiner(canvas.RoundJoin)
	p.pen.SetDashes(0, s.dashes...)
	p.pen.DrawPath(at.X, at.Y, path)
}

// box draws a rectangle with round corners.
func (p *page) box(b dot.Box, radius float64, fill string, s stroke) {
	corner := dot.Point{X: b.Center.X - b.Width/2, Y: b.Center.Y - b.Height/2}
	p.shape(canvas.RoundedRectangle(b.Width, b.Height, radius), corner, fill, s)
}

// text writes s with its left end, middle or right end (align) at a point, which is half the height of its capitals.
func (p *page) text(at dot.Point, align canvas.TextAlign, w writing, s string) {
	face := p.types.face(w)
	m, width := face.Metrics(), face.TextWidth(s)
	start := dot.Point{X: at.X, Y: at.Y - m.CapHeight/2}
	switch align {
	case canvas.Center:
		start.X -= width / 2
	case canvas.Right:
		start.X -= width
	}
	p.pen.DrawText(start.X, start.Y, canvas.NewTextLine(face, s, canvas.Left))
	descent := m.CapHeight / 3 // of an underscore or a g
	middle := dot.Point{X: start.X + width/2, Y: start.Y + (m.CapHeight-descent)/2}
	p.labels = append(p.labels, label{s, w, start, dot.Box{Center: middle, Width: width, Height: m.CapHeight + descent}})
}

// indexed writes a name with a subscript, such as c with k−1, around a point.
func (p *page) indexed(at dot.Point, w writing, name string, sub writing, index string) {
	whole := p.types.width(w, name) + p.types.width(sub, index)
	p.text(dot.Point{X: at.X - whole/2, Y: at.Y}, canvas.Left, w, name)
	p.text(dot.Point{X: at.X + whole/2, Y: at.Y - subscriptDrop}, canvas.Right, sub, index)
}

const subscriptDrop = 1.2

// arrowLength and arrowWidth are the size of an arrowhead.
const (
	arrowLength = 2.1
	arrowWidth  = 1.7
)

// line draws a curve, with a head at its end if it is an arrow.
func (p *page) line(curve []dot.Point, s stroke, arrow bool) {
	path := &canvas.Path{}
	path.MoveTo(curve[0].X, curve[0].Y)
	for i := 1; i+2 < len(curve); i += 3 {
		path.CubeTo(curve[i].X, curve[i].Y, curve[i+1].X, curve[i+1].Y, curve[i+2].X, curve[i+2].Y)
	}
	length := path.Length()
	if !arrow || length <= arrowLength {
		p.shape(path, dot.Point{}, "", s)
		return
	}
	tip := path.Pos()
	shaft := path.SplitAt(length - arrowLength)[0]
	p.shape(shaft, dot.Point{}, "", s)
	p.head(shaft.Pos(), tip, s.color)
}

// head draws an arrowhead from the middle of its base to its tip.
func (p *page) head(base, tip canvas.Point, color string) {
	across := tip.Sub(base).Rot90CCW().Norm(arrowWidth / 2)
	head := &canvas.Path{}
	head.MoveTo(tip.X, tip.Y)
	head.LineTo(base.X+across.X, base.Y+across.Y)
	head.LineTo(base.X-across.X, base.Y-across.Y)
	head.Close()
	p.shape(head, dot.Point{}, color, stroke{})
}

// straight returns a straight line as a curve.
func straight(from, to dot.Point) []dot.Point { return []dot.Point{from, from, to, to} }
