package draw

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"io"
	"slices"

	"github.com/tdewolff/canvas"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Chart is numbers over numbers.
type Chart struct {
	Title, X, Y string // of the whole and of its axes
	Series      []Series
}

// Series is a set of points of a chart.
type Series struct {
	Name   string // in the legend; empty where it needs none
	Points []Point
	Line   bool // they are joined in their order
	Marks  bool // each is marked
	Faint  bool
}

// Point is a point of a chart. It may have a name, which is written beside it. Its bar goes from Low to High, if they differ.
type Point struct {
	Name            string
	X, Y, Low, High float64
}

// The size of a chart.
const (
	chartWidth  = 12.5 * vg.Centimeter
	chartHeight = 8 * vg.Centimeter
)

// SaveChart writes a chart into a folder as NAME with an extension for each format, and returns the files' paths. Nothing
// is written for DOT, which is a language of graphs.
func SaveChart(ctx context.Context, folder, name string, c Chart, formats []Format) ([]string, error) {
	formats = slices.DeleteFunc(slices.Clone(formats), func(f Format) bool { return f == DOT })
	return saveFiles(ctx, folder, fileName(name), formats, c.Write)
}

// Write writes the chart to w. The same chart gives the same bytes every time.
func (c Chart) Write(w io.Writer, f Format) error {
	p, err := c.plot()
	if err != nil {
		return fmt.Errorf("chart %s: %w", c.Title, err)
	}
	var sheet vg.CanvasWriterTo
	finish := func(b []byte) []byte { return b }
	switch f {
	case SVG:
		sheet, finish = vgsvg.New(chartWidth, chartHeight), substituteFonts
	case PNG:
		sheet = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(chartWidth, chartHeight), vgimg.UseDPI(dotsPerInch))}
	case PDF:
		sheet, finish = vgpdf.New(chartWidth, chartHeight), fixDate
	default:
		return fmt.Errorf("charts can't be written as %s: choose from svg, png, pdf", f)
	}
	const margin = 2 * vg.Millimeter
	p.Draw(vgdraw.Crop(vgdraw.New(sheet), margin, -margin, margin, -margin))
	var b bytes.Buffer
	if _, err := sheet.WriteTo(&b); err != nil {
		return err
	}
	_, err = w.Write(finish(b.Bytes()))
	return err
}

// substituteFonts lets readers of an SVG file without the chart's font take another one without serifs.
func substituteFonts(file []byte) []byte {
	return bytes.ReplaceAll(file, []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
}

// plot puts the chart together.
func (c Chart) plot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.X, c.Y
	p.BackgroundColor = canvas.Hex(paper)
	setFont(&p.Title.TextStyle.Font, 9)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		setFont(&axis.Label.TextStyle.Font, smallText)
		setFont(&axis.Tick.Label.Font, smallText)
		axis.Color, axis.Tick.Color = canvas.Hex(muted), canvas.Hex(muted)
		axis.Label.TextStyle.Color, axis.Tick.Label.Color = canvas.Hex(ink), canvas.Hex(ink)
	}
	setFont(&p.Legend.TextStyle.Font, smallText)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Millimeter/2 // a wider font has room to the right
	p.Title.Padding, p.X.Padding, p.Y.Padding = 2*vg.Millimeter, 0, 0
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = canvas.Hex(terminalFill), canvas.Hex(terminalFill)
	p.Add(grid)
	for i, s := range c.Series {
		if len(s.Points) == 0 {
			continue
		}
		if err := s.add(p, seriesColor(i, s.Faint)); err != nil {
			return nil, err
		}
	}
	makeRoom(&p.X, 0)
	makeRoom(&p.Y, len(c.Series))
	return p, nil
}

const smallText = 8 // points

func setFont(f *font.Font, points font.Length) { f.Variant, f.Size = "Sans", points }

// makeRoom widens an axis so that nothing touches its ends, and above for so many lines of the legend.
func makeRoom(a *plot.Axis, lines int) {
	const edge, line = 0.03, 0.06 // of the range
	span := a.Max - a.Min
	a.Min, a.Max = a.Min-edge*span, a.Max+(edge+line*float64(lines))*span
}

// seriesColor returns the colour of series number i, of the palette of Okabe and Ito.
func seriesColor(i int, isFaint bool) color.Color {
	if isFaint {
		return canvas.Hex(faint)
	}
	palette := []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}
	return canvas.Hex(palette[i%len(palette)])
}

// barred are the points of a series with their bars.
type barred struct {
	plotter.XYs
	plotter.YErrors
}

// add adds the series to a plot.
func (s Series) add(p *plot.Plot, c color.Color) error {
	var b barred
	hasBars := false
	for _, x := range s.Points {
		b.XYs = append(b.XYs, plotter.XY{X: x.X, Y: x.Y})
		low, high := x.Y-x.Low, x.High-x.Y
		if x.Low == x.High {
			low, high = 0, 0
		}
		hasBars = hasBars || low != 0 || high != 0
		b.YErrors = append(b.YErrors, struct{ Low, High float64 }{low, high})
	}
	line, marks, err := plotter.NewLinePoints(b.XYs)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, 1.2
	marks.Color, marks.Shape, marks.Radius = c, vgdraw.CircleGlyph{}, 2.2
	var shown []plot.Thumbnailer
	if s.Line {
		p.Add(line)
		shown = append(shown, line)
	}
	if hasBars {
		errors, err := plotter.NewYErrorBars(b)
		if err != nil {
			return err
		}
		errors.Color, errors.Width, errors.CapWidth = c, 0.6, 3
		p.Add(errors)
	}
	if s.Marks {
		p.Add(marks)
		shown = append(shown, marks)
	}
	if err := s.addNames(p, b.XYs); err != nil {
		return err
	}
	if s.Name != "" {
		p.Legend.Add(s.Name, shown...)
	}
	return nil
}

// addNames writes the points' names beside them.
func (s Series) addNames(p *plot.Plot, at plotter.XYs) error {
	names := plotter.XYLabels{}
	for i, x := range s.Points {
		if x.Name != "" {
			names.XYs, names.Labels = append(names.XYs, at[i]), append(names.Labels, shortTitle(x.Name))
		}
	}
	if len(names.Labels) == 0 {
		return nil
	}
	labels, err := plotter.NewLabels(names)
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		setFont(&labels.TextStyle[i].Font, smallText)
		labels.TextStyle[i].Color = canvas.Hex(ink)
	}
	labels.Offset = vg.Point{X: 1.5 * vg.Millimeter, Y: -smallText / 3}
	p.Add(labels)
	return nil
}
