package train

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/primitive"
	"nat/internal/random"
	"nat/internal/runfolder"
	"nat/internal/runs/runstest"
)

// tiny returns settings of a training that takes a fraction of a second an epoch, on synthetic images.
func tiny() Options {
	o := Default(network.SmallStem)
	o.Architecture = genotype.Random(random.New(1, "genotypes"), 2)
	o.Architecture.Normal.Edges[0].Op = primitive.SepConv3x3
	o.Architecture.Name = "tiny"
	o.Size = network.Size{Stem: network.SmallStem, Channels: 2, Layers: 3, Classes: 4, ImageSize: 8}
	o.Epochs, o.BatchSize, o.Augmentation.Padding, o.Augmentation.Cutout = 3, 8, 1, 2
	return o
}

// watcher is an Observer that remembers, and does something at a step.
type watcher struct {
	records  []Record
	warnings []string
	steps    int
	at       func(step int) // is told the number of steps so far
}

func (w *watcher) Progress(Progress) {
	w.steps++
	if w.at != nil {
		w.at(w.steps)
	}
}
func (w *watcher) Recorded(r Record)   { w.records = append(w.records, r) }
func (w *watcher) Warn(message string) { w.warnings = append(w.warnings, message) }

// setting is what a test's trainings have in common.
type setting struct {
	options Options
	threads int
	data    *dataset.Set
	card    bool // computes, in place of threads
}

func newSetting() setting {
	return setting{options: tiny(), threads: 1, data: &dataset.Set{Name: "synthetic", Train: runstest.Images(100), Test: runstest.Images(20)}}
}

func (s setting) resources(t *testing.T, w *watcher) Resources {
	d := graph.NewCPU(s.threads)
	if s.card {
		d = graph.NewCard(gputest.Open(t), s.threads)
	}
	t.Cleanup(d.Close)
	return Resources{Data: s.data, Device: d, Observer: w}
}

// run trains from the start in a folder, and resumes what is there.
func (s setting) run(ctx context.Context, t *testing.T, folder string, w *watcher) error {
	t.Helper()
	r := s.resources(t, w)
	training, err := Start(folder, s.options, r)
	if err != nil && strings.Contains(err.Error(), "exists") {
		training, err = Resume(folder, s.options.Epochs, r)
	}
	if err != nil {
		return err
	}
	return errors.Join(training.Run(ctx), training.Close())
}

// complete trains to the end and returns the folder.
func (s setting) complete(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "run")
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Fatal(err)
	}
	return folder
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	runstest.Compare(t, got, want)
	runstest.CheckSteps[Record](t, got)
}

// TestTrainingLearns trains to the last line, and looks at what it logged.
func TestTrainingLearns(t *testing.T) {
	s := newSetting()
	s.data.Train, s.data.Test = runstest.Images(1200), runstest.Images(80)
	s.options.Rate, s.options.Size.Channels = 0.1, 4
	w := &watcher{}
	if err := s.run(t.Context(), t, filepath.Join(t.TempDir(), "run"), w); err != nil {
		t.Fatal(err)
	}
	var epochs []Record
	for _, r := range w.records {
		if r.Kind == EpochRecord {
			epochs = append(epochs, r)
		}
	}
	if len(epochs) != 3 {
		t.Fatalf("%d epochs, want 3", len(epochs))
	}
	last := epochs[2]
	if last.Train.Loss >= epochs[0].Train.Loss || last.Evaluation.Accuracy < 0.6 || last.Evaluation.Top5 != 1 {
		t.Errorf("it learned little: %+v and %+v", last.Train, *last.Evaluation)
	}
	if last.Train.Rate != 0.1*0.25 && math.Abs(last.Train.Rate-0.025) > 1e-12 || math.Abs(last.Train.DropPath-0.2*2/3) > 1e-12 {
		t.Errorf("rate %g and drop-path %g in the third epoch of three", last.Train.Rate, last.Train.DropPath)
	}
	if len(w.warnings) != 1 || !strings.Contains(w.warnings[0], "without one") {
		t.Errorf("warns %q, not of the auxiliary head alone", w.warnings)
	}
}

// TestSameSeedSameBits trains twice, and with more threads, and with another seed.
func TestSameSeedSameBits(t *testing.T) {
	s := newSetting()
	first := s.complete(t)
	s.threads = 3
	compare(t, s.complete(t), first)
	s.options.Seed++
	if bytes.Equal(runstest.Read(t, s.complete(t), runfolder.LatestName), runstest.Read(t, first, runfolder.LatestName)) {
		t.Error("another seed gives the same checkpoint")
	}
}

// TestStoppedAndResumed stops a training cleanly at random steps until it is done.
func TestStoppedAndResumed(t *testing.T) {
	s := newSetting()
	s.options.BatchSize, s.options.Size.Layers, s.options.TrainPortion = 1, 1, 0.7 // 70 steps: lines amid the epochs
	want := s.complete(t)
	if text := string(runstest.Read(t, want, "metrics.jsonl")); strings.Count(text, `"kind":"step"`) != 3 || !strings.Contains(text, `"on":"held-out","images":30`) {
		t.Errorf("no lines amid the epochs, or nothing held out:\n%s", text)
	}
	folder := filepath.Join(t.TempDir(), "run")
	random := rand.New(rand.NewPCG(3, 4))
	breaks := runstest.StopAndResume(t, random, 40, func(ctx context.Context, stepped func(step int)) error {
		return s.run(ctx, t, folder, &watcher{at: stepped})
	})
	if breaks < 4 {
		t.Errorf("stopped only %d times", breaks)
	}
	compare(t, folder, want)
}

// TestKilledAndResumed copies the folder of a training at random steps, as a kill would leave it, and resumes the copy: amid
// an epoch with a checkpoint at every step, or with none since the epoch before.
func TestKilledAndResumed(t *testing.T) {
	s := newSetting()
	want := s.complete(t)
	random := rand.New(rand.NewPCG(5, 6))
	for _, every := range []bool{false, true} {
		for range 3 {
			killAt := 1 + random.IntN(30)
			folder, copied := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "copy")
			ctx, cancel := context.WithCancel(t.Context())
			r := s.resources(t, &watcher{at: func(step int) {
				if step == killAt {
					if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
						t.Error(err)
					}
					cancel()
				}
			}})
			if every {
				r.SaveEvery = 1
			}
			training, err := Start(folder, s.options, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := training.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if err := training.Close(); err != nil {
				t.Fatal(err)
			}
			runstest.AppendTorn(t, copied)
			if err := s.run(t.Context(), t, copied, &watcher{}); err != nil {
				t.Fatal(err)
			}
			compare(t, copied, want)
		}
	}
}

// TestLatestLost resumes a run whose latest checkpoint is gone: it goes on from the best one, to the same bits.
func TestLatestLost(t *testing.T) {
	s := newSetting()
	folder := s.complete(t)
	want := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(want, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, runfolder.LatestName)); err != nil {
		t.Fatal(err)
	}
	w := &watcher{}
	if err := s.run(t.Context(), t, folder, w); err != nil {
		t.Fatal(err)
	}
	compare(t, folder, want)
	if !strings.Contains(strings.Join(w.warnings, "\n"), "latest.safetensors is missing") {
		t.Errorf("warns %q", w.warnings)
	}
}

// TestStopsAtNaN has a weight become NaN: the run stops with the step, and the last checkpoint is sound.
func TestStopsAtNaN(t *testing.T) {
	s := newSetting()
	folder := filepath.Join(t.TempDir(), "run")
	w := &watcher{}
	training, err := Start(folder, s.options, s.resources(t, w))
	if err != nil {
		t.Fatal(err)
	}
	w.at = func(step int) {
		if step == training.loader.Batches()+2 {
			training.network.Parameters()[0].Data[0] = float32(math.NaN())
		}
	}
	err = training.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "epoch 2, step 3: the loss is NaN") {
		t.Errorf("error %v", err)
	}
	if err := training.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Fatal(err)
	}
	compare(t, folder, s.complete(t))
}

// TestSchedules holds the learning rates of both kinds of networks (spec section 9).
func TestSchedules(t *testing.T) {
	small, large := Default(network.SmallStem), Default(network.LargeStem)
	for _, c := range []struct{ got, want float64 }{
		{small.rate(0), 0.025}, {small.rate(300), 0.0125}, {small.rate(599), 0.025 * (1 + math.Cos(math.Pi*599/600)) / 2},
		{small.dropPath(0), 0}, {small.dropPath(300), 0.1},
		{large.rate(0), 0.1}, {large.rate(2), 0.1 * 0.97 * 0.97}, {large.dropPath(200), 0},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%g, want %g", c.got, c.want)
		}
	}
}

// TestRefusals gives trainings what they can't take. Each is refused in one line, and nothing is left behind.
func TestRefusals(t *testing.T) {
	s := newSetting()
	done := s.complete(t)
	for _, c := range []struct {
		want   string
		change func(o *Options)
	}{
		{"number of epochs of 0", func(o *Options) { o.Epochs = 0 }},
		{"train portion of 1.5", func(o *Options) { o.TrainPortion = 1.5 }},
		{"leaves none", func(o *Options) { o.TrainPortion = 1e-9 }},
		{"learning rate of NaN", func(o *Options) { o.Rate = math.NaN() }},
		{"drop-path probability of 1", func(o *Options) { o.DropPath = 1 }},
		{"can't fall by \"steps\"", func(o *Options) { o.Schedule = "steps" }},
		{"but synthetic has 4", func(o *Options) { o.Size.ImageSize = 16 }},
		{"a 2x2 pool needs stride 2", func(o *Options) {
			o.Architecture = genotype.Genotype{Normal: o.Architecture.Normal.Clone(), Reduce: o.Architecture.Reduce}
			o.Architecture.Normal.Edges[0].Op = primitive.MaxPool2x2
		}},
		{"more than 268435456", func(o *Options) { o.Size.Channels = 2048; o.Size.Layers = 100 }},
	} {
		o := s.options
		c.change(&o)
		folder := filepath.Join(t.TempDir(), "run")
		_, err := Start(folder, o, s.resources(t, &watcher{}))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q in it", err, c.want)
		}
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a folder was made", c.want)
		}
	}
	if _, err := Resume(done, 1, s.resources(t, &watcher{})); err == nil || !strings.Contains(err.Error(), "not lowered") {
		t.Errorf("fewer epochs: error %v", err)
	}
	s.data = &dataset.Set{Name: "other", Train: runstest.Images(80), Test: runstest.Images(8)}
	if _, err := Resume(done, 3, s.resources(t, &watcher{})); err == nil || !strings.Contains(err.Error(), "other training images") {
		t.Errorf("other data: error %v", err)
	}
}

// TestOnCard trains on a card, stops in the middle and goes on: that is as if it hadn't stopped, and nearly what the
// processor makes.
func TestOnCard(t *testing.T) {
	s := newSetting()
	s.data.Train, s.options.Epochs = runstest.Images(40), 2
	losses := func(folder string, stopAt int) (losses []float64) {
		w := &watcher{}
		if stopAt > 0 {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			early := &watcher{at: func(step int) {
				if step == stopAt {
					stop()
				}
			}}
			if err := s.run(ctx, t, folder, early); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			w.records = early.records
		}
		if err := s.run(t.Context(), t, folder, w); err != nil {
			t.Fatal(err)
		}
		for _, r := range w.records {
			if r.Kind == EpochRecord {
				losses = append(losses, r.Train.Loss)
			}
		}
		return losses
	}
	processor := losses(filepath.Join(t.TempDir(), "run"), 0)
	s.card = true
	whole, stopped := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "run")
	card := losses(whole, 0)
	losses(stopped, 3)
	compare(t, stopped, whole)
	for i := range processor {
		if math.Abs(card[i]-processor[i]) > 1e-3*processor[i] {
			t.Errorf("epoch %d: a loss of %g on the card, %g on the processor", i+1, card[i], processor[i])
		}
	}
}
