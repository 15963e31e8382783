package search

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/runs/runstest"
	"nat/internal/supernet"
)

// searched returns the model of a search, and settings that train a policy alone on it.
func searched(t *testing.T) (*model.Model, setting) {
	t.Helper()
	s := newSetting(supernet.FullyConcat)
	m, err := model.Load(filepath.Join(s.complete(t), "latest.safetensors"), "")
	if err != nil {
		t.Fatal(err)
	}
	s.options.Seed, s.options.TrainPortion = 99, 0.9 // in place of which the model's count
	s.from = m
	return m, s
}

// TestPolicyAlone trains a policy on the supernet of a search, stopped and resumed or not, and finds the supernet as it was.
func TestPolicyAlone(t *testing.T) {
	from, s := searched(t)
	want := s.complete(t)
	m, err := model.Load(filepath.Join(want, "latest.safetensors"), "")
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range m.Supernet.Parameters() {
		if !slices.Equal(p.Data, from.Supernet.Parameters()[i].Data) {
			t.Errorf("%s of the supernet has changed", p.Name)
		}
	}
	first := newSetting(supernet.FullyConcat)
	fresh, err := newModel(first.options)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*model.Model{"of the search": from, "before training": fresh} {
		if slices.EqualFunc(m.Policy.Parameters(), other.Policy.Parameters(), func(a, b *graph.Parameter) bool { return slices.Equal(a.Data, b.Data) }) {
			t.Errorf("the policy is the one %s", name)
		}
	}
	if got := m.Training; got.Epochs != 6 || got.Seed != from.Training.Seed || got.TrainPortion != from.Training.TrainPortion {
		t.Errorf("the checkpoint says %+v of its training", got)
	}
	if metrics := string(runstest.Read(t, want, "metrics.jsonl")); strings.Contains(metrics, `"weights":`) || strings.Count(metrics, `"kind":"phase"`) != 3 {
		t.Errorf("metrics are not those of 3 epochs of the policy alone:\n%s", metrics)
	}
	folder := filepath.Join(t.TempDir(), "run")
	s.stopAndResume(t, folder, rand.New(rand.NewPCG(7, 8)), 9)
	compare(t, folder, want)
}

func TestNoPolicyAlone(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(m *model.Model, s *setting)
		want  string
	}{
		"no supernet":    {func(m *model.Model, _ *setting) { m.Supernet = nil }, "holds a policy alone"},
		"unknown images": {func(m *model.Model, _ *setting) { m.Training.Known = false }, "doesn't say on which images"},
		"never trained":  {func(m *model.Model, _ *setting) { m.Training.Epochs = 0 }, "doesn't say on which images"},
		"other images": {func(_ *model.Model, s *setting) {
			s.data = &dataset.Set{Name: "others", Train: runstest.Images(64), Test: s.data.Test}
		}, "not on the images of others"},
		"a warm-up for it": {func(_ *model.Model, s *setting) { s.options.Theta.Warmup = 1 }, "needs no warm-up"},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := searched(t)
			c.spoil(m, &s)
			folder := filepath.Join(t.TempDir(), "run")
			if err := s.run(t.Context(), t, folder, &watcher{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, not that it %s", err, c.want)
			}
		})
	}
}
