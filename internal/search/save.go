package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"nat/internal/checkpoint"
	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/runfolder"
)

// What checkpoints hold beside the model: tensors of the solvers, under a parameter's name behind these prefixes, and two
// objects of JSON in the metadata.
const (
	momentumPrefix = model.StatePrefix + "momentum."
	firstPrefix    = model.StatePrefix + "adam_first."
	secondPrefix   = model.StatePrefix + "adam_second."
	keyState       = "search_state"
	keySettings    = "search_settings"
)

// storedState is the JSON of the metadata: the state, and Adam's number of steps by parameter.
type storedState struct {
	state
	AdamSteps map[string]int `json:"adam_steps"`
}

// file returns the search as a checkpoint. Its bytes follow from settings, data and position alone.
func (s *Search) file() (*checkpoint.File, error) {
	f := s.model.File()
	stored := storedState{s.state, map[string]int{}}
	for _, p := range s.model.Parameters() {
		if buffer := s.sgd.Buffers[p.Name]; buffer != nil {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: momentumPrefix + p.Name, Shape: p.Shape, Data: buffer})
		}
		if m := s.adam.Moments[p.Name]; m != nil {
			f.Tensors = append(f.Tensors,
				checkpoint.Tensor{Name: firstPrefix + p.Name, Shape: p.Shape, Data: m.First},
				checkpoint.Tensor{Name: secondPrefix + p.Name, Shape: p.Shape, Data: m.Second})
			stored.AdamSteps[p.Name] = m.Steps
		}
	}
	settings := s.options
	settings.Epochs = s.state.Position.Epoch // how many were asked for may be raised later, and changes nothing so far
	for key, value := range map[string]any{keyState: stored, keySettings: settings} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		f.Metadata[key] = string(text)
	}
	return f, checkFinite(f)
}

// checkFinite refuses to save numbers that no training can go on from.
func checkFinite(f *checkpoint.File) error {
	for _, t := range f.Tensors {
		for _, x := range t.Data {
			if x-x != 0 { // only infinities and NaN
				return fmt.Errorf("tensor %s holds %v: it is not saved; the last checkpoint is from before (a lower learning rate may help)", t.Name, x)
			}
		}
	}
	return nil
}

// save writes the latest checkpoint.
func (s *Search) save() error {
	f, err := s.file()
	if err != nil {
		return err
	}
	return s.writeCheckpoint(f, runfolder.LatestName)
}

// writeCheckpoint writes a checkpoint, after the metrics up to it have reached the disk.
func (s *Search) writeCheckpoint(f *checkpoint.File, name string) error {
	if err := s.folder.Sync(); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := checkpoint.Write(s.folder.File(name), f, checkpoint.F32); err != nil {
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
	stored, err := readState(f)
	if err != nil {
		return err
	}
	at := stored.Position
	if at.Phase != dataset.Weights && at.Phase != dataset.Policy || at.Epoch < 0 || at.Step < 0 || at.Step > s.loaders[at.Phase].Batches() {
		return fmt.Errorf("no search stands at step %d of phase %d of epoch %d: it is damaged", at.Step, at.Phase, at.Epoch)
	}
	s.state = stored.state
	tensors := f.ByName()
	data := func(name string, p *graph.Parameter) ([]float32, error) {
		t, ok := tensors[name]
		if ok && len(t.Data) != len(p.Data) {
			return nil, fmt.Errorf("tensor %s has shape %v, where its place needs %v", name, t.Shape, p.Shape)
		}
		return t.Data, nil
	}
	s.sgd.Buffers, s.adam.Moments = map[string][]float32{}, map[string]*graph.Moments{}
	for _, p := range s.model.Parameters() {
		buffer, err := data(momentumPrefix+p.Name, p)
		if err != nil {
			return err
		}
		if buffer != nil {
			s.sgd.Buffers[p.Name] = buffer
		}
		first, err := data(firstPrefix+p.Name, p)
		if err != nil {
			return err
		}
		second, err := data(secondPrefix+p.Name, p)
		if err != nil {
			return err
		}
		if steps := stored.AdamSteps[p.Name]; first != nil && second != nil && steps > 0 {
			s.adam.Moments[p.Name] = &graph.Moments{First: first, Second: second, Steps: steps}
		}
	}
	return nil
}

// readState reads the state from a checkpoint's metadata.
func readState(f *checkpoint.File) (stored storedState, err error) {
	text, ok := f.Metadata[keyState]
	if !ok {
		return stored, errors.New("it says nothing of where a search stands: only checkpoints of a run folder can be resumed")
	}
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return stored, fmt.Errorf("its metadata %s: %w", keyState, err)
	}
	return stored, nil
}
