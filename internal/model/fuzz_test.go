package model

import (
	"strings"
	"testing"

	"nat/internal/checkpoint"
	"nat/internal/supernet"
)

// FuzzFromFile puts one tensor of any shape and one line of metadata into a checkpoint: it is read or refused in one line.
func FuzzFromFile(f *testing.F) {
	f.Add("stem.0.weight", 6, 3, 3, 3, "layers", "2")
	f.Add("classifier.weight", 7, 64, 1, 0, "image_size", "64")
	f.Add("cells.1._ops.13._ops.9.op.1.weight", 2, 2, 1, 1, "policy_dropout", "1e999")
	f.Add("cells.99._ops.0._ops.9.op.1.weight", 0, -1, 1, 1, "op_type", "LOOSE_END_PRIMITIVES")
	f.Add("arch_transformer.gc1.weight", 1, 16_000, 1, 1, "seed", "-1")
	f.Add("two\nlines", 1, 1, 1, 1, "dataset", "two\nlines")
	f.Add("module.stem.1.running_mean", 6, 1, 1, 1, "train_portion", "0")
	whole := small(f, supernet.FullyConcat, 2).File()
	f.Fuzz(func(t *testing.T, name string, a, b, c, d int, key, value string) {
		file := without(whole, func(other string) bool { return other == name })
		tensor := checkpoint.Tensor{Name: name, Shape: []int{a, b, c, d}}
		for len(tensor.Shape) > 0 && tensor.Shape[len(tensor.Shape)-1] == 1 {
			tensor.Shape = tensor.Shape[:len(tensor.Shape)-1]
		}
		size := 1
		for _, n := range tensor.Shape {
			if n < 0 || n > 1<<12 || size*n > 1<<16 {
				t.Skip() // no checkpoint gives such a tensor, or not a small one
			}
			size *= n
		}
		tensor.Data = make([]float32, size)
		file.Tensors = append(file.Tensors, tensor)
		file.Metadata = map[string]string{key: value}
		m, err := FromFile(file, "")
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			return
		}
		if again, err := FromFile(m.File(), ""); err != nil || len(again.Parameters()) != len(m.Parameters()) {
			t.Errorf("what was read can't be read again: %v", err)
		}
	})
}
