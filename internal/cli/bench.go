package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"nat/internal/bench"
	"nat/internal/gpu"
	"nat/internal/kernel"
	"nat/internal/runs"
)

// benchResult is the JSON of nat bench.
type benchResult struct {
	WeightsRate float64          `json:"w_images_per_s"`
	PolicyRate  float64          `json:"theta_images_per_s"`
	WeightsStep float64          `json:"w_step_s"`
	PolicyStep  float64          `json:"theta_step_s"`
	Machine     runs.Machine     `json:"machine"`
	Threads     int              `json:"threads"`
	Batch       int              `json:"batch"`
	Channels    int              `json:"channels"`
	Layers      int              `json:"layers"`
	Repeat      int              `json:"repeat"`
	Kernels     string           `json:"kernels"`
	Device      string           `json:"device"`
	Precision   gpu.Precision    `json:"precision"`
	Convolution kernel.Algorithm `json:"convolution"`
	PeakFLOPs   float64          `json:"peak_flops_per_s,omitempty"` // of the processor; of a card they aren't known
	PeakBytes   float64          `json:"peak_bytes_per_s,omitempty"`
	CardMemory  int              `json:"peak_device_memory,omitempty"` // bytes in use at once
	Parameters  int              `json:"parameters"`
	Operations  []benchOperation `json:"operations,omitempty"`
}

// benchOperation is what an operation takes in a step.
type benchOperation struct {
	Phase     string  `json:"phase"`
	Name      string  `json:"operation"`
	Shape     string  `json:"shape"`
	Algorithm string  `json:"algorithm,omitempty"` // of a convolution on the processor
	Calls     float64 `json:"calls"`
	Seconds   float64 `json:"seconds"`
	FLOPs     float64 `json:"flops"`
	Bytes     float64 `json:"bytes"`
	Limit     float64 `json:"limit_share,omitempty"` // the time that the machine's peaks allow, as a share of that taken
}

func (p *program) benchCommand() *cobra.Command {
	var s bench.Settings
	var device string
	var json, network bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Time the two steps of a search on this machine",
		Long: `Time the two steps of a search on fixed architectures: a step of the supernet's weights (forward, backward, update) and
one of the policy's rewards (two architectures forward), as means over eight entries, of which the first is run once more
for warming up. bench/ in the source has the same for PyTorch. Measure on a quiet machine.`,
		Example: "  nat bench --threads 2 --json\n  nat bench --ops --repeat 1",
		Args:    noArguments,
	}
	flags := c.Flags()
	wholeNumber(flags, &s.Channels, "channels", 20, 1, 256, "init channels of the supernet")
	wholeNumber(flags, &s.Layers, "layers", 8, 1, 100, "cells of the supernet")
	wholeNumber(flags, &s.Batch, "batch", 64, 1, 1024, "images of a step")
	wholeNumber(flags, &s.Repeat, "repeat", 3, 1, 1000, "how often the eight entries are run")
	flags.BoolVar(&network, "network", false, "time a step of training DARTS from scratch instead (36 channels, 20 layers, batches of 96 images)")
	flags.BoolVar(&s.Operations, "ops", false, "time every kind of operation too, and hold it against the machine's limits")
	choice(flags, &s.Kernels, "kernels", bench.KernelSets()[0], "set of kernels", bench.KernelSets()...)
	convolutionFlag(flags, &s.Convolution)
	deviceFlag(flags, &device)
	precisionFlag(flags, &s.Precision)
	threadsFlag(flags, &s.Threads)
	jsonFlag(flags, &json)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s.Card, _ = cardOf(device)
		bar := p.newProgress("timing", false)
		if network {
			return p.benchNetwork(c, s, bar, json)
		}
		r, err := bench.Run(c.Context(), s, func(done, total int) { bar.report(int64(done), int64(total)) })
		bar.close()
		if err != nil {
			return err
		}
		result := newBenchResult(r, s)
		if json {
			return p.printJSON(result)
		}
		p.printBench(result)
		return nil
	}
	return c
}

// networkBenchResult is the JSON of nat bench --network.
type networkBenchResult struct {
	Rate       float64          `json:"images_per_s"`
	Step       float64          `json:"step_s"`
	Machine    runs.Machine     `json:"machine"`
	Threads    int              `json:"threads"`
	Batch      int              `json:"batch"`
	Channels   int              `json:"channels"`
	Layers     int              `json:"layers"`
	Repeat     int              `json:"repeat"`
	Device     string           `json:"device"`
	Precision  gpu.Precision    `json:"precision"`
	Parameters int              `json:"parameters"`
	Operations []benchOperation `json:"operations,omitempty"`
}

// benchNetwork times training from scratch, at the published size where no other is given.
func (p *program) benchNetwork(c *cobra.Command, s bench.Settings, bar *progress, json bool) error {
	for name, published := range map[string]struct {
		value *int
		size  int
	}{"channels": {&s.Channels, 36}, "layers": {&s.Layers, 20}, "batch": {&s.Batch, 96}} {
		if !c.Flags().Changed(name) {
			*published.value = published.size
		}
	}
	r, err := bench.RunNetwork(c.Context(), s, func(done, total int) { bar.report(int64(done), int64(total)) })
	bar.close()
	if err != nil {
		return err
	}
	step := r.Step.Seconds()
	result := networkBenchResult{
		float64(s.Batch) / step, step, runs.ThisMachine(), s.Threads, s.Batch, s.Channels, s.Layers, s.Repeat, r.Device, s.Precision, r.Parameters,
		benchOperations(r.Operations, r.Limits),
	}
	if json {
		return p.printJSON(result)
	}
	p.print("training DARTS from scratch: %.3f s a step, %.1f images/s\n", result.Step, result.Rate)
	p.print("Means of %d steps with batches of %d, %d channels, %d layers; %s; %s (%s, %s), convolutions %s.\n",
		s.Repeat, s.Batch, s.Channels, s.Layers, r.Device, result.Machine.Processor, result.Machine.Platform, result.Machine.Go, s.Convolution)
	if len(result.Operations) > 0 {
		p.printOperations(result.Operations, map[string]float64{"network": step}, s.Card == "")
	}
	return nil
}

func newBenchResult(r bench.Report, s bench.Settings) benchResult {
	w, theta := r.Weights.Seconds(), r.Policy.Seconds()
	return benchResult{
		float64(s.Batch) / w, float64(s.Batch) / theta, w, theta, runs.ThisMachine(),
		s.Threads, s.Batch, s.Channels, s.Layers, s.Repeat, r.Kernels, r.Device, s.Precision, s.Convolution, r.Limits.FLOPs, r.Limits.Bytes,
		r.DeviceMemory, r.Parameters, benchOperations(r.Operations, r.Limits),
	}
}

func benchOperations(all []bench.Operation, l bench.Limits) (rows []benchOperation) {
	for _, o := range all {
		rows = append(rows, benchOperation{
			o.Phase, o.Name, o.Shape, o.Algorithm, o.Calls, o.Time.Seconds(), o.FLOPs, o.Bytes, o.Limit(l).Seconds() / o.Time.Seconds(),
		})
	}
	return rows
}

func (p *program) printBench(r benchResult) {
	p.printTable([][]string{
		{"", "step", "images/s"},
		{"w", fmt.Sprintf("%.3f s", r.WeightsStep), fmt.Sprintf("%.1f", r.WeightsRate)},
		{"theta", fmt.Sprintf("%.3f s", r.PolicyStep), fmt.Sprintf("%.1f", r.PolicyRate)},
	})
	p.print("\nMeans of %d steps with batches of %d, %d channels, %d layers; %s; %s (%s, %s), convolutions %s.\n",
		8*r.Repeat, r.Batch, r.Channels, r.Layers, r.Device, r.Machine.Processor, r.Machine.Platform, r.Machine.Go, r.Convolution)
	known := r.PeakFLOPs > 0
	if known {
		p.print("The most that the processor does: %.0f GFLOP/s in registers, %.1f GB/s from and to memory.\n",
			r.PeakFLOPs/1e9, r.PeakBytes/1e9)
	} else {
		p.print("Memory of the device: %s MiB in use at once.\n", grouped(r.CardMemory>>20))
	}
	if len(r.Operations) > 0 {
		p.printOperations(r.Operations, map[string]float64{"w": r.WeightsStep, "theta": r.PolicyStep}, known)
	}
}

// printOperations prints what takes which part of the steps' seconds, and of what the machine can do, if that is known.
func (p *program) printOperations(operations []benchOperation, steps map[string]float64, known bool) {
	rows := [][]string{{"step", "operation", "shape", "algorithm", "calls", "time", "share", "GFLOP/s", "GB/s"}}
	if known {
		rows[0] = append(rows[0], "of the limit")
	}
	for _, o := range operations {
		rate := func(n float64) string {
			if n == 0 {
				return ""
			}
			return fmt.Sprintf("%6.1f", n/o.Seconds/1e9)
		}
		rows = append(rows, []string{
			o.Phase, o.Name, o.Shape, o.Algorithm, fmt.Sprintf("%6.1f", o.Calls), fmt.Sprintf("%8.3f ms", 1e3*o.Seconds),
			fmt.Sprintf("%5.1f %%", 100*o.Seconds/steps[o.Phase]), rate(o.FLOPs), rate(o.Bytes),
		})
		if known {
			last := len(rows) - 1
			rows[last] = append(rows[last], fmt.Sprintf("%3.0f %%", 100*o.Limit))
		}
	}
	if !known {
		p.print("\nTimes are those of a step whose operations wait for one another, which slows it.\n\n")
		p.printTable(rows)
		return
	}
	p.print("\nTimes are those of a step. The limit is the time for the operations at the peak, in direct form, or for moving every tensor\n")
	p.print("once from or to memory, whichever is longer. More than 100 %% are had by Winograd's convolutions and out of caches.\n\n")
	p.printTable(rows)
}
