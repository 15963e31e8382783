package draw

import (
	"github.com/tdewolff/canvas"

	"nat/internal/draw/dot"
)

// heading is what stands at the top of a figure.
type heading struct{ name, rest string }

func (h heading) String() string { return h.name + ", " + h.rest }

func (h heading) width(types *typefaces) float64 {
	return types.width(titleText, h.name) + wordGap + types.width(subtitleText, h.rest)
}

// heading writes a heading below and right of a point.
func (p *page) heading(h heading, corner dot.Point) {
	y := corner.Y - titleHeight/3
	p.text(dot.Point{X: corner.X, Y: y}, canvas.Left, titleText, h.name)
	p.text(dot.Point{X: corner.X + p.types.width(titleText, h.name) + wordGap, Y: y}, canvas.Left, subtitleText, h.rest)
}

// panel is a placed diagram in a figure. Its name is written above it if it has company.
type panel struct {
	name    string
	diagram *diagram
}

// Distances on the page, in millimetres.
const (
	margin        = 6.0
	titleHeight   = 8.0
	wordGap       = 2.2 // between the two parts of a heading
	nameHeight    = 7.0 // of a panel's name
	panelGap      = 16.0
	lineHeight    = 5.0 // of the footer and the legend
	legendGap     = 4.0 // above them
	longestLegend = 120.0
)

// figure is what compose arranges: a heading, panels side by side, a line of text (or none) and a legend.
type figure struct {
	heading heading
	panels  []panel
	footer  string
}

// compose draws the figure on a page of the size that it needs.
func (f figure) compose(types *typefaces) *page {
	width, height := -panelGap, 0.0
	for _, q := range f.panels {
		width += q.diagram.layout.Width + panelGap
		height = max(height, q.diagram.layout.Height)
	}
	key := newLegend(types, f.panels)
	inside := max(width, f.heading.width(types), types.width(noteText, f.footer), min(key.width(), longestLegend))
	rows := key.rows(inside)
	above, below := titleHeight, legendGap+lineHeight*float64(len(rows))
	if len(f.panels) > 1 {
		above += nameHeight
	}
	if f.footer != "" {
		below += lineHeight
	}
	p := newPage(types, inside+2*margin, above+height+below+2*margin)
	top := p.canvas.H - margin
	p.heading(f.heading, dot.Point{X: margin, Y: top})
	p.panels(f.panels, dot.Point{X: margin + (inside-width)/2, Y: top - above}, height)
	y := margin + below - legendGap - lineHeight/2
	if f.footer != "" {
		p.text(dot.Point{X: margin, Y: y}, canvas.Left, noteText, f.footer)
		y -= lineHeight
	}
	for _, row := range rows {
		p.legend(row, dot.Point{X: margin, Y: y})
		y -= lineHeight
	}
	return p
}

// panels draws diagrams side by side, with arrows from one to the next, in a strip of that height below a point.
func (p *page) panels(panels []panel, corner dot.Point, height float64) {
	const half = panelGap / 4
	middle := corner.Y - height/2
	for i, q := range panels {
		l := q.diagram.layout
		if i > 0 {
			x := corner.X - panelGap/2
			arrow := straight(dot.Point{X: x - half, Y: middle}, dot.Point{X: x + half, Y: middle})
			p.line(arrow, stroke{color: muted, width: 0.6}, true)
		}
		if len(panels) > 1 {
			p.text(dot.Point{X: corner.X + l.Width/2, Y: corner.Y + nameHeight*2/3}, canvas.Center, nameText, q.name)
		}
		p.diagram(q.diagram, dot.Point{X: corner.X, Y: middle - l.Height/2})
		corner.X += l.Width + panelGap
	}
}
