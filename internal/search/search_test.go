package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/gpu"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/runfolder"
	"nat/internal/runs/runstest"
	"nat/internal/supernet"
)

// tiny returns settings of a search that takes a fraction of a second an epoch.
func tiny(t supernet.OpType) Options {
	o := Default(t)
	o.Supernet = supernet.Config{OpType: t, Nodes: 2, Channels: 2, Layers: 3, Classes: 4, ImageChannels: 3, ImageSize: 8}
	o.Policy.Embedding, o.Policy.Features, o.Policy.Hidden = 4, 8, 4
	o.Epochs, o.BatchSize = 3, 4
	o.Trials = Trials{Every: 2, Candidates: 3, Images: 8}
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

// setting is what a test's searches have in common.
type setting struct {
	options Options
	threads int
	card    bool         // computes, in place of threads
	from    *model.Model // has the supernet, where a policy alone is trained
	data    *dataset.Set
}

func newSetting(t supernet.OpType) setting {
	return setting{options: tiny(t), threads: 1, data: &dataset.Set{Name: "synthetic", Train: runstest.Images(72), Test: runstest.Images(8)}}
}

func (s setting) resources(t *testing.T, w *watcher) Resources {
	d := graph.NewCPU(s.threads)
	if s.card {
		d = graph.NewCard(gputest.Open(t), s.threads)
	}
	t.Cleanup(d.Close)
	return Resources{Data: s.data, Device: d, Observer: w}
}

// start runs a search from its start in a folder, and resumes one that is there.
func (s setting) run(ctx context.Context, t *testing.T, folder string, w *watcher) error {
	t.Helper()
	begin := func() (*Search, error) { return Start(folder, s.options, s.resources(t, w)) }
	if s.from != nil {
		begin = func() (*Search, error) { return StartPolicy(folder, s.options, s.from, s.resources(t, w)) }
	}
	if _, err := os.Stat(folder); err == nil {
		begin = func() (*Search, error) { return Resume(folder, s.options.Epochs, s.resources(t, w)) }
	}
	search, err := begin()
	if err != nil {
		return err
	}
	defer func() {
		if err := search.Close(); err != nil {
			t.Error(err)
		}
	}()
	return search.Run(ctx)
}

// stopAndResume runs a search to its end, stopped after every few steps, at most so many, and returns how often it was.
func (s setting) stopAndResume(t *testing.T, folder string, random *rand.Rand, most int) (breaks int) {
	t.Helper()
	return runstest.StopAndResume(t, random, most, func(ctx context.Context, stepped func(step int)) error {
		return s.run(ctx, t, folder, &watcher{at: stepped})
	})
}

// complete runs a search to its end and returns its folder.
func (s setting) complete(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "run")
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Fatal(err)
	}
	return folder
}

// compare checks that two run folders hold the same, but for times and what a config says of the command.
func compare(t *testing.T, got, want string) {
	t.Helper()
	trials, err := fs.Glob(os.DirFS(want), "genotypes/*")
	if err != nil || len(trials) == 0 {
		t.Errorf("no genotypes (error %v)", err)
	}
	runstest.Compare(t, got, want, trials...)
	runstest.CheckSteps[Record](t, got)
}

// TestSearchLearns runs a whole search of each op type to its last line, and looks at what it logged.
func TestSearchLearns(t *testing.T) {
	for _, opType := range []supernet.OpType{supernet.FullyConcat, supernet.LooseEnd} {
		t.Run(string(opType), func(t *testing.T) {
			s := newSetting(opType)
			s.data.Train = runstest.Images(1600)
			s.options.Epochs, s.options.Supernet.Channels, s.options.Trials.Every = 2, 4, 4
			s.options.BatchSize, s.options.Weights.Rate, s.options.Weights.RateMin = 16, 0.03, 0.03
			w := &watcher{}
			folder := filepath.Join(t.TempDir(), "run")
			if err := s.run(t.Context(), t, folder, w); err != nil {
				t.Fatal(err)
			}
			var weights []WeightMeans
			var policies []PolicyMeans
			var trials []Trial
			for _, r := range w.records {
				switch {
				case r.Kind == PhaseRecord && r.Weights != nil:
					weights = append(weights, *r.Weights)
				case r.Kind == PhaseRecord:
					policies = append(policies, *r.Policy)
				case r.Kind == TrialRecord:
					trials = append(trials, *r.Trial)
				}
			}
			if len(weights) != 2 || len(policies) != 2 || len(trials) != 1 {
				t.Fatalf("%d, %d and %d records, want 2, 2 and 1", len(weights), len(policies), len(trials))
			}
			if weights[1].Loss >= weights[0].Loss || weights[1].Accuracy < 0.4 {
				t.Errorf("the supernet's epochs: %+v", weights)
			}
			for _, p := range policies {
				if reward := p.OutputAccuracy - p.InputAccuracy; abs(reward-p.Reward) > 1e-9 || p.EntropyNormal <= 0 || p.LogProbability >= 0 || p.Baseline == 0 {
					t.Errorf("the policy's epoch: %+v", p)
				}
			}
			if trials[0].OutputAccuracy < trials[0].InputAccuracy || trials[0].Images != 8 {
				t.Errorf("the trial: %+v", trials[0])
			}
			if i := slices.IndexFunc(w.warnings, func(text string) bool { return strings.HasPrefix(text, "epoch 2") }); i >= 0 {
				t.Errorf("a warning of a supernet that has learned: %s", w.warnings[i])
			}
		})
	}
}

func abs(x float64) float64 { return max(x, -x) }

// TestSameSeedSameBits runs a search twice, and with more threads, and with another seed.
func TestSameSeedSameBits(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	first := s.complete(t)
	s.threads = 2
	compare(t, s.complete(t), first)
	s.options.Seed++
	if bytes.Equal(runstest.Read(t, s.complete(t), runfolder.LatestName), runstest.Read(t, first, runfolder.LatestName)) {
		t.Error("another seed gives the same checkpoint")
	}
}

// TestOnCard searches on a card: what is drawn is the same as on the processor, what is computed nearly so, and either goes on
// with what the other began.
func TestOnCard(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	s.data.Train, s.options.Epochs = runstest.Images(24), 2
	search := func(card bool) (losses []float64) {
		s.card = card
		w := &watcher{}
		folder := filepath.Join(t.TempDir(), "run")
		if err := s.run(t.Context(), t, folder, w); err != nil {
			t.Fatal(err)
		}
		s.card, s.options.Epochs = !card, 3
		if err := s.run(t.Context(), t, folder, w); err != nil {
			t.Fatal(err)
		}
		s.options.Epochs = 2
		if !slices.ContainsFunc(w.warnings, func(text string) bool { return strings.Contains(text, "opencl") }) {
			t.Errorf("no warning that another device goes on: %v", w.warnings)
		}
		for _, r := range w.records {
			if r.Kind == PhaseRecord && r.Weights != nil {
				losses = append(losses, r.Weights.Loss)
			}
		}
		return losses
	}
	card, processor := search(true), search(false)
	if len(card) != 3 || len(processor) != 3 {
		t.Fatalf("losses of %d and %d epochs, want 3", len(card), len(processor))
	}
	for i := range card {
		if abs(card[i]-processor[i]) > 1e-3*processor[i] {
			t.Errorf("epoch %d: a loss of %g on the card, %g on the processor", i+1, card[i], processor[i])
		}
	}
}

// TestPrecisionOfRun begins a search on a card in another precision, which is recorded, and warns where it goes on in single
// precision.
func TestPrecisionOfRun(t *testing.T) {
	s := newSetting(supernet.LooseEnd)
	folder := filepath.Join(t.TempDir(), "run")
	w := &watcher{}
	r := s.resources(t, w)
	r.Device = graph.NewCard(gputest.Simulated(1<<28, 0), 1)
	t.Cleanup(r.Device.Close)
	if err := r.Device.Compute(gpu.TF32); err != nil {
		t.Fatal(err)
	}
	search, err := Start(folder, s.options, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := search.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := ReadConfig(folder)
	if err != nil || c.Precision != gpu.TF32 {
		t.Errorf("the config has precision %q, %v", c.Precision, err)
	}
	w.warnings = nil
	if err := c.Admit(1, 1, s.resources(t, w).Device, s.data, w.Warn); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(w.warnings, func(text string) bool { return strings.Contains(text, "--precision tf32, now it is float32") }) {
		t.Errorf("warnings %q", w.warnings)
	}
}

// TestLostCard loses the card amid a search: before there is a checkpoint, and after that.
func TestLostCard(t *testing.T) {
	s := newSetting(supernet.LooseEnd)
	s.options.Epochs = 1
	complete := s.complete(t)
	s.options.Epochs = 2
	for name, want := range map[string]string{
		filepath.Join(t.TempDir(), "new"): "the device is lost: the run has no checkpoint yet",
		complete:                          "the device is lost: the last checkpoint is " + filepath.Join(complete, runfolder.LatestName) + ", --resume " + complete,
	} {
		r := s.resources(t, &watcher{})
		r.Device = graph.NewCard(gputest.Simulated(1<<28, 300), 1)
		t.Cleanup(r.Device.Close)
		search, err := Start(name, s.options, r)
		if name == complete {
			search, err = Resume(name, 2, r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := search.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if err := search.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestStoppedOnCard stops a search on a card amid both phases, where it has steps under way, and goes on there.
func TestStoppedOnCard(t *testing.T) {
	s := newSetting(supernet.LooseEnd)
	s.card, s.options.Epochs = true, 1
	want, folder := s.complete(t), filepath.Join(t.TempDir(), "run")
	for _, stopAt := range []int{2, 3, 5, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.run(ctx, t, folder, &watcher{at: func(step int) {
			if step == stopAt {
				cancel()
			}
		}})
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Fatal(err)
	}
	compare(t, folder, want)
}

// TestStoppedAndResumed stops a search cleanly at random steps of both phases until it is done.
func TestStoppedAndResumed(t *testing.T) {
	s := newSetting(supernet.LooseEnd)
	s.data.Train = runstest.Images(150) // enough for lines of the metrics amid the phases
	s.options.BatchSize, s.options.Epochs = 1, 2
	want := s.complete(t)
	if text := string(runstest.Read(t, want, "metrics.jsonl")); strings.Count(text, `"kind":"step"`) != 2*2 {
		t.Errorf("no lines amid the phases:\n%s", text)
	}
	folder := filepath.Join(t.TempDir(), "run")
	random := rand.New(rand.NewPCG(3, 4))
	breaks := s.stopAndResume(t, folder, random, 50)
	if breaks < 5 {
		t.Errorf("stopped only %d times", breaks)
	}
	compare(t, folder, want)
}

// TestKilledAndResumed copies the folder of a search at random steps, as a kill would leave it, and resumes the copy: amid
// an epoch with a checkpoint at every step, or with none since the epoch before.
func TestKilledAndResumed(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	want := s.complete(t)
	random := rand.New(rand.NewPCG(5, 6))
	for _, every := range []bool{false, true} {
		for range 4 {
			killAt := 1 + random.IntN(30)
			copied := filepath.Join(t.TempDir(), "copy")
			ctx, cancel := context.WithCancel(t.Context())
			w := &watcher{}
			folder := filepath.Join(t.TempDir(), "run")
			r := s.resources(t, w)
			if every {
				r.SaveEvery = 1
			}
			w.at = func(step int) {
				if step == killAt {
					if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
						t.Error(err)
					}
					cancel()
				}
			}
			search, err := Start(folder, s.options, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := search.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if err := search.Close(); err != nil {
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

// TestMoreEpochs resumes a search that is complete for more epochs, which gives the search that had them at once.
func TestMoreEpochs(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	s.options.Trials.Every = 1
	want := s.complete(t)
	s.options.Epochs = 2
	folder := s.complete(t)
	s.options.Epochs = 3
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Fatal(err)
	}
	compare(t, folder, want)
	if c, err := ReadConfig(folder); err != nil || c.Settings.Epochs != 3 {
		t.Errorf("the run's config: %d epochs, error %v", c.Settings.Epochs, err)
	}
}

// TestLatestLost resumes a run whose latest checkpoint is gone: it goes on from the best one, to the same bits.
func TestLatestLost(t *testing.T) {
	s := newSetting(supernet.LooseEnd)
	want := s.complete(t)
	folder := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(folder, os.DirFS(want)); err != nil {
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
	if len(w.warnings) == 0 || !strings.Contains(w.warnings[0], "latest.safetensors is missing") {
		t.Errorf("warns %q", w.warnings)
	}
}

// TestMoreEpochsMoveTheRate raises the epochs of a run whose learning rate falls: that the rate changes is told.
func TestMoreEpochsMoveTheRate(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	s.options.Epochs, s.options.Weights.RateMin = 1, 0
	folder := s.complete(t)
	for _, epochs := range []int{1, 2} {
		w := &watcher{}
		search, err := Resume(folder, epochs, s.resources(t, w))
		if err != nil {
			t.Fatal(err)
		}
		if err := search.Close(); err != nil {
			t.Error(err)
		}
		if slices.ContainsFunc(w.warnings, func(m string) bool { return strings.Contains(m, "learning rate falls") }) != (epochs == 2) {
			t.Errorf("%d epochs: warns %q", epochs, w.warnings)
		}
	}
}

// TestStopsAtNaN has the learning rate blow the weights up: the run stops with the step, and the last checkpoint is sound.
func TestStopsAtNaN(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	folder := filepath.Join(t.TempDir(), "run")
	w := &watcher{}
	search, err := Start(folder, s.options, s.resources(t, w))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = search.Close() }()
	classifier := search.model.Supernet.Parameters()[len(search.model.Supernet.Parameters())-1]
	steps := search.loaders[0].Batches() + search.loaders[1].Batches()
	w.at = func(step int) {
		if step == steps+2 {
			classifier.Data[0] = float32(math.NaN())
		}
	}
	err = search.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "epoch 2, step 3 of the weights: the loss is NaN") {
		t.Errorf("error %v", err)
	}
	if err := search.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Fatal(err)
	}
	compare(t, folder, s.complete(t))
}

// TestMemoryDoesNotGrow compares what lives after some epochs, when every parameter and size of image has had its turn,
// with what lives after as many more.
func TestMemoryDoesNotGrow(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	s.options.Epochs = 20
	const perEpoch = 7 + 11 // steps of both phases
	var live []uint64
	w := &watcher{}
	w.at = func(step int) {
		if step%perEpoch == 0 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			live = append(live, stats.HeapAlloc)
			w.records = nil
		}
	}
	if err := s.run(t.Context(), t, filepath.Join(t.TempDir(), "run"), w); err != nil {
		t.Fatal(err)
	}
	if len(live) != 20 || live[19] > live[9]+live[9]/50 {
		t.Errorf("bytes that live after each epoch: %d", live)
	}
}

// TestWarnsAtChance trains on noise.
func TestWarnsAtChance(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	random := rand.New(rand.NewPCG(7, 8))
	for i := range s.data.Train.Pixels {
		s.data.Train.Pixels[i] = byte(random.IntN(256))
	}
	s.options.Epochs = 1
	w := &watcher{}
	if err := s.run(t.Context(), t, filepath.Join(t.TempDir(), "run"), w); err != nil {
		t.Fatal(err)
	}
	if len(w.warnings) != 1 || !strings.Contains(w.warnings[0], "about what chance gives") {
		t.Errorf("warnings %q", w.warnings)
	}
}

// TestAdvantageMovesThePolicy checks the sign of the gradient, and that the advantage is measured from the baseline before
// the step.
func TestAdvantageMovesThePolicy(t *testing.T) {
	for _, reward := range []float64{1, -1} {
		s := newSetting(supernet.FullyConcat)
		s.options.Theta.EntropyWeight = 0
		search, err := Start(filepath.Join(t.TempDir(), "run"), s.options, s.resources(t, &watcher{}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = search.Close() }()
		search.state.Baseline = 0.5 * reward
		search.state.Position.Phase = dataset.Policy
		input := search.draw(0)
		drawn, err := search.transform(0, input)
		if err != nil {
			t.Fatal(err)
		}
		probability := func() float64 {
			sum := 0.0
			for _, d := range drawn.decisions[0] {
				distribution, err := search.model.Policy.Distribution(search.Device, d.Cell)
				if err != nil {
					t.Fatal(err)
				}
				sum += distribution.LogProbability(d.Chosen)
			}
			return sum
		}
		before := probability()
		outcome, err := search.reinforce(0, drawn.decisions, []float64{reward})
		if err != nil {
			t.Fatal(err)
		}
		if want := -0.5 * reward * outcome.LogProbability; abs(outcome.Loss-want) > 1e-5*abs(want) {
			t.Errorf("reward %g: loss %g, want %g", reward, outcome.Loss, want)
		}
		if want := reward * (0.99*0.5 + 0.01); abs(search.state.Baseline-want) > 1e-12 {
			t.Errorf("reward %g: baseline %g, want %g", reward, search.state.Baseline, want)
		}
		if rise := probability() - before; rise*reward <= 0 {
			t.Errorf("reward %g changes the log-probability of what was drawn by %g", reward, rise)
		}
	}
}

// TestStepsDiffer checks that every step has an architecture of its own.
func TestStepsDiffer(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	search, err := Start(filepath.Join(t.TempDir(), "run"), s.options, s.resources(t, &watcher{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = search.Close() }()
	seen := map[string]bool{}
	for epoch := range 5 {
		for phase := range 2 {
			for step := range 5 {
				search.state.Position = position{epoch, dataset.Phase(phase), step}
				seen[fmt.Sprint(search.draw(step))] = true
			}
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d architectures in 50 steps", len(seen))
	}
}

// TestRefusals gives searches what they can't take. Each is refused in one line, and nothing is left behind.
func TestRefusals(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	done := s.complete(t)
	for _, c := range []struct {
		name, want string
		change     func(o *Options)
	}{
		{"no epochs", "epochs of 0", func(o *Options) { o.Epochs = 0 }},
		{"negative batch", "batch size of -1", func(o *Options) { o.BatchSize = -1 }},
		{"all images for one phase", "train portion of 1", func(o *Options) { o.TrainPortion = 1 }},
		{"portion of hardly any", "leaves none", func(o *Options) { o.TrainPortion = 1e-9 }},
		{"NaN rate", "learning rate of NaN", func(o *Options) { o.Weights.Rate = math.NaN() }},
		{"momentum 1", "momentum of 1", func(o *Options) { o.Weights.Momentum = 1 }},
		{"image size", "but synthetic has 4", func(o *Options) { o.Supernet.ImageSize = 16 }},
	} {
		o := s.options
		c.change(&o)
		folder := filepath.Join(t.TempDir(), "run")
		_, err := Start(folder, o, s.resources(t, &watcher{}))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a folder was made", c.name)
		}
	}
	if _, err := Start(done, s.options, s.resources(t, &watcher{})); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a folder that exists: error %v", err)
	}
	if _, err := Resume(done, 1, s.resources(t, &watcher{})); err == nil || !strings.Contains(err.Error(), "not lowered") {
		t.Errorf("fewer epochs: error %v", err)
	}
	if _, err := Resume(t.TempDir(), 3, s.resources(t, &watcher{})); err == nil || !strings.Contains(err.Error(), "not the folder of a run") {
		t.Errorf("an empty folder: error %v", err)
	}
	s.data = &dataset.Set{Name: "other", Train: runstest.Images(80), Test: runstest.Images(8)}
	if _, err := Resume(done, 3, s.resources(t, &watcher{})); err == nil || !strings.Contains(err.Error(), "other training images") {
		t.Errorf("other data: error %v", err)
	}
}

// TestOneOwner lets nobody resume a run that is under way.
func TestOneOwner(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	folder := filepath.Join(t.TempDir(), "run")
	search, err := Start(folder, s.options, s.resources(t, &watcher{}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Resume(folder, 3, s.resources(t, &watcher{}))
	if want := fmt.Sprintf("in use by process %d", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
	if err := search.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Error(err)
	}
}
