package compare

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/random"
	"nat/internal/runs/runstest"
	"nat/internal/train"
)

// watcher is an Observer that remembers, and does something at a step.
type watcher struct {
	begun    []string
	measured []Result
	steps    int
	at       func(step int)
}

func (w *watcher) Progress(train.Progress) {
	w.steps++
	if w.at != nil {
		w.at(w.steps)
	}
}
func (w *watcher) Recorded(train.Record)              {}
func (w *watcher) Warn(string)                        {}
func (w *watcher) Begins(_, _ int, t *train.Training) { w.begun = append(w.begun, t.Folder()) }
func (w *watcher) Measured(r Result)                  { w.measured = append(w.measured, r) }
func resources(t *testing.T) train.Resources {
	d := graph.NewCPU(2)
	t.Cleanup(d.Close)
	return train.Resources{Data: &dataset.Set{Name: "synthetic", Train: runstest.Images(60), Test: runstest.Images(24)}, Device: d}
}

// tiny returns settings of a comparison that takes a moment.
func tiny() Settings {
	s := Settings{Names: []string{"a", "b/c"}, Seeds: []uint64{5, 6}, Training: train.Default(network.SmallStem)}
	for i := range s.Names {
		s.Architectures = append(s.Architectures, genotype.Random(random.New(1, "genotypes", i), 2))
	}
	o := &s.Training
	o.Architecture = s.Architectures[0]
	o.Size = network.Size{Stem: network.SmallStem, Channels: 2, Layers: 3, Classes: 4, ImageSize: 8}
	o.Epochs, o.BatchSize, o.Augmentation.Padding, o.Augmentation.Cutout = 2, 20, 1, 2
	return s
}

// report runs a comparison, and resumes it until it is done, stopping it again at the steps given.
func report(t *testing.T, stops ...int) (string, []string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "comparison")
	var begun []string
	for {
		ctx, cancel := context.WithCancel(t.Context())
		w := &watcher{}
		if len(stops) > 0 {
			stop := stops[0]
			stops = stops[1:]
			w.at = func(step int) {
				if step == stop {
					cancel()
				}
			}
		}
		c, err := Start(folder, tiny(), resources(t), w)
		if err != nil && strings.Contains(err.Error(), "exists") {
			c, err = Resume(folder, resources(t), w)
		}
		if err != nil {
			t.Fatal(err)
		}
		err = c.Run(ctx)
		cancel()
		begun = append(begun, w.begun...)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		r, failed := c.Report()
		if failed = errors.Join(failed, c.Close()); failed != nil {
			t.Fatal(failed)
		}
		if err == nil {
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(text), begun
		}
	}
}

// TestComparison runs a comparison at once, and one that is stopped in the first and in the third training.
func TestComparison(t *testing.T) {
	want, begun := report(t)
	if len(begun) != 4 || filepath.Base(begun[0]) != "1-a-seed-5" || filepath.Base(begun[3]) != "2-b_c-seed-6" {
		t.Errorf("trainings %v", begun)
	}
	var r Report
	if err := json.Unmarshal([]byte(want), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 2 || len(r.Differences) != 1 || len(r.Rows[1].Runs) != 2 || r.Rows[0].Parameters == 0 || r.Rows[0].MAdds == 0 {
		t.Errorf("report %s", want)
	}
	if d := r.Differences[0]; d.From != "a" || d.To != "b/c" || math.Abs(d.Accuracy.Mean-(r.Rows[1].Accuracy.Mean-r.Rows[0].Accuracy.Mean)) > 1e-12 {
		t.Errorf("difference %+v", d)
	}
	got, begun := report(t, 2, 11)
	if got != want {
		t.Errorf("stopped and resumed:\n%s\nwant\n%s", got, want)
	}
	if len(begun) != 6 { // the four, of which two were gone on with
		t.Errorf("trainings %v", begun)
	}
}

// TestHalfMadeFolder resumes a comparison whose second training a crash left an empty folder of, and one with a damaged result.
func TestHalfMadeFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "comparison")
	c, err := Start(folder, tiny(), resources(t), &watcher{})
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(folder, "2-b_c-seed-5")
	if err := os.Mkdir(second, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Run(t.Context()), c.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(second, "result.json"), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if c, err = Resume(folder, resources(t), &watcher{}); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(c.Run(t.Context()), c.Close())
	if err == nil || !strings.Contains(err.Error(), "b/c with seed 5: result ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

// TestEstimate holds intervals against those of tables.
func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Estimate
	}{
		{nil, Estimate{0, -1, 1, 0}},
		{[]float64{0.5}, Estimate{0.5, -1, 1, 1}},
		{[]float64{0.4, 0.6}, Estimate{0.5, 0.5 - 12.7062*0.1, 0.5 + 12.7062*0.1, 2}},
		{[]float64{0.1, 0.2, 0.3}, Estimate{0.2, 0.2 - 4.30265*0.1/math.Sqrt(3), 0.2 + 4.30265*0.1/math.Sqrt(3), 3}},
	} {
		e := estimate(c.values)
		if e.N != c.want.N || math.Abs(e.Mean-c.want.Mean) > 1e-9 || math.Abs(e.Low-c.want.Low) > 1e-5 || math.Abs(e.High-c.want.High) > 1e-5 {
			t.Errorf("%v: %+v, want %+v", c.values, e, c.want)
		}
	}
}

// TestRefusals gives comparisons what they can't take.
func TestRefusals(t *testing.T) {
	for want, change := range map[string]func(s *Settings){
		"needs architectures":          func(s *Settings) { s.Seeds = nil },
		"is empty, or that of two":     func(s *Settings) { s.Names[1] = "a" },
		"a: a number of epochs of 0":   func(s *Settings) { s.Training.Epochs = 0 },
		"but synthetic has 4 of 3×8×8": func(s *Settings) { s.Training.Size.ImageSize = 16 },
	} {
		s := tiny()
		change(&s)
		c, err := Start(filepath.Join(t.TempDir(), "comparison"), s, resources(t), &watcher{})
		if err == nil {
			err = errors.Join(c.Run(t.Context()), c.Close())
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
