// Package compare judges architectures beside each other: each is trained from scratch with several seeds under one budget,
// and measured on the same test images. A comparison writes a folder with a run folder for each training, and can be resumed
// from it. It stands above train and below cli.
package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nat/internal/atomicfile"
	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/runfolder"
	"nat/internal/runs"
	"nat/internal/train"
)

// Settings are what a comparison's result follows from.
type Settings struct {
	Names         []string            `json:"names"` // of the architectures, all different
	Architectures []genotype.Genotype `json:"genotypes"`
	Seeds         []uint64            `json:"seeds"`
	Training      train.Options       `json:"training"` // of all, but for architecture and seed
}

// Of returns the settings of a training.
func (s Settings) Of(architecture int, seed uint64) train.Options {
	o := s.Training
	o.Architecture, o.Seed = s.Architectures[architecture], seed
	o.Architecture.Name = s.Names[architecture]
	return o
}

// Validate checks that a comparison with these settings can be.
func (s Settings) Validate() error {
	if len(s.Names) != len(s.Architectures) || len(s.Names) == 0 || len(s.Seeds) == 0 {
		return errors.New("a comparison needs architectures, as many names, and seeds")
	}
	seen := map[string]bool{}
	for i, name := range s.Names {
		if name == "" || seen[name] {
			return fmt.Errorf("the name %q is empty, or that of two architectures", name)
		}
		seen[name] = true
		if err := s.Of(i, s.Seeds[0]).Validate(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Config is a comparison's config.json.
type Config = runs.Config[Settings]

// ReadConfig reads the config of the comparison in a folder.
func ReadConfig(path string) (Config, error) { return runs.ReadConfig[Settings](path) }

// Observer is told how a comparison goes on.
type Observer interface {
	train.Observer
	// Begins is called before a training goes on, of which there are total.
	Begins(number, total int, t *train.Training)
	// Measured is called with the result of each training, also of those that were done before.
	Measured(Result)
}

// Comparison is a comparison under way.
type Comparison struct {
	settings  Settings
	folder    *runfolder.Folder
	resources train.Resources
	observer  Observer
	results   []Result
}

// Result is how a trained network does on the test images.
type Result struct {
	Name     string  `json:"name"`
	Seed     uint64  `json:"seed"`
	Images   int     `json:"images"`
	Accuracy float64 `json:"accuracy"`
	Top5     float64 `json:"top5"`
	Loss     float64 `json:"loss"`
}

// resultName is the file of a result in a training's folder.
const resultName = "result.json"

// Start begins a comparison in a new folder, path, or the next runs/compare-N if path is empty. The resources' observer is the
// comparison's.
func Start(path string, s Settings, r train.Resources, o Observer) (*Comparison, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	config, err := runs.NewConfig(r.Provenance, r.Device, r.Data, r.Data.Train.Fingerprint(), s).Text()
	if err != nil {
		return nil, err
	}
	c := newComparison(s, r, o)
	if path == "" {
		c.folder, err = runfolder.CreateNext(runs.Folder, "compare", config)
	} else {
		c.folder, err = runfolder.Create(filepath.Clean(path), config)
	}
	return c, err
}

// Resume continues the comparison in a folder: trainings that are done are not repeated, one that was interrupted goes on.
func Resume(path string, r train.Resources, o Observer) (c *Comparison, err error) {
	err = runs.Continue(path, func(folder *runfolder.Folder, config Config) error {
		c = newComparison(config.Settings, r, o)
		c.folder = folder
		epochs := config.Settings.Training.Epochs
		return config.Admit(epochs, epochs, r.Device, r.Data, o.Warn)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func newComparison(s Settings, r train.Resources, o Observer) *Comparison {
	r.Observer = o
	return &Comparison{settings: s, resources: r, observer: o}
}

// Settings returns the comparison's settings.
func (c *Comparison) Settings() Settings { return c.settings }

// Folder returns the path of the comparison's folder.
func (c *Comparison) Folder() string { return c.folder.Path() }

// Close gives the folder up.
func (c *Comparison) Close() error { return c.folder.Close() }

// Run trains and measures, seed by seed all architectures, so that what is there at any time compares them fairly. When the
// context ends, the training at hand is saved and the context's error returned.
func (c *Comparison) Run(ctx context.Context) error {
	number := 0
	for _, seed := range c.settings.Seeds {
		for i, name := range c.settings.Names {
			number++
			r, err := c.one(ctx, i, seed, number)
			if err != nil {
				return fmt.Errorf("%s with seed %d: %w", name, seed, err)
			}
			c.results = append(c.results, r)
			c.observer.Measured(r)
		}
	}
	return nil
}

// one returns the result of a training, from its folder if it is there.
func (c *Comparison) one(ctx context.Context, architecture int, seed uint64, number int) (r Result, err error) {
	folder := c.folder.File(runName(architecture, c.settings.Names[architecture], seed))
	if r, done, err := readResult(filepath.Join(folder, resultName)); done || err != nil {
		return r, err
	}
	t, err := c.open(folder, c.settings.Of(architecture, seed))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	c.observer.Begins(number, len(c.settings.Names)*len(c.settings.Seeds), t)
	if err := t.Run(ctx); err != nil {
		return r, err
	}
	e, err := train.Evaluate(ctx, c.resources.Device, t.Trained().Network, c.resources.Data.Test, train.Evaluating{BatchSize: c.settings.Training.BatchSize})
	if err != nil {
		return r, err
	}
	r = Result{c.settings.Names[architecture], seed, e.Images, e.Accuracy(), e.TopAccuracy(), e.Loss}
	text, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	return r, atomicfile.WriteBytes(filepath.Join(folder, resultName), append(text, '\n'))
}

// open starts a training, or goes on with it. A folder that a crash left before anything was in it is made anew.
func (c *Comparison) open(folder string, o train.Options) (*train.Training, error) {
	if _, err := os.Stat(runfolder.At(folder).ConfigPath()); err == nil {
		return train.Resume(folder, o.Epochs, c.resources)
	}
	if err := os.RemoveAll(folder); err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	return train.Start(folder, o, c.resources)
}

func readResult(path string) (r Result, done bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, false, fmt.Errorf("result %s: %w (remove it, and its training is measured again)", path, err)
	}
	return r, true, nil
}

// runName returns the name of a training's folder: the architecture's, as far as file systems take it, behind its number, which
// keeps names apart.
func runName(architecture int, name string, seed uint64) string {
	plain := strings.Map(func(r rune) rune {
		if r < 128 && (r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, name)
	const longest = 60
	return fmt.Sprintf("%d-%s-seed-%d", architecture+1, plain[:min(longest, len(plain))], seed)
}

// cost returns what an architecture's network takes.
func (s Settings) cost(architecture int) (network.Cost, error) {
	return network.CostOf(s.Architectures[architecture], s.Training.Size)
}
