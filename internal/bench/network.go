package bench

import (
	"context"
	"errors"
	"time"

	"nat/genotypes"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/random"
	"nat/internal/train"
)

// NetworkReport is what was measured of training a network from scratch.
type NetworkReport struct {
	Step       time.Duration // the mean of a step: forward, backward, clipping, update
	Operations []Operation   // the slowest first
	Parameters int
	Device     string // what computed
	Limits     Limits // of the processor, if it computed
}

// RunNetwork measures steps of training DARTS from scratch, with the published settings for CIFAR-10 amid the training, when
// some paths are dropped; the first step is for warming up. bench/torch_network.py does the same in PyTorch.
func RunNetwork(ctx context.Context, s Settings, progress func(done, total int)) (r NetworkReport, err error) {
	g, ok := genotypes.Lookup("DARTS")
	if !ok {
		return r, errors.New("DARTS is not among the published architectures")
	}
	o := train.Default(network.SmallStem)
	o.Size.Channels, o.Size.Layers = s.Channels, s.Layers
	n, err := network.New(g, o.Size)
	if err != nil {
		return r, err
	}
	n.Initialise(seed)
	device, err := s.open()
	if err != nil {
		return r, err
	}
	defer device.Close()
	r.Device = device.Name()
	for _, p := range n.Parameters() {
		r.Parameters += len(p.Data)
	}
	if err := device.Hold(n.Parameters()); err != nil {
		return r, err
	}
	batch := noise(s.Batch, o.Size.Classes, o.Size.ImageSize)
	if device.CanHold() {
		batch = onCard(batch)
	}
	operations := newLedger()
	operations.phase = "network"
	if s.Operations {
		device.Observe = operations.observe
		if s.Card == "" {
			r.Limits = limits(device.Workers())
		}
	}
	solver := graph.SGD{Rate: o.Rate, Momentum: o.Momentum, Decay: o.Decay}
	for done := range s.Repeat + 1 {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		start := time.Now()
		_, used, err := n.Gradients(device, batch, network.Training{
			DropPath: o.DropPath / 2, Random: random.New(seed, "drop-path", done), Auxiliary: o.Auxiliary,
		})
		if err != nil {
			return r, err
		}
		graph.ClipGradients(used, o.Clip)
		if err := graph.Step(&solver, used); err != nil {
			return r, err
		}
		if err := device.Wait(); err != nil {
			return r, err
		}
		if done > 0 {
			r.Step += time.Since(start) / time.Duration(s.Repeat)
		} else {
			operations.clear()
		}
		if progress != nil {
			progress(done+1, s.Repeat+1)
		}
	}
	r.Operations = operations.slowest(s.Repeat)
	return r, nil
}
