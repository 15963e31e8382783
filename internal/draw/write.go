package draw

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/tdewolff/canvas"
	"github.com/tdewolff/canvas/renderers/pdf"
	"github.com/tdewolff/canvas/renderers/rasterizer"
	"github.com/tdewolff/canvas/renderers/svg"
)

// Format is a kind of file that a drawing can be written as; its text is also the file name's extension.
type Format string

// The formats.
const (
	SVG Format = "svg"
	PNG Format = "png"
	PDF Format = "pdf"
	DOT Format = "dot"
)

// Formats returns all formats.
func Formats() []Format { return []Format{SVG, PNG, PDF, DOT} }

// ParseFormats reads a list of formats separated by commas, such as "svg,png".
func ParseFormats(list string) ([]Format, error) {
	var formats []Format
	for name := range strings.SplitSeq(list, ",") {
		f := Format(strings.ToLower(strings.TrimSpace(name)))
		if !slices.Contains(Formats(), f) {
			return nil, fmt.Errorf("drawing format %q: choose from svg, png, pdf, dot, separated by commas", name)
		}
		if !slices.Contains(formats, f) {
			formats = append(formats, f)
		}
	}
	return formats, nil
}

// Drawing is a finished figure.
type Drawing struct {
	page *page
	dot  string // the same graph in the DOT language
}

const dotsPerInch = 192 // of PNG files

// Write writes the drawing to w. The same drawing gives the same bytes every time.
func (d *Drawing) Write(w io.Writer, f Format) error {
	switch f {
	case SVG:
		return d.page.writeSVG(w)
	case PNG:
		return png.Encode(w, rasterizer.Draw(d.page.canvas, canvas.DPI(dotsPerInch), canvas.DefaultColorSpace))
	case PDF:
		return d.page.writePDF(w)
	case DOT:
		if d.dot == "" {
			return errors.New("this drawing is no graph, which dot files hold: choose from svg, png, pdf")
		}
		_, err := io.WriteString(w, d.dot)
		return err
	}
	return fmt.Errorf("drawing format %q: choose from svg, png, pdf, dot", f)
}

// outlines renders text as the outlines of its letters. So every program shows the same, for many read no fonts that are
// embedded in SVG files, and files hold no fonts, into which the library would write the time.
type outlines struct{ canvas.Renderer }

func (o outlines) RenderText(t *canvas.Text, m canvas.Matrix) {
	const unhinted = 0
	t.RenderAsPath(o.Renderer, m, unhinted)
}

// writeSVG lays the words over the figure, invisible, to be searched, selected and read aloud.
func (p *page) writeSVG(w io.Writer) error {
	options := svg.DefaultOptions
	options.EmbedFonts = false
	r := svg.New(w, p.canvas.W, p.canvas.H, &options)
	p.canvas.RenderTo(outlines{r})
	r.SetClass("words")
	r.SetCustomStyle(".words{fill-opacity:0}")
	for _, l := range p.labels {
		line := canvas.NewTextLine(p.types.face(l.writing), l.text, canvas.Left)
		r.RenderText(line, canvas.Identity.Translate(l.start.X, l.start.Y))
	}
	return r.Close()
}

func (p *page) writePDF(w io.Writer) error {
	var b bytes.Buffer
	r := pdf.New(&b, p.canvas.W, p.canvas.H, nil)
	p.canvas.RenderTo(outlines{r})
	if err := r.Close(); err != nil {
		return err
	}
	_, err := w.Write(fixDate(b.Bytes()))
	return err
}

// fixDate sets the date of creation of a PDF file, the only thing that changes from one writing to the next, to a fixed one.
func fixDate(file []byte) []byte {
	return regexp.MustCompile(`(Date ?\(D:)\d{14}`).ReplaceAll(file, []byte("${1}20200101000000"))
}
