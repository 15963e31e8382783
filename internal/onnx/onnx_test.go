package onnx

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pb "github.com/advancedclimatesystems/gonnx/onnx"
	"google.golang.org/protobuf/proto"

	"nat/genotypes"
	"nat/internal/atomicfile"
	"nat/internal/checkpoint"
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/golden"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/primitive"
	"nat/internal/random"
)

// sizes are those of the networks that are written: of even and odd sizes, and with both stems.
func sizes() []network.Size {
	return []network.Size{
		{Stem: network.SmallStem, Channels: 2, Layers: 4, Classes: 3, ImageSize: 8},
		{Stem: network.SmallStem, Channels: 3, Layers: 3, Classes: 3, ImageSize: 11},
		{Stem: network.LargeStem, Channels: 2, Layers: 3, Classes: 4, ImageSize: 37},
	}
}

// trained returns the network of an architecture with drawn weights, and statistics that differ from channel to channel. It is
// nil where a 2x2 pool doesn't fit.
func trained(t *testing.T, g genotype.Genotype, s network.Size) *network.Trained {
	t.Helper()
	n, err := network.New(g, s)
	if err != nil {
		if !strings.Contains(err.Error(), "2x2 pool") {
			t.Fatal(err)
		}
		return nil
	}
	n.Initialise(1)
	stream := random.New(2, "noise")
	for _, p := range n.Parameters() {
		if len(p.Shape) == 1 {
			for i := range p.Data {
				p.Data[i] += float32(stream.NormFloat64() / 4)
			}
		}
	}
	for _, r := range n.Statistics() {
		for i := range r.Mean {
			r.Mean[i], r.Variance[i] = float32(stream.NormFloat64()/4), float32(0.2+stream.Float64())
		}
	}
	return &network.Trained{Network: n, Origin: network.Origin{Dataset: "noise", Classes: []string{"a", "b", "c"}, Mean: []float64{0.5}}}
}

func batch(n int, s network.Size) dataset.Batch {
	stream := random.New(3, "noise")
	b := dataset.Batch{N: n, Channels: 3, Height: s.ImageSize, Width: s.ImageSize, Labels: make([]int32, n)}
	for range n * 3 * s.ImageSize * s.ImageSize {
		b.Images = append(b.Images, float32(stream.NormFloat64()))
	}
	return b
}

// architectures returns the published ones, and one with null edges to a node.
func architectures() map[string]genotype.Genotype {
	all := map[string]genotype.Genotype{}
	for _, name := range genotypes.Names() {
		all[name], _ = genotypes.Lookup(name)
	}
	c := genotype.Cell{Concat: []int{2, 3}, Edges: []genotype.Edge{
		{Op: primitive.NullOp, From: 0, To: 2}, {Op: primitive.NullOp, From: 1, To: 2},
		{Op: primitive.Conv3x3, From: 2, To: 3}, {Op: primitive.Conv1x7x7x1, From: 1, To: 3},
	}}
	all["null_node"] = genotype.Genotype{Name: "null_node", Normal: c, Reduce: c}
	return all
}

// encoded returns the bytes of a model and the model that they hold.
func encoded(t *testing.T, n network.Trained, fold bool) ([]byte, *pb.ModelProto) {
	t.Helper()
	var data bytes.Buffer
	if err := Write(&data, n, Options{Fold: fold, Version: "1"}); err != nil {
		t.Fatal(err)
	}
	m := &pb.ModelProto{}
	if err := proto.Unmarshal(data.Bytes(), m); err != nil {
		t.Fatal(err)
	}
	return data.Bytes(), m
}

// TestModelsComputeTheLogits runs the models of all architectures, as the definition of ONNX has it, and compares the logits.
func TestModelsComputeTheLogits(t *testing.T) {
	d := graph.NewCPU(2)
	defer d.Close()
	for name, g := range architectures() {
		for _, s := range sizes() {
			n := trained(t, g, s)
			if n == nil {
				continue
			}
			b := batch(2, s)
			want, err := n.Evaluate(d, b)
			if err != nil {
				t.Fatal(err)
			}
			for _, fold := range []bool{false, true} {
				_, m := encoded(t, *n, fold)
				got := run(t, m, b)
				if !slices.Equal(got.shape, []int{2, s.Classes}) {
					t.Fatalf("%s: logits of shape %v", name, got.shape)
				}
				difference, largest := 0.0, 0.0
				for i, w := range want.Logits {
					difference = max(difference, math.Abs(got.data[i]-float64(w)))
					largest = max(largest, math.Abs(float64(w)))
				}
				if !(difference <= golden.Outputs*largest) {
					t.Errorf("%s at %+v, fold %v: error %.2g of the largest logit %.2g", name, s, fold, difference, largest)
				}
			}
		}
	}
}

// TestModelSaysWhatItIs looks at what is beside the nodes, and that two writings are the same.
func TestModelSaysWhatItIs(t *testing.T) {
	g, _ := genotypes.Lookup("NAT_DARTS")
	n := trained(t, g, sizes()[0])
	data, m := encoded(t, *n, true)
	if again, _ := encoded(t, *n, true); !bytes.Equal(data, again) {
		t.Error("two writings differ")
	}
	if m.IrVersion != 8 || m.OpsetImport[0].Version != 17 || m.ProducerName != "nat" || m.ProducerVersion != "1" || m.Graph.Name != "NAT_DARTS" {
		t.Errorf("%d, %v, %s %s, %s", m.IrVersion, m.OpsetImport, m.ProducerName, m.ProducerVersion, m.Graph.Name)
	}
	in, out := m.Graph.Input[0], m.Graph.Output[0]
	if in.Name != "images" || out.Name != "logits" || in.Type.GetTensorType().Shape.Dim[0].GetDimParam() != "batch" ||
		in.Type.GetTensorType().Shape.Dim[3].GetDimValue() != 8 || out.Type.GetTensorType().Shape.Dim[1].GetDimValue() != 3 {
		t.Errorf("input %v, output %v", in, out)
	}
	metadata := map[string]string{}
	for _, p := range m.MetadataProps {
		metadata[p.Key] = p.Value
	}
	for key, want := range map[string]string{
		"genotype": g.String(), "classes": `["a","b","c"]`, "mean": "[0.5]", "dataset": "noise", "layers": "4", "stem": "small",
	} {
		if metadata[key] != want {
			t.Errorf("metadata %s: %q, want %q", key, metadata[key], want)
		}
	}
	for _, fold := range []bool{false, true} {
		_, m := encoded(t, *n, fold)
		if folded := !slices.ContainsFunc(m.Graph.Node, func(n *pb.NodeProto) bool { return n.OpType == "BatchNormalization" }); folded != fold {
			t.Errorf("fold %v: folded %v", fold, folded)
		}
	}
}

// TestONNXRuntime has onnx check the models of all architectures, where it is installed, and onnxruntime run them.
func TestONNXRuntime(t *testing.T) {
	folder := t.TempDir()
	d := graph.NewCPU(2)
	defer d.Close()
	written := 0
	for name, g := range architectures() {
		for i, s := range sizes() {
			n := trained(t, g, s)
			if n == nil {
				continue
			}
			b := batch(3, s)
			r, err := n.Evaluate(d, b)
			if err != nil {
				t.Fatal(err)
			}
			for _, fold := range []bool{false, true} {
				base := filepath.Join(folder, fmt.Sprintf("%s-%d-%v", name, i, fold))
				data, _ := encoded(t, *n, fold)
				if err := atomicfile.WriteBytes(base+".onnx", data); err != nil {
					t.Fatal(err)
				}
				if err := checkpoint.Write(base+".safetensors", &checkpoint.File{Tensors: []checkpoint.Tensor{
					{Name: "images", Shape: []int{b.N, 3, s.ImageSize, s.ImageSize}, Data: b.Images},
					{Name: "logits", Shape: []int{b.N, s.Classes}, Data: r.Logits},
				}}, checkpoint.F32); err != nil {
					t.Fatal(err)
				}
				written++
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(golden.Python(t, "onnxruntime", "testdata/check.py", folder)), "\n")
	if len(lines) != written {
		t.Errorf("%d models were run, of %d", len(lines), written)
	}
	largest := 0.0
	for _, line := range lines {
		var name string
		var off float64
		if _, err := fmt.Sscan(line, &name, &off); err != nil || !(off <= golden.Outputs) {
			t.Errorf("%q: more than %g off, error %v", line, golden.Outputs, err)
		}
		largest = max(largest, off)
	}
	t.Logf("%d models, largest error %.1e", len(lines), largest)
}
