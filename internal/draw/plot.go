package draw

import (
	"context"
	"math"
	"strconv"

	"github.com/tdewolff/canvas"

	"nat/internal/draw/dot"
)

// Plot shows points with what they may vary by, over two axes.
type Plot struct {
	Title, Rest  string // of the heading
	XName, YName string // of the axes
	Points       []Point
}

// Point is a named point of a Plot.
type Point struct {
	Name      string
	X, Y      float64
	Low, High float64 // of Y; both Y where nothing is known
}

// Sizes of plots, in millimetres.
const (
	plotWidth   = 120.0
	plotHeight  = 80.0
	tickRoom    = 14.0 // left of the vertical axis
	tickLength  = 1.2
	dotRadius   = 1.1
	whisker     = 1.6  // half the width of what ends an interval
	labelGap    = 2.2  // from a point to its name
	plotMargin  = 0.08 // of the range, around the points
	fewestTicks = 4
)

// SavePlot draws a plot into the folder, as base with an extension for each format, and returns the files' paths.
func (p *Painter) SavePlot(ctx context.Context, folder, base string, q Plot, formats []Format) ([]string, error) {
	return (&Drawing{page: q.compose(p.types)}).save(ctx, folder, fileName(base), formats)
}

// scale maps numbers to a stretch of the page.
type scale struct{ low, high, from, length float64 }

// newScale leaves some room around all of the numbers.
func newScale(from, length float64, values ...float64) scale {
	s := scale{math.Inf(1), math.Inf(-1), from, length}
	for _, v := range values {
		s.low, s.high = min(s.low, v), max(s.high, v)
	}
	room := plotMargin * (s.high - s.low)
	if !(room > 0) { // all of them are one
		room = max(math.Abs(s.high)*plotMargin, 1e-9)
	}
	s.low, s.high = s.low-room, s.high+room
	return s
}

func (s scale) at(v float64) float64 { return s.from + s.length*(v-s.low)/(s.high-s.low) }

// ticks returns round numbers within the scale.
func (s scale) ticks() (all []float64) {
	step := math.Pow(10, math.Floor(math.Log10((s.high-s.low)/fewestTicks)))
	for _, factor := range []float64{5, 2} {
		if (s.high-s.low)/(factor*step) >= fewestTicks {
			step *= factor
			break
		}
	}
	for i := math.Ceil(s.low / step); i*step <= s.high; i++ {
		all = append(all, i*step+0) // never −0
	}
	return all
}

// compose draws the plot on a page of the size that it needs.
func (q Plot) compose(types *typefaces) *page {
	head := heading{q.Title, q.Rest}
	names := 0.0
	var xs, ys []float64
	for _, point := range q.Points {
		names = max(names, types.width(opText, shortTitle(point.Name)))
		xs, ys = append(xs, point.X), append(ys, point.Low, point.High)
	}
	inside := max(tickRoom+plotWidth+names+labelGap, head.width(types))
	p := newPage(types, inside+2*margin, titleHeight+plotHeight+2*lineHeight+nameHeight+2*margin)
	p.heading(head, dot.Point{X: margin, Y: p.canvas.H - margin})
	bottom := margin + 2*lineHeight
	x, y := newScale(margin+tickRoom, plotWidth, xs...), newScale(bottom, plotHeight, ys...)
	p.axes(q, x, y)
	for _, point := range q.Points {
		p.point(point, x, y)
	}
	return p
}

// axes draws both axes, their ticks and names.
func (p *page) axes(q Plot, x, y scale) {
	line, grid := stroke{color: ink, width: 0.3}, stroke{color: terminalFill, width: 0.2}
	for _, v := range x.ticks() {
		at := x.at(v)
		p.line(straight(dot.Point{X: at, Y: y.from}, dot.Point{X: at, Y: y.from + y.length}), grid, false)
		p.line(straight(dot.Point{X: at, Y: y.from}, dot.Point{X: at, Y: y.from - tickLength}), line, false)
		p.text(dot.Point{X: at, Y: y.from - lineHeight/2 - tickLength}, canvas.Center, noteText, tickText(v))
	}
	for _, v := range y.ticks() {
		at := y.at(v)
		p.line(straight(dot.Point{X: x.from, Y: at}, dot.Point{X: x.from + x.length, Y: at}), grid, false)
		p.line(straight(dot.Point{X: x.from, Y: at}, dot.Point{X: x.from - tickLength, Y: at}), line, false)
		p.text(dot.Point{X: x.from - 2*tickLength, Y: at}, canvas.Right, noteText, tickText(v))
	}
	corner, top := dot.Point{X: x.from, Y: y.from}, dot.Point{X: x.from, Y: y.from + y.length}
	p.line(straight(corner, dot.Point{X: x.from + x.length, Y: y.from}), line, false)
	p.line(straight(corner, top), line, false)
	p.text(dot.Point{X: x.from + x.length/2, Y: y.from - 1.5*lineHeight - tickLength}, canvas.Center, noteText, q.XName)
	p.text(dot.Point{X: margin, Y: top.Y + lineHeight/2}, canvas.Left, noteText, q.YName)
}

// tickText writes a tick's number with the digits that it has.
func tickText(v float64) string {
	const digits = 6
	return strconv.FormatFloat(v, 'g', digits, 64)
}

// point draws a point with its interval and its name.
func (p *page) point(q Point, x, y scale) {
	at := dot.Point{X: x.at(q.X), Y: y.at(q.Y)}
	if q.Low < q.High {
		look := stroke{color: darkest, width: 0.35}
		for _, end := range []float64{y.at(q.Low), y.at(q.High)} {
			p.line(straight(at, dot.Point{X: at.X, Y: end}), look, false)
			p.line(straight(dot.Point{X: at.X - whisker, Y: end}, dot.Point{X: at.X + whisker, Y: end}), look, false)
		}
	}
	p.shape(canvas.Circle(dotRadius), at, darkest, stroke{})
	p.text(dot.Point{X: at.X + labelGap, Y: at.Y}, canvas.Left, opText, shortTitle(q.Name))
}
