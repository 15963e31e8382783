// Package onnx turns a trained network into an ONNX model, which other programs run. It walks the network as the graph does
// that runs it (network.Build), so that there is one description of what a network computes. It stands above network and
// below cli; the messages of the format are those of gonnx, generated from ONNX's own protocol definition.
package onnx

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"

	pb "github.com/advancedclimatesystems/gonnx/onnx"
	"google.golang.org/protobuf/proto"

	"nat/internal/block"
	"nat/internal/graph"
	"nat/internal/network"
)

// The names of the model's input [batch, 3, H, W], normalised, and output [batch, classes].
const (
	InputName  = "images"
	OutputName = "logits"
)

// What the models are written in: operator set 17 came with version 8 of the format.
const (
	operatorSet   = 17
	formatVersion = 8
	producer      = "nat"
)

// Options say how a model is written.
type Options struct {
	Fold    bool   // batch normalisations into the convolutions before them
	Version string // of this program
}

// Write writes the network in evaluation mode: with running statistics, and without the auxiliary head. The batch size is
// free. The same network gives the same bytes.
func Write(w io.Writer, t network.Trained, o Options) error {
	m, err := newModel(t, o)
	if err != nil {
		return err
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("the ONNX model can't be encoded: %w", err)
	}
	_, err = w.Write(data)
	return err
}

func newModel(t network.Trained, o Options) (*pb.ModelProto, error) {
	b := &builder{fold: o.Fold, parameters: map[string]*graph.Parameter{}, statistics: map[string]*block.Statistics{}}
	for _, p := range t.Parameters() {
		b.parameters[p.Name] = p
	}
	for _, s := range t.Statistics() {
		b.statistics[s.Name] = s
	}
	size := t.Size().ImageSize
	logits, _ := network.Build(t.Network, network.Builder[value](b), value{name: InputName, channels: 3, height: size, width: size}, false)
	b.nodes[len(b.nodes)-1].Output[0] = OutputName // it has just been made: nothing reads it
	if logits.channels != t.Size().Classes {
		panic("onnx: the network has other outputs than classes")
	}
	metadata, err := describe(t)
	if err != nil {
		return nil, err
	}
	return &pb.ModelProto{
		IrVersion: formatVersion, ProducerName: producer, ProducerVersion: o.Version, ModelVersion: 1,
		OpsetImport: []*pb.OperatorSetIdProto{{Version: operatorSet}}, MetadataProps: metadata,
		DocString: "Images are RGB, from 0 to 1, less mean and divided by std, which the metadata hold by channel.",
		Graph: &pb.GraphProto{
			Name: graphName(t), Node: b.nodes, Initializer: b.initialisers(),
			Input:  []*pb.ValueInfoProto{info(InputName, 3, size, size)},
			Output: []*pb.ValueInfoProto{info(OutputName, t.Size().Classes)},
		},
	}, nil
}

func graphName(t network.Trained) string {
	if name := t.Architecture().Name; name != "" {
		return name
	}
	return "network"
}

// describe returns what a user of the model should know: what it is of, and what goes in and comes out.
func describe(t network.Trained) (list []*pb.StringStringEntryProto, err error) {
	add := func(key, value string) {
		list = append(list, &pb.StringStringEntryProto{Key: key, Value: value})
	}
	s := t.Size()
	add("genotype", t.Architecture().String())
	add("genotype_name", t.Architecture().Name)
	for _, n := range []struct {
		key   string
		value int
	}{{"init_channels", s.Channels}, {"layers", s.Layers}, {"image_size", s.ImageSize}, {"epochs", t.Epochs}} {
		add(n.key, strconv.Itoa(n.value))
	}
	add("stem", s.Stem.String())
	add("dataset", t.Dataset)
	add("data_fingerprint", t.Fingerprint)
	for _, list := range []struct {
		key   string
		value any
	}{{"classes", t.Classes}, {"mean", t.Mean}, {"std", t.Std}} {
		text, err := json.Marshal(list.value)
		if err != nil {
			return nil, fmt.Errorf("metadata %s: %w", list.key, err)
		}
		add(list.key, string(text))
	}
	return list, nil
}

// info describes an input or output of float32 numbers, of any number of images.
func info(name string, shape ...int) *pb.ValueInfoProto {
	dims := []*pb.TensorShapeProto_Dimension{{Value: &pb.TensorShapeProto_Dimension_DimParam{DimParam: "batch"}}}
	for _, n := range shape {
		dims = append(dims, &pb.TensorShapeProto_Dimension{Value: &pb.TensorShapeProto_Dimension_DimValue{DimValue: int64(n)}})
	}
	return &pb.ValueInfoProto{Name: name, Type: &pb.TypeProto{Value: &pb.TypeProto_TensorType{TensorType: &pb.TypeProto_Tensor{
		ElemType: int32(pb.TensorProto_FLOAT), Shape: &pb.TensorShapeProto{Dim: dims},
	}}}}
}

// initialisers returns the tensors of the model, in the order in which its nodes read them.
func (b *builder) initialisers() (all []*pb.TensorProto) {
	for _, c := range b.constants {
		raw := make([]byte, 0, 4*len(c.data))
		for _, x := range c.data {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		all = append(all, &pb.TensorProto{Name: c.name, Dims: dims(c.shape), DataType: int32(pb.TensorProto_FLOAT), RawData: raw})
	}
	return append(all, b.indices...)
}

func dims(shape []int) []int64 {
	d := make([]int64, len(shape))
	for i, n := range shape {
		d[i] = int64(n)
	}
	return d
}
