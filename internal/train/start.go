package train

import (
	"errors"
	"fmt"
	"path/filepath"

	"nat/internal/checkpoint"
	"nat/internal/network"
	"nat/internal/runfolder"
	"nat/internal/runs"
)

// Config is a run's config.json.
type Config = runs.Config[Options]

// ReadConfig reads the config of the run in a folder.
func ReadConfig(path string) (Config, error) { return runs.ReadConfig[Options](path) }

// Start begins a training in a new run folder, path, or the next runs/train-N if path is empty.
func Start(path string, o Options, r Resources) (*Training, error) {
	t, err := begin(o, r)
	if err != nil {
		return nil, err
	}
	config, err := runs.NewConfig(r.Provenance, r.Device, r.Data, t.fingerprint, o).Text()
	if err != nil {
		return nil, err
	}
	if path == "" {
		t.folder, err = runfolder.CreateNext(runs.Folder, "train", config)
	} else {
		t.folder, err = runfolder.Create(filepath.Clean(path), config)
	}
	return t, err
}

// begin returns a training at its start, without a folder.
func begin(o Options, r Resources) (*Training, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	n, err := network.New(o.Architecture, o.Size)
	if err != nil {
		return nil, err
	}
	n.Initialise(o.Seed)
	if o.Auxiliary != 0 && !n.HasAuxiliary() {
		r.Observer.Warn(fmt.Sprintf("images of %d×%d pixels leave maps that are too small for the auxiliary head: "+
			"the network is trained without one", o.Size.ImageSize, o.Size.ImageSize))
	}
	return newTraining(o, n, r)
}

// Resume continues the run in a folder from its latest checkpoint, as if it had never stopped: the same data and settings,
// of which only the number of epochs may be raised. What was logged after the checkpoint is removed, and will be logged
// again.
func Resume(path string, epochs int, r Resources) (t *Training, err error) {
	err = runs.Continue(path, func(folder *runfolder.Folder, c Config) error {
		if err := c.Admit(c.Settings.Epochs, epochs, r.Device, r.Data, r.Observer.Warn); err != nil {
			return err
		}
		raised := epochs > c.Settings.Epochs
		if raised && (c.Settings.Schedule == Cosine || c.Settings.DropPath > 0) {
			r.Observer.Warn("learning rate and drop-path follow the number of epochs: " +
				"now that there are more, they go on from where they would be with as many from the start")
		}
		c.Settings.Epochs = epochs
		if t, err = resumeAt(folder, c.Settings, r); err != nil {
			return err
		}
		if raised {
			if err := c.Store(folder); err != nil {
				return err
			}
		}
		return runfolder.Rewind(folder, func(r *Record) bool { return t.state.Position.reached(r.after()) })
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// resumeAt returns the training as its latest checkpoint has it, or as its best one if that is lost, or at its start if
// there is none.
func resumeAt(folder *runfolder.Folder, o Options, r Resources) (*Training, error) {
	t, err := begin(o, r)
	if err != nil {
		return nil, err
	}
	t.folder = folder
	path, lost := runs.Resume(folder)
	if path == "" {
		return t, nil
	}
	f, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	if err := t.take(f); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if lost {
		r.Observer.Warn(fmt.Sprintf("%s is missing: the training goes on from %s", folder.File(runfolder.LatestName), path))
		return t, t.save()
	}
	return t, nil
}

// take has a training at its start go on from a checkpoint.
func (t *Training) take(f *checkpoint.File) error {
	trained, err := network.FromFile(f, &t.options.Architecture)
	if err != nil {
		return err
	}
	if trained.Size() != t.options.Size {
		return errors.New("its network has another size than the run's settings say: it belongs to another run")
	}
	t.network = trained.Network
	return t.restore(f)
}

// Folder returns the path of the run folder.
func (t *Training) Folder() string { return t.folder.Path() }

// Latest returns the path of the latest checkpoint, and Best that of the epoch after which most images were right. They are
// there once an epoch is done.
func (t *Training) Latest() string { return t.folder.File(runfolder.LatestName) }

// Best returns the path of the best checkpoint; see Latest.
func (t *Training) Best() string { return t.folder.File(runfolder.BestName) }

// Close gives the run folder up.
func (t *Training) Close() error { return t.folder.Close() }
