package cli

import (
	"fmt"
	"runtime"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"nat/internal/bench"
)

// benchResult is the JSON of nat bench.
type benchResult struct {
	WeightsRate float64          `json:"w_images_per_s"`
	PolicyRate  float64          `json:"theta_images_per_s"`
	WeightsStep float64          `json:"w_step_s"`
	PolicyStep  float64          `json:"theta_step_s"`
	Machine     machine          `json:"machine"`
	Threads     int              `json:"threads"`
	Batch       int              `json:"batch"`
	Channels    int              `json:"channels"`
	Layers      int              `json:"layers"`
	Repeat      int              `json:"repeat"`
	Parameters  int              `json:"parameters"`
	Operations  []benchOperation `json:"operations,omitempty"`
}

// benchOperation is the time that an operation takes in a step.
type benchOperation struct {
	Phase   string  `json:"phase"`
	Name    string  `json:"operation"`
	Calls   float64 `json:"calls"`
	Seconds float64 `json:"seconds"`
}

// machine is what was measured on.
type machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Platform  string `json:"platform"`
	Go        string `json:"go"`
}

func thisMachine() machine {
	return machine{cpuid.CPU.BrandName, runtime.NumCPU(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
}

func (p *program) benchCommand() *cobra.Command {
	var s bench.Settings
	var json bool
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
	flags.BoolVar(&s.Operations, "ops", false, "time every kind of operation too")
	threadsFlag(flags, &s.Threads)
	jsonFlag(flags, &json)
	c.RunE = func(c *cobra.Command, _ []string) error {
		bar := p.newProgress("timing", false)
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

func newBenchResult(r bench.Report, s bench.Settings) benchResult {
	w, theta := r.Weights.Seconds(), r.Policy.Seconds()
	result := benchResult{
		float64(s.Batch) / w, float64(s.Batch) / theta, w, theta, thisMachine(),
		s.Threads, s.Batch, s.Channels, s.Layers, s.Repeat, r.Parameters, nil,
	}
	for _, o := range r.Operations {
		result.Operations = append(result.Operations, benchOperation{o.Phase, o.Name, o.Calls, o.Time.Seconds()})
	}
	return result
}

func (p *program) printBench(r benchResult) {
	p.printTable([][]string{
		{"", "step", "images/s"},
		{"w", fmt.Sprintf("%.3f s", r.WeightsStep), fmt.Sprintf("%.1f", r.WeightsRate)},
		{"theta", fmt.Sprintf("%.3f s", r.PolicyStep), fmt.Sprintf("%.1f", r.PolicyRate)},
	})
	p.print("\nMeans of %d steps with batches of %d, %d channels, %d layers; %d threads of %s (%s, %s).\n",
		8*r.Repeat, r.Batch, r.Channels, r.Layers, r.Threads, r.Machine.Processor, r.Machine.Platform, r.Machine.Go)
	if len(r.Operations) == 0 {
		return
	}
	steps := map[string]float64{"w": r.WeightsStep, "theta": r.PolicyStep}
	rows := [][]string{{"step", "operation", "calls", "time", "share"}}
	for _, o := range r.Operations {
		rows = append(rows, []string{
			o.Phase, o.Name, fmt.Sprintf("%6.1f", o.Calls), fmt.Sprintf("%9.3f ms", 1e3*o.Seconds),
			fmt.Sprintf("%5.1f %%", 100*o.Seconds/steps[o.Phase]),
		})
	}
	p.print("\n")
	p.printTable(rows)
}
