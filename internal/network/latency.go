package network

import (
	"context"
	"slices"
	"time"

	"nat/internal/block"
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
)

// latencyPasses is how many passes a latency is the median of.
const latencyPasses = 5

// Latency measures how long an architecture's network of that size takes on a device for one image: the median of some
// passes forward, as in evaluation, behind one to warm up. What the weights are doesn't matter.
func Latency(ctx context.Context, d *graph.Device, a genotype.Genotype, s Size) (time.Duration, error) {
	n, err := New(a, s)
	if err != nil {
		return 0, err
	}
	size := imageChannels * s.ImageSize * s.ImageSize
	p := pass{network: n, mode: block.Evaluation, batch: dataset.Batch{
		N: 1, Channels: imageChannels, Height: s.ImageSize, Width: s.ImageSize, Images: make([]float32, size), Labels: make([]int32, 1),
	}}
	g, err := graph.Build(func(g *graph.Graph) error {
		p.build(g, g.Input("images", p.batch.Images, 1, imageChannels, s.ImageSize, s.ImageSize))
		return nil
	})
	if err != nil {
		return 0, err
	}
	machine := graph.NewMachine(d, g)
	var times []time.Duration
	for range 1 + latencyPasses {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := machine.RunAll(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	times = times[1:]
	slices.Sort(times)
	return times[len(times)/2], nil
}
