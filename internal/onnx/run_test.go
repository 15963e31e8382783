package onnx

import (
	"encoding/binary"
	"math"
	"testing"

	pb "github.com/advancedclimatesystems/gonnx/onnx"

	"nat/internal/dataset"
)

// array is a tensor in double precision.
type array struct {
	shape []int
	data  []float64
}

func newArray(shape ...int) array {
	size := 1
	for _, n := range shape {
		size *= n
	}
	return array{shape, make([]float64, size)}
}

// run computes what a model gives for a batch, operator by operator as ONNX defines them, as far as our models use them.
func run(t *testing.T, m *pb.ModelProto, b dataset.Batch) array {
	t.Helper()
	images := newArray(b.N, b.Channels, b.Height, b.Width)
	for i, v := range b.Images {
		images.data[i] = float64(v)
	}
	values := map[string]array{InputName: images}
	for _, c := range m.Graph.Initializer {
		values[c.Name] = constantOf(t, c)
	}
	for _, n := range m.Graph.Node {
		var in []array
		for _, name := range n.Input {
			v, ok := values[name]
			if !ok {
				t.Fatalf("%s reads %s, which nothing has made", n.Name, name)
			}
			in = append(in, v)
		}
		if _, twice := values[n.Output[0]]; twice {
			t.Fatalf("%s is made twice", n.Output[0])
		}
		values[n.Output[0]] = compute(t, n, in)
	}
	return values[OutputName]
}

func constantOf(t *testing.T, c *pb.TensorProto) array {
	var shape []int
	for _, n := range c.Dims {
		shape = append(shape, int(n))
	}
	a := newArray(shape...)
	for i := range a.data {
		if c.DataType == int32(pb.TensorProto_INT64) {
			a.data[i] = float64(c.Int64Data[i])
		} else {
			a.data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(c.RawData[4*i:])))
		}
	}
	return a
}

// attribute returns a node's whole numbers of that name.
func attribute(n *pb.NodeProto, name string) (values []int) {
	for _, a := range n.Attribute {
		if a.Name == name && a.Type == pb.AttributeProto_INT {
			return []int{int(a.I)}
		}
		if a.Name == name {
			for _, v := range a.Ints {
				values = append(values, int(v))
			}
		}
	}
	return values
}

func compute(t *testing.T, n *pb.NodeProto, in []array) array {
	x := in[0]
	switch n.OpType {
	case "Relu":
		y := newArray(x.shape...)
		for i, v := range x.data {
			y.data[i] = max(v, 0)
		}
		return y
	case "Add":
		y := newArray(x.shape...)
		for i, v := range x.data {
			y.data[i] = v + in[1].data[i]
		}
		return y
	case "Conv", "MaxPool", "AveragePool":
		return slide(n, in)
	case "BatchNormalization":
		return normalised(in)
	case "Concat":
		return joined(in, attribute(n, "axis")[0])
	case "Slice":
		return sliced(in)
	case "GlobalAveragePool":
		pixels := x.shape[2] * x.shape[3]
		y := newArray(x.shape[0], x.shape[1], 1, 1)
		for i, v := range x.data {
			y.data[i/pixels] += v / float64(pixels)
		}
		return y
	case "Flatten":
		return array{[]int{x.shape[0], len(x.data) / x.shape[0]}, x.data}
	case "Gemm":
		return product(in)
	case "Shape":
		return array{[]int{1}, []float64{float64(x.shape[0])}}
	case "ConstantOfShape":
		var shape []int
		for _, v := range x.data {
			shape = append(shape, int(v))
		}
		return newArray(shape...)
	}
	t.Fatalf("operator %s is not known here", n.OpType)
	return array{}
}

// slide moves windows over the pixels: of a convolution with weights, of a pool without.
func slide(n *pb.NodeProto, in []array) array {
	x, kernel, strides, pads := in[0], attribute(n, "kernel_shape"), attribute(n, "strides"), attribute(n, "pads")
	dilations, groups, out := []int{1, 1}, x.shape[1], x.shape[1]
	if n.OpType == "Conv" {
		dilations, groups, out = attribute(n, "dilations"), attribute(n, "group")[0], in[1].shape[0]
	}
	h, w := x.shape[2], x.shape[3]
	oh := (h+pads[0]+pads[2]-dilations[0]*(kernel[0]-1)-1)/strides[0] + 1
	ow := (w+pads[1]+pads[3]-dilations[1]*(kernel[1]-1)-1)/strides[1] + 1
	y := newArray(x.shape[0], out, oh, ow)
	perGroup := x.shape[1] / groups
	for at := range y.data {
		column, row, channel, image := at%ow, at/ow%oh, at/(ow*oh)%out, at/(ow*oh*out)
		sum, count, largest := 0.0, 0.0, math.Inf(-1)
		for ci := range perGroup {
			c := channel/(out/groups)*perGroup + ci
			for k := range kernel[0] * kernel[1] {
				r := row*strides[0] - pads[0] + k/kernel[1]*dilations[0]
				q := column*strides[1] - pads[1] + k%kernel[1]*dilations[1]
				if r < 0 || r >= h || q < 0 || q >= w {
					continue
				}
				v := x.data[((image*x.shape[1]+c)*h+r)*w+q]
				largest = max(largest, v)
				count++
				if n.OpType == "Conv" {
					v *= in[1].data[(channel*perGroup+ci)*kernel[0]*kernel[1]+k]
				}
				sum += v
			}
		}
		switch n.OpType {
		case "MaxPool":
			sum = largest
		case "AveragePool":
			sum /= count
		case "Conv":
			if len(in) > 2 {
				sum += in[2].data[channel]
			}
		}
		y.data[at] = sum
	}
	return y
}

func normalised(in []array) array {
	x := in[0]
	y := newArray(x.shape...)
	pixels := x.shape[2] * x.shape[3]
	for i, v := range x.data {
		c := i / pixels % x.shape[1]
		y.data[i] = (v-in[3].data[c])/math.Sqrt(in[4].data[c]+1e-5)*in[1].data[c] + in[2].data[c]
	}
	return y
}

// joined joins arrays along an axis, 0 or 1.
func joined(in []array, axis int) array {
	outer := 1
	if axis == 1 {
		outer = in[0].shape[0]
	}
	y := array{shape: append([]int{}, in[0].shape...)}
	y.shape[axis] = 0
	for _, x := range in {
		y.shape[axis] += x.shape[axis]
	}
	for o := range outer {
		for _, x := range in {
			each := len(x.data) / outer
			y.data = append(y.data, x.data[o*each:][:each]...)
		}
	}
	return y
}

// sliced takes the pixels from a row and column on.
func sliced(in []array) array {
	x, rows, columns := in[0], int(in[1].data[0]), int(in[1].data[1])
	y := newArray(x.shape[0], x.shape[1], x.shape[2]-rows, x.shape[3]-columns)
	for i := range y.data {
		h, w := y.shape[2], y.shape[3]
		y.data[i] = x.data[(i/(h*w)*x.shape[2]+i/w%h+rows)*x.shape[3]+i%w+columns]
	}
	return y
}

func product(in []array) array {
	x, weights := in[0], in[1]
	y := newArray(x.shape[0], weights.shape[0])
	for i := range y.data {
		row, k := i/weights.shape[0], i%weights.shape[0]
		y.data[i] = in[2].data[k]
		for j := range weights.shape[1] {
			y.data[i] += x.data[row*x.shape[1]+j] * weights.data[k*weights.shape[1]+j]
		}
	}
	return y
}
