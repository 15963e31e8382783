package draw

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tdewolff/canvas"

	"nat/internal/draw/dot"
	"nat/internal/primitive"
)

// bars are what the operations cost, the dearest on top.
type bars struct {
	operations []primitive.ID
	names      float64 // how wide the widest name is
}

// Sizes of the bars, in millimetres.
const (
	barPitch   = 6.2
	barHeight  = 3.8
	longestBar = 52.0
	barGap     = 2.0 // between a name, its bar and its figure
	figureRoom = 17.0
)

func newBars(types *typefaces) bars {
	var b bars
	for id := range primitive.ID(primitive.Searchable) {
		b.operations = append(b.operations, id)
		b.names = max(b.names, types.width(opText, id.String()))
	}
	slices.SortStableFunc(b.operations, func(x, y primitive.ID) int {
		return cmp.Or(cmp.Compare(y.ReferenceMAdds(), x.ReferenceMAdds()), cmp.Compare(y.Get().Family, x.Get().Family))
	})
	return b
}

func (b bars) width() float64  { return b.names + barGap + longestBar + figureRoom }
func (b bars) height() float64 { return barPitch * float64(len(b.operations)) }

// bars draws figure (b) below and right of a point. Lengths are in proportion to the costs.
func (p *page) bars(b bars, corner dot.Point) {
	zero := corner.X + b.names + barGap
	dearest := float64(b.operations[0].ReferenceMAdds())
	for i, id := range b.operations {
		y := corner.Y - (float64(i)+0.5)*barPitch
		family, cost := id.Get().Family, float64(id.ReferenceMAdds())
		p.text(dot.Point{X: zero - barGap, Y: y}, canvas.Right, opText, id.String())
		length := longestBar * cost / dearest
		if cost > 0 {
			p.shape(canvas.Rectangle(length, barHeight), dot.Point{X: zero, Y: y - barHeight/2}, family.Color(), stroke{})
		}
		p.text(dot.Point{X: zero + length + barGap, Y: y}, canvas.Left, noteText, millions(cost))
	}
	axis := straight(dot.Point{X: zero, Y: corner.Y}, dot.Point{X: zero, Y: corner.Y - b.height()})
	p.line(axis, stroke{color: ink, width: 0.3}, false)
}

// millions writes a number of multiply-adds as the paper does.
func millions(n float64) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f M", n/1e6)
}
