package train

import (
	"fmt"
	"time"

	"nat/internal/checkpoint"
	"nat/internal/network"
	"nat/internal/runfolder"
	"nat/internal/runs"
)

// keyState is the key of the metadata under which a checkpoint holds the state.
const keyState = "train_state"

// position is how far a training has come. All that is random follows from it and the seed.
type position struct {
	Epoch int `json:"epoch"` // complete epochs
	Step  int `json:"step"`  // batches done of the next
}

// reached tells whether a training at p has passed q or stands there.
func (p position) reached(q position) bool {
	return p.Epoch > q.Epoch || p.Epoch == q.Epoch && p.Step >= q.Step
}

// state is what a training knows beside the network and the solver's memory: all that a checkpoint must hold for a resumed
// training to be bit for bit the uninterrupted one. It has no times in it.
type state struct {
	Position position `json:"position"`
	Best     float64  `json:"best"`   // highest accuracy after an epoch so far
	Whole    tally    `json:"whole"`  // of the epoch so far
	Recent   tally    `json:"recent"` // since the last line of metrics
}

// tally sums what steps gave.
type tally struct {
	Images  int     `json:"images"`
	Loss    float64 `json:"loss"` // times images
	Correct int     `json:"correct"`
}

func (t *tally) add(r network.Result) {
	t.Images += r.Images
	t.Loss += r.Loss * float64(r.Images)
	t.Correct += r.Correct
}

// file returns the training as a checkpoint. Its bytes follow from settings, data and position alone.
func (t *Training) file() (*checkpoint.File, error) {
	if err := t.Device.Fetch(); err != nil {
		return nil, err
	}
	trained := t.Trained()
	f, err := trained.File()
	if err != nil {
		return nil, err
	}
	for _, p := range t.network.Parameters() {
		runs.AddMomentum(f, &t.sgd, p)
	}
	if err := runs.AddState(f, map[string]any{keyState: t.state}); err != nil {
		return nil, err
	}
	return f, runs.CheckFinite(f)
}

// save writes the latest checkpoint.
func (t *Training) save() error {
	f, err := t.file()
	if err != nil {
		return err
	}
	return t.write(f, runfolder.LatestName)
}

func (t *Training) write(f *checkpoint.File, name string) error {
	if err := runs.Write(t.folder, f, name); err != nil {
		return err
	}
	t.saved = time.Now()
	return nil
}

// saveEpoch writes the checkpoint of an epoch, as the best too if it is. The best is written first: whatever happens in
// between, the epoch's end is repeated from the one before.
func (t *Training) saveEpoch(best bool) error {
	f, err := t.file()
	if err != nil {
		return err
	}
	if best {
		if err := t.write(f, runfolder.BestName); err != nil {
			return err
		}
	}
	return t.write(f, runfolder.LatestName)
}

// restore takes over what a checkpoint holds beside the network.
func (t *Training) restore(f *checkpoint.File) error {
	var s state
	if err := runs.ReadState(f, keyState, &s); err != nil {
		return err
	}
	if at := s.Position; at.Epoch < 0 || at.Step < 0 || at.Step > t.loader.Batches() {
		return fmt.Errorf("no training stands at step %d of epoch %d: it is damaged", at.Step, at.Epoch)
	}
	t.state = s
	return runs.RestoreMomentum(&t.sgd, t.network.Parameters(), f.ByName())
}
