package report

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"nat/internal/draw"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/policy"
	"nat/internal/supernet"
)

func TestSettingsKeepTheirOrder(t *testing.T) {
	got, err := settings([]byte(`{"seed":1234,"op_type":"loose-end","rate":3e-4,"classes":["a","b"],"flip":true}`))
	want := []Fact{{"seed", "1234"}, {"op_type", "loose-end"}, {"rate", "3e-4"}, {"classes", `["a","b"]`}, {"flip", "true"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, error %v, want %v", got, err, want)
	}
	for _, text := range []string{"", "{", `{"a":`} {
		if _, err := settings([]byte(text)); err == nil {
			t.Errorf("%q is taken for settings", text)
		}
	}
}

// TestForeignTextIsEscaped has a page show what a user's command and names may hold.
func TestForeignTextIsEscaped(t *testing.T) {
	p := Page{Title: "<b>", Provenance: []Fact{{"command", `nat "<script>alert(1)</script>"`}}, Trials: []Row{{[]string{"<i>"}, "</code>"}}}
	if err := p.chart(draw.Chart{Title: "<script>", Series: []draw.Series{{Name: "</svg>", Marks: true, Points: []draw.Point{{X: 1, Y: 2}}}}}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"<script", "<b>", "<i>", "<?xml", "></code></code>"} {
		if strings.Contains(b.String(), tag) {
			t.Errorf("the page holds %s", tag)
		}
	}
	if strings.Count(b.String(), "</svg>") != 1 {
		t.Error("a name in a chart is taken for its end")
	}
}

func TestMatrix(t *testing.T) {
	m, err := model.New(
		supernet.Config{OpType: supernet.FullyConcat, Nodes: 3, Channels: 1, Layers: 1, Classes: 2, ImageChannels: 1, ImageSize: 4},
		policy.Config{Embedding: 4, Features: 8, Hidden: 6},
	)
	if err != nil {
		t.Fatal(err)
	}
	m.Policy.Initialise(1)
	d := graph.NewCPU(1)
	defer d.Close()
	matrix, err := newMatrix(context.Background(), d, m)
	if err != nil {
		t.Fatal(err)
	}
	if len(matrix.Rows) != 13 || len(matrix.To) != 13 {
		t.Fatalf("%d rows and %d columns, want 13", len(matrix.Rows), len(matrix.To))
	}
	for _, row := range matrix.Rows {
		sum := 0.0
		for to, c := range row.Cells {
			if c.Text == "" {
				continue
			}
			share, err := strconv.ParseFloat(strings.TrimPrefix(string(c.Style), "--share:"), 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += share
			if row.From == "conv_1x1" && strings.Contains(matrix.To[to], "pool") {
				t.Error("conv_1x1 may not become a pool")
			}
		}
		if math.Abs(sum-1) > 0.01 {
			t.Errorf("the probabilities of %s add up to %g", row.From, sum)
		}
	}
}

func TestRefusals(t *testing.T) {
	folder := t.TempDir()
	if _, err := Of(context.Background(), Options{Folder: folder}); err == nil || !strings.Contains(err.Error(), "not the folder of a run") {
		t.Errorf("of an empty folder: error %v", err)
	}
	for config, want := range map[string]string{
		`{"settings":{"op_type":"fully-concat"}}`: "config.json",
		`{"settings":{"arch":"DARTS"}}`:           "config.json",
		`[`:                                       "config.json",
	} {
		if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Of(context.Background(), Options{Folder: folder}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of %s: error %v, want one with %q", config, err, want)
		}
	}
}
