// Package draw makes figures of architectures: a cell, an input cell beside what became of it, and the scheme of
// transitions. Package dot, below it, says where things lie; everything is drawn here, once, on a canvas that is then
// written as SVG, PNG or PDF. The commands search, derive and visualize call it; it knows primitives and genotypes, and
// nothing of networks.
package draw

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"nat/internal/draw/dot"
	"nat/internal/genotype"
)

// Kind says which of a genotype's two cells is meant.
type Kind string

// The two kinds of cells.
const (
	Normal Kind = "normal"
	Reduce Kind = "reduce"
)

// of returns the genotype's cell of that kind.
func (k Kind) of(g genotype.Genotype) genotype.Cell {
	if k == Reduce {
		return g.Reduce
	}
	return g.Normal
}

// Painter makes drawings. It starts Graphviz when the first cell is drawn and keeps it for the others; several
// goroutines may use one Painter.
type Painter struct {
	cacheFolder string
	types       *typefaces

	starting sync.Mutex
	engine   *dot.Engine // nil until something is laid out
}

// NewPainter returns a Painter that keeps Graphviz's compiled code in cacheFolder, which saves later processes some
// 0.7 s; empty for nowhere. The folder must be the user's own.
func NewPainter(cacheFolder string) (*Painter, error) {
	types, err := loadTypefaces()
	if err != nil {
		return nil, err
	}
	return &Painter{cacheFolder: cacheFolder, types: types}, nil
}

// Close stops Graphviz. The Painter may be used again and then starts it anew.
func (p *Painter) Close() error {
	p.starting.Lock()
	defer p.starting.Unlock()
	if p.engine == nil {
		return nil
	}
	engine := p.engine
	p.engine = nil
	return engine.Close()
}

func (p *Painter) graphviz(ctx context.Context) (*dot.Engine, error) {
	p.starting.Lock()
	defer p.starting.Unlock()
	if p.engine == nil {
		engine, err := dot.Start(ctx, p.cacheFolder)
		if err != nil {
			return nil, err
		}
		p.engine = engine
	}
	return p.engine, nil
}

// Cell draws one cell of an architecture: its inputs on the left, its output on the right, and between them the nodes
// with every edge's operation written on it.
func (p *Painter) Cell(ctx context.Context, g genotype.Genotype, kind Kind) (*Drawing, error) {
	cell := kind.of(g)
	if err := cell.Validate(); err != nil {
		return nil, fmt.Errorf("the %s cell of %s: %w", kind, title(g), err)
	}
	d := newDiagram(cell)
	d.measure(p.types)
	if err := p.place(ctx, d); err != nil {
		return nil, err
	}
	f := figure{heading: heading{title(g), string(kind) + " cell"}, panels: []panel{{diagram: d}}}
	return &Drawing{page: f.compose(p.types), dot: graphText(f.heading.String(), forReading, d.statements("", forReading))}, nil
}

// place asks Graphviz where the diagram's nodes and lines lie.
func (p *Painter) place(ctx context.Context, d *diagram) error {
	engine, err := p.graphviz(ctx)
	if err != nil {
		return err
	}
	d.layout, err = engine.Layout(ctx, graphText("", forLayout, d.statements("", forLayout)))
	return err
}

// longestTitle is how many characters of an architecture's name are drawn; names come from users' files.
const longestTitle = 60

// title returns the name to draw for an architecture.
func title(g genotype.Genotype) string {
	if name := shortTitle(g.Name); name != "" {
		return name
	}
	return "Unnamed architecture"
}

// shortTitle returns a name as one line of printable characters.
func shortTitle(name string) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(name, "?"))
	characters := []rune(strings.Join(strings.Fields(printable), " "))
	if len(characters) > longestTitle {
		return string(characters[:longestTitle-1]) + "…"
	}
	return string(characters)
}
