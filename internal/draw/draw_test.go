package draw

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"nat/internal/draw/dot"
	"nat/internal/genotype"
	"nat/internal/primitive"
)

// compiled is a cache for the tests, which would else compile Graphviz again and again.
var compiled string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "nat-draw-test-")
	if err != nil {
		panic(err)
	}
	compiled = folder
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

func painter(t *testing.T) *Painter {
	t.Helper()
	p, err := NewPainter(compiled)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// eachDrawing draws all cells of some architectures, two pairs and the scheme.
func eachDrawing(t *testing.T, p *Painter, cells map[string]genotype.Genotype, check func(t *testing.T, d *Drawing)) {
	t.Helper()
	ctx, all := context.Background(), architectures(t)
	run := func(name string, draw func() (*Drawing, error)) {
		t.Run(name, func(t *testing.T) {
			d, err := draw()
			if err != nil {
				t.Fatal(err)
			}
			check(t, d)
		})
	}
	for name, g := range cells {
		for _, kind := range []Kind{Normal, Reduce} {
			run(name+" "+string(kind), func() (*Drawing, error) { return p.Cell(ctx, g, kind) })
		}
	}
	run("same wiring", func() (*Drawing, error) { return p.Pair(ctx, all["DARTS"], all["NATv2_DARTS"], Normal) })
	run("other wiring", func() (*Drawing, error) { return p.Pair(ctx, all["VGG"], all["NAONet"], Reduce) })
	run("transitions", func() (*Drawing, error) { return p.Transitions(ctx) })
}

func written(t *testing.T, d *Drawing, f Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLabelsKeepApart(t *testing.T) {
	eachDrawing(t, painter(t), architectures(t), func(t *testing.T, d *Drawing) {
		for i, l := range d.page.labels {
			b := l.box
			if b.Center.X-b.Width/2 < margin/2 || b.Center.X+b.Width/2 > d.page.canvas.W-margin/2 ||
				b.Center.Y-b.Height/2 < margin/2 || b.Center.Y+b.Height/2 > d.page.canvas.H-margin/2 {
				t.Errorf("%q at %v runs into the edge of the page, %g × %g", l.text, b, d.page.canvas.W, d.page.canvas.H)
			}
			for _, other := range d.page.labels[:i] {
				if overlap(b, other.box) {
					t.Errorf("%q at %v overlaps %q at %v", l.text, b, other.text, other.box)
				}
			}
		}
	})
}

func overlap(a, b dot.Box) bool {
	const touch = 1e-6
	return math.Abs(a.Center.X-b.Center.X) < (a.Width+b.Width)/2-touch &&
		math.Abs(a.Center.Y-b.Center.Y) < (a.Height+b.Height)/2-touch
}

// TestLayoutIsClear checks what Graphviz makes of every cell: nodes lie apart, and lines begin and end at what they join
// and run through nothing else that is written on.
func TestLayoutIsClear(t *testing.T) {
	p := painter(t)
	for name, g := range architectures(t) {
		for _, kind := range []Kind{Normal, Reduce} {
			d := newDiagram(kind.of(g))
			d.measure(p.types)
			if err := p.place(context.Background(), d); err != nil {
				t.Fatal(err)
			}
			for a, box := range d.layout.Nodes {
				for b, other := range d.layout.Nodes {
					if a < b && overlap(box, other) {
						t.Errorf("%s %s: %s overlaps %s", name, kind, a, b)
					}
				}
			}
			for _, e := range d.layout.Edges {
				for id, box := range d.layout.Nodes {
					if id != e.Tail && id != e.Head && crosses(e.Curve, box) {
						t.Errorf("%s %s: the line from %s to %s runs through %s", name, kind, e.Tail, e.Head, id)
					}
				}
			}
		}
	}
}

// crosses tells whether a curve comes further into a box than a pen's width.
func crosses(curve []dot.Point, b dot.Box) bool {
	const pen, points = 0.5, 20
	for i := 0; i+3 < len(curve); i += 3 {
		for k := range points + 1 {
			u := float64(k) / points
			v := 1 - u
			w := [4]float64{v * v * v, 3 * v * v * u, 3 * v * u * u, u * u * u}
			var x, y float64
			for j := range w {
				x, y = x+w[j]*curve[i+j].X, y+w[j]*curve[i+j].Y
			}
			if math.Abs(x-b.Center.X) < b.Width/2-pen && math.Abs(y-b.Center.Y) < b.Height/2-pen {
				return true
			}
		}
	}
	return false
}

// strokes reads an SVG and returns its words, and how often each colour is drawn with.
func strokes(t *testing.T, file []byte) (words []string, colors map[string]int) {
	t.Helper()
	colors = map[string]int{}
	decoder := xml.NewDecoder(bytes.NewReader(file))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return words, colors
		}
		if err != nil {
			t.Fatal(err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if element.Name.Local == "tspan" {
			var text string
			if err := decoder.DecodeElement(&text, &element); err != nil {
				t.Fatal(err)
			}
			words = append(words, text)
		}
		for _, a := range element.Attr {
			_, style, found := strings.Cut(a.Value, "stroke:")
			if a.Name.Local == "style" && found {
				name, _, _ := strings.Cut(style, ";")
				colors[name]++
			}
		}
	}
}

// TestEveryEdgeOnce counts in the SVG what every edge must have: its name, two lines and a box in its family's colour.
func TestEveryEdgeOnce(t *testing.T) {
	p := painter(t)
	for name, g := range architectures(t) {
		for _, kind := range []Kind{Normal, Reduce} {
			d, err := p.Cell(context.Background(), g, kind)
			if err != nil {
				t.Fatal(err)
			}
			words, colors := strokes(t, written(t, d, SVG))
			operations, drawn := map[primitive.ID]int{}, map[string]int{}
			for _, e := range kind.of(g).Edges {
				operations[e.Op]++
				drawn[short(e.Op.Get().Family.Color())] += 3
			}
			for f := primitive.Null; f <= primitive.Conv; f++ {
				if c := short(f.Color()); drawn[c] > 0 {
					drawn[c]++ // in the legend
				}
			}
			for op, want := range operations {
				own := 0
				if op == primitive.NullOp {
					own = 1 // null is also its family's name in the legend
				}
				if got := count(words, op.String()); got != want+own {
					t.Errorf("%s %s: %s is written %d times, want %d", name, kind, op, got, want+own)
				}
			}
			for c, want := range drawn {
				if colors[c] != want {
					t.Errorf("%s %s: %d lines in %s, want %d", name, kind, colors[c], c, want)
				}
			}
			if wanted := []string{name, string(kind) + " cell", "k−2", "k−1", "k"}; !contains(words, wanted...) {
				t.Errorf("%s %s: not all of %q among %q", name, kind, wanted, words)
			}
		}
	}
}

func count(words []string, word string) (n int) {
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

func contains(words []string, wanted ...string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(words, w) })
}

// short writes a colour as SVG files do.
func short(hex string) string {
	if hex[1] == hex[2] && hex[3] == hex[4] && hex[5] == hex[6] {
		return "#" + string([]byte{hex[1], hex[3], hex[5]})
	}
	return hex
}

func TestIdleAndIsolatedNodes(t *testing.T) {
	all := architectures(t)
	for _, test := range []struct {
		cell          genotype.Cell
		idle, outside []int
	}{
		{all["DARTS"].Normal, nil, nil},
		{all["VGG"].Normal, []int{0}, []int{2, 3, 4}},
		{all["NAONet"].Normal, nil, []int{2, 4}},
		{all["Odd"].Normal, []int{1, 3, 4}, []int{3, 4}},
		{all["Odd"].Reduce, []int{0, 1, 2, 3, 4}, []int{3}},
	} {
		var idle, outside []int
		for i, s := range newDiagram(test.cell).states {
			if s.idle {
				idle = append(idle, i)
			}
			if i >= inputs && !s.output {
				outside = append(outside, i)
			}
		}
		if !slices.Equal(idle, test.idle) || !slices.Equal(outside, test.outside) {
			t.Errorf("%v: idle %v, outside %v, want %v, %v", test.cell, idle, outside, test.idle, test.outside)
		}
	}
}

// TestFormats checks that every drawing makes a file that readers of its format take, the same each time.
func TestFormats(t *testing.T) {
	p, all := painter(t), architectures(t)
	some := map[string]genotype.Genotype{"VGG": all["VGG"], "Odd": all["Odd"], "Random12": all["Random12"]}
	eachDrawing(t, p, some, func(t *testing.T, d *Drawing) {
		for _, f := range Formats() {
			if !bytes.Equal(written(t, d, f), written(t, d, f)) {
				t.Errorf("%s differs the second time", f)
			}
		}
		if file := written(t, d, PDF); !bytes.HasPrefix(file, []byte("%PDF-1.")) || !bytes.HasSuffix(file, []byte("%%EOF\n")) ||
			bytes.Count(file, []byte("/CreationDate(D:20200101000000")) != 1 {
			t.Errorf("PDF of %d bytes: %.80q", len(file), file)
		}
		if _, err := p.engine.Layout(context.Background(), string(written(t, d, DOT))); err != nil {
			t.Errorf("DOT: %v", err)
		}
		words, _ := strokes(t, written(t, d, SVG))
		if len(words) != len(d.page.labels) {
			t.Errorf("SVG holds %d texts of %d", len(words), len(d.page.labels))
		}
		picture, err := png.Decode(bytes.NewReader(written(t, d, PNG)))
		if err != nil {
			t.Fatal(err)
		}
		size := picture.Bounds().Size()
		if w := d.page.canvas.W / millimetresPerInch * dotsPerInch; math.Abs(float64(size.X)-w) > 1 || size.Y < 100 {
			t.Errorf("PNG of %v for a page %g × %g mm", size, d.page.canvas.W, d.page.canvas.H)
		}
		white, dark := color.RGBA{255, 255, 255, 255}, 0
		if c := color.RGBAModel.Convert(picture.At(0, 0)); c != white {
			t.Errorf("the corner is %v: the page is not painted", c)
		}
		for y := 0; y < size.Y; y += 4 {
			for x := range size.X {
				if r, g, b, _ := picture.At(x, y).RGBA(); r+g+b < 3*0x6000 {
					dark++
				}
			}
		}
		if share := float64(4*dark) / float64(size.X*size.Y); share < 0.001 || share > 0.3 {
			t.Errorf("%.2f %% of the PNG is dark", 100*share)
		}
	})
}

func TestSameFilesFromEveryPainter(t *testing.T) {
	g := architectures(t)["Random8"]
	var first [][]byte
	for range 2 {
		d, err := painter(t).Cell(context.Background(), g, Normal)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range Formats() {
			file := written(t, d, f)
			if len(first) == i {
				first = append(first, file)
			} else if !bytes.Equal(first[i], file) {
				t.Errorf("%s differs", f)
			}
		}
	}
}

// TestStructure compares a cell's graph, node by node and line by line, with what was looked at once and found right.
func TestStructure(t *testing.T) {
	d, err := painter(t).Cell(context.Background(), architectures(t)["DARTS"], Normal)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/DARTS-normal.dot")
	if err != nil {
		t.Fatal(err)
	}
	if got := written(t, d, DOT); !bytes.Equal(got, want) {
		t.Errorf("the graph is now\n%s\nand was\n%s", got, want)
	}
}

func TestStartsGraphvizOnlyToDraw(t *testing.T) {
	t.Setenv("PATH", "")
	p := painter(t)
	if _, err := p.Transitions(context.Background()); err != nil || p.engine != nil {
		t.Errorf("the scheme started Graphviz, or failed: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	g := architectures(t)["DARTS"]
	for range 2 { // a closed painter starts again
		if _, err := p.Cell(context.Background(), g, Normal); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusals(t *testing.T) {
	p, ctx := painter(t), context.Background()
	good := architectures(t)["DARTS"]
	bad := good
	bad.Reduce = genotype.Cell{Edges: []genotype.Edge{{From: 5, To: 2}}}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	for name, draw := range map[string]func() (*Drawing, error){
		"cell":        func() (*Drawing, error) { return p.Cell(ctx, bad, Reduce) },
		"pair input":  func() (*Drawing, error) { return p.Pair(ctx, bad, good, Reduce) },
		"pair output": func() (*Drawing, error) { return p.Pair(ctx, good, bad, Reduce) },
	} {
		_, err := draw()
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "reduce cell of DARTS") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, draw := range map[string]func() (*Drawing, error){
		"cell":        func() (*Drawing, error) { return p.Cell(stopped, good, Normal) },
		"pair":        func() (*Drawing, error) { return p.Pair(stopped, good, good, Normal) },
		"transitions": func() (*Drawing, error) { return p.Transitions(stopped) },
	} {
		if _, err := draw(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s after a stop: error %v", name, err)
		}
	}
	d, err := p.Cell(ctx, good, Normal)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(io.Discard, "gif"); err == nil || !strings.Contains(err.Error(), "svg, png, pdf, dot") {
		t.Errorf("gif: %v", err)
	}
}

func TestHostileNames(t *testing.T) {
	p, g := painter(t), architectures(t)["Random1"]
	for name, want := range map[string]string{
		"":                         "Unnamed architecture",
		" \t\n":                    "Unnamed architecture",
		`a"];b\`:                   `a"];b\`,
		"<script>&amp;":            "<script>&amp;",
		"nul\x00bell\x07":          "nul bell",
		"two\nlines":               "two lines",
		"\xff\xfe":                 "?",
		"שלום 你好 é":                "שלום 你好 é",
		strings.Repeat("long", 99): strings.Repeat("long", 14) + "lon…",
	} {
		g.Name = name
		d, err := p.Cell(context.Background(), g, Normal)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.page.labels[0].text; got != want {
			t.Errorf("%q is drawn as %q, want %q", name, got, want)
		}
		if _, err := p.engine.Layout(context.Background(), string(written(t, d, DOT))); err != nil {
			t.Errorf("%q: DOT: %v", name, err)
		}
		strokes(t, written(t, d, SVG))
		for _, f := range []Format{PNG, PDF} {
			written(t, d, f)
		}
	}
}

func TestParseFormats(t *testing.T) {
	for list, want := range map[string][]Format{
		"svg":                {SVG},
		"svg,png":            {SVG, PNG},
		" PDF , dot,pdf,png": {PDF, DOT, PNG},
	} {
		if got, err := ParseFormats(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %v, %v, want %v", list, got, err, want)
		}
	}
	for _, list := range []string{"", "gif", "svg,,png", "svg png"} {
		if got, err := ParseFormats(list); err == nil {
			t.Errorf("%q is %v", list, got)
		}
	}
}

func BenchmarkCell(b *testing.B) {
	p, err := NewPainter(compiled)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	g := genotype.Genotype{Normal: genotype.RandomCell(rand.New(rand.NewPCG(1, 2)), 4)}
	if _, err := p.Cell(context.Background(), g, Normal); err != nil { // starts Graphviz
		b.Fatal(err)
	}
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				d, err := p.Cell(context.Background(), g, Normal)
				if err != nil {
					b.Fatal(err)
				}
				if err := d.Write(io.Discard, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestPaintersAreShared draws with one painter from several goroutines, for the race detector too.
func TestPaintersAreShared(t *testing.T) {
	p, g := painter(t), architectures(t)["DARTS"]
	first, err := p.Cell(context.Background(), g, Normal)
	if err != nil {
		t.Fatal(err)
	}
	want := written(t, first, SVG)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var b bytes.Buffer
			d, err := p.Cell(context.Background(), g, Normal)
			if err == nil {
				err = d.Write(&b, SVG)
			}
			if err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("another drawing, or error %v", err)
			}
		})
	}
	wg.Wait()
}
