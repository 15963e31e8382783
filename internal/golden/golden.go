// Package golden gives tests the expected numbers: tensors computed in float64 from the method's definitions, and how far
// float32 may be from them. Nothing but tests imports it.
package golden

import (
	"embed"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

// The tolerances of the files, as the largest error relative to the largest number of a tensor: some ten times what
// float32 needs, and far below what the smallest slip in the method causes.
const (
	Ops       = 1e-5
	Policy    = 5e-6
	Outputs   = 1e-4 // of whole networks: logits, losses
	Gradients = 2e-4 // of supernets
	// NetworkGradients is for networks trained from scratch, whose auxiliary head normalises over 4 numbers a channel.
	NetworkGradients = 5e-4
)

//go:embed testdata/*.safetensors
var files embed.FS

// Tensor is an expected or given tensor.
type Tensor struct {
	Shape  []int
	Values []float64
}

// Float32 returns the values rounded to float32, in which inputs and parameters are exact.
func (t Tensor) Float32() []float32 {
	v := make([]float32, len(t.Values))
	for i, x := range t.Values {
		v[i] = float32(x)
	}
	return v
}

// Ints returns the values of a tensor of integers.
func (t Tensor) Ints() []int {
	v := make([]int, len(t.Values))
	for i, x := range t.Values {
		v[i] = int(x)
	}
	return v
}

// File is a file of golden numbers.
type File struct {
	t        testing.TB
	Metadata map[string]string
	tensors  map[string]Tensor
}

// Open reads the golden file of that name ("ops", "policy", …).
func Open(t testing.TB, name string) *File {
	t.Helper()
	data, err := files.ReadFile("testdata/" + name + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	length := binary.LittleEndian.Uint64(data)
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+length], &header); err != nil {
		t.Fatal(err)
	}
	f := &File{t: t, tensors: map[string]Tensor{}}
	for key, raw := range header {
		if key == "__metadata__" {
			err = json.Unmarshal(raw, &f.Metadata)
		} else {
			var entry struct {
				Dtype   string
				Shape   []int
				Offsets [2]int `json:"data_offsets"`
			}
			err = json.Unmarshal(raw, &entry)
			f.tensors[key] = Tensor{entry.Shape, decode(entry.Dtype, data[8+length:][entry.Offsets[0]:entry.Offsets[1]])}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func decode(dtype string, data []byte) (values []float64) {
	if dtype == "F32" {
		for ; len(data) > 0; data = data[4:] {
			values = append(values, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
		}
		return values
	}
	for ; len(data) > 0; data = data[8:] {
		bits := binary.LittleEndian.Uint64(data)
		if dtype == "I64" {
			values = append(values, float64(int64(bits)))
		} else {
			values = append(values, math.Float64frombits(bits))
		}
	}
	return values
}

// Cases returns the names of the file's cases.
func (f *File) Cases() []string { return strings.Split(f.Metadata["cases"], ",") }

// Get returns a tensor that must be there.
func (f *File) Get(name string) Tensor {
	f.t.Helper()
	tensor, ok := f.tensors[name]
	if !ok {
		f.t.Fatalf("the golden file has no %s", name)
	}
	return tensor
}

// Names returns what follows prefix in the names of the tensors that begin with it, sorted.
func (f *File) Names(prefix string) (names []string) {
	for name := range f.tensors {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// Check reports an error if got differs from the expected tensor by more than the tolerance: the largest difference
// relative to the tensor's largest number. Where all of it is 0, got must be exactly 0.
func (f *File) Check(t testing.TB, name string, got []float32, tolerance float64) {
	t.Helper()
	want := f.Get(name)
	if len(got) != len(want.Values) {
		t.Errorf("%s: %d numbers, want %d", name, len(got), len(want.Values))
		return
	}
	largest, difference := 0.0, 0.0
	for i, w := range want.Values {
		largest = max(largest, math.Abs(w))
		difference = max(difference, math.Abs(float64(got[i])-w))
	}
	if !(difference <= tolerance*largest) {
		t.Errorf("%s: error %.2g of the largest number %.3g, allowed: %.2g", name, difference/largest, largest, tolerance)
	}
}

// Norm returns the L2 norm of v; of nil it is 0.
func Norm(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
