package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"nat/internal/checkpoint"
	"nat/internal/model"
	"nat/internal/runfolder"
)

// Provenance says where a run's numbers come from.
type Provenance struct {
	Version string   `json:"version"` // of this program
	Command []string `json:"command"` // that the user gave
	Source  string   `json:"data"`    // of the data, as the user named it; empty for the cache
}

// Config is a run's config.json.
type Config struct {
	Provenance
	Kernels     string  `json:"kernels"` // the set of inner loops that computes; others give other last bits
	Threads     int     `json:"threads"`
	Dataset     string  `json:"dataset"`
	Fingerprint string  `json:"data_fingerprint"` // of the training images
	Settings    Options `json:"settings"`
}

// runsFolder is where runs go that get no folder of their own.
const runsFolder = "runs"

// Start begins a search in a new run folder, path, or the next runs/search-N if path is empty.
func Start(path string, o Options, r Resources) (*Search, error) {
	m, err := newModel(o)
	if err != nil {
		return nil, err
	}
	s, err := newSearch(o, m, r)
	if err != nil {
		return nil, err
	}
	config, err := json.MarshalIndent(s.config(r.Provenance), "", "  ")
	if err != nil {
		return nil, err
	}
	if path == "" {
		s.folder, err = runfolder.CreateNext(runsFolder, "search", config)
	} else {
		s.folder, err = runfolder.Create(filepath.Clean(path), config)
	}
	return s, err
}

// newModel returns the model that a search begins with.
func newModel(o Options) (*model.Model, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	m, err := model.New(o.Supernet, o.Policy)
	if err != nil {
		return nil, err
	}
	m.Supernet.Initialise(o.Seed)
	m.Policy.Initialise(o.Seed)
	return m, nil
}

func (s *Search) config(p Provenance) Config {
	w := s.Device.Workers()
	return Config{p, w.Set(), w.Threads(), s.Data.Name, s.fingerprint, s.options}
}

// ReadConfig reads the settings of the run in a folder.
func ReadConfig(path string) (c Config, err error) {
	f := runfolder.At(path)
	text, err := f.Config()
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", f.ConfigPath(), err)
	}
	if err := c.Settings.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", f.ConfigPath(), err)
	}
	return c, nil
}

// Resume continues the run in a folder from its latest checkpoint, as if it had never stopped: the same data and settings,
// of which only the number of epochs may be raised. What was logged after the checkpoint is removed, and will be logged
// again.
func Resume(path string, epochs int, r Resources) (s *Search, err error) {
	folder, err := runfolder.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, folder.Close())
		}
	}()
	c, err := ReadConfig(path)
	if err != nil {
		return nil, err
	}
	if err := c.admit(epochs, r); err != nil {
		return nil, err
	}
	raised := epochs > c.Settings.Epochs
	if w := c.Settings.Weights; raised && w.Rate != w.RateMin {
		r.Observer.Warn("the learning rate falls over all epochs: now that there are more, it goes on from where it would be with as many from the start")
	}
	c.Settings.Epochs = epochs
	if s, err = resumeAt(folder, c.Settings, r); err != nil {
		return nil, err
	}
	if raised {
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return nil, err
		}
		if err := folder.WriteConfig(text); err != nil {
			return nil, err
		}
	}
	return s, runfolder.Rewind(folder, func(r *Record) bool { return s.state.Position.reached(r.after()) })
}

// admit checks that a run can be continued so.
func (c Config) admit(epochs int, r Resources) error {
	if epochs < c.Settings.Epochs {
		return fmt.Errorf("the run was begun for %d epochs: that can be raised, not lowered to %d", c.Settings.Epochs, epochs)
	}
	if r.Data.Train.Fingerprint() != c.Fingerprint {
		return fmt.Errorf("the data set %s holds other training images than the run was begun with: give that data set (--data DIR)", r.Data.Name)
	}
	if set := r.Device.Workers().Set(); set != c.Kernels {
		r.Observer.Warn(fmt.Sprintf("this machine computes with the %s kernels, the run was begun with the %s ones: results will differ from those of an uninterrupted run in the last digits",
			set, c.Kernels))
	}
	return nil
}

// resumeAt returns the search as its latest checkpoint has it, or as its best one if that is lost, or at its start if there
// is none.
func resumeAt(folder *runfolder.Folder, o Options, r Resources) (*Search, error) {
	latest, best := folder.File(runfolder.LatestName), folder.File(runfolder.BestName)
	switch {
	case exists(latest):
		return resumeFrom(latest, folder, o, r)
	case exists(best):
		r.Observer.Warn(fmt.Sprintf("%s is missing: the search goes on from %s", latest, best))
		s, err := resumeFrom(best, folder, o, r)
		if err != nil {
			return nil, err
		}
		return s, s.save()
	}
	m, err := newModel(o)
	if err != nil {
		return nil, err
	}
	s, err := newSearch(o, m, r)
	if err != nil {
		return nil, err
	}
	s.folder = folder
	return s, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// resumeFrom returns the search as a checkpoint of its folder has it.
func resumeFrom(path string, folder *runfolder.Folder, o Options, r Resources) (*Search, error) {
	f, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	s, err := fromCheckpoint(f, o, r)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	s.folder = folder
	return s, nil
}

func fromCheckpoint(f *checkpoint.File, o Options, r Resources) (*Search, error) {
	m, err := model.FromFile(f, o.Supernet.OpType)
	if err != nil {
		return nil, err
	}
	if m.Supernet == nil || m.Supernet.Config() != o.Supernet || m.Policy.Config() != o.Policy {
		return nil, errors.New("its networks have other sizes than the run's settings say: it belongs to another run")
	}
	if !m.Training.Known || m.Training.Seed != o.Seed || m.Training.TrainPortion != o.TrainPortion {
		return nil, errors.New("it was trained with another seed or train portion than the run's settings say: it belongs to another run")
	}
	s, err := newSearch(o, m, r)
	if err != nil {
		return nil, err
	}
	if err := s.restore(f); err != nil {
		return nil, err
	}
	m.Training.Epochs = s.state.Position.Epoch
	return s, nil
}

// Folder returns the path of the run folder.
func (s *Search) Folder() string { return s.folder.Path() }

// Latest returns the path of the latest checkpoint, and Best that of the epoch whose transformed architectures were the most
// accurate. They are there once an epoch is done.
func (s *Search) Latest() string { return s.folder.File(runfolder.LatestName) }

// Best returns the path of the best checkpoint; see Latest.
func (s *Search) Best() string { return s.folder.File(runfolder.BestName) }

// Close gives the run folder up.
func (s *Search) Close() error { return s.folder.Close() }
