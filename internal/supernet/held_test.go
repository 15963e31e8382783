package supernet

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/random"
)

// tiny returns a small supernet, and images for it.
func tiny(t *testing.T) (*Supernet, *dataset.Images) {
	s, err := New(Config{OpType: LooseEnd, Nodes: 3, Channels: 2, Layers: 3, Classes: 4, ImageChannels: 3, ImageSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	s.Initialise(3)
	images := &dataset.Images{
		Name: "noise", Classes: make([]string, 4), Channels: 3, Height: 8, Width: 8,
		Mean: []float64{0.4, 0.5, 0.6}, Std: []float64{0.2, 0.3, 0.25}, Pixels: make([]byte, 20*3*64), Labels: make([]uint16, 20),
	}
	r := random.New(1, "test")
	for i := range images.Pixels {
		images.Pixels[i] = byte(r.UintN(256))
	}
	for i := range images.Labels {
		images.Labels[i] = uint16(r.UintN(4))
	}
	return s, images
}

// train trains for three epochs of three steps, the last of which is shorter, as a search does, and returns the losses. Held
// parameters are fetched and held anew between epochs, as where a run is interrupted.
func train(t *testing.T, s *Supernet, images *dataset.Images, d *graph.Device, solver gorgonia.Solver, held bool) (losses []float64) {
	loader := dataset.NewLoader(images, dataset.LoaderOptions{
		BatchSize: 8, Shuffle: true, Augmentation: dataset.Augmentation{Padding: 2, Flip: true, Cutout: 3}, Seed: 5, Place: held,
	})
	for epoch := range 3 {
		if held {
			if err := d.Hold(s.Parameters()); err != nil {
				t.Fatal(err)
			}
		}
		var begun []func() (Result, error)
		for step, batch := range loader.Epoch(t.Context(), epoch, 0) {
			used, wait, err := s.Begin(d, batch, genotype.Random(random.New(7, "test", epoch, step), 3))
			if err != nil {
				t.Fatal(err)
			}
			if begun = append(begun, wait); !held {
				losses, begun = append(losses, settled(t, wait)), nil
			}
			graph.ClipGradients(used, 5)
			if err := graph.Step(solver, used); err != nil {
				t.Fatal(err)
			}
		}
		for _, wait := range begun {
			losses = append(losses, settled(t, wait))
		}
		if held {
			if err := d.Release(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return losses
}

func settled(t *testing.T, wait func() (Result, error)) float64 {
	r, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	return r.Loss
}

// TestHeldParameters trains on a card that keeps parameters, images and what the solver remembers: it is the training in which
// all of that comes and goes with every step.
func TestHeldParameters(t *testing.T) {
	d := graph.NewCard(gputest.Open(t), 2)
	defer d.Close()
	for name, solver := range map[string]func() gorgonia.Solver{
		"SGD": func() gorgonia.Solver { return &graph.SGD{Rate: 0.05, Momentum: 0.9, Decay: 3e-4} },
		"Adam": func() gorgonia.Solver {
			return &graph.Adam{Rate: 1e-3, Beta1: 0.5, Beta2: 0.999, Epsilon: 1e-8, Decay: 1e-3}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var losses [2][]float64
			var trained [2][]float32
			var remembered [2]int
			for i, held := range []bool{false, true} {
				s, images := tiny(t)
				solver := solver()
				losses[i] = train(t, s, images, d, solver, held)
				for _, p := range s.Parameters() {
					trained[i] = append(trained[i], p.Data...)
					switch solver := solver.(type) {
					case *graph.SGD:
						trained[i] = append(trained[i], solver.Buffers[p.Name]...)
						remembered[i] = len(solver.Buffers)
					case *graph.Adam:
						if m := solver.Moments[p.Name]; m != nil {
							trained[i] = append(append(trained[i], m.First...), m.Second...)
							remembered[i] += m.Steps
						}
					}
				}
			}
			if remembered[0] != remembered[1] || len(trained[0]) != len(trained[1]) {
				t.Fatalf("the solver remembers %d parameters or steps, want %d", remembered[1], remembered[0])
			}
			for i, want := range losses[0] {
				if math.Abs(losses[1][i]-want) > 1e-5*want {
					t.Errorf("losses %v, want %v", losses[1], losses[0])
					break
				}
			}
			largest, off := 0.0, 0.0
			for i, want := range trained[0] {
				largest = max(largest, math.Abs(float64(want)))
				off = max(off, math.Abs(float64(trained[1][i]-want)))
			}
			if off > 2e-5*largest {
				t.Errorf("parameters are off by %.2g of %.2g", off, largest)
			}
		})
	}
}

// TestHeldTwice refuses what would have two truths.
func TestHeldTwice(t *testing.T) {
	d := graph.NewCard(gputest.Open(t), 1)
	defer d.Close()
	s, images := tiny(t)
	if err := d.Hold(s.Parameters()); err != nil {
		t.Fatal(err)
	}
	if err := d.Hold(s.Parameters()[:1]); err == nil {
		t.Error("a parameter is held twice")
	}
	loader := dataset.NewLoader(images, dataset.LoaderOptions{BatchSize: 4, Place: true})
	for _, batch := range loader.Epoch(t.Context(), 0, 0) {
		_, used, err := s.Gradients(d, batch, genotype.Random(random.New(1, "test"), 3))
		if err != nil {
			t.Fatal(err)
		}
		if err := graph.Step(&graph.SGD{Rate: 0.1}, used); err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(used[0].Data)
		if err := graph.Step(&graph.SGD{Rate: 0.1}, used); err == nil {
			t.Error("two solvers move one parameter")
		}
		if err := d.Fetch(); err != nil || slices.Equal(before, used[0].Data) {
			t.Errorf("nothing was fetched: %v", err)
		}
		break
	}
}
