package draw

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nat/internal/genotype"
)

func TestFilesAreNamed(t *testing.T) {
	p, ctx, all := painter(t), context.Background(), architectures(t)
	folder := filepath.Join(t.TempDir(), "made", "here")
	cells, err := p.SaveCells(ctx, folder, all["DARTS"], []Format{SVG, DOT})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := p.SavePair(ctx, folder, all["DARTS"], all["NATv2_DARTS"], []Format{PDF})
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := p.SaveTransitions(ctx, folder, []Format{PNG})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"DARTS-normal.svg", "DARTS-normal.dot", "DARTS-reduce.svg", "DARTS-reduce.dot",
		"DARTS-to-NATv2_DARTS-normal.pdf", "DARTS-to-NATv2_DARTS-reduce.pdf", "transitions.png",
	}
	for i, path := range slices.Concat(cells, pair, scheme) {
		if path != filepath.Join(folder, want[i]) {
			t.Errorf("file %d is %s, want %s", i, path, want[i])
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if found, err := os.ReadDir(folder); err != nil || len(found) != len(want) {
		t.Errorf("the folder holds %v, want %d files", found, len(want))
	}
}

func TestBaseName(t *testing.T) {
	for name, want := range map[string]string{
		"DARTS":                     "DARTS",
		"NATv2_DARTS":               "NATv2_DARTS",
		"":                          "unnamed",
		"..":                        "unnamed",
		"../../etc/passwd":          "_.._etc_passwd",
		`C:\cells\mine`:             "C__cells_mine",
		".hidden":                   "hidden",
		"--out":                     "out",
		"a b\tc\x00d":               "a_b_c_d",
		"\xff":                      "_",
		"é我":                        "é我",
		strings.Repeat("我", 40):     strings.Repeat("我", 26),
		strings.Repeat("long", 100): strings.Repeat("long", 20),
	} {
		if got := baseName(genotype.Genotype{Name: name}); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestFoldersThatCannotBe(t *testing.T) {
	p, g := painter(t), architectures(t)["DARTS"]
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := p.SaveCells(context.Background(), filepath.Join(file, "below"), g, []Format{SVG})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), file) {
		t.Errorf("a folder inside a file: error %v", err)
	}
	// A folder in the place of a file that is to be written.
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "DARTS-reduce.svg", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	paths, err := p.SaveCells(context.Background(), folder, g, []Format{SVG})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "DARTS-reduce.svg") {
		t.Errorf("a folder in the way: error %v", err)
	}
	if want := []string{filepath.Join(folder, "DARTS-normal.svg")}; !slices.Equal(paths, want) {
		t.Errorf("written were %v, want %v", paths, want)
	}
	if found, err := os.ReadDir(folder); err != nil || len(found) != 2 {
		t.Errorf("left behind: %v, %v", found, err)
	}
}

func TestSaveStops(t *testing.T) {
	p, g := painter(t), architectures(t)["DARTS"]
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	folder := filepath.Join(t.TempDir(), "none")
	if _, err := p.SaveCells(ctx, folder, g, []Format{SVG}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("a folder was made: %v", err)
	}
}
