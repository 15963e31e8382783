package draw

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// TestPlot draws points with and without intervals, and a single one, for which axes have no range.
func TestPlot(t *testing.T) {
	p, err := NewPainter("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	points := []Point{{"DARTS", 10, 91, 90, 92}, {"VGG", 30, 88, 88, 88}, {"ENAS", 12, 91.5, 91, 92}}
	for _, n := range []int{1, 3} {
		q := Plot{Title: "Accuracy", Rest: "of some", XName: "cost", YName: "percent", Points: points[:n]}
		files, err := p.SavePlot(t.Context(), t.TempDir(), "accuracy", q, []Format{SVG, PNG})
		if err != nil || len(files) != 2 {
			t.Fatalf("files %v, error %v", files, err)
		}
		svg, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"Accuracy", "of some", "cost", "percent", points[n-1].Name} {
			if !bytes.Contains(svg, []byte(">"+text+"<")) {
				t.Errorf("%d points: the picture has no %q", n, text)
			}
		}
	}
}

// TestTicks holds round numbers within ranges of all sizes.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      []float64
	}{
		{0, 10, []float64{0, 2, 4, 6, 8, 10}}, {-1, 44, []float64{0, 10, 20, 30, 40}}, {88, 92, []float64{88, 89, 90, 91, 92}},
		{1200, 1550, []float64{1200, 1250, 1300, 1350, 1400, 1450, 1500, 1550}},
	} {
		if got := (scale{low: c.low, high: c.high}).ticks(); !slices.Equal(got, c.want) {
			t.Errorf("from %g to %g: %v, want %v", c.low, c.high, got, c.want)
		}
	}
}
