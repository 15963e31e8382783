package model

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"nat/internal/checkpoint"
	"nat/internal/graph"
	"nat/internal/policy"
	"nat/internal/supernet"
)

// ignored are the names of what published checkpoints hold beside parameters: running statistics, which a supernet
// doesn't use, and copies of the policy.
var ignored = regexp.MustCompile(`^arch_\w+_master\.|\.(running_mean|running_var|num_batches_tracked)$`)

// File returns the model as a checkpoint. The tensors share the parameters' memory.
func (m *Model) File() *checkpoint.File {
	f := &checkpoint.File{Metadata: describe(m)}
	for _, p := range m.Parameters() {
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	return f
}

// Load reads a model from a checkpoint file. The op type is needed only where the file doesn't say it and the number of
// nodes leaves it open, else it may be empty; one that contradicts the file is an error.
func Load(path string, opType supernet.OpType) (*Model, error) {
	f, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	m, err := FromFile(f, opType)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	m.Source = path
	return m, nil
}

// FromFile makes a model of a checkpoint, as Load does. It needs every parameter, in its shape, and no other tensor; only
// a file with nothing but a policy is a model without a supernet.
func FromFile(f *checkpoint.File, opType supernet.OpType) (*Model, error) {
	t := tensors{}
	policyOnly := true
	for _, tensor := range f.Tensors {
		tensor.Name = strings.TrimPrefix(tensor.Name, "module.") // PyTorch's DataParallel puts it in front of all names
		if strings.HasPrefix(tensor.Name, checkpoint.StatePrefix) || ignored.MatchString(tensor.Name) {
			continue
		}
		t[tensor.Name] = tensor
		policyOnly = policyOnly && strings.HasPrefix(tensor.Name, policy.Prefix)
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("it holds no parameters of a search (%s*, cells.*)", policy.Prefix)
	}
	m := &Model{}
	meta := metadata(f.Metadata)
	if err := m.build(t, meta, opType, policyOnly); err != nil {
		return nil, err
	}
	var err error
	if m.Training, err = meta.training(); err != nil {
		return nil, err
	}
	return m, fill(m.Parameters(), t)
}

// build makes the networks whose weights are in t.
func (m *Model) build(t tensors, meta metadata, opType supernet.OpType, policyOnly bool) error {
	policySize, err := policyConfig(t, meta)
	if err != nil {
		return err
	}
	if m.Policy, err = policy.New(policySize); err != nil || policyOnly {
		return err
	}
	size, err := supernetConfig(t, meta, opType)
	if err != nil {
		return err
	}
	m.Supernet, err = supernet.New(size)
	return err
}

// fill copies the tensors into the parameters of their names.
func fill(parameters []*graph.Parameter, t tensors) error {
	unused := maps.Clone(t)
	for _, p := range parameters {
		tensor, ok := t[p.Name]
		if !ok {
			return fmt.Errorf("tensor %s is missing", p.Name)
		}
		if !slices.Equal(tensor.Shape, p.Shape) {
			return fmt.Errorf("tensor %s has shape %v, where its place needs %v", p.Name, tensor.Shape, p.Shape)
		}
		for i, x := range tensor.Data {
			if x-x != 0 { // only of infinities and NaN
				return fmt.Errorf("tensor %s holds %v: its training went wrong, or the file is damaged", p.Name, x)
			}
			p.Data[i] = x
		}
		delete(unused, p.Name)
	}
	if len(unused) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(unused)))
		return fmt.Errorf("tensor %.80q is surplus: nothing in a model of these sizes has that name", name)
	}
	return nil
}
