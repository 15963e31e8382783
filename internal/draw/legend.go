package draw

import (
	"github.com/tdewolff/canvas"

	"nat/internal/draw/dot"
	"nat/internal/primitive"
)

// sign is an entry of a legend: a sample and what it means.
type sign struct {
	text               string
	sample             func(p *page, at dot.Point) // draws the sample with the middle of its left side at a point
	sampleWidth, width float64                     // of the sample, and of all
}

// legend explains what a figure shows, and nothing that it doesn't.
type legend []sign

const (
	lineSample = 7.0
	nodeSample = 3.2
	signGap    = 5.0
	signText   = 1.5 // from a sample to its meaning
)

func newLegend(types *typefaces, panels []panel) legend {
	var key legend
	add := func(text string, width float64, sample func(*page, dot.Point)) {
		key = append(key, sign{text, sample, width, width + signText + types.width(noteText, text)})
	}
	var families [primitive.Conv + 1]bool
	var aside, idle, changed bool
	for _, q := range panels {
		for _, o := range q.diagram.operations {
			families[o.Op.Get().Family] = true
			changed = changed || o.changed
		}
		for _, s := range q.diagram.states[inputs:] {
			aside = aside || !s.output
		}
		for _, s := range q.diagram.states {
			idle = idle || s.idle
		}
	}
	for f := int(primitive.Conv); f >= 0; f-- {
		if families[f] {
			add(primitive.Family(f).String(), lineSample, familySample(primitive.Family(f)))
		}
	}
	if aside {
		add("not in the output", nodeSample, func(p *page, at dot.Point) { p.stateSample(at, state{}) })
	}
	if idle {
		add("without effect", nodeSample, func(p *page, at dot.Point) { p.stateSample(at, state{output: true, idle: true}) })
	}
	if changed {
		add("changed", lineSample, func(p *page, at dot.Point) {
			at.X += lineSample / 2
			p.box(dot.Box{Center: at, Width: lineSample, Height: haloWidth}, haloWidth/2, halo, stroke{})
		})
	}
	return key
}

func familySample(f primitive.Family) func(*page, dot.Point) {
	return func(p *page, at dot.Point) {
		s := stroke{color: f.Color(), width: 0.8}
		if f == primitive.Null {
			s.dashes = nullDashes()
		}
		p.line(straight(at, dot.Point{X: at.X + lineSample, Y: at.Y}), s, false)
	}
}

func (p *page) stateSample(at dot.Point, s state) {
	outline, fill := stateStroke(s)
	p.shape(canvas.Circle(nodeSample/2), dot.Point{X: at.X + nodeSample/2, Y: at.Y}, fill, outline)
}

// width returns how long the legend is in one row.
func (l legend) width() float64 {
	total := -signGap
	for _, s := range l {
		total += s.width + signGap
	}
	return total
}

// rows breaks the legend into rows of at most that width, as far as single entries allow.
func (l legend) rows(width float64) []legend {
	rows := []legend{nil}
	for _, s := range l {
		last := &rows[len(rows)-1]
		if *last = append(*last, s); last.width() > width && len(*last) > 1 {
			*last = (*last)[:len(*last)-1]
			rows = append(rows, legend{s})
		}
	}
	return rows
}

// legend draws one row with the middle of its left side at a point.
func (p *page) legend(row legend, at dot.Point) {
	for _, s := range row {
		s.sample(p, at)
		p.text(dot.Point{X: at.X + s.sampleWidth + signText, Y: at.Y}, canvas.Left, noteText, s.text)
		at.X += s.width + signGap
	}
}
