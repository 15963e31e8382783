package primitive

import (
	"slices"
	"strings"
	"testing"
)

// published is the transition table as the paper and its code list it (spec section 4).
var published = map[string]string{
	"conv_5x5":     "conv_5x5, conv_3x3, conv_1x1, sep_conv_5x5, sep_conv_3x3, dil_conv_5x5, dil_conv_3x3, max_pool_5x5, max_pool_3x3, avg_pool_5x5, avg_pool_3x3, skip_connect, null",
	"conv_3x3":     "conv_3x3, conv_1x1, sep_conv_3x3, dil_conv_3x3, max_pool_3x3, avg_pool_3x3, skip_connect, null",
	"conv_1x1":     "conv_1x1, skip_connect, null",
	"sep_conv_5x5": "sep_conv_5x5, sep_conv_3x3, dil_conv_5x5, dil_conv_3x3, max_pool_5x5, max_pool_3x3, avg_pool_5x5, avg_pool_3x3, skip_connect, null",
	"sep_conv_3x3": "sep_conv_3x3, dil_conv_3x3, max_pool_3x3, avg_pool_3x3, skip_connect, null",
	"dil_conv_5x5": "dil_conv_5x5, dil_conv_3x3, max_pool_5x5, max_pool_3x3, avg_pool_5x5, avg_pool_3x3, skip_connect, null",
	"dil_conv_3x3": "dil_conv_3x3, max_pool_3x3, avg_pool_3x3, skip_connect, null",
	"max_pool_5x5": "max_pool_5x5, max_pool_3x3, avg_pool_5x5, avg_pool_3x3, skip_connect, null",
	"avg_pool_5x5": "max_pool_5x5, max_pool_3x3, avg_pool_5x5, avg_pool_3x3, skip_connect, null",
	"max_pool_3x3": "max_pool_3x3, avg_pool_3x3, skip_connect, null",
	"avg_pool_3x3": "max_pool_3x3, avg_pool_3x3, skip_connect, null",
	"skip_connect": "skip_connect, null",
	"null":         "skip_connect, null",
}

func TestTransitionsAreThePublishedOnes(t *testing.T) {
	for id := range ID(Searchable) {
		var got []string
		for _, to := range id.Transitions() {
			got = append(got, to.String())
		}
		want := strings.Split(published[id.String()], ", ")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s turns into %v, published: %v", id, got, want)
		}
	}
}

func TestOrder(t *testing.T) {
	want := "max_pool_3x3, max_pool_5x5, avg_pool_3x3, avg_pool_5x5, skip_connect, sep_conv_3x3, sep_conv_5x5, dil_conv_3x3, dil_conv_5x5, conv_1x1, conv_3x3, conv_5x5, null"
	for i, name := range strings.Split(want, ", ") {
		if got := ID(i).String(); got != name {
			t.Errorf("primitive %d is %s, published: %s", i, got, name)
		}
		if id, ok := ByName(name); !ok || id != ID(i) {
			t.Errorf("ByName(%s) is %d, %v", name, id, ok)
		}
	}
	if id, ok := ByName("none"); !ok || id != NullOp {
		t.Errorf("none is %s, want null", id)
	}
	if _, ok := ByName("conv3x3"); ok {
		t.Error("conv3x3 is not a primitive")
	}
}

// TestReferenceCosts holds the costs against figure (b), in tenths of a million.
func TestReferenceCosts(t *testing.T) {
	for name, want := range map[string]int{
		"conv_5x5": 4194, "conv_3x3": 1510, "conv_1x1": 168, "sep_conv_5x5": 401, "sep_conv_3x3": 359,
		"dil_conv_5x5": 201, "dil_conv_3x3": 180, "max_pool_5x5": 0, "avg_pool_3x3": 0, "skip_connect": 0, "null": 0,
	} {
		id, _ := ByName(name)
		if got := (id.ReferenceMAdds() + 50_000) / 100_000; got != want {
			t.Errorf("%s costs %d.%d M, figure (b): %d.%d M", name, got/10, got%10, want/10, want%10)
		}
	}
}

func TestPrimitivesOutsideTheSearchSpace(t *testing.T) {
	for name, want := range map[string]string{
		"avg_pool_2x2": "avg_pool_3x3", "max_pool_2x2": "max_pool_3x3", "conv_1x3_3x1": "conv_3x3", "conv_1x7_7x1": "conv_5x5",
		"conv_7x1_1x7": "conv_5x5", "sep_conv_1x1": "sep_conv_3x3", "sep_conv_7x7": "sep_conv_5x5", "dil_conv_1x1": "dil_conv_3x3",
	} {
		id, _ := ByName(name)
		if got := id.StandIn().String(); got != want {
			t.Errorf("%s stands as %s, want %s", name, got, want)
		}
		if id.Searchable() || !id.Allows(id) {
			t.Errorf("%s must be outside the search space and may stay", name)
		}
		for _, to := range id.Transitions() {
			if to.ReferenceMAdds() > id.ReferenceMAdds() {
				t.Errorf("%s may become %s, which costs more", name, to)
			}
		}
	}
	if !Conv1x7x7x1.Allows(Conv3x3) || Conv1x7x7x1.Allows(Conv5x5) {
		t.Error("conv_1x7_7x1 may become conv_3x3, not conv_5x5")
	}
	if got := AvgPool2x2.Transitions(); !slices.Equal(got, []ID{SkipConnect, NullOp, AvgPool2x2}) {
		t.Errorf("a 2x2 pool turns into %v", got)
	}
}

func TestOutputSize(t *testing.T) {
	for _, c := range []struct {
		id           ID
		size, stride int
		want         int
		fits         bool
	}{
		{Conv3x3, 7, 2, 4, true}, {MaxPool5x5, 8, 2, 4, true}, {AvgPool2x2, 8, 2, 4, true},
		{AvgPool2x2, 7, 2, 3, false}, {MaxPool2x2, 8, 1, 4, false}, {NullOp, 9, 1, 9, true},
	} {
		if got, fits := c.id.OutputSize(c.size, c.stride); fits != c.fits || fits && got != c.want {
			t.Errorf("%s, %d pixels, stride %d: %d, %v", c.id, c.size, c.stride, got, fits)
		}
	}
}
