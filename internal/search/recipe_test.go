package search

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"nat/internal/dataset"
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
