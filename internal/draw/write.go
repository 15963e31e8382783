package draw

import (
	"bytes"
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
		_, err := io.WriteString(w, d.dot)
		return err
	}
	return fmt.Errorf("drawing format %q: choose from svg, png, pdf, dot", f)
}

// writeSVG draws text as the outlines of its letters, so that every program shows the same (few but browsers read
// embedded fonts), and lays the words over them, invisible, to be searched, selected and read aloud.
func (p *page) writeSVG(w io.Writer) error {
	options := svg.DefaultOptions
	options.EmbedFonts = false
	r := svg.New(w, p.canvas.W, p.canvas.H, &options)
	p.canvas.RenderTo(outlines{r})
	r.SetClass("words")
	r.SetCustomStyle(".words{fill-opacity:0}")
	for _, l := range p.labels {
		face := p.types.family.Face(l.writing.points, canvas.FontRegular)
		r.RenderText(canvas.NewTextLine(face, l.text, canvas.Left), canvas.Identity.Translate(l.start.X, l.start.Y))
	}
	return r.Close()
}

// outlines is an SVG to which text is rendered as paths.
type outlines struct{ *svg.SVG }

func (o outlines) RenderText(t *canvas.Text, m canvas.Matrix) {
	const unhinted = 0
	t.RenderAsPath(o.SVG, m, unhinted)
}

// creationDate finds what changes from one writing of a PDF to the next.
var creationDate = regexp.MustCompile(`/CreationDate \(D:\d{14}`)

func (p *page) writePDF(w io.Writer) error {
	var b bytes.Buffer
	r := pdf.New(&b, p.canvas.W, p.canvas.H, nil)
	p.canvas.RenderTo(r)
	if err := r.Close(); err != nil {
		return err
	}
	_, err := w.Write(creationDate.ReplaceAll(b.Bytes(), []byte("/CreationDate (D:20200101000000")))
	return err
}
