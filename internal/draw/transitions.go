package draw

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tdewolff/canvas"

	"nat/internal/draw/dot"
	"nat/internal/genotype"
	"nat/internal/primitive"
)

// Transitions draws the two halves of the paper's figure (spec section 4): what an operation may become, and what each
// costs. The operations stand in columns by family and rows by kernel; the rule makes "may become" transitive, so only
// the arrows that follow from no others are drawn: an operation may become whatever its arrows lead to.
func (p *Painter) Transitions(ctx context.Context) (*Drawing, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	groups := equivalents()
	s, head := newScheme(p.types, groups), heading{"Transitions", "what an operation may become, and what it costs"}
	bars := newBars(p.types)
	inside := s.width() + schemeGap + bars.width()
	sheet := newPage(p.types, inside+2*margin, titleHeight+partHeight+max(s.height(), bars.height())+2*margin)
	top := sheet.canvas.H - margin
	sheet.heading(head, dot.Point{X: margin, Y: top})
	top -= titleHeight
	right := margin + s.width() + schemeGap
	sheet.text(dot.Point{X: margin, Y: top - partHeight/2}, canvas.Left, noteText, schemeCaption)
	sheet.text(dot.Point{X: right, Y: top - partHeight/2}, canvas.Left, noteText, barsCaption)
	top -= partHeight
	s.corner = dot.Point{X: margin, Y: top}
	sheet.scheme(s)
	sheet.bars(bars, dot.Point{X: right, Y: top})
	return &Drawing{page: sheet, dot: transitionText(head, groups)}, nil
}

const (
	schemeCaption = "(a) An operation may stay, or become any that its arrows lead to"
	barsCaption   = "(b) Multiply-adds of each, 128 channels, 32×32 pixels"
)

// group is a set of operations that may all become one another.
type group []primitive.ID

// equivalents returns the search space in groups, each where its first member stands in the table.
func equivalents() []group {
	var groups []group
	for id := range primitive.ID(primitive.Searchable) {
		i := slices.IndexFunc(groups, func(g group) bool { return g[0].Allows(id) && id.Allows(g[0]) })
		if i < 0 {
			groups = append(groups, group{id})
			continue
		}
		groups[i] = append(groups[i], id)
	}
	return groups
}

// steps returns the transitions between groups that don't follow from others, as pairs of indices.
func steps(groups []group) [][2]int {
	leads := func(i, j int) bool { return i != j && groups[i][0].Allows(groups[j][0]) }
	var s [][2]int
	for i := range groups {
		for j := range groups {
			direct := leads(i, j)
			for k := range groups {
				direct = direct && !(leads(i, k) && leads(k, j))
			}
			if direct {
				s = append(s, [2]int{i, j})
			}
		}
	}
	return s
}

// scheme is the arrangement of the groups on a page.
type scheme struct {
	groups  []group
	corner  dot.Point // upper left
	columns []primitive.Family
	rows    []int   // kernels; operations without one stand in the last row
	pill    float64 // how wide an operation is drawn
}

// Distances in the scheme, in millimetres.
const (
	rowHeading   = 10.0
	columnSpace  = 9.0
	rowHeight    = 24.5
	partHeight   = 8.0 // the captions (a) and (b)
	schemeGap    = 14.0
	memberGap    = 5.2
	framePadding = 1.8
)

func newScheme(types *typefaces, groups []group) *scheme {
	s := &scheme{groups: groups}
	for _, g := range groups {
		row := g[0].Get()
		if !slices.Contains(s.columns, row.Family) {
			s.columns = append(s.columns, row.Family)
		}
		if row.Kernel > 0 && !slices.Contains(s.rows, row.Kernel) {
			s.rows = append(s.rows, row.Kernel)
		}
		for _, id := range g {
			s.pill = max(s.pill, types.width(opText, id.String())+2*pillPadding)
		}
	}
	slices.Sort(s.columns)
	slices.Reverse(s.columns) // the dearest family first
	slices.Sort(s.rows)
	slices.Reverse(s.rows)
	return s
}

func (s *scheme) width() float64 {
	n := float64(len(s.columns))
	return rowHeading + n*(s.pill+2*framePadding) + (n-1)*columnSpace
}

func (s *scheme) height() float64 { return columnHeading + float64(len(s.rows))*rowHeight }

const columnHeading = 8.0

// box returns the frame of a group, or of its only member.
func (s *scheme) box(g group) dot.Box {
	first := g[0].Get()
	b := dot.Box{
		Center: dot.Point{X: s.columnX(slices.Index(s.columns, first.Family)), Y: s.rowY(s.rowOf(first.Kernel))},
		Width:  s.pill,
		Height: pillHeight,
	}
	if extra := float64(len(g) - 1); extra > 0 {
		b.Width += 2 * framePadding
		b.Height += extra*(pillHeight+memberGap) + 2*framePadding
	}
	return b
}

func (s *scheme) rowOf(kernel int) int {
	if i := slices.Index(s.rows, kernel); i >= 0 {
		return i
	}
	return len(s.rows) - 1
}

func (s *scheme) columnX(i int) float64 {
	cell := s.pill + 2*framePadding
	return s.corner.X + rowHeading + float64(i)*(cell+columnSpace) + cell/2
}

func (s *scheme) rowY(i int) float64 { return s.corner.Y - columnHeading - (float64(i)+0.5)*rowHeight }

// scheme draws figure (a).
func (p *page) scheme(s *scheme) {
	for i, f := range s.columns {
		p.text(dot.Point{X: s.columnX(i), Y: s.corner.Y - columnHeading/2}, canvas.Center, noteText, columnName(s, f))
	}
	for i, kernel := range s.rows {
		p.text(dot.Point{X: s.corner.X, Y: s.rowY(i)}, canvas.Left, noteText, fmt.Sprintf("%d×%d", kernel, kernel))
	}
	for _, step := range steps(s.groups) {
		p.step(s.box(s.groups[step[0]]), s.box(s.groups[step[1]]))
	}
	for _, g := range s.groups {
		p.group(s.box(g), g, s.pill)
	}
}

// columnName returns the families of the groups that stand in a column.
func columnName(s *scheme, first primitive.Family) string {
	names := []string{first.String()}
	for _, g := range s.groups {
		for _, id := range g {
			if g[0].Get().Family == first && !slices.Contains(names, id.Get().Family.String()) {
				names = append(names, id.Get().Family.String())
			}
		}
	}
	return strings.Join(names, ", ")
}

// step draws the arrow from one group to another, which stands beside it, below it, or further down and to the right.
func (p *page) step(from, to dot.Box) {
	look := stepStroke()
	right := dot.Point{X: from.Center.X + from.Width/2, Y: from.Center.Y}
	above := dot.Point{X: to.Center.X, Y: to.Center.Y + to.Height/2}
	switch {
	case from.Center.Y == to.Center.Y:
		p.line(straight(right, dot.Point{X: to.Center.X - to.Width/2, Y: to.Center.Y}), look, true)
	case from.Center.X == to.Center.X:
		p.line(straight(dot.Point{X: from.Center.X, Y: from.Center.Y - from.Height/2}, above), look, true)
	default:
		corner := dot.Point{X: to.Center.X, Y: from.Center.Y}
		p.line([]dot.Point{right, corner, corner, above}, look, true)
	}
}

// group draws the operations of a group under one another, in a frame with arrows both ways if there are several.
func (p *page) group(b dot.Box, g group, width float64) {
	at := b.Center
	if len(g) > 1 {
		p.box(b, framePadding+pillHeight/2, frameFill, stroke{color: faint, width: 0.25})
		at.Y += b.Height/2 - framePadding - pillHeight/2
	}
	for i, id := range g {
		if i > 0 {
			between := straight(dot.Point{X: at.X, Y: at.Y + pillHeight/2 + memberGap}, dot.Point{X: at.X, Y: at.Y + pillHeight/2})
			p.line(between, stepStroke(), true)
			slices.Reverse(between)
			p.line(between, stepStroke(), true)
		}
		pill := dot.Box{Center: at, Width: width, Height: pillHeight}
		p.operation(pill, operation{Edge: genotype.Edge{Op: id}})
		at.Y -= pillHeight + memberGap
	}
}

func stepStroke() stroke { return stroke{color: muted, width: 0.4} }

// transitionText returns the scheme as a graph in the DOT language: where its arrows lead is what an operation may become.
func transitionText(head heading, groups []group) string {
	s := []string{"graph [nodesep=0.35]"} // room for arrows both ways
	for _, g := range groups {
		for i, id := range g {
			color := id.Get().Family.Color()
			s = append(s, fmt.Sprintf(`%s [style="rounded,filled", color="%s", fillcolor="%s", height=0.2]`, id, color, tint(color)))
			if i > 0 {
				s = append(s, fmt.Sprintf("{ rank=same; %s -> %s [dir=both] }", g[i-1], id))
			}
		}
	}
	for _, step := range steps(groups) {
		s = append(s, fmt.Sprintf("%s -> %s", groups[step[0]][0], groups[step[1]][0]))
	}
	return graphText(head.String(), forReading, s)
}
