package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"nat/internal/checkpoint"
	"nat/internal/graph"
	"nat/internal/runfolder"
)

// momentumPrefix begins the names of the tensors that hold a solver's momentum.
const momentumPrefix = checkpoint.StatePrefix + "momentum."

// CheckLoss refuses a loss that is no number any more.
func CheckLoss(loss float64) error {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("the loss is %v: the run stops; its last checkpoint is from before (a lower learning rate may help)", loss)
	}
	return nil
}

// CheckFinite refuses to save numbers that no training can go on from.
func CheckFinite(f *checkpoint.File) error {
	for _, t := range f.Tensors {
		for _, x := range t.Data {
			if x-x != 0 { // only infinities and NaN
				return fmt.Errorf("tensor %s holds %v: it is not saved; the last checkpoint is from before (a lower learning rate may help)", t.Name, x)
			}
		}
	}
	return nil
}

// AddMomentum adds the momentum buffer of a parameter, if it has one, to a checkpoint.
func AddMomentum(f *checkpoint.File, s *graph.SGD, p *graph.Parameter) {
	if buffer := s.Buffers[p.Name]; buffer != nil {
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: momentumPrefix + p.Name, Shape: p.Shape, Data: buffer})
	}
}

// RestoreMomentum takes the momentum buffers of all parameters from a checkpoint's tensors.
func RestoreMomentum(s *graph.SGD, parameters []*graph.Parameter, tensors map[string]checkpoint.Tensor) error {
	s.Buffers = map[string][]float32{}
	for _, p := range parameters {
		buffer, err := StateOf(tensors, momentumPrefix, p)
		if err != nil {
			return err
		}
		if buffer != nil {
			s.Buffers[p.Name] = buffer
		}
	}
	return nil
}

// StateOf returns what a checkpoint's tensors hold under a parameter's name behind prefix, or nil. It must be as large as
// the parameter.
func StateOf(tensors map[string]checkpoint.Tensor, prefix string, p *graph.Parameter) ([]float32, error) {
	t, ok := tensors[prefix+p.Name]
	if ok && len(t.Data) != len(p.Data) {
		return nil, fmt.Errorf("tensor %s has shape %v, where its place needs %v", t.Name, t.Shape, p.Shape)
	}
	return t.Data, nil
}

// AddState writes objects of JSON into a checkpoint's metadata.
func AddState(f *checkpoint.File, objects map[string]any) error {
	for key, value := range objects {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		f.Metadata[key] = string(text)
	}
	return nil
}

// ReadState reads an object of JSON from a checkpoint's metadata.
func ReadState(f *checkpoint.File, key string, value any) error {
	text, ok := f.Metadata[key]
	if !ok {
		return errors.New("it does not say where its run stands: only checkpoints of a run folder can be resumed")
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return fmt.Errorf("its metadata %s: %w", key, err)
	}
	return nil
}

// Write writes a checkpoint into a run folder, after the metrics up to it have reached the disk.
func Write(folder *runfolder.Folder, f *checkpoint.File, name string) error {
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return checkpoint.Write(folder.File(name), f, checkpoint.F32)
}

// Resume has a run go on from a checkpoint of its folder: the latest one, or the best if that is lost, which lost then says.
// A path of "" stands for no checkpoint: the run is at its start.
func Resume(folder *runfolder.Folder) (path string, lost bool) {
	latest, best := folder.File(runfolder.LatestName), folder.File(runfolder.BestName)
	switch {
	case exists(latest):
		return latest, false
	case exists(best):
		return best, true
	}
	return "", false
}

// Broken says where a run can go on that ended with err because its device computes no more: one that was lost, or whose memory
// is used up. Other errors stay as they are.
func Broken(err error, d *graph.Device, folder *runfolder.Folder) error {
	if err == nil || d.Err() == nil {
		return err
	}
	path, _ := Resume(folder)
	if path == "" {
		return fmt.Errorf("%w: the run has no checkpoint yet, begin it anew", err)
	}
	return fmt.Errorf("%w: the last checkpoint is %s, --resume %s goes on from it", err, path, folder.Path())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
