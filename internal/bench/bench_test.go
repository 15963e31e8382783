package bench

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"nat/internal/gpu/gputest"
	"nat/internal/kernel"
	"nat/internal/network"
)

// TestArchitectures checks that the embedded file has what the peer runs.
func TestArchitectures(t *testing.T) {
	entries, err := architectures()
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 8 {
		t.Errorf("%d entries, want 8", len(entries))
	}
	madds := 0
	for i, e := range entries {
		if len(e.policy) != 2 {
			t.Errorf("entry %d has %d architectures for the policy, want 2", i, len(e.policy))
		}
		for _, g := range append(e.policy, e.weights) {
			if err := g.Validate(); err != nil || g.Nodes() != 4 {
				t.Errorf("entry %d: %d nodes, error %v", i, g.Nodes(), err)
			}
			// The cost of a network of the same size is the supernet's, but for the classes' few.
			c, err := network.CostOf(g, network.Size{Channels: 20, Layers: 8, Classes: 10, ImageSize: 32})
			if err != nil {
				t.Fatal(err)
			}
			madds += c.MAdds
		}
	}
	if mean := madds / 24 / 1e6; mean < 117 || mean > 137 {
		t.Errorf("the architectures cost %d M multiply-adds on average, want about 127 M", mean)
	}
}

func TestRun(t *testing.T) {
	var reports []int
	s := Settings{Channels: 1, Layers: 1, Batch: 2, Repeat: 2, Threads: 1, Convolution: kernel.Winograd, Operations: true}
	r, err := Run(context.Background(), s, func(done, total int) {
		reports = append(reports, done)
		if total != 16 {
			t.Errorf("%d steps in all, want 16", total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 16 || !slices.IsSorted(reports) {
		t.Errorf("progress is %v", reports)
	}
	if r.Weights <= 0 || r.Policy <= 0 || r.Parameters == 0 {
		t.Errorf("report %+v", r)
	}
	sums := map[string]time.Duration{}
	found := map[string]bool{}
	for i, o := range r.Operations {
		sums[o.Phase] += o.Time
		found[o.Phase+" "+o.Name] = true
		found[o.Name+" by "+o.Algorithm] = true
		if i > 0 && r.Operations[i-1].Phase == o.Phase && r.Operations[i-1].Time < o.Time {
			t.Errorf("%v comes behind %v", o, r.Operations[i-1])
		}
	}
	if sums["w"] > r.Weights || sums["theta"] > r.Policy || sums["w"] == 0 || sums["theta"] == 0 {
		t.Errorf("operations take %v of steps of %v and %v", sums, r.Weights, r.Policy)
	}
	for _, name := range []string{"w solver", "w conv-3x3-gradient", "theta conv-3x3", "w cross-entropy",
		"conv-3x3 by winograd", "conv-3x3-gradient by winograd", "conv-1x1 by direct", "add by "} {
		if !found[name] {
			t.Errorf("no time for %q among %v", name, r.Operations)
		}
	}
}

func TestRefusals(t *testing.T) {
	good := Settings{Channels: 1, Layers: 1, Batch: 2, Repeat: 1, Threads: 1}
	for name, change := range map[string]func(*Settings){
		"batch": func(s *Settings) { s.Batch = 0 }, "repeat": func(s *Settings) { s.Repeat = -1 },
		"threads": func(s *Settings) { s.Threads = 0 }, "channels": func(s *Settings) { s.Channels = 0 },
	} {
		s := good
		change(&s)
		if _, err := Run(context.Background(), s, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Run(stopped, good, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: error %v", err)
	}
}

// TestRunNetwork times a small network: progress tells of every step, and a finished context of the end.
func TestRunNetwork(t *testing.T) {
	s := Settings{Channels: 2, Layers: 3, Batch: 3, Repeat: 2, Threads: 2, Operations: true}
	var told []int
	r, err := RunNetwork(t.Context(), s, func(done, total int) { told = append(told, done, total) })
	if err != nil || r.Step <= 0 || r.Parameters < 400_000 || r.Device == "" { // most are the auxiliary head's
		t.Errorf("report %+v, error %v", r, err)
	}
	var sum time.Duration
	found := map[string]bool{}
	for _, o := range r.Operations {
		sum += o.Time
		found[o.Name] = true
	}
	if sum <= 0 || sum > r.Step || !found["separable-3x3-gradient"] || !found["norm-gradient"] || r.Limits == (Limits{}) {
		t.Errorf("operations take %v of steps of %v: %v", sum, r.Step, r.Operations)
	}
	if !slices.Equal(told, []int{1, 3, 2, 3, 3, 3}) {
		t.Errorf("progress %v", told)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := RunNetwork(ctx, s, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestRunOnCard times a device of OpenCL, of which neither the peaks are known nor the processor's told.
func TestRunOnCard(t *testing.T) {
	card := gputest.Open(t)
	id := card.Info().ID()
	card.Close()
	s := Settings{Channels: 1, Layers: 1, Batch: 2, Repeat: 1, Threads: 1, Card: id, Operations: true}
	r, err := Run(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Limits != (Limits{}) || r.DeviceMemory < 1000 || r.Weights <= 0 || r.Policy <= 0 {
		t.Errorf("report %+v", r)
	}
	for _, o := range r.Operations {
		if o.Limit(r.Limits) != 0 || o.Time <= 0 || o.Algorithm != "" {
			t.Errorf("operation %+v", o)
		}
	}
	if n, err := RunNetwork(t.Context(), s, nil); err != nil || n.Step <= 0 {
		t.Errorf("of a network: %+v, %v", n, err)
	}
}
