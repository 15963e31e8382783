package draw

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"nat/internal/genotype"
	"nat/internal/primitive"
)

// Pair draws the cell of an input architecture beside the same cell of what it became, with what changed marked in both
// and counted below. Where the wiring is the same both have the same layout, so that the eye can compare; where it
// differs nothing is marked, and the figure says so.
func (p *Painter) Pair(ctx context.Context, input, output genotype.Genotype, kind Kind) (*Drawing, error) {
	before, after := kind.of(input), kind.of(output)
	if err := before.Validate(); err != nil {
		return nil, fmt.Errorf("the %s cell of %s: %w", kind, title(input), err)
	}
	if err := after.Validate(); err != nil {
		return nil, fmt.Errorf("the %s cell of %s: %w", kind, title(output), err)
	}
	left, right, footer := newDiagram(before), newDiagram(after), "The wiring differs: changes are not marked."
	aligned, same := align(before.Edges, after.Edges)
	if same {
		right = newDiagram(genotype.Cell{Edges: aligned, Concat: after.Concat})
		footer = markChanges(left, right)
	}
	left.measure(p.types)
	right.measure(p.types)
	if same {
		shareSizes(left, right)
	}
	if err := p.place(ctx, left); err != nil {
		return nil, err
	}
	if same && slices.Equal(before.Concat, after.Concat) {
		right.layout = left.layout
	} else if err := p.place(ctx, right); err != nil {
		return nil, err
	}
	f := figure{
		heading: heading{title(input) + " → " + title(output), string(kind) + " cell"},
		panels:  []panel{{"input: " + title(input), left}, {"output: " + title(output), right}},
		footer:  footer,
	}
	return &Drawing{page: f.compose(p.types), dot: f.text()}, nil
}

// align returns the edges of after in the order of before's, if they lead from the same nodes to the same nodes: the two
// edges of a node may stand in either order. Of two orders that fit, the one with fewer changes is taken.
func align(before, after []genotype.Edge) ([]genotype.Edge, bool) {
	if len(before) != len(after) {
		return nil, false
	}
	aligned := slices.Clone(after)
	for i := 0; i < len(before); i += 2 {
		wanted, given := before[i:i+2], aligned[i:i+2]
		swapped := []genotype.Edge{given[1], given[0]}
		straight, crossed := sameSources(wanted, given), sameSources(wanted, swapped)
		switch {
		case !straight && !crossed:
			return nil, false
		case !straight, crossed && changes(wanted, swapped) < changes(wanted, given):
			copy(given, swapped)
		}
	}
	return aligned, true
}

func sameSources(a, b []genotype.Edge) bool {
	return slices.EqualFunc(a, b, func(e, f genotype.Edge) bool { return e.From == f.From })
}

func changes(a, b []genotype.Edge) int {
	n := 0
	for i := range a {
		if a[i].Op != b[i].Op {
			n++
		}
	}
	return n
}

// markChanges marks the operations that differ in two diagrams of the same wiring and returns a line that counts them.
func markChanges(before, after *diagram) string {
	var kept, replaced, dropped, connected int
	for i := range after.operations {
		o, n := &before.operations[i], &after.operations[i]
		switch {
		case o.Op == n.Op:
			kept++
			continue
		case n.Op == primitive.NullOp:
			dropped++
		case o.Op == primitive.NullOp:
			connected++
		default:
			replaced++
		}
		o.changed, n.changed = true, true
		n.was = "was " + o.Op.String()
	}
	counts := []string{fmt.Sprintf("%d kept", kept), fmt.Sprintf("%d replaced", replaced), fmt.Sprintf("%d dropped", dropped)}
	if connected > 0 {
		counts = append(counts, fmt.Sprintf("%d newly connected", connected))
	}
	return fmt.Sprintf("%d operations: %s", len(after.operations), strings.Join(counts, ", "))
}

// shareSizes gives the same operation of both diagrams the larger of its two sizes.
func shareSizes(a, b *diagram) {
	for i := range a.operations {
		o, q := &a.operations[i], &b.operations[i]
		o.width, o.height = max(o.width, q.width), max(o.height, q.height)
		q.width, q.height = o.width, o.height
	}
}

// text returns the figure's panels as one graph in the DOT language.
func (f figure) text() string {
	var s []string
	for i, q := range f.panels {
		name := string(rune('a' + i))
		s = append(s, fmt.Sprintf("subgraph cluster_%s {\n\t\tlabel=%s;\n\t\t%s;\n\t}",
			name, quote(q.name), strings.Join(q.diagram.statements(name+"_", forReading), ";\n\t\t")))
	}
	return graphText(f.heading.String()+"\n"+f.footer, forReading, s)
}
