package onnx

import (
	"fmt"

	pb "github.com/advancedclimatesystems/gonnx/onnx"

	"nat/internal/block"
	"nat/internal/graph"
)

// value is a tensor [batch, channels, height, width] of the model, and the convolutions that it comes straight from, side by
// side, into which a normalisation can be folded.
type value struct {
	name                    string
	channels, height, width int
	from                    []*convolution
}

// convolution is a node and its weights.
type convolution struct {
	node    *pb.NodeProto
	weights *constant
}

// constant is a tensor of the model.
type constant struct {
	name  string
	shape []int
	data  []float32
}

// builder makes the nodes of a model. It is the network.Builder of values.
type builder struct {
	fold       bool
	parameters map[string]*graph.Parameter
	statistics map[string]*block.Statistics

	nodes     []*pb.NodeProto
	constants []*constant
	indices   []*pb.TensorProto // constants that are whole numbers
	rectified map[string]string // by value: every edge rectifies what it reads, and shares that
	counts    map[string]int    // of nodes of each kind that no layer names
}

// add adds a node with one output, which it is called by.
func (b *builder) add(operator, output string, inputs []string, attributes ...*pb.AttributeProto) *pb.NodeProto {
	n := &pb.NodeProto{Name: output, OpType: operator, Input: inputs, Output: []string{output}, Attribute: attributes}
	b.nodes = append(b.nodes, n)
	return n
}

// fresh returns a name that nothing has yet.
func (b *builder) fresh(kind string) string {
	if b.counts == nil {
		b.counts = map[string]int{}
	}
	b.counts[kind]++
	return fmt.Sprintf("%s.%d", kind, b.counts[kind])
}

// constant adds a tensor with a copy of the data.
func (b *builder) constant(name string, shape []int, data []float32) *constant {
	c := &constant{name, shape, append([]float32{}, data...)}
	b.constants = append(b.constants, c)
	return c
}

// index adds a tensor of whole numbers.
func (b *builder) index(name string, values ...int64) string {
	b.indices = append(b.indices, &pb.TensorProto{
		Name: name, Dims: []int64{int64(len(values))}, DataType: int32(pb.TensorProto_INT64), Int64Data: values,
	})
	return name
}

func ints(name string, values ...int) *pb.AttributeProto {
	return &pb.AttributeProto{Name: name, Type: pb.AttributeProto_INTS, Ints: dims(values)}
}

func integer(name string, value int) *pb.AttributeProto {
	return &pb.AttributeProto{Name: name, Type: pb.AttributeProto_INT, I: int64(value)}
}

// padding returns the rows, or columns, of padding behind a side of size pixels with so many in front of it, for windows of
// that extent to give out results.
func padding(size, front, extent, stride, out int) int {
	return max(0, (out-1)*stride+extent-front-size)
}

// The network.Builder.

func (b *builder) At(prefix string) block.Builder[value] { return layers{b, prefix} }

func (b *builder) Add(x, y value) value {
	sum := value{name: b.fresh("add"), channels: x.channels, height: x.height, width: x.width}
	b.add("Add", sum.name, []string{x.name, y.name})
	return sum
}

// Zeros adds zeros for as many images as there are.
func (b *builder) Zeros(channels, size int) value {
	z := value{name: b.fresh("zeros"), channels: channels, height: size, width: size}
	batch, shape := z.name+".batch", z.name+".shape"
	b.add("Shape", batch, []string{InputName}, integer("start", 0), integer("end", 1))
	b.add("Concat", shape, []string{batch, b.index(z.name+".size", int64(channels), int64(size), int64(size))}, integer("axis", 0))
	b.add("ConstantOfShape", z.name, []string{shape}) // zeros of float32, if nothing else is said
	return z
}

// Edge passes on all of an edge: nothing is dropped here.
func (b *builder) Edge(_ int, y value) value { return y }

func (b *builder) Classify(prefix string, x value) value {
	average, flat := prefix+"average", prefix+"features"
	b.add("GlobalAveragePool", average, []string{x.name})
	b.add("Flatten", flat, []string{average})
	weight, bias := b.parameter(prefix+"weight"), b.parameter(prefix+"bias")
	b.add("Gemm", prefix+"logits", []string{flat, weight.name, bias.name}, integer("transB", 1))
	return value{name: prefix + "logits", channels: weight.shape[0]}
}

// parameter adds a parameter of the network.
func (b *builder) parameter(name string) *constant {
	p := b.parameters[name]
	return b.constant(name, p.Shape, p.Data)
}

// layers builds the block whose layers' names begin with prefix.
type layers struct {
	*builder
	prefix string
}

func (l layers) Size(x value) (height, width int) { return x.height, x.width }

func (l layers) Conv(x value, layer string, c graph.Convolution) value {
	if c.ReLU {
		x = l.ReLU(x)
	}
	if c.PadH < 0 {
		x, c.PadH, c.PadW = l.crop(x, -c.PadH, -c.PadW), 0, 0
	}
	weights := l.parameter(l.prefix + layer + ".weight")
	kh, kw, groups := weights.shape[2], weights.shape[3], 1
	if c.Depthwise {
		groups = x.channels
	}
	y := value{name: l.prefix + layer, channels: weights.shape[0], height: c.OH, width: c.OW}
	n := l.add("Conv", y.name, []string{x.name, weights.name},
		ints("kernel_shape", kh, kw), ints("strides", c.StrideH, c.StrideW), ints("dilations", c.Dilation, c.Dilation),
		ints("pads", c.PadH, c.PadW, padding(x.height, c.PadH, c.Dilation*(kh-1)+1, c.StrideH, c.OH),
			padding(x.width, c.PadW, c.Dilation*(kw-1)+1, c.StrideW, c.OW)),
		integer("group", groups))
	y.from = []*convolution{{n, weights}}
	return y
}

func (l layers) Separable(x value, depthwise, pointwise string, c graph.Convolution) value {
	x = l.Conv(x, depthwise, c)
	return l.Conv(x, pointwise, graph.Convolution{StrideH: 1, StrideW: 1, Dilation: 1, OH: x.height, OW: x.width})
}

// crop leaves the first rows and columns out.
func (l layers) crop(x value, rows, columns int) value {
	y := value{name: l.fresh("crop"), channels: x.channels, height: x.height - rows, width: x.width - columns}
	start := l.index(y.name+".start", int64(rows), int64(columns))
	end, axes := l.index(y.name+".end", int64(x.height), int64(x.width)), l.index(y.name+".axes", 2, 3)
	l.add("Slice", y.name, []string{x.name, start, end, axes})
	return y
}

func (l layers) Pool(x value, p graph.Pooling) value {
	y := value{name: l.fresh("pool"), channels: x.channels, height: p.OH, width: p.OW}
	attributes := []*pb.AttributeProto{
		ints("kernel_shape", p.K, p.K), ints("strides", p.Stride, p.Stride),
		ints("pads", p.Pad, p.Pad, padding(x.height, p.Pad, p.K, p.Stride, p.OH), padding(x.width, p.Pad, p.K, p.Stride, p.OW)),
	}
	operator := "MaxPool"
	if !p.Max {
		operator, attributes = "AveragePool", append(attributes, integer("count_include_pad", 0))
	}
	l.add(operator, y.name, []string{x.name}, attributes...)
	return y
}

func (l layers) ReLU(x value) value {
	if l.rectified == nil {
		l.rectified = map[string]string{}
	}
	from := x.name
	x.name, x.from = l.rectified[from], nil
	if x.name == "" {
		x.name = from + ".relu"
		l.rectified[from] = x.name
		l.add("Relu", x.name, []string{from})
	}
	return x
}

func (l layers) Concat(parts ...value) value {
	y := value{name: l.fresh("concat"), height: parts[0].height, width: parts[0].width}
	var names []string
	for _, x := range parts {
		names = append(names, x.name)
		y.channels += x.channels
		y.from = append(y.from, x.from...)
	}
	l.add("Concat", y.name, names, integer("axis", 1))
	return y
}

// Normalise normalises by running statistics. What comes before it is a convolution, or the two of a factorized reduce.
func (l layers) Normalise(x value, name string, _ bool) value {
	name = l.prefix + name
	statistics := l.statistics[name]
	weight, bias := l.parameters[name+".weight"], l.parameters[name+".bias"]
	if l.fold {
		scale, shift := statistics.Fold(weight.Data, bias.Data)
		for _, c := range x.from {
			n := c.weights.shape[0]
			l.foldInto(c, scale[:n], shift[:n])
			scale, shift = scale[n:], shift[n:]
		}
		x.from = nil
		return x
	}
	inputs := []string{x.name, l.parameter(name + ".weight").name, l.parameter(name + ".bias").name}
	mean := l.constant(name+".running_mean", weight.Shape, statistics.Mean)
	variance := l.constant(name+".running_var", weight.Shape, statistics.Variance)
	inputs = append(inputs, mean.name, variance.name)
	epsilon := &pb.AttributeProto{Name: "epsilon", Type: pb.AttributeProto_FLOAT, F: block.Epsilon}
	l.add("BatchNormalization", name, inputs, epsilon)
	return value{name: name, channels: x.channels, height: x.height, width: x.width}
}

// foldInto has a convolution scale its channels and shift them.
func (l layers) foldInto(c *convolution, scale, shift []float32) {
	each := len(c.weights.data) / len(scale)
	for i := range c.weights.data {
		c.weights.data[i] *= scale[i/each]
	}
	bias := l.constant(c.node.Name+".bias", []int{len(shift)}, shift)
	c.node.Input = append(c.node.Input, bias.name)
}
