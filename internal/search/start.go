package search

import (
	"errors"
	"fmt"
	"path/filepath"

	"nat/internal/checkpoint"
	"nat/internal/model"
	"nat/internal/runfolder"
	"nat/internal/runs"
)

// Config is a run's config.json.
type Config = runs.Config[Options]

// ReadConfig reads the config of the run in a folder.
func ReadConfig(path string) (Config, error) { return runs.ReadConfig[Options](path) }

// Start begins a search in a new run folder, path, or the next runs/search-N if path is empty.
func Start(path string, o Options, r Resources) (*Search, error) {
	m, err := newModel(o)
	if err != nil {
		return nil, err
	}
	return begin(path, o, m, r)
}

// StartPolicy begins a search that trains a policy alone, on the supernet of a model, which stays as it is. The supernet's settings,
// and the images that it was trained on, which the policy's must not be among, are those of the model.
func StartPolicy(path string, o Options, from *model.Model, r Resources) (*Search, error) {
	t := from.Training
	switch {
	case from.Supernet == nil:
		return nil, fmt.Errorf("%s holds a policy alone: give a checkpoint with a supernet", from.Source)
	case !t.Known || t.Epochs == 0:
		return nil, fmt.Errorf("%s doesn't say on which images its supernet was trained, so none can be held out: give a checkpoint of nat search", from.Source)
	case t.Fingerprint != r.Data.Train.Fingerprint():
		return nil, fmt.Errorf("%s was trained on %s, and not on the images of %s: give the data that it was trained on", from.Source, t.Dataset, r.Data.Name)
	}
	o.Supernet, o.SupernetEpochs, o.Seed, o.TrainPortion = from.Supernet.Config(), t.Epochs, t.Seed, t.TrainPortion
	m, err := newModel(o)
	if err != nil {
		return nil, err
	}
	for i, p := range m.Supernet.Parameters() {
		copy(p.Data, from.Supernet.Parameters()[i].Data)
	}
	return begin(path, o, m, r)
}

// begin begins a search with a model.
func begin(path string, o Options, m *model.Model, r Resources) (*Search, error) {
	s, err := newSearch(o, m, r)
	if err != nil {
		return nil, err
	}
	config, err := runs.NewConfig(r.Provenance, r.Device, r.Data, s.fingerprint, o).Text()
	if err != nil {
		return nil, err
	}
	if path == "" {
		s.folder, err = runfolder.CreateNext(runs.Folder, "search", config)
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

// Resume continues the run in a folder from its latest checkpoint, as if it had never stopped: the same data and settings,
// of which only the number of epochs may be raised. What was logged after the checkpoint is removed, and will be logged
// again.
func Resume(path string, epochs int, r Resources) (s *Search, err error) {
	err = runs.Continue(path, func(folder *runfolder.Folder, c Config) error {
		if err := c.Admit(c.Settings.Epochs, epochs, r.Device, r.Data, r.Observer.Warn); err != nil {
			return err
		}
		raised := epochs > c.Settings.Epochs
		if w := c.Settings.Weights; raised && (w.Rate != w.RateMin || c.Settings.Theta.RateEnd < 1) {
			r.Observer.Warn("a learning rate falls over all epochs: " +
				"now that there are more, it goes on from where it would be with as many from the start")
		}
		c.Settings.Epochs = epochs
		if s, err = resumeAt(folder, c.Settings, r); err != nil {
			return err
		}
		if raised {
			if err := c.Store(folder); err != nil {
				return err
			}
		}
		return runfolder.Rewind(folder, func(r *Record) bool { return s.state.Position.reached(r.after()) })
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// resumeAt returns the search as its latest checkpoint has it, or as its best one if that is lost, or at its start if there
// is none.
func resumeAt(folder *runfolder.Folder, o Options, r Resources) (*Search, error) {
	path, lost := runs.Resume(folder)
	if path != "" {
		s, err := resumeFrom(path, folder, o, r)
		if err == nil && lost {
			r.Observer.Warn(fmt.Sprintf("%s is missing: the search goes on from %s", folder.File(runfolder.LatestName), path))
			err = s.save()
		}
		return s, err
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
	m.Training.Epochs = s.epochs()
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
