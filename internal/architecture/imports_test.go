// Package architecture holds the tests that keep the program's structure: who may import whom, who may print, and what
// packages may be called. docs/architecture.md says why. It has no code of its own.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of this module, in front of the imports of its own packages.
const module = "nat"

// allowed lists by package what it may import of this module. Packages stand from the top down, and import only what is
// below them. A new package gets a row.
var allowed = map[string][]string{
	"cmd/nat": {"internal/cli"},
	"internal/cli": {
		"genotypes", "pretrained", "internal/assess", "internal/report", "internal/bench", "internal/search", "internal/compare", "internal/train",
		"internal/onnx",
		"internal/derive", "internal/draw", "internal/model", "internal/supernet", "internal/network", "internal/policy",
		"internal/graph", "internal/kernel", "internal/dataset",
		"internal/checkpoint", "internal/runs", "internal/runfolder", "internal/genotype", "internal/primitive",
		"internal/gpu", "internal/atomicfile", "internal/random",
	},

	"internal/bench": {
		"bench", "genotypes", "internal/train", "internal/network", "internal/supernet", "internal/policy", "internal/graph", "internal/kernel", "internal/dataset", "internal/genotype",
		"internal/primitive", "internal/random",
	},
	"internal/compare": {
		"internal/train", "internal/runs", "internal/network", "internal/runfolder", "internal/genotype", "internal/atomicfile",
	},
	"internal/onnx": {"internal/network", "internal/block", "internal/graph"},
	"internal/train": {
		"internal/runs", "internal/network", "internal/graph", "internal/dataset", "internal/checkpoint", "internal/runfolder",
		"internal/genotype", "internal/random",
	},
	"internal/runs":          {"internal/graph", "internal/kernel", "internal/dataset", "internal/checkpoint", "internal/runfolder"},
	"internal/runs/runstest": {"internal/dataset", "internal/runfolder"},
	"internal/search": {
		"internal/runs",
		"internal/derive", "internal/draw", "internal/model", "internal/supernet", "internal/network", "internal/policy",
		"internal/graph", "internal/dataset", "internal/checkpoint", "internal/runfolder", "internal/genotype",
		"internal/primitive", "internal/atomicfile", "internal/random",
	},
	"internal/report": {
		"internal/search", "internal/train", "internal/derive", "internal/draw", "internal/model", "internal/network",
		"internal/policy", "internal/graph", "internal/runs", "internal/runfolder", "internal/genotype", "internal/primitive",
		"internal/random",
	},
	"internal/assess": {
		"internal/derive", "internal/model", "internal/network", "internal/policy", "internal/graph", "internal/dataset",
		"internal/genotype", "internal/primitive", "internal/random",
	},
	"internal/derive": {
		"pretrained", "internal/model", "internal/supernet", "internal/network", "internal/policy", "internal/graph",
		"internal/dataset", "internal/checkpoint", "internal/genotype", "internal/primitive", "internal/random",
	},
	"internal/draw":     {"internal/draw/dot", "internal/genotype", "internal/primitive", "internal/atomicfile"},
	"internal/draw/dot": {},

	"internal/model": {
		"internal/supernet", "internal/policy", "internal/graph", "internal/checkpoint", "internal/genotype",
		"internal/primitive",
	},
	"internal/supernet": {
		"internal/block", "internal/graph", "internal/kernel", "internal/dataset", "internal/genotype",
		"internal/primitive", "internal/random",
	},
	"internal/network": {
		"internal/block", "internal/graph", "internal/kernel", "internal/dataset", "internal/checkpoint", "internal/genotype",
		"internal/primitive", "internal/random",
	},
	"internal/policy": {
		"internal/graph", "internal/kernel", "internal/genotype", "internal/primitive", "internal/random",
	},
	"internal/block":           {"internal/graph", "internal/kernel", "internal/primitive", "internal/random"},
	"internal/graph":           {"internal/gpu", "internal/kernel"},
	"internal/gpu":             {"internal/gpu/kernels", "internal/kernel"},
	"internal/gpu/gputest":     {"internal/gpu"},
	"internal/gpu/kernels":     {},
	"internal/gpu/kernels/ptx": {"internal/gpu/kernels"},
	"internal/kernel":          {},

	"genotypes":           {"internal/genotype", "internal/primitive"},
	"pretrained":          {"internal/checkpoint"},
	"data":                {},
	"bench":               {},
	"internal/dataset":    {"data", "internal/picture", "internal/pickle", "internal/atomicfile", "internal/random"},
	"internal/checkpoint": {"internal/pickle", "internal/atomicfile"},
	"internal/runfolder":  {"internal/atomicfile"},
	"internal/genotype":   {"internal/primitive"},

	"internal/architecture": {},
	"internal/atomicfile":   {},
	"internal/golden":       {},
	"internal/pickle":       {},
	"internal/picture":      {},
	"internal/primitive":    {},
	"internal/random":       {},
}

// only lists by outside package which packages, with those below them, may import it: drawing, flags and terminals stay
// at the top.
var only = map[string][]string{
	"github.com/spf13/cobra":            {"internal/cli"},
	"github.com/spf13/pflag":            {"internal/cli"},
	"flag":                              {},
	"log":                               {},
	"log/slog":                          {},
	"os/signal":                         {"internal/cli"},
	"github.com/schollz/progressbar/v3": {"internal/cli"},
	"golang.org/x/term":                 {"internal/cli"},
	"github.com/goccy/go-graphviz":      {"internal/draw"},
	"github.com/tdewolff/canvas":        {"internal/draw"},
	"gonum.org/v1/plot":                 {"internal/draw"},
	"gorgonia.org/gorgonia":             {"internal/graph"},
	"github.com/ebitengine/purego":      {"internal/gpu"},
}

// source is a file of the program, not of its tests.
type source struct {
	path, folder string
	file         *ast.File
}

// sources parses the whole tree, whatever the platform a file is for. Generators, which are programs of their own, are
// left out.
func sources(t *testing.T) (files []source, set *token.FileSet) {
	t.Helper()
	const root = "../.."
	set = token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if entry.IsDir() {
			if base := entry.Name(); relative != "." && (strings.HasPrefix(base, ".") || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(relative, ".go") || strings.HasSuffix(relative, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if folder := path.Dir(relative); file.Name.Name != "main" || strings.HasPrefix(folder, "cmd/") {
			files = append(files, source{relative, folder, file})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no source files found")
	}
	return files, set
}

func TestImportsPointDown(t *testing.T) {
	files, _ := sources(t)
	for _, s := range files {
		row, known := allowed[s.folder]
		if !known {
			t.Errorf("%s: package %s is not in the table: say what it may import", s.path, s.folder)
			continue
		}
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if own, ok := strings.CutPrefix(imported, module+"/"); ok && !slices.Contains(row, own) {
				t.Errorf("%s imports %s, which %s may not", s.path, imported, s.folder)
			}
			for library, users := range only {
				if within(imported, library) && !slices.ContainsFunc(users, func(u string) bool { return within(s.folder, u) }) {
					t.Errorf("%s imports %s, which belongs to %v alone", s.path, imported, users)
				}
			}
		}
	}
}

// within tells whether a package is parent or one of the packages below it.
func within(name, parent string) bool { return name == parent || strings.HasPrefix(name, parent+"/") }

// TestTableIsAcyclic checks the table itself: no way of allowed imports leads back to where it began.
func TestTableIsAcyclic(t *testing.T) {
	var visit func(name string, way []string)
	visit = func(name string, way []string) {
		if slices.Contains(way, name) {
			t.Fatalf("a circle of imports is allowed: %v, %s", way, name)
		}
		for _, next := range allowed[name] {
			visit(next, append(slices.Clone(way), name))
		}
	}
	for name := range allowed {
		visit(name, nil)
	}
}

func TestNoPackageIsNamedForNothing(t *testing.T) {
	files, _ := sources(t)
	for _, s := range files {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base"}, s.file.Name.Name) {
			t.Errorf("%s: package %s says nothing of what it holds", s.path, s.file.Name.Name)
		}
	}
}

// TestOnlyTheCommandLinePrints finds prints to the terminal elsewhere: fmt's, the built-in ones, and uses of the standard
// streams.
func TestOnlyTheCommandLinePrints(t *testing.T) {
	files, set := sources(t)
	forbidden := []string{"fmt.Print", "fmt.Printf", "fmt.Println", "os.Stdout", "os.Stderr", "os.Stdin", "os.Exit", "print", "println"}
	for _, s := range files {
		if s.folder == "internal/cli" || strings.HasPrefix(s.folder, "cmd/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			name := ""
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					name = x.Name + "." + n.Sel.Name
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok {
					name = f.Name
				}
			}
			if slices.Contains(forbidden, name) {
				t.Errorf("%s: %s belongs to internal/cli alone", set.Position(n.Pos()), name)
			}
			return true
		})
	}
}
