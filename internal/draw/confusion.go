package draw

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tdewolff/canvas"

	"nat/internal/draw/dot"
)

// Confusion is how images of each class were taken for others.
type Confusion struct {
	Title, Rest string   // of the heading
	Classes     []string // their names
	Counts      [][]int  // [class][what it was taken for], images
}

// Sizes in the matrix, in millimetres.
const (
	squareSize   = 9.0
	smallSquares = 160.0 // width of a matrix whose squares are too small for figures
	mostFigures  = 20    // classes up to which squares hold figures
	mostNames    = 60    // and up to which names are written
	axisName     = 6.0
	nameGap      = 1.5
)

// SaveConfusion draws a confusion matrix into the folder, as base with an extension for each format, and returns the files'
// paths. Rows are the classes that images are of, columns those that they were taken for; the darker a square, the larger the
// part of its row.
func (p *Painter) SaveConfusion(ctx context.Context, folder, base string, m Confusion, formats []Format) ([]string, error) {
	return (&Drawing{page: m.compose(p.types)}).save(ctx, folder, fileName(base), formats)
}

func (m Confusion) square() float64 {
	if n := len(m.Classes); n > mostFigures {
		return smallSquares / float64(n)
	}
	return squareSize
}

// compose draws the matrix on a page of the size that it needs.
func (m Confusion) compose(types *typefaces) *page {
	n, side := float64(len(m.Classes)), m.square()
	names := 0.0
	if len(m.Classes) <= mostNames {
		for _, name := range m.Classes {
			names = max(names, types.width(noteText, shortTitle(name)))
		}
	}
	head := heading{m.Title, m.Rest}
	left := names + nameGap + axisName
	width := max(left+n*side, head.width(types)) + 2*margin
	p := newPage(types, width, titleHeight+n*side+names+nameGap+2*axisName+2*margin)
	p.heading(head, dot.Point{X: margin, Y: p.canvas.H - margin})
	corner := dot.Point{X: margin + left, Y: p.canvas.H - margin - titleHeight - axisName}
	p.text(dot.Point{X: corner.X, Y: corner.Y + axisName/2}, canvas.Left, noteText, "rows: what images are; columns: what they were taken for")
	for i, row := range m.Counts {
		p.confusionRow(row, dot.Point{X: corner.X, Y: corner.Y - (float64(i)+1)*side}, side)
		if names > 0 {
			p.text(dot.Point{X: corner.X - nameGap, Y: corner.Y - (float64(i)+0.5)*side}, canvas.Right, noteText, shortTitle(m.Classes[i]))
			p.upwards(shortTitle(m.Classes[i]), dot.Point{X: corner.X + (float64(i)+0.5)*side, Y: corner.Y - n*side - nameGap})
		}
	}
	frame := canvas.Rectangle(n*side, n*side)
	p.shape(frame, dot.Point{X: corner.X, Y: corner.Y - n*side}, "", stroke{color: ink, width: 0.3})
	return p
}

// confusionRow draws a row of squares from its lower left corner.
func (p *page) confusionRow(row []int, at dot.Point, side float64) {
	total := 0
	for _, count := range row {
		total += count
	}
	for j, count := range row {
		if count == 0 {
			continue
		}
		share := float64(count) / float64(total)
		x := at.X + float64(j)*side
		p.shape(canvas.Rectangle(side, side), dot.Point{X: x, Y: at.Y}, shade(share), stroke{})
		if len(row) <= mostFigures {
			w := noteText
			if share > 0.5 {
				w = lightText
			}
			p.text(dot.Point{X: x + side/2, Y: at.Y + side/2}, canvas.Center, w, strconv.Itoa(count))
		}
	}
}

// shade returns white for 0, and for 1 the darkest blue of the palette.
func shade(share float64) string {
	mix := func(dark uint8) int { return 255 - int(float64(255-dark)*share) }
	c := canvas.Hex(darkest)
	return fmt.Sprintf("#%02x%02x%02x", mix(c.R), mix(c.G), mix(c.B))
}

// darkest is the blue of Okabe and Ito's palette.
const darkest = "#0072b2"

// upwards writes a text that is read from below, with its end at a point.
func (p *page) upwards(s string, end dot.Point) {
	face := p.types.face(noteText)
	m := face.Metrics()
	p.pen.Push()
	p.pen.ComposeView(canvas.Identity.Translate(end.X+m.CapHeight/2, end.Y-face.TextWidth(s)).Rotate(90))
	p.pen.DrawText(0, 0, canvas.NewTextLine(face, s, canvas.Left))
	p.pen.Pop()
}
