package draw

import (
	"bytes"
	"context"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func someChart() Chart {
	return Chart{Title: "Loss", X: "epoch", Y: "nats", Series: []Series{
		{Name: "training", Line: true, Points: []Point{{X: 1, Y: 2.3}, {X: 2, Y: 2.1}, {X: 3, Y: 2}}},
		{Name: "measured", Marks: true, Points: []Point{{"DARTS", 1, 2.2, 2.1, 2.4}, {"", 3, 2.1, 2, 2.2}}},
		{Name: "absent"},
	}}
}

func TestCharts(t *testing.T) {
	for format, start := range map[Format]string{SVG: "<?xml", PNG: "\x89PNG", PDF: "%PDF"} {
		var first, again bytes.Buffer
		if err := someChart().Write(&first, format); err != nil {
			t.Fatal(err)
		}
		if format == PDF {
			time.Sleep(1100 * time.Millisecond) // the time of creation counts seconds
		}
		if err := someChart().Write(&again, format); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(first.Bytes(), []byte(start)) || !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Errorf("%s: written twice it differs, or doesn't begin with %q", format, start)
		}
	}
	var svg, picture bytes.Buffer
	if err := someChart().Write(&svg, SVG); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{">Loss<", ">epoch<", ">nats<", ">training<", ">measured<", ">DARTS<", "sans-serif", "#0072B2", "#D55E00"} {
		if !strings.Contains(svg.String(), text) {
			t.Errorf("the chart lacks %s", text)
		}
	}
	if strings.Contains(svg.String(), "absent") {
		t.Error("a series without points is in the legend")
	}
	if err := someChart().Write(&picture, PNG); err != nil {
		t.Fatal(err)
	}
	if m, err := png.Decode(&picture); err != nil || m.Bounds().Dx() < 800 {
		t.Errorf("the picture has %v, error %v", m.Bounds(), err)
	}
}

func TestChartRefusals(t *testing.T) {
	if err := someChart().Write(io.Discard, DOT); err == nil {
		t.Error("a chart was written as a graph")
	}
	if err := (Chart{Series: []Series{{Marks: true, Points: []Point{{X: 1, Y: 1}}}}}).Write(io.Discard, SVG); err != nil {
		t.Errorf("a single point can't be drawn: %v", err)
	}
	bad := Chart{Title: "Bad", Series: []Series{{Line: true, Points: []Point{{X: 1, Y: math.NaN()}}}}}
	if err := bad.Write(io.Discard, SVG); err == nil || !strings.Contains(err.Error(), "chart Bad") {
		t.Errorf("NaN was drawn, error %v", err)
	}
}

func TestSaveChart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "charts")
	files, err := SaveChart(context.Background(), folder, "a/b-front", someChart(), []Format{SVG, DOT})
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != "a_b-front.svg" {
		t.Fatalf("files %v, error %v", files, err)
	}
	if _, err := os.Stat(files[0]); err != nil {
		t.Error(err)
	}
}
