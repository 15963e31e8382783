package draw

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"nat/internal/genotype"
	"nat/internal/primitive"
)

func edge(op primitive.ID, from, to int) genotype.Edge {
	return genotype.Edge{Op: op, From: from, To: to}
}

func TestAlign(t *testing.T) {
	const sep, skip, null = primitive.SepConv3x3, primitive.SkipConnect, primitive.NullOp
	before := []genotype.Edge{edge(sep, 0, 2), edge(skip, 1, 2), edge(sep, 2, 3), edge(skip, 2, 3)}
	for name, test := range map[string]struct {
		after []genotype.Edge
		want  []genotype.Edge // nil for another wiring
	}{
		"the same": {before, before},
		"swapped": {
			[]genotype.Edge{edge(null, 1, 2), edge(sep, 0, 2), before[2], before[3]},
			[]genotype.Edge{edge(sep, 0, 2), edge(null, 1, 2), before[2], before[3]},
		},
		"doubled, swapped": {[]genotype.Edge{before[0], before[1], before[3], before[2]}, before},
		"doubled, changed": {
			[]genotype.Edge{before[0], before[1], edge(null, 2, 3), edge(sep, 2, 3)},
			[]genotype.Edge{before[0], before[1], edge(sep, 2, 3), edge(null, 2, 3)},
		},
		"another source": {[]genotype.Edge{edge(sep, 1, 2), edge(skip, 1, 2), before[2], before[3]}, nil},
		"one source now": {[]genotype.Edge{before[0], edge(skip, 0, 2), before[2], before[3]}, nil},
		"more nodes":     {append(slices.Clone(before), edge(sep, 0, 4), edge(sep, 0, 4)), nil},
		"fewer nodes":    {before[:2], nil},
	} {
		given := slices.Clone(test.after)
		got, same := align(before, test.after)
		if same != (test.want != nil) || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %t, want %v", name, got, same, test.want)
		}
		if !slices.Equal(test.after, given) {
			t.Errorf("%s: the caller's edges were changed", name)
		}
	}
}

func TestPairMarksChanges(t *testing.T) {
	p, ctx, all := painter(t), context.Background(), architectures(t)
	d, err := p.Pair(ctx, all["DARTS"], all["NATv2_DARTS"], Normal)
	if err != nil {
		t.Fatal(err)
	}
	words, colors := strokes(t, written(t, d, SVG))
	if !contains(words, "8 operations: 5 kept, 2 replaced, 1 dropped", "changed", "input: DARTS", "output: NATv2_DARTS") {
		t.Errorf("the pair says %q", words)
	}
	if n := count(words, "was sep_conv_3x3"); n != 3 {
		t.Errorf("%d operations say what they were, want 3", n)
	}
	if n := colors[halo]; n != 2*3*2 { // both lines of three operations, in both cells
		t.Errorf("%d lines have a halo, want 12", n)
	}
	d, err = p.Pair(ctx, all["VGG"], all["DARTS"], Reduce)
	if err != nil {
		t.Fatal(err)
	}
	words, colors = strokes(t, written(t, d, SVG))
	if !contains(words, "The wiring differs: changes are not marked.") || colors[halo] != 0 {
		t.Errorf("two wirings are compared: %q", words)
	}
}

// TestPairSharesLayout checks that the eye can compare: what is in the input's cell stands in the same place in the
// output's, one cell's distance to the right.
func TestPairSharesLayout(t *testing.T) {
	all := architectures(t)
	d, err := painter(t).Pair(context.Background(), all["DARTS"], all["NATv2_DARTS"], Reduce)
	if err != nil {
		t.Fatal(err)
	}
	var nodes []label
	for _, l := range d.page.labels {
		if strings.Trim(l.text, "2345") == "" {
			nodes = append(nodes, l)
		}
	}
	if len(nodes) != 8 {
		t.Fatalf("%d nodes, want 8", len(nodes))
	}
	distance := nodes[4].box.Center.X - nodes[0].box.Center.X
	for i, left := range nodes[:4] {
		right := nodes[4+i]
		moved := math.Abs(right.box.Center.X-left.box.Center.X-distance) > 1e-9 || left.box.Center.Y != right.box.Center.Y
		if moved || left.text != right.text {
			t.Errorf("node %s at %v, its like at %v", left.text, left.box.Center, right.box.Center)
		}
	}
}

func TestMarkChangesCounts(t *testing.T) {
	all := architectures(t)
	before, after := newDiagram(all["VGG"].Normal), newDiagram(all["VGG"].Normal)
	for i, op := range []primitive.ID{primitive.SkipConnect, primitive.NullOp, primitive.NullOp, primitive.SepConv3x3} {
		after.operations[i].Op = op
	}
	got := markChanges(before, after)
	if want := "8 operations: 5 kept, 1 replaced, 1 dropped, 1 newly connected"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for i, wanted := range []string{"was null", "was skip_connect", "", "was conv_3x3", "", "", "", ""} {
		if o := after.operations[i]; o.was != wanted || o.changed != (wanted != "") || before.operations[i].changed != o.changed {
			t.Errorf("operation %d: %+v and %+v, want %q", i, before.operations[i], o, wanted)
		}
	}
}
