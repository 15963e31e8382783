// Package runs is what every training run has in common, whatever it trains: a config that says where its numbers come from,
// settings under names, timings, the checks that stop a run gone wrong, and what a solver needs to go on from a checkpoint.
// It stands above runfolder, graph and checkpoint, and below search and train.
package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/klauspost/cpuid/v2"

	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/kernel"
	"nat/internal/runfolder"
)

// Folder is where runs go that get no folder of their own.
const Folder = "runs"

// Provenance says where a run's numbers come from.
type Provenance struct {
	Version string   `json:"version"`           // of this program
	Command []string `json:"command"`           // that the user gave
	Source  string   `json:"data"`              // of the data, as the user named it; empty for the cache
	Classes []string `json:"classes,omitempty"` // that the user chose of an image folder; empty for all
	Machine Machine  `json:"machine"`           // that it was begun on; empty of runs that don't say
}

// Machine is what something was computed or measured on.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Platform  string `json:"platform"`
	Go        string `json:"go"`
}

// ThisMachine describes the machine at hand.
func ThisMachine() Machine {
	return Machine{cpuid.CPU.BrandName, runtime.NumCPU(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
}

// String says it in words.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s", m.Processor, m.Cores, m.Platform, m.Go)
}

// Config is a run's config.json. S is the type of its settings.
type Config[S any] struct {
	Provenance
	Kernels     string           `json:"kernels"`     // the set of inner loops that computes, or cuda or opencl; others give other last bits
	Convolution kernel.Algorithm `json:"convolution"` // likewise
	Precision   graph.Precision  `json:"precision"`   // of dense convolutions
	Threads     int              `json:"threads"`
	Dataset     string           `json:"dataset"`
	Fingerprint string           `json:"data_fingerprint"` // of the training images
	Settings    S                `json:"settings"`
}

// NewConfig returns the config of a run with these settings.
func NewConfig[S any](p Provenance, d *graph.Device, data *dataset.Set, fingerprint string, settings S) Config[S] {
	w := d.Workers()
	return Config[S]{p, d.Kernels(), w.Algorithm(), d.Precision(), w.Threads(), data.Name, fingerprint, settings}
}

// Text returns what a run folder holds of the config.
func (c Config[S]) Text() ([]byte, error) { return json.MarshalIndent(c, "", "  ") }

// ReadConfig reads the config of the run in a folder, whose settings must be valid.
func ReadConfig[S interface{ Validate() error }](path string) (c Config[S], err error) {
	f := runfolder.At(path)
	text, err := f.Config()
	if err != nil {
		return c, err
	}
	c.Convolution, c.Precision = kernel.Direct, graph.Float32 // of runs that don't say
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", f.ConfigPath(), err)
	}
	if err := c.Settings.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", f.ConfigPath(), err)
	}
	return c, nil
}

// Continue takes over the folder of a run that is to go on, and hands it to resume with its config. Where that fails, the
// folder is given up again.
func Continue[S interface{ Validate() error }](path string, resume func(folder *runfolder.Folder, c Config[S]) error) error {
	folder, err := runfolder.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	c, err := ReadConfig[S](path)
	if err == nil {
		err = resume(folder, c)
	}
	if err != nil {
		return errors.Join(err, folder.Close())
	}
	return nil
}

// Store writes the config into the folder of its run.
func (c Config[S]) Store(folder *runfolder.Folder) error {
	text, err := c.Text()
	if err != nil {
		return err
	}
	return folder.WriteConfig(text)
}

// Admit checks that a run that was begun for begun epochs can go on to epochs with that data and device. What only changes
// last digits is told to warn.
func (c Config[S]) Admit(begun, epochs int, d *graph.Device, data *dataset.Set, warn func(string)) error {
	if epochs < begun {
		return fmt.Errorf("the run was begun for %d epochs: that can be raised, not lowered to %d", begun, epochs)
	}
	if data.Train.Fingerprint() != c.Fingerprint {
		return fmt.Errorf("the data set %s holds other training images than the run was begun with: give that data set (--data DIR)", data.Name)
	}
	if set := d.Kernels(); set != c.Kernels {
		warn(fmt.Sprintf("this machine computes with the %s kernels, the run was begun with the %s ones: results will differ from those of an uninterrupted run in the last digits",
			set, c.Kernels))
	}
	if a := d.Workers().Algorithm(); a != c.Convolution {
		warn(fmt.Sprintf("the run was begun with --convolution %s, now it is %s: results will differ from those of an uninterrupted run in the last digits",
			c.Convolution, a))
	}
	if p := d.Precision(); p != c.Precision {
		warn(fmt.Sprintf("the run was begun with --precision %s, now it is %s: results will differ from those of an uninterrupted run",
			c.Precision, p))
	}
	return nil
}
