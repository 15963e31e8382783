package search

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/policy"
	"nat/internal/runs/runstest"
	"nat/internal/supernet"
)

// leaveOneOut returns a setting with that recipe and the other reward.
func leaveOneOut() setting {
	s := newSetting(supernet.FullyConcat)
	s.options.Recipe = LeaveOneOut
	s.options.Theta = s.options.Theta.Prepared(LeaveOneOut, s.options.Epochs)
	s.options.Theta.Reward = LossReward
	return s
}

// TestRecipeStoppedAndResumed stops a search with a warm-up and several transformations at random steps until it is done.
func TestRecipeStoppedAndResumed(t *testing.T) {
	s := leaveOneOut()
	want := s.complete(t)
	var policyEpochs []string
	for line := range strings.Lines(string(runstest.Read(t, want, "metrics.jsonl"))) {
		var r Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Kind == PhaseRecord && r.Policy != nil {
			policyEpochs = append(policyEpochs, line)
			if r.Epoch <= s.options.Theta.Warmup {
				t.Errorf("the policy was trained in epoch %d, of the warm-up", r.Epoch)
			}
		}
	}
	if len(policyEpochs) != s.options.Epochs-s.options.Theta.Warmup || s.options.Theta.Warmup != 1 {
		t.Errorf("%d epochs trained the policy, warm-up %d of %d", len(policyEpochs), s.options.Theta.Warmup, s.options.Epochs)
	}
	folder := filepath.Join(t.TempDir(), "run")
	random := rand.New(rand.NewPCG(5, 6))
	s.stopAndResume(t, folder, random, 9)
	compare(t, folder, want)
}

// TestLeaveOneOut has two transformations be each other's baseline: with equal rewards nothing but entropy moves the policy.
func TestLeaveOneOut(t *testing.T) {
	s := leaveOneOut()
	s.options.Theta.EntropyWeight = 0
	search, err := Start(filepath.Join(t.TempDir(), "run"), s.options, s.resources(t, &watcher{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = search.Close() }()
	search.state.Position.Phase = dataset.Policy
	drawn, err := search.transform(0, search.draw(0))
	if err != nil || len(drawn.outputs) != 2 {
		t.Fatalf("%d transformations, error %v", len(drawn.outputs), err)
	}
	for rewards, zero := range map[[2]float64]bool{{0.3, 0.3}: true, {0.5, -0.5}: false} {
		outcome, err := search.reinforce(0, drawn.decisions, rewards[:])
		if err != nil || (outcome.Loss == 0) != zero {
			t.Errorf("rewards %v: loss %g, error %v", rewards, outcome.Loss, err)
		}
	}
}

// TestNormalisedAdvantages has rewards of any size move a policy alike at first, and larger ones than before by more.
func TestNormalisedAdvantages(t *testing.T) {
	o := leaveOneOut()
	o.options.Theta.EntropyWeight = 0
	losses := map[float64]float64{}
	for _, size := range []float64{1, 0.001} {
		search, err := Start(filepath.Join(t.TempDir(), "run"), o.options, o.resources(t, &watcher{}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = search.Close() }()
		drawn, err := search.transform(0, search.draw(0))
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := search.reinforce(0, drawn.decisions, []float64{size, -size})
		if err != nil {
			t.Fatal(err)
		}
		losses[size] = outcome.Loss
		if want := 4 * size * size; math.Abs(search.state.Spread-want) > 1e-12 {
			t.Errorf("the mean square is %g, want %g", search.state.Spread, want)
		}
		decisions := []policy.Decision{{Advantage: 10 * size}, {Advantage: 10 * size}, {Advantage: -10 * size}, {Advantage: -10 * size}}
		search.normalise(decisions, 2) // of 20·size each
		if want := 10 / math.Sqrt(0.99*4+0.01*400); math.Abs(decisions[0].Advantage-want) > 1e-9 || decisions[3].Advantage != -decisions[0].Advantage {
			t.Errorf("advantages %g and %g, want %g and its opposite", decisions[0].Advantage, decisions[3].Advantage, want)
		}
	}
	if losses[1] == 0 || math.Abs(losses[1]-losses[0.001]) > 1e-6*math.Abs(losses[1]) {
		t.Errorf("losses %v differ with the size of rewards, or are 0", losses)
	}
}

func TestPolicyRate(t *testing.T) {
	o := Default(supernet.FullyConcat)
	o.Epochs = 16
	if first, last := o.policyRate(0), o.policyRate(15); first != 3e-4 || last != 3e-4 {
		t.Errorf("the published rate is %g, then %g", first, last)
	}
	o.Theta = o.Theta.Prepared(LeaveOneOut, o.Epochs) // trains the policy from epoch 6 on
	for epoch, want := range map[int]float64{6: 1e-3, 11: 5e-4, 16: 0} {
		if got := o.policyRate(epoch); math.Abs(got-want) > 1e-12 {
			t.Errorf("in epoch %d the rate is %g, want %g", epoch, got, want)
		}
	}
}

// TestOlderSettings reads settings from before there were recipes.
func TestOlderSettings(t *testing.T) {
	text, err := json.Marshal(tiny(supernet.FullyConcat))
	if err != nil {
		t.Fatal(err)
	}
	older := text[:strings.Index(string(text), `,"recipe"`)]
	var o Options
	if err := json.Unmarshal(append(older, '}'), &o); err != nil || o != tiny(supernet.FullyConcat) {
		t.Errorf("read %+v, error %v", o, err)
	}
}
