package graph

import (
	"fmt"

	"nat/internal/kernel"
)

// Convolution says how a convolution moves its kernel over x [N, Ci, H, W]. The zero value of a stride or dilation is not
// allowed. Padding is added at the top and left; OH and OW say how far the output reaches at the bottom and right.
type Convolution struct {
	StrideH, StrideW int
	PadH, PadW       int // negative: rows and columns that are skipped
	Dilation         int
	OH, OW           int
	Depthwise        bool
	ReLU             bool // rectify x while it is read
}

// Conv convolves x [N, Ci, H, W] with weights [Co, Ci, KH, KW], or [Ci, 1, KH, KW] if depthwise, into [N, Co, OH, OW].
func (g *Graph) Conv(x, weights *Node, c Convolution) *Node {
	xs, ws := x.Shape(), weights.Shape()
	if len(xs) != 4 || len(ws) != 4 || !c.Depthwise && ws[1] != xs[1] || c.Depthwise && (ws[0] != xs[1] || ws[1] != 1) {
		panic(fmt.Sprintf("graph: weights %v don't fit x %v", ws, xs))
	}
	shape := kernel.Conv{
		N: xs[0], Ci: xs[1], Co: ws[0], H: xs[2], W: xs[3], OH: c.OH, OW: c.OW, KH: ws[2], KW: ws[3],
		StrideH: c.StrideH, StrideW: c.StrideW, PadH: c.PadH, PadW: c.PadW, DilationH: c.Dilation, DilationW: c.Dilation,
		Depthwise: c.Depthwise, ReLU: c.ReLU,
	}
	name := fmt.Sprintf("conv-%dx%d", shape.KH, shape.KW)
	if c.Depthwise {
		name = fmt.Sprintf("depthwise-%dx%d", shape.KH, shape.KW)
	}
	return g.Apply(Operation{
		Name:  name,
		Shape: []int{shape.N, shape.Co, shape.OH, shape.OW},
		Forward: func(d *Device, in, out [][]float32) {
			x := kernel.Plain(in[0], shape.Ci, shape.H*shape.W)
			kernel.ConvForward(d.workers, kernel.Whole(out[0], shape.Co, shape.OH*shape.OW), nil, x, in[1], shape)
		},
		Reads: []int{0, 1},
		Backward: func(d *Device, in, out [][]float32) {
			x, dy := kernel.Plain(in[0], shape.Ci, shape.H*shape.W), kernel.Plain(in[2], shape.Co, shape.OH*shape.OW)
			kernel.ConvBackward(d.workers, kernel.Whole(out[0], shape.Ci, shape.H*shape.W), out[1], dy, x, in[1], shape)
		},
	}, x, weights)
}

// Pooling says how a pool moves its K×K window over x. The output has OH×OW pixels.
type Pooling struct {
	K, Stride, Pad int
	OH, OW         int
	Max            bool
}

// Pool takes the maximum or the average of windows of x [N, C, H, W] into [N, C, OH, OW]; what lies outside x counts for
// neither.
func (g *Graph) Pool(x *Node, p Pooling) *Node {
	xs := x.Shape()
	shape := kernel.Pool{N: xs[0], C: xs[1], H: xs[2], W: xs[3], OH: p.OH, OW: p.OW, K: p.K, Stride: p.Stride, Pad: p.Pad, Max: p.Max}
	name := "avg-pool"
	if p.Max {
		name = "max-pool"
	}
	return g.Apply(Operation{
		Name:  fmt.Sprintf("%s-%dx%d", name, p.K, p.K),
		Shape: []int{shape.N, shape.C, shape.OH, shape.OW},
		Forward: func(d *Device, in, out [][]float32) {
			x := kernel.Plain(in[0], shape.C, shape.H*shape.W)
			kernel.PoolForward(d.workers, kernel.Whole(out[0], shape.C, shape.OH*shape.OW), nil, x, shape)
		},
		Reads: []int{0},
		Backward: func(d *Device, in, out [][]float32) {
			x, dy := kernel.Plain(in[0], shape.C, shape.H*shape.W), kernel.Plain(in[1], shape.C, shape.OH*shape.OW)
			kernel.PoolBackward(d.workers, kernel.Whole(out[0], shape.C, shape.H*shape.W), dy, x, shape)
		},
	}, x)
}

// normEps is what batch normalisation adds to the variance (spec section 3).
const normEps = 1e-5

func normShape(x *Node) kernel.Norm {
	xs := x.Shape()
	return kernel.Norm{N: xs[0], C: xs[1], Pixels: size(xs[2:]), Eps: normEps}
}

// Norm normalises each channel of x [N, C, H, W] by the mean and the biased variance of the batch.
func (g *Graph) Norm(x *Node) *Node {
	shape := normShape(x)
	channels := []int{shape.C}
	return g.Apply(Operation{
		Name:    "norm",
		Shape:   x.Shape().Clone(),
		Saved:   [][]int{channels},
		InPlace: []int{0},
		Forward: func(d *Device, in, out [][]float32) {
			statistics := d.arena.take(3 * shape.C)
			defer d.arena.give(statistics)
			mean, variance, invStd := statistics[:shape.C], statistics[shape.C:2*shape.C], out[1]
			if invStd == nil {
				invStd = statistics[2*shape.C:]
			}
			kernel.NormForward(d.workers, out[0], in[0], mean, variance, invStd, shape)
		},
		ReadsValue:      true,
		BackwardInPlace: true,
		Backward: func(d *Device, in, out [][]float32) {
			value, invStd, dy := in[0], in[1], in[2]
			kernel.NormBackward(d.workers, out[0], dy, value, invStd, shape)
		},
	}, x)
}

// ScaleShift multiplies each channel of x [N, C, H, W] by scale [C] and adds shift [C].
func (g *Graph) ScaleShift(x, scale, shift *Node) *Node {
	shape := normShape(x)
	if size(scale.Shape()) != shape.C || size(shift.Shape()) != shape.C {
		panic(fmt.Sprintf("graph: scale %v and shift %v don't fit x %v", scale.Shape(), shift.Shape(), x.Shape()))
	}
	return g.Apply(Operation{
		Name:  "scale-shift",
		Shape: x.Shape().Clone(),
		Forward: func(d *Device, in, out [][]float32) {
			kernel.ScaleShiftForward(d.workers, out[0], in[0], in[1], in[2], shape)
		},
		Reads: []int{0, 1},
		Backward: func(d *Device, in, out [][]float32) {
			kernel.ScaleShiftBackward(d.workers, out[0], out[1], out[2], in[2], in[0], in[1], shape)
		},
	}, x, scale, shift)
}

// ReLU is max(x, 0) of each element.
func (g *Graph) ReLU(x *Node) *Node {
	return g.Apply(Operation{
		Name:  "relu",
		Shape: x.Shape().Clone(),
		Forward: func(d *Device, in, out [][]float32) {
			kernel.ReLUForward(d.workers, out[0], in[0])
		},
		Reads:           []int{0},
		BackwardInPlace: true,
		Backward: func(d *Device, in, out [][]float32) {
			kernel.ReLUBackward(d.workers, out[0], in[1], in[0])
		},
	}, x)
}

// Add adds two tensors of one shape.
func (g *Graph) Add(a, b *Node) *Node {
	if !a.Shape().Eq(b.Shape()) {
		panic(fmt.Sprintf("graph: can't add %v and %v", a.Shape(), b.Shape()))
	}
	return g.Apply(Operation{
		Name:    "add",
		Shape:   a.Shape().Clone(),
		InPlace: []int{0, 1},
		Forward: addGradients,
	}, a, b)
}

// Concat joins tensors [N, Ci, H, W] along their channels. A nil input stands for zeros, of as many channels as the first
// that isn't nil has; one must not be nil.
func (g *Graph) Concat(inputs ...*Node) *Node {
	var present []*Node
	for _, n := range inputs {
		if n != nil {
			present = append(present, n)
		}
	}
	first := present[0].Shape()
	n, pixels := first[0], size(first[2:])
	// parts says where in the output the channels of each input lie; an input of −1 stands for zeros.
	type part struct{ input, offset, channels int }
	var parts []part
	total, next := 0, 0
	for _, in := range inputs {
		p := part{-1, total, first[1]}
		if in != nil {
			p.input, p.channels = next, in.Shape()[1]
			next++
		}
		parts, total = append(parts, p), total+p.channels
	}
	return g.Apply(Operation{
		Name:  "concat",
		Shape: append([]int{n, total}, first[2:]...),
		Forward: func(d *Device, in, out [][]float32) {
			for _, p := range parts {
				var from []float32
				if p.input >= 0 {
					from = in[p.input]
				}
				kernel.CopyChannels(d.workers, out[0], from, n, pixels, total, p.offset, p.channels, 0, p.channels)
			}
		},
		Backward: func(d *Device, in, out [][]float32) {
			for _, p := range parts {
				if p.input >= 0 && out[p.input] != nil {
					kernel.CopyChannels(d.workers, out[p.input], in[0], n, pixels, p.channels, 0, total, p.offset, p.channels)
				}
			}
		},
	}, present...)
}

// GlobalAverage averages each channel of x [N, C, H, W] into [N, C].
func (g *Graph) GlobalAverage(x *Node) *Node {
	shape := normShape(x)
	return g.Apply(Operation{
		Name:  "global-average",
		Shape: []int{shape.N, shape.C},
		Forward: func(d *Device, in, out [][]float32) {
			kernel.GlobalAverageForward(d.workers, out[0], in[0], shape)
		},
		Backward: func(d *Device, in, out [][]float32) {
			kernel.GlobalAverageBackward(d.workers, out[0], in[0], shape)
		},
	}, x)
}

// MatMul is a·b + bias, with a [M, K], b [K, N] and bias [N]; a nil bias adds nothing. With transposeB, b is [N, K].
func (g *Graph) MatMul(a, b, bias *Node, transposeB bool) *Node {
	m, k, n := a.Shape()[0], a.Shape()[1], b.Shape()[1]
	inner := b.Shape()[0]
	if transposeB {
		n, inner = inner, n
	}
	if inner != k || bias != nil && size(bias.Shape()) != n {
		panic(fmt.Sprintf("graph: can't multiply %v by %v", a.Shape(), b.Shape()))
	}
	inputs := []*Node{a, b}
	if bias != nil {
		inputs = append(inputs, bias)
	}
	return g.Apply(Operation{
		Name:  "matmul",
		Shape: []int{m, n},
		Forward: func(d *Device, in, out [][]float32) {
			var add []float32
			if bias != nil {
				add = in[2]
			}
			kernel.MatMulForward(d.workers, out[0], in[0], in[1], add, kernel.MatMul{M: m, K: k, N: n, TransposeB: transposeB})
		},
		Reads: []int{0, 1},
		Backward: func(d *Device, in, out [][]float32) {
			a, b, dy := in[0], in[1], in[2]
			if da := out[0]; da != nil {
				kernel.MatMulForward(d.workers, da, dy, b, nil, kernel.MatMul{M: m, K: n, N: k, TransposeB: !transposeB})
			}
			if db := out[1]; db != nil && transposeB {
				kernel.MatMulForward(d.workers, db, dy, a, nil, kernel.MatMul{M: n, K: m, N: k, TransposeA: true})
			} else if db != nil {
				kernel.MatMulForward(d.workers, db, a, dy, nil, kernel.MatMul{M: k, K: m, N: n, TransposeA: true})
			}
			if bias != nil && out[2] != nil {
				kernel.SumRows(d.workers, out[2], dy, m, n)
			}
		},
	}, inputs...)
}

// CrossEntropy is the mean over the batch of −log softmax(logits)[label], of logits [N, classes]. When the graph has run,
// correct holds how many labels have the largest logit.
func (g *Graph) CrossEntropy(logits *Node, labels []int32, correct *int) *Node {
	n, classes := logits.Shape()[0], logits.Shape()[1]
	if len(labels) != n {
		panic(fmt.Sprintf("graph: %d labels for logits %v", len(labels), logits.Shape()))
	}
	return g.Apply(Operation{
		Name:  "cross-entropy",
		Saved: [][]int{{n, classes}},
		Forward: func(d *Device, in, out [][]float32) {
			probabilities := out[1]
			if probabilities == nil {
				probabilities = d.arena.take(n * classes)
				defer d.arena.give(probabilities)
			}
			*correct = kernel.CrossEntropyForward(d.workers, out[0], probabilities, in[0], labels, classes)
		},
		Backward: func(d *Device, in, out [][]float32) {
			kernel.CrossEntropyBackward(d.workers, out[0], in[0], in[1], labels, classes)
		},
	}, logits)
}

// Dot is the sum of the products of x's elements with given numbers: a loss whose gradient by x is those numbers.
func (g *Graph) Dot(x *Node, with []float32) *Node {
	if len(with) != x.Shape().TotalSize() {
		panic(fmt.Sprintf("graph: %d numbers for x %v", len(with), x.Shape()))
	}
	return g.Apply(Operation{
		Name: "dot",
		Forward: func(_ *Device, in, out [][]float32) {
			sum := 0.0
			for i, v := range in[0] {
				sum += float64(v) * float64(with[i])
			}
			out[0][0] = float32(sum)
		},
		Backward: func(_ *Device, in, out [][]float32) {
			for i, v := range with {
				out[0][i] = in[0][0] * v
			}
		},
	}, x)
}
