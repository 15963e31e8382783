package network

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nat/genotypes"
	"nat/internal/checkpoint"
	"nat/internal/graph"
)

// trained returns a small network with drawn weights and running statistics that a step has moved.
func trained(t *testing.T, name string, s Size) Trained {
	t.Helper()
	g, _ := genotypes.Lookup(name)
	n := small(t, g, s)
	d := graph.NewCPU(1)
	defer d.Close()
	if _, _, err := n.Gradients(d, noise(2, s), Training{}); err != nil {
		t.Fatal(err)
	}
	return Trained{n, Origin{
		Dataset: "noise", Fingerprint: "abc", Classes: []string{"a", "b"}, Mean: []float64{0.1, 0.2, 0.3}, Std: []float64{1, 2, 3}, Epochs: 7,
	}}
}

func fileOf(t *testing.T, n Trained) *checkpoint.File {
	t.Helper()
	f, err := n.File()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFileKeepsAll writes networks to files and reads them back.
func TestFileKeepsAll(t *testing.T) {
	for _, s := range []Size{{SmallStem, 2, 3, 2, 16}, {LargeStem, 2, 4, 2, 64}} {
		want := trained(t, "NAT_DARTS", s)
		path := filepath.Join(t.TempDir(), "network.safetensors")
		if err := checkpoint.Write(path, fileOf(t, want), checkpoint.F32); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Size() != s || !got.Architecture().Equal(want.Architecture()) || got.Architecture().Name != "NAT_DARTS" || !reflect.DeepEqual(got.Origin, want.Origin) {
			t.Errorf("read as %+v of %+v, %+v", got.Architecture(), got.Size(), got.Origin)
		}
		for i, p := range want.tensors() {
			if q := got.tensors()[i]; p.Name != q.Name || !slices.Equal(p.Data, q.Data) {
				t.Errorf("%s differs", p.Name)
			}
		}
	}
}

// TestStateDictOfPyTorch reads a state dict with neither metadata nor all the names that ours have.
func TestStateDictOfPyTorch(t *testing.T) {
	want := trained(t, "DARTS", Size{SmallStem, 2, 3, 5, 32})
	f := fileOf(t, want)
	f.Metadata = nil
	for i := range f.Tensors {
		f.Tensors[i].Name = "module." + f.Tensors[i].Name
	}
	f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "module.stem.1.num_batches_tracked", Data: []float32{7}})
	if _, err := FromFile(f, nil); err == nil || !strings.Contains(err.Error(), "--arch") {
		t.Errorf("without an architecture: error %v", err)
	}
	g := want.Architecture()
	got, err := FromFile(f, &g)
	if err != nil || got.Size() != want.Size() {
		t.Errorf("read as %+v, error %v", got, err)
	}
}

// TestBadFiles refuses what isn't a network of its architecture, in one line.
func TestBadFiles(t *testing.T) {
	tensor := func(name string, change func(t *checkpoint.Tensor)) func(f *checkpoint.File) {
		return func(f *checkpoint.File) {
			i := slices.IndexFunc(f.Tensors, func(t checkpoint.Tensor) bool { return t.Name == name })
			change(&f.Tensors[i])
		}
	}
	other, _ := genotypes.Lookup("ENAS")
	vgg, _ := genotypes.Lookup("VGG")
	for want, edit := range map[string]func(f *checkpoint.File){
		"it is not a network of DARTS: 1 layers differ in their tensors or shapes (cells.2.preprocess1)": tensor(
			"cells.2.preprocess1.op.2.bias", func(t *checkpoint.Tensor) { t.Name += "es" }),
		"holds NaN": tensor("cells.1.preprocess1.op.2.running_var", func(t *checkpoint.Tensor) {
			t.Data = slices.Clone(t.Data)
			t.Data[0] = float32(math.NaN())
		}),
		"it is not a network of ENAS: ": func(f *checkpoint.File) {
			f.Metadata["genotype"], f.Metadata["genotype_name"] = other.String(), "ENAS"
		},
		"(cells.0._ops.0, cells.0._ops.1, ":          func(f *checkpoint.File) { f.Metadata["genotype"] = vgg.String() },
		"it holds no stem.0.weight":                  func(f *checkpoint.File) { f.Tensors = f.Tensors[1:] },
		`layers "8", but its tensors are those of 3`: func(f *checkpoint.File) { f.Metadata["layers"] = "8" },
		`image_size "big", which should be a number`: func(f *checkpoint.File) { f.Metadata["image_size"] = "big" },
		"image size 5000: choose 1 to 1024":          func(f *checkpoint.File) { f.Metadata["image_size"] = "5000" },
		"its metadata genotype: ":                    func(f *checkpoint.File) { f.Metadata["genotype"] = "Genotype(" },
		"its metadata mean: ":                        func(f *checkpoint.File) { f.Metadata["mean"] = "[" },
	} {
		f := fileOf(t, trained(t, "DARTS", Size{SmallStem, 2, 3, 5, 16}))
		edit(f)
		if _, err := FromFile(f, nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", err, want)
		}
	}
	f := fileOf(t, trained(t, "DARTS", Size{SmallStem, 2, 3, 5, 16}))
	f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "cells.999.x.weight", Shape: []int{1}, Data: []float32{1}})
	delete(f.Metadata, "layers")
	for i := range f.Tensors { // and wide, so that the network would be huge
		if f.Tensors[i].Name == "stem.0.weight" {
			f.Tensors[i].Shape = []int{3 * 500, 3, 3, 3}
		}
	}
	delete(f.Metadata, "init_channels")
	if _, err := FromFile(f, nil); err == nil || !strings.Contains(err.Error(), "cut short or damaged") {
		t.Errorf("a network out of proportion: error %v", err)
	}
}

// FuzzFromFile makes networks of files as anyone may have written them: they are refused in one line, or written back alike.
func FuzzFromFile(f *testing.F) {
	g, _ := genotypes.Lookup("VGG")
	n, err := New(g, Size{SmallStem, 1, 1, 2, 4})
	if err != nil {
		f.Fatal(err)
	}
	n.Initialise(1)
	file, err := Trained{Network: n}.File()
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "network.safetensors")
	if err := checkpoint.Write(path, file, checkpoint.F32); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, change := range [][2]string{{`"layers":"1"`, `"layers":"9"`}, {"conv_5x5", "conv_3x3"}, {"small", "large"}} {
		f.Add(bytes.ReplaceAll(whole, []byte(change[0]), []byte(change[1])))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := checkpoint.Parse(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		got, err := FromFile(read, nil)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			return
		}
		again, err := FromFile(fileOf(t, got), nil)
		if err != nil || fmt.Sprint(again.Size()) != fmt.Sprint(got.Size()) {
			t.Errorf("written back as %+v, error %v", again.Size(), err)
		}
	})
}
