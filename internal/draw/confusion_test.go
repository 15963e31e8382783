package draw

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfusion draws matrices of a few and of many classes; names and figures are in the picture where there is room.
func TestConfusion(t *testing.T) {
	p, err := NewPainter("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	matrix := func(n int) Confusion {
		m := Confusion{Title: "DARTS", Rest: "88 % right"}
		for i := range n {
			row := make([]int, n)
			row[i], row[0] = 700+i, 5
			m.Classes, m.Counts = append(m.Classes, "class"+strings.Repeat("x", i%3)), append(m.Counts, row)
		}
		return m
	}
	for n, want := range map[int][]string{2: {"classx", ">701<"}, 30: {"classx"}, 100: {}} {
		folder := t.TempDir()
		files, err := p.SaveConfusion(t.Context(), folder, "a/b", matrix(n), []Format{SVG, PNG})
		if err != nil || len(files) != 2 || files[0] != filepath.Join(folder, "a_b.svg") {
			t.Fatalf("files %v, error %v", files, err)
		}
		svg, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range append(want, "DARTS", "88 % right") {
			if !bytes.Contains(svg, []byte(text)) {
				t.Errorf("%d classes: the picture has no %q", n, text)
			}
		}
		if n > mostFigures && bytes.Contains(svg, []byte(">701<")) {
			t.Errorf("%d classes: figures where there is no room", n)
		}
	}
	if _, err := p.SaveConfusion(t.Context(), t.TempDir(), "x", matrix(2), []Format{DOT}); err == nil || !strings.Contains(err.Error(), "no graph") {
		t.Errorf("as a graph: error %v", err)
	}
}
