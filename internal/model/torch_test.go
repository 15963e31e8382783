package model

import (
	"math"
	"path/filepath"
	"testing"

	"nat/internal/checkpoint"
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/golden"
	"nat/internal/graph"
	"nat/internal/supernet"
)

// TestLogitsOfPyTorch has PyTorch, where it is installed, write checkpoints under the published names and compute logits
// with them (bench/torch_logits.py), and compares the logits.
func TestLogitsOfPyTorch(t *testing.T) {
	device := graph.NewCPU(2)
	t.Cleanup(device.Close)
	for _, opType := range []supernet.OpType{supernet.FullyConcat, supernet.LooseEnd} {
		t.Run(string(opType), func(t *testing.T) {
			folder := t.TempDir()
			architecture := golden.Python(t, "PyTorch", "../../bench/torch_logits.py", folder, "--op-type", string(opType))
			file, err := genotype.Parse("PyTorch's genotype", architecture)
			if err != nil {
				t.Fatal(err)
			}
			g, _, err := file.Only()
			if err != nil {
				t.Fatal(err)
			}
			expected, err := checkpoint.Read(filepath.Join(folder, "expected.pt"))
			if err != nil {
				t.Fatal(err)
			}
			images := expected.ByName()["images"]
			batch := dataset.Batch{
				Images: images.Data, Labels: make([]int32, images.Shape[0]), N: images.Shape[0],
				Channels: images.Shape[1], Height: images.Shape[2], Width: images.Shape[3],
			}
			for name, logits := range map[string]string{"zip.pt": "logits", "legacy.pt": "logits", "half.pt": "logits_half"} {
				m, err := Load(filepath.Join(folder, name), "")
				if err != nil {
					t.Fatal(err)
				}
				got, err := m.Supernet.Evaluate(device, batch, g)
				if err != nil {
					t.Fatal(err)
				}
				off := largestError(t, got.Logits, expected.ByName()[logits].Data)
				t.Logf("%s: largest error %.1e", name, off)
				if !(off <= golden.Outputs) {
					t.Errorf("%s: the logits differ by %g of the largest, more than %g", name, off, golden.Outputs)
				}
			}
			if m, err := Load(filepath.Join(folder, "policy.pt"), ""); err != nil || m.Supernet != nil {
				t.Errorf("the policy alone is read as %+v, error %v", m, err)
			}
		})
	}
}

// largestError returns the largest difference, relative to the largest number that is wanted.
func largestError(t *testing.T, got, want []float32) float64 {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d numbers where %d are wanted", len(got), len(want))
	}
	off, largest := 0.0, 0.0
	for i := range want {
		off = max(off, math.Abs(float64(got[i]-want[i])))
		largest = max(largest, math.Abs(float64(want[i])))
	}
	return off / largest
}
