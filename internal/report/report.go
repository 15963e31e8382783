// Package report makes one HTML file of a run: what became of it, its curves, settings and architectures, what its policy
// does, and what can be had of it at which cost. The file needs no network and no other file. It stands above search,
// train, derive and draw, and below cli.
package report

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"

	"nat/internal/derive"
	"nat/internal/draw"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/runfolder"
	"nat/internal/runs"
)

// Options say what to report.
type Options struct {
	Folder  string // of the run
	Version string // of this program
	Painter *draw.Painter
	Device  *graph.Device
	// Front, where there is one, finds what can be had at which cost with the model of a search.
	Front func(*model.Model) (*derive.Result, error)
}

// Page is what a report shows.
type Page struct {
	Title      string
	Version    string // of the program that wrote it
	Summary    []Fact
	Figures    []Figure // curves
	Trials     []Row    // of a search
	Drawings   []Figure
	Matrix     *Matrix // of a search's policy
	Front      []Row
	Provenance []Fact
	Settings   []Fact
}

// Fact is a line of a table.
type Fact struct{ Name, Value string }

// Row is a line of a table of architectures.
type Row struct {
	Cells    []string
	Genotype string
}

// Figure is a drawing and what it shows.
type Figure struct {
	Caption string
	SVG     template.HTML
}

//go:embed page.html
var pageText string

// Write writes a page as HTML.
func (p Page) Write(w io.Writer) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// Of puts together the page of a run, also of one that goes on.
func Of(ctx context.Context, o Options) (Page, error) {
	f := runfolder.At(filepath.Clean(o.Folder))
	text, err := f.Config()
	if err != nil {
		return Page{}, err
	}
	p := Page{Title: filepath.Base(f.Path()), Version: o.Version}
	// A search says which kind of supernet it trains, a training which architecture.
	var config struct{ Settings map[string]json.RawMessage }
	if err := json.Unmarshal(text, &config); err != nil {
		return p, fmt.Errorf("%s: %w", f.ConfigPath(), err)
	}
	if _, ok := config.Settings["op_type"]; ok {
		return p, p.ofSearch(ctx, f, o)
	}
	return p, p.ofTraining(ctx, f, o)
}

// describe fills in where a run comes from, and its settings.
func describe[S any](p *Page, c runs.Config[S]) error {
	data := c.Dataset
	if c.Source != "" && c.Source != c.Dataset {
		data += " (" + c.Source + ")"
	}
	p.Provenance = []Fact{
		{"command", strings.Join(c.Command, " ")}, {"version", c.Version}, {"data", data}, {"fingerprint of the data", c.Fingerprint},
		{"kernels", fmt.Sprintf("%s, %s convolutions, %d threads", c.Kernels, c.Convolution, c.Threads)},
	}
	if c.Machine != (runs.Machine{}) {
		p.Provenance = append(p.Provenance, Fact{"machine", c.Machine.String()})
	}
	text, err := json.Marshal(c.Settings)
	if err != nil {
		return err
	}
	p.Settings, err = settings(text)
	return err
}

// settings lists the members of an object, in their order.
func settings(object []byte) (facts []Fact, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		text := string(value)
		var s string
		if json.Unmarshal(value, &s) == nil {
			text = s
		}
		facts = append(facts, Fact{fmt.Sprint(name), text})
	}
	_, err = d.Token() // the end of the object
	return facts, err
}

// chart adds a figure of curves.
func (p *Page) chart(c draw.Chart) error {
	var b strings.Builder
	if err := c.Write(&b, draw.SVG); err != nil {
		return err
	}
	p.Figures = append(p.Figures, Figure{c.Title, inline(b.String())})
	return nil
}

// drawing adds a figure of cells.
func (p *Page) drawing(caption string, d *draw.Drawing, err error) error {
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := d.Write(&b, draw.SVG); err != nil {
		return err
	}
	p.Drawings = append(p.Drawings, Figure{caption, inline(b.String())})
	return nil
}

// inline makes a part of HTML of an SVG file of ours: what stands before its root belongs in files only.
func inline(file string) template.HTML {
	return template.HTML(file[max(strings.Index(file, "<svg"), 0):]) // all text in it was escaped when it was written
}

// percent writes a share.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
