package draw

import (
	"context"
	"regexp"
	"slices"
	"testing"

	"nat/internal/primitive"
)

// TestArrowsLeadToTransitions follows the arrows of the scheme's graph from every operation: they must lead to what the
// operation may become, and to nothing else.
func TestArrowsLeadToTransitions(t *testing.T) {
	d, err := painter(t).Transitions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	arrows := map[string][]string{}
	for _, m := range regexp.MustCompile(`(\w+) -> (\w+)( \[dir=both\])?`).FindAllStringSubmatch(d.dot, -1) {
		arrows[m[1]] = append(arrows[m[1]], m[2])
		if m[3] != "" {
			arrows[m[2]] = append(arrows[m[2]], m[1])
		}
	}
	for id := range primitive.ID(primitive.Searchable) {
		reached := []string{id.String()}
		for i := 0; i < len(reached); i++ {
			for _, next := range arrows[reached[i]] {
				if !slices.Contains(reached, next) {
					reached = append(reached, next)
				}
			}
		}
		var want []string
		for _, to := range id.Transitions() {
			want = append(want, to.String())
		}
		slices.Sort(reached)
		slices.Sort(want)
		if !slices.Equal(reached, want) {
			t.Errorf("from %s arrows lead to %v, want %v", id, reached, want)
		}
	}
}

// TestArrowsAreFew checks that what follows from other arrows is not drawn.
func TestArrowsAreFew(t *testing.T) {
	groups := equivalents()
	if len(groups) != 10 {
		t.Errorf("%d groups, want 7 convolutions, 2 pairs of pools, and skip with null", len(groups))
	}
	if n := len(steps(groups)); n != 13 {
		t.Errorf("%d arrows, want 13", n)
	}
}

func TestBars(t *testing.T) {
	p := painter(t)
	d, err := p.Transitions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	words, _ := strokes(t, written(t, d, SVG))
	figures := []string{"419.4 M", "151.0 M", "40.1 M", "35.9 M", "20.1 M", "18.0 M", "16.8 M"} // spec section 4
	at := slices.Index(words, figures[0])
	if at < 0 || len(words) < at+13 {
		t.Fatalf("no costs among %q", words)
	}
	for i, figure := range figures {
		if got := words[at+2*i]; got != figure { // names and figures take turns
			t.Errorf("cost %d is %q, want %q", i, got, figure)
		}
	}
	if n := count(words, "0"); n != 6 {
		t.Errorf("%d operations cost nothing, want 4 pools, skip and null", n)
	}
	dearest := []primitive.ID{primitive.Conv5x5, primitive.Conv3x3, primitive.SepConv5x5}
	if order := newBars(p.types).operations; !slices.Equal(order[:3], dearest) {
		t.Errorf("the bars' order is %v", order)
	}
}
