package graph

import (
	"fmt"
	"math"
)

// The operations that only networks trained from scratch need (spec section 9).

// ScaleImages multiplies each image of x [N, …] by a factor of its own. factors [N] are read when the graph runs.
func (g *Graph) ScaleImages(x *Node, factors []float32) *Node {
	n := x.Shape()[0]
	if len(factors) != n {
		panic(fmt.Sprintf("graph: %d factors for x %v", len(factors), x.Shape()))
	}
	scale := newScaleImages(x, factors)
	return g.Apply(Operation{
		Name: "scale-images", Shape: x.Shape(), InPlace: []int{0},
		Forward: scale, Backward: scale, BackwardInPlace: true,
	}, x)
}

// scaleImages is the work of ScaleImages: nothing but coefficients on the processor, a pass of its own on a card.
type scaleImages struct {
	view Lazy
	pass Plain
}

func newScaleImages(x *Node, factors []float32) Work {
	v := valueOf(x.Shape(), false)
	s := scaleImages{pass: func(d *Device, in, out []Memory) { d.kernels.ScaleImages(out[0], in[0], factors) }}
	if v.n != len(factors) { // x has no channels
		return s.pass
	}
	s.view = Lazy{Coefficients: 3 * v.n * v.channels, Views: []int{0}, Do: func(d *Device, in []View, k Memory, out []View) {
		out[0] = d.kernels.(*processor).byImage(in[0], factors, v.channels, k)
	}}
	return s
}

func (w scaleImages) run(m *Machine, s *step) {
	if m.device.card == nil {
		w.view.run(m, s)
	} else {
		w.pass.run(m, s)
	}
}

// Weighted multiplies a scalar by a factor.
func (g *Graph) Weighted(x *Node, factor float32) *Node {
	multiply := Kernel(func(_ *Device, in, out [][]float32) { out[0][0] = factor * in[0][0] })
	return g.Apply(Operation{Name: "weighted", Forward: multiply, Backward: multiply}, x)
}

// SmoothCrossEntropy is CrossEntropy with label smoothing: the label's share of the target is 1 − smoothing, and smoothing
// is spread evenly over all classes, the label among them.
func (g *Graph) SmoothCrossEntropy(logits *Node, labels []int32, smoothing float32, correct *int) *Node {
	n, classes := logits.Shape()[0], logits.Shape()[1]
	loss := g.CrossEntropy(logits, labels, correct)
	if smoothing == 0 {
		return loss
	}
	// −log p of class k is −log p of the label, plus the label's logit, less that of class k. What is added to the cross-entropy
	// is smoothing times the mean over the classes of that difference.
	spread := g.Apply(Operation{
		Name: "label-smoothing",
		Forward: Kernel(func(_ *Device, in, out [][]float32) {
			total := 0.0
			for i, label := range labels {
				row := in[0][i*classes:][:classes]
				mean := 0.0
				for _, v := range row {
					mean += float64(v)
				}
				total += float64(row[label]) - mean/float64(classes)
			}
			out[0][0] = float32(float64(smoothing) * total / float64(n))
		}),
		Backward: Kernel(func(_ *Device, in, out [][]float32) {
			each := in[0][0] * smoothing / float32(n)
			for i, label := range labels {
				row := out[0][i*classes:][:classes]
				for k := range row {
					row[k] = -each / float32(classes)
				}
				row[label] += each
			}
		}),
	}, logits)
	return g.Add(loss, spread)
}

// ClipGradients scales the gradients of parameters so that the norm of all together is at most limit, as PyTorch's
// clip_grad_norm does; 0 is no limit. Where a card holds the parameters, it does so in the next step.
func ClipGradients(parameters []*Parameter, limit float64) {
	if limit == 0 {
		return
	}
	if len(parameters) > 0 && parameters[0].held != nil {
		parameters[0].held.clip(parameters, limit)
		return
	}
	squares := 0.0
	for _, p := range parameters {
		for _, x := range p.Gradient {
			squares += float64(x) * float64(x)
		}
	}
	const epsilon = 1e-6
	factor := float32(limit / (math.Sqrt(squares) + epsilon))
	if factor >= 1 {
		return
	}
	for _, p := range parameters {
		for i := range p.Gradient {
			p.Gradient[i] *= factor
		}
	}
}
