package graph

import (
	"fmt"

	"gorgonia.org/tensor"

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
	shape := c.of(x.Shape(), weights.Shape())
	name := fmt.Sprintf("conv-%dx%d", shape.KH, shape.KW)
	if c.Depthwise {
		name = fmt.Sprintf("depthwise-%dx%d", shape.KH, shape.KW)
	}
	return g.Apply(Operation{
		Name:    name,
		Shape:   []int{shape.N, shape.Co, shape.OH, shape.OW},
		Saved:   [][]int{{shape.N, shape.Co, 2}},
		Moments: true,
		FLOPs:   flops(shape),
		Conv:    &shape,
		Forward: convolution{shape}, Reads: []int{0, 1}, Backward: convGradient{shape},
	}, x, weights)
}

// of returns the shape of the convolution of a tensor with weights.
func (c Convolution) of(xs, ws tensor.Shape) kernel.Conv {
	if len(xs) != 4 || len(ws) != 4 || !c.Depthwise && ws[1] != xs[1] || c.Depthwise && (ws[0] != xs[1] || ws[1] != 1) {
		panic(fmt.Sprintf("graph: weights %v don't fit x %v", ws, xs))
	}
	return kernel.Conv{
		N: xs[0], Ci: xs[1], Co: ws[0], H: xs[2], W: xs[3], OH: c.OH, OW: c.OW, KH: ws[2], KW: ws[3],
		StrideH: c.StrideH, StrideW: c.StrideW, PadH: c.PadH, PadW: c.PadW, DilationH: c.Dilation, DilationW: c.Dilation,
		Depthwise: c.Depthwise, ReLU: c.ReLU,
	}
}

// flops returns how many additions and multiplications a convolution takes in direct form.
func flops(c kernel.Conv) int {
	terms := c.Ci * c.KH * c.KW
	if c.Depthwise {
		terms = c.KH * c.KW
	}
	return 2 * c.N * c.Co * c.OH * c.OW * terms
}

// Separable is a depthwise convolution of x [N, C, H, W] with depthwise [C, 1, KH, KW], and a pointwise one of its result
// with pointwise [Co, C, 1, 1], into [N, Co, OH, OW].
func (g *Graph) Separable(x, depthwise, pointwise *Node, c Convolution) *Node {
	first := c.of(x.Shape(), depthwise.Shape())
	second := Convolution{StrideH: 1, StrideW: 1, Dilation: 1, OH: c.OH, OW: c.OW}.of(
		tensor.Shape{first.N, first.Co, c.OH, c.OW}, pointwise.Shape())
	return g.Apply(Operation{
		Name:    fmt.Sprintf("separable-%dx%d", first.KH, first.KW),
		Shape:   []int{first.N, second.Co, c.OH, c.OW},
		Saved:   [][]int{{first.N, second.Co, 2}},
		Moments: true,
		FLOPs:   flops(first) + flops(second),
		Forward: Fused(func(d *Device, in []View, out []Target) {
			d.kernels.SeparableForward(out[0], out[1].Data, in[0], in[1].Data, in[2].Data, first, second)
		}),
		Reads: []int{0, 1, 2},
		Backward: Fused(func(d *Device, in []View, out []Target) {
			dy := in[len(in)-1]
			d.kernels.SeparableBackward(out[0], out[1].Data, out[2].Data, dy, in[0], in[1].Data, in[2].Data, first, second)
		}),
	}, x, depthwise, pointwise)
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
		Name:    fmt.Sprintf("%s-%dx%d", name, p.K, p.K),
		Shape:   []int{shape.N, shape.C, shape.OH, shape.OW},
		Saved:   [][]int{{shape.N, shape.C, 2}},
		Moments: true,
		Forward: Fused(func(d *Device, in []View, out []Target) {
			d.kernels.PoolForward(out[0], out[1].Data, in[0], shape)
		}),
		Reads: []int{0},
		Backward: Fused(func(d *Device, in []View, out []Target) {
			d.kernels.PoolBackward(out[0], in[len(in)-1], in[0], shape)
		}),
	}, x)
}

// ReLU is max(x, 0) of each element.
func (g *Graph) ReLU(x *Node) *Node {
	return g.Apply(Operation{
		Name:  "relu",
		Shape: x.Shape(),
		Forward: Plain(func(d *Device, in, out []Memory) {
			d.kernels.ReLUForward(out[0], in[0])
		}),
		Reads:           []int{0},
		BackwardInPlace: true,
		Backward: Plain(func(d *Device, in, out []Memory) {
			d.kernels.ReLUBackward(out[0], in[1], in[0])
		}),
	}, x)
}

// Add adds two tensors of one shape.
func (g *Graph) Add(a, b *Node) *Node {
	if !a.Shape().Eq(b.Shape()) {
		panic(fmt.Sprintf("graph: can't add %v and %v", a.Shape(), b.Shape()))
	}
	v := valueOf(a.Shape(), false)
	shape := v.shape()
	return g.Apply(Operation{
		Name:  "add",
		Shape: a.Shape(),
		Forward: Fused(func(d *Device, in []View, out []Target) {
			d.kernels.Sum(out[0], in[0], in[1], shape)
		}),
	}, a, b)
}

// GlobalAverage averages each channel of x [N, C, H, W] into [N, C].
func (g *Graph) GlobalAverage(x *Node) *Node {
	shape := normShape(x)
	return g.Apply(Operation{
		Name:  "global-average",
		Shape: []int{shape.N, shape.C},
		Forward: Plain(func(d *Device, in, out []Memory) {
			d.kernels.GlobalAverageForward(out[0], in[0], shape)
		}),
		Backward: Plain(func(d *Device, in, out []Memory) {
			d.kernels.GlobalAverageBackward(out[0], in[0], shape)
		}),
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
		FLOPs: 2 * m * k * n,
		Forward: Plain(func(d *Device, in, out []Memory) {
			var add Memory
			if bias != nil {
				add = in[2]
			}
			d.kernels.MatMulForward(out[0], in[0], in[1], add, kernel.MatMul{M: m, K: k, N: n, TransposeB: transposeB})
		}),
		Reads: []int{0, 1},
		Backward: Plain(func(d *Device, in, out []Memory) {
			a, b, dy := in[0], in[1], in[2]
			if da := out[0]; !da.IsNil() {
				d.kernels.MatMulForward(da, dy, b, Memory{}, kernel.MatMul{M: m, K: n, N: k, TransposeB: !transposeB})
			}
			if db := out[1]; !db.IsNil() && transposeB {
				d.kernels.MatMulForward(db, dy, a, Memory{}, kernel.MatMul{M: n, K: m, N: k, TransposeA: true})
			} else if !db.IsNil() {
				d.kernels.MatMulForward(db, a, dy, Memory{}, kernel.MatMul{M: k, K: m, N: n, TransposeA: true})
			}
			if bias != nil && !out[2].IsNil() {
				d.kernels.SumRows(out[2], dy, m, n)
			}
		}),
	}, inputs...)
}

// CrossEntropy is the mean over the batch of −log softmax(logits)[label], of logits [N, classes]. When the graph has run,
// correct holds how many labels have the largest logit.
func (g *Graph) CrossEntropy(logits *Node, labels []int32, correct *int) *Node {
	n, classes := logits.Shape()[0], logits.Shape()[1]
	if len(labels) != n {
		panic(fmt.Sprintf("graph: %d labels for logits %v", len(labels), logits.Shape()))
	}
	loss := g.Apply(Operation{
		Name:  "cross-entropy",
		Saved: [][]int{{n, classes}, {1}},
		Forward: Plain(func(d *Device, in, out []Memory) {
			probabilities := out[1]
			if probabilities.IsNil() {
				probabilities = d.kernels.Take(n * classes)
				defer d.kernels.Free(probabilities)
			}
			d.kernels.CrossEntropyForward(out[0], out[2], probabilities, in[0], labels, classes)
		}),
		Backward: Plain(func(d *Device, in, out []Memory) {
			d.kernels.CrossEntropyBackward(out[0], in[1], in[0], labels, classes)
		}),
	}, logits)
	count := make([]float32, 1)
	g.keepSaved(saves(loss)[1], count)
	g.finally = append(g.finally, func() { *correct = int(count[0]) })
	return loss
}

// Dot is the sum of the products of x's elements with given numbers: a loss whose gradient by x is those numbers.
func (g *Graph) Dot(x *Node, with []float32) *Node {
	if len(with) != x.Shape().TotalSize() {
		panic(fmt.Sprintf("graph: %d numbers for x %v", len(with), x.Shape()))
	}
	return g.Apply(Operation{
		Name: "dot",
		Forward: Kernel(func(_ *Device, in, out [][]float32) {
			sum := 0.0
			for i, v := range in[0] {
				sum += float64(v) * float64(with[i])
			}
			out[0][0] = float32(sum)
		}),
		Backward: Kernel(func(_ *Device, in, out [][]float32) {
			for i, v := range with {
				out[0][i] = in[0][0] * v
			}
		}),
	}, x)
}
