package kernel

import (
	"strings"
	"testing"
)

func TestParseAlgorithm(t *testing.T) {
	for _, a := range []Algorithm{Auto, Direct, Winograd} {
		if got, err := ParseAlgorithm(a.String()); got != a || err != nil {
			t.Errorf("%s: got %v, %v", a, got, err)
		}
	}
	if _, err := ParseAlgorithm("fft"); err == nil || !strings.Contains(err.Error(), `"fft"`) {
		t.Errorf("fft: error %v, want one that names it", err)
	}
}

func TestAlgorithmOf(t *testing.T) {
	fast := sets()[0]
	padded, pooled := square(64, 20, 20, 32, 3, 1, 1, false), square(64, 20, 20, 32, 5, 1, 1, false)
	padded.PadW++
	pooled.OH--
	for name, test := range map[string]struct {
		c    Conv
		auto Algorithm // if the fastest set is faster with Winograd convolution
		able bool
	}{
		"3x3":             {square(64, 20, 20, 32, 3, 1, 1, false), Winograd, true},
		"5x5 of odd size": {square(64, 20, 40, 7, 5, 1, 1, false), Winograd, true},
		"few channels":    {square(64, 3, 20, 32, 3, 1, 1, false), Direct, true},
		"few images":      {square(3, 20, 20, 32, 3, 1, 1, false), Direct, true},
		"1x1":             {square(64, 20, 20, 32, 1, 1, 1, false), Direct, false},
		"7x7":             {square(64, 20, 20, 32, 7, 1, 1, false), Direct, false},
		"stride":          {square(64, 20, 20, 32, 3, 2, 1, false), Direct, false},
		"dilation":        {square(64, 20, 20, 32, 3, 1, 2, false), Direct, false},
		"depthwise":       {square(64, 20, 20, 32, 3, 1, 1, true), Direct, false},
		"more padding":    {padded, Direct, false},
		"other size":      {pooled, Direct, false},
	} {
		want := map[Algorithm]Algorithm{Auto: test.auto, Direct: Direct, Winograd: Winograd}
		if fast.slowWinograd {
			want[Auto] = Direct
		}
		if !test.able {
			want[Winograd] = Direct
		}
		for asked, expected := range want {
			w := &Workers{set: fast, algorithm: asked}
			if got, why := w.AlgorithmOf(test.c); got != expected || why == "" {
				t.Errorf("%s, asked for %s: %s (%s), want %s", name, asked, got, why, expected)
			}
		}
	}
}
