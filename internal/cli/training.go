package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/internal/gpu"
	"nat/internal/kernel"
	"nat/internal/runs"
)

// runFlags are the flags that all commands have that train in a run folder.
type runFlags struct {
	dataFlags
	deviceFlags
	save, resume      string
	maxHours          float64
	checkpointMinutes float64
	json              bool
}

// define defines the flags; command names the folders that runs get by themselves.
func (r *runFlags) define(flags *pflag.FlagSet, command string) {
	r.dataFlags.define(flags)
	flags.StringVar(&r.save, "save", "", fmt.Sprintf("run `folder`, which must not exist, instead of the next %s/%s-N", runs.Folder, command))
	flags.StringVar(&r.resume, "resume", "", "run `folder` to continue")
	realNumber(flags, &r.maxHours, "max-hours", 0, 0, 1e6, "hours after which to stop with a checkpoint; 0: never")
	realNumber(flags, &r.checkpointMinutes, "checkpoint-minutes", 5, 0, 1e6, "minutes between checkpoints within an epoch; 0: none there")
	r.deviceFlags.define(flags)
	jsonFlag(flags, &r.json)
}

// resumedDevice has a resumed run compute as it was begun unless the flags ask for something else.
func (r *runFlags) resumedDevice(c *cobra.Command, convolution kernel.Algorithm, precision gpu.Precision) {
	if !c.Flags().Changed("convolution") {
		r.convolution = convolution
	}
	if !c.Flags().Changed("precision") {
		r.precision = precision
	}
}

func (r *runFlags) saveEvery() time.Duration {
	return time.Duration(r.checkpointMinutes * float64(time.Minute))
}

// provenance says where a run's numbers come from.
func (r *runFlags) provenance() runs.Provenance {
	return runs.Provenance{
		Version: buildVersion().Version, Command: os.Args, Source: r.source(), Classes: r.folder.Classes, Machine: runs.ThisMachine(),
	}
}

// agree checks that the flags given with --resume say what the run's settings say, of which --epochs alone may differ.
// settings are the flags of settings, bound to a copy of the run's; changes has one of them set in the copy and tells
// whether that made a difference.
func agree(c *cobra.Command, settings *pflag.FlagSet, changes func(set func() error) (bool, error)) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if settings.Lookup(f.Name) == nil || err != nil {
			return
		}
		changed, failed := changes(func() error { return settings.Set(f.Name, f.Value.String()) })
		if failed != nil {
			err = failed
		} else if changed && f.Name != "epochs" {
			err = usagef(c, "--%s %s is not what the run was begun with: leave it out, or start a run of its own", f.Name, f.Value)
		}
	})
	return err
}

// garbagePercent is how much garbage there may be, in percent of what lives, while a training runs.
const garbagePercent = 8

// spareMemory has the garbage collector run often, until restore is called. Most of a training's memory lives as long as
// the run, and little garbage comes with a step: by default Go would let it grow until it is as much as all the rest.
func spareMemory() (restore func()) {
	before := debug.SetGCPercent(garbagePercent)
	return func() { debug.SetGCPercent(before) }
}

// trainingRun is a search or a training.
type trainingRun interface {
	Run(ctx context.Context) error
	Folder() string
}

// carryOut runs a run until it is done, stopped or out of time, and then has report say where it stands. Out of time is no
// error: it was asked for.
func (v *runView) carryOut(ctx context.Context, run trainingRun, maxHours float64, command string, report func() error) error {
	if maxHours > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(maxHours*float64(time.Hour)))
		defer stop()
	}
	err := run.Run(ctx)
	v.close()
	stopped := ctx.Err() != nil && errors.Is(err, ctx.Err())
	if err != nil && !stopped {
		return err
	}
	if stopped {
		v.program.note("stopped; to go on: nat %s --resume %s", command, run.Folder())
	}
	if err := report(); err != nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
