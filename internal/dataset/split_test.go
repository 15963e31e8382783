package dataset

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		n       int
		portion float64
		weights int
	}{{50000, 0.4, 20000}, {512, 0.4, 204}, {10, 0.5, 5}, {7, 0.99, 6}, {5, 0, 0}, {5, 1, 5}, {0, 0.4, 0}} {
		weights, policy := Split(c.n, c.portion, 1234)
		if len(weights) != c.weights || len(policy) != c.n-c.weights {
			t.Errorf("Split(%d, %v) gives %d and %d images, want %d for w", c.n, c.portion, len(weights), len(policy), c.weights)
		}
		all := slices.Sorted(slices.Values(slices.Concat(weights, policy)))
		for i, index := range all {
			if i != index {
				t.Fatalf("Split(%d, %v): index %d is missing or doubled", c.n, c.portion, i)
			}
		}
	}
	// The split is part of what a checkpoint means: another one would leak its training images into the choice.
	weights, policy := Split(10, 0.4, 1234)
	if got := slices.Concat(weights, policy); !slices.Equal(got, goldenSplit) {
		t.Errorf("Split(10, 0.4, 1234) is %v, want %v", got, goldenSplit)
	}
	if other, _ := Split(10, 0.4, 1235); slices.Equal(other, weights) {
		t.Error("the seed has no effect")
	}
}

var goldenSplit = []int{8, 2, 4, 0, 7, 9, 1, 5, 3, 6}

func TestSelection(t *testing.T) {
	train := noise(100, 5, 1, 3, 3)
	train.sortCanonically()
	set := &Set{Name: "noise", Train: train, Test: noise(20, 5, 1, 3, 3)}
	_, policy := Split(100, 0.4, 9)
	for _, c := range []struct {
		name           string
		request        SelectionRequest
		images         int
		warning, error string
	}{
		{"some", SelectionRequest{Seed: 9, Portion: 0.4, Images: 7}, 7, "", ""},
		{"all", SelectionRequest{Seed: 9, Portion: 0.4}, 60, "", ""},
		{"too many", SelectionRequest{Seed: 9, Portion: 0.4, Images: 61}, 60, "holds out 60 images, not 61", ""},
		{"its own training set", SelectionRequest{Seed: 9, Portion: 0.4, TrainedOn: train.Fingerprint()}, 60, "", ""},
		{"another training set", SelectionRequest{Seed: 9, Portion: 0.4, TrainedOn: "00"}, 60, "other images than noise", ""},
		{"negative", SelectionRequest{Seed: 9, Portion: 0.4, Images: -1}, 0, "", "-1 selection images"},
		{"portion 0", SelectionRequest{Seed: 9}, 0, "", "portion of 0"},
		{"portion 1", SelectionRequest{Seed: 9, Portion: 1}, 0, "", "portion of 1"},
		{"portion NaN", SelectionRequest{Seed: 9, Portion: math.NaN()}, 0, "", "portion of NaN"},
	} {
		images, warning, err := set.Selection(c.request)
		checkText(t, c.name+": warning", warning, c.warning)
		checkError(t, c.name, err, c.error)
		if err != nil {
			continue
		}
		if want := train.Select(policy[:c.images]); images.Fingerprint() != want.Fingerprint() {
			t.Errorf("%s: not the first %d images of the θ part", c.name, c.images)
		}
	}
}

// checkText wants a text of one line that says part, or none where part is empty.
func checkText(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) || (part == "") != (got == "") || strings.Contains(got, "\n") {
		t.Errorf("%s is %q, want one line with %q", what, got, part)
	}
}

func checkError(t *testing.T, what string, err error, part string) {
	t.Helper()
	text := ""
	if err != nil {
		text = err.Error()
	}
	checkText(t, what+": error", text, part)
}
