package search

import (
	"fmt"
	"time"

	"nat/internal/checkpoint"
	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/runfolder"
	"nat/internal/runs"
)

// What checkpoints hold beside the model: tensors of the policy's solver, under a parameter's name behind these prefixes, and two
// objects of JSON in the metadata.
const (
	firstPrefix  = checkpoint.StatePrefix + "adam_first."
	secondPrefix = checkpoint.StatePrefix + "adam_second."
	keyState     = "search_state"
	keySettings  = "search_settings"
)

// storedState is the JSON of the metadata: the state, and Adam's number of steps by parameter.
type storedState struct {
	state
	AdamSteps map[string]int `json:"adam_steps"`
}

// file returns the search as a checkpoint. Its bytes follow from settings, data and position alone.
func (s *Search) file() (*checkpoint.File, error) {
	if err := s.settle(); err != nil {
		return nil, err
	}
	if err := s.Device.Fetch(); err != nil {
		return nil, err
	}
	f := s.model.File()
	stored := storedState{s.state, map[string]int{}}
	for _, p := range s.model.Parameters() {
		runs.AddMomentum(f, &s.sgd, p)
		if m := s.adam.Moments[p.Name]; m != nil {
			f.Tensors = append(f.Tensors,
				checkpoint.Tensor{Name: firstPrefix + p.Name, Shape: p.Shape, Data: m.First},
				checkpoint.Tensor{Name: secondPrefix + p.Name, Shape: p.Shape, Data: m.Second})
			stored.AdamSteps[p.Name] = m.Steps
		}
	}
	settings := s.options
	settings.Epochs = s.state.Position.Epoch // how many were asked for may be raised later, and changes nothing so far
	if err := runs.AddState(f, map[string]any{keyState: stored, keySettings: settings}); err != nil {
		return nil, err
	}
	return f, runs.CheckFinite(f)
}

// save writes the latest checkpoint.
func (s *Search) save() error {
	f, err := s.file()
	if err != nil {
		return err
	}
	return s.writeCheckpoint(f, runfolder.LatestName)
}

// writeCheckpoint writes a checkpoint of that name.
func (s *Search) writeCheckpoint(f *checkpoint.File, name string) error {
	if err := runs.Write(s.folder, f, name); err != nil {
		return err
	}
	s.saved = time.Now()
	return nil
}

// saveEpoch writes the checkpoint of an epoch, also as the best if its transformed architectures were the most accurate
// ones so far. The best is written first: whatever happens in between, the epoch's end is repeated from the one before.
func (s *Search) saveEpoch(accuracy float64) error {
	best := accuracy > s.state.Best
	s.state.Best = max(s.state.Best, accuracy)
	f, err := s.file()
	if err != nil {
		return err
	}
	if best {
		if err := s.writeCheckpoint(f, runfolder.BestName); err != nil {
			return err
		}
	}
	return s.writeCheckpoint(f, runfolder.LatestName)
}

// restore takes over what a checkpoint holds beside the model.
func (s *Search) restore(f *checkpoint.File) error {
	var stored storedState
	if err := runs.ReadState(f, keyState, &stored); err != nil {
		return err
	}
	at := stored.Position
	if at.Phase != dataset.Weights && at.Phase != dataset.Policy || at.Epoch < 0 || at.Step < 0 || at.Step > s.loaders[at.Phase].Batches() {
		return fmt.Errorf("no search stands at step %d of phase %d of epoch %d: it is damaged", at.Step, at.Phase, at.Epoch)
	}
	s.state = stored.state
	tensors := f.ByName()
	if err := runs.RestoreMomentum(&s.sgd, s.model.Parameters(), tensors); err != nil {
		return err
	}
	s.adam.Moments = map[string]*graph.Moments{}
	for _, p := range s.model.Parameters() {
		first, err := runs.StateOf(tensors, firstPrefix, p)
		if err != nil {
			return err
		}
		second, err := runs.StateOf(tensors, secondPrefix, p)
		if err != nil {
			return err
		}
		if steps := stored.AdamSteps[p.Name]; first != nil && second != nil && steps > 0 {
			s.adam.Moments[p.Name] = &graph.Moments{First: first, Second: second, Steps: steps}
		}
	}
	return nil
}
