package dot

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-graphviz"
)

const sample = `digraph {
	rankdir=LR; node [shape=box, fixedsize=true, label=x, width=0.5, height=0.25]; edge [arrowhead=none];
	a -> b -> c; a -> c; a -> long; long -> c [color="#ff0000"];
	long [label="two words\nand \"quotes\"", width=1];
}`

func start(t *testing.T, cacheFolder string) *Engine {
	t.Helper()
	e, err := Start(context.Background(), cacheFolder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// compiled is a cache for the tests, which would else compile Graphviz again and again.
var compiled string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "nat-dot-test-")
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

func TestLayout(t *testing.T) {
	l, err := start(t, compiled).Layout(context.Background(), sample)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Nodes) != 4 || len(l.Edges) != 5 {
		t.Fatalf("%d nodes and %d edges, want 4 and 5", len(l.Nodes), len(l.Edges))
	}
	if w := l.Nodes["long"].Width; math.Abs(w-25.4) > 0.01 {
		t.Errorf("a node 1 inch wide is %g mm wide", w)
	}
	for _, e := range l.Edges {
		if len(e.Curve)%3 != 1 {
			t.Errorf("%s to %s: %d points", e.Tail, e.Head, len(e.Curve))
		}
		tail, head := l.Nodes[e.Tail], l.Nodes[e.Head]
		if head.Center.X <= tail.Center.X {
			t.Errorf("%s does not stand left of %s", e.Tail, e.Head)
		}
		for _, end := range []struct {
			at  Point
			box Box
		}{{e.Curve[0], tail}, {e.Curve[len(e.Curve)-1], head}} {
			if !onBorder(end.at, end.box) {
				t.Errorf("%s to %s ends at %v, off the border of %v", e.Tail, e.Head, end.at, end.box)
			}
		}
	}
	for name, b := range l.Nodes {
		if !within(b.Center.X, b.Width, l.Width) || !within(b.Center.Y, b.Height, l.Height) {
			t.Errorf("%s, %v, lies outside %g × %g", name, b, l.Width, l.Height)
		}
	}
}

func within(center, size, room float64) bool { return center-size/2 > -0.1 && center+size/2 < room+0.1 }

func onBorder(p Point, b Box) bool {
	const near = 0.5 // lines end within a pen's width of the border
	dx, dy := math.Abs(p.X-b.Center.X)-b.Width/2, math.Abs(p.Y-b.Center.Y)-b.Height/2
	return math.Abs(max(dx, dy)) < near
}

// TestSameAsLibrary compares our way to Graphviz with that of the library whose build we run.
func TestSameAsLibrary(t *testing.T) {
	ctx := context.Background()
	library, err := graphviz.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	graph, err := graphviz.ParseBytes([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := library.Render(ctx, graph, "plain", &want); err != nil {
		t.Fatal(err)
	}
	got, err := start(t, compiled).render(ctx, sample)
	if err != nil {
		t.Fatal(err)
	}
	if got != want.String() {
		t.Errorf("we got\n%s\nthe library\n%s", got, &want)
	}
}

func TestProgramIsTheLibrarys(t *testing.T) {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/goccy/go-graphviz").Output()
	if err != nil {
		t.Skipf("no go command to find the library with: %v", err)
	}
	theirs, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "internal", "wasm", "graphviz.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(program, theirs) {
		t.Error("graphviz.wasm differs from the library's: run go generate")
	}
}

func TestBadGraphs(t *testing.T) {
	e := start(t, compiled)
	for name, graph := range map[string]string{
		"empty":      "",
		"open":       "digraph { a -> ",
		"not dot":    "<svg/>",
		"bad layout": `digraph { layout=nonsense; a -> b }`,
		"name":       `digraph { "two words" -> b }`,
	} {
		_, err := e.Layout(context.Background(), graph)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line", name, err)
		}
	}
	if _, err := e.Layout(context.Background(), sample); err != nil {
		t.Errorf("after bad graphs: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	e := start(t, compiled)
	cancel()
	if _, err := e.Layout(ctx, sample); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestKeepsNoMemory lays out graphs from several goroutines and watches the module's memory.
func TestKeepsNoMemory(t *testing.T) {
	e := start(t, compiled)
	want, err := e.Layout(context.Background(), sample)
	if err != nil {
		t.Fatal(err)
	}
	before := e.module.Memory().Size()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				l, err := e.Layout(context.Background(), sample)
				if err != nil || l.Nodes["c"] != want.Nodes["c"] {
					t.Errorf("layout %v, error %v", l, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if after := e.module.Memory().Size(); after > before+1<<20 {
		t.Errorf("200 layouts took %d bytes", after-before)
	}
}

func TestCacheFolders(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	start(t, folder)
	found, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	if err != nil || len(found) == 0 {
		t.Errorf("nothing was cached: %v, %v", found, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t, file).Layout(context.Background(), sample); err != nil {
		t.Errorf("a cache that can't be made is not done without: %v", err)
	}
}

func TestParse(t *testing.T) {
	for name, plain := range map[string]string{
		"unknown line":   "knot a 1 2 3 4",
		"short graph":    "graph 1 2",
		"short node":     "node a 1 2 3",
		"word in node":   "node a 1 2 x 4",
		"short edge":     "edge a b",
		"no curve":       "edge a b 3 1 2 3 4 5 6",
		"negative":       "edge a b -2 1 2",
		"missing points": "edge a b 4 1 2 3 4 5 6 7",
		"many points":    "edge a b 4000000000000000000 1 2",
	} {
		if l, err := parse(plain); err == nil {
			t.Errorf("%s: read as %v", name, l)
		}
	}
	l, err := parse(`graph 1 2 1
node a 1 0.5 2 1 "a b" solid box black lightgrey
edge a b 4 0 0 1 0 1 1 2 2 solid black
stop
`)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Box{Point{25.4, 12.7}, 50.8, 25.4}); l.Nodes["a"] != want || l.Width != 50.8 || len(l.Edges[0].Curve) != 4 {
		t.Errorf("read %v", l)
	}
}
