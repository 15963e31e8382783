package draw

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"nat/internal/atomicfile"
	"nat/internal/genotype"
)

// SaveCells draws both cells of an architecture into the folder, as NAME-normal and NAME-reduce with an extension for
// each format, and returns the files' paths. The folder is made if it isn't there.
func (p *Painter) SaveCells(ctx context.Context, folder string, g genotype.Genotype, formats []Format) ([]string, error) {
	return saveKinds(ctx, folder, baseName(g), formats, func(k Kind) (*Drawing, error) { return p.Cell(ctx, g, k) })
}

// SavePair draws both cells of an input beside those of what it became, as INPUT-to-OUTPUT-normal and -reduce.
func (p *Painter) SavePair(
	ctx context.Context, folder string, input, output genotype.Genotype, formats []Format,
) ([]string, error) {
	base := baseName(input) + "-to-" + baseName(output)
	return saveKinds(ctx, folder, base, formats, func(k Kind) (*Drawing, error) { return p.Pair(ctx, input, output, k) })
}

// SaveTransitions draws the scheme of transitions, as transitions with an extension for each format.
func (p *Painter) SaveTransitions(ctx context.Context, folder string, formats []Format) ([]string, error) {
	d, err := p.Transitions(ctx)
	if err != nil {
		return nil, err
	}
	return d.save(ctx, folder, "transitions", formats)
}

func saveKinds(
	ctx context.Context, folder, base string, formats []Format, draw func(Kind) (*Drawing, error),
) ([]string, error) {
	kinds := []Kind{Normal, Reduce}
	paths, failed := make([][]string, len(kinds)), make([]error, len(kinds))
	var both sync.WaitGroup
	for i, k := range kinds {
		both.Go(func() {
			d, err := draw(k)
			if err == nil {
				paths[i], err = d.save(ctx, folder, base+"-"+string(k), formats)
			}
			failed[i] = err
		})
	}
	both.Wait()
	return slices.Concat(paths...), cmp.Or(failed...)
}

func (d *Drawing) save(ctx context.Context, folder, base string, formats []Format) ([]string, error) {
	return saveFiles(ctx, folder, base, formats, d.Write)
}

// saveFiles has write write into the folder once for each format, all at the same time: most of it is compressing and waiting
// for the disk. Each file is whole or absent; where one fails, the others stay and are returned.
func saveFiles(
	ctx context.Context, folder, base string, formats []Format, write func(w io.Writer, f Format) error,
) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for drawings: %w", err)
	}
	paths, failed := make([]string, len(formats)), make([]error, len(formats))
	var all sync.WaitGroup
	for i, f := range formats {
		all.Go(func() {
			if failed[i] = ctx.Err(); failed[i] != nil {
				return
			}
			path := filepath.Join(folder, base+"."+string(f))
			if err := atomicfile.Write(path, func(w io.Writer) error { return write(w, f) }); err != nil {
				failed[i] = fmt.Errorf("writing the drawing %s (choose a folder that you may write to): %w", path, err)
				return
			}
			paths[i] = path
		})
	}
	all.Wait()
	return slices.DeleteFunc(paths, func(path string) bool { return path == "" }), cmp.Or(failed...)
}

// longestBase is how many bytes of an architecture's name its files keep, so that two of them and an ending fit into the
// 255 that file systems allow.
const longestBase = 80

// baseName makes a file name of an architecture's name.
func baseName(g genotype.Genotype) string { return fileName(g.Name) }

// fileName makes a file name of a name: whatever isn't a letter, a digit or one of - _ + . becomes _.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_+.", r)) {
			return r
		}
		return '_'
	}, name)
	for len(name) > longestBase {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name = strings.TrimLeft(name, ".-"); name == "" { // hidden files, and what looks like a flag
		return "unnamed"
	}
	return name
}
