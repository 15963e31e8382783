package graph

import (
	"fmt"

	"nat/internal/gpu"
	"nat/internal/kernel"
)

// normEps is what batch normalisation adds to the variance (spec section 3).
const normEps = 1e-5

func normShape(x *Node) kernel.Norm {
	xs := x.Shape()
	return kernel.Norm{N: xs[0], C: xs[1], Pixels: size(xs[2:]), Eps: normEps}
}

// Normalisation is what a batch normalisation may do beside normalising.
type Normalisation struct {
	// Scale and Shift, [C] each, are what the result is then multiplied by and what is added to it; or both are nil.
	Scale, Shift *Node
	// Mean and Variance, [C] each, are where the batch's mean and biased variance go when the graph runs, whether or not anything
	// reads the result; or both are nil.
	Mean, Variance []float32
}

// Norm normalises each channel of x [N, C, H, W] by the mean and the biased variance of the batch. Nothing is computed but
// these: whoever reads the result normalises x, and whoever reads the gradient by x computes it of x and the gradient
// by the result.
func (g *Graph) Norm(x *Node, also Normalisation) *Node {
	shape := normShape(x)
	c := shape.C
	inputs, read := []*Node{x}, []int{0}
	affine, tracked := also.Scale != nil, also.Mean != nil
	if affine {
		checkAffine(x, also.Scale, also.Shift)
		inputs, read = append(inputs, also.Scale, also.Shift), append(read, 1)
	}
	moments := momentsOf(x)
	if moments == nil {
		inputs = append(inputs, g.moments(x))
	}
	shapes := [][]int{{2, c}}
	if tracked {
		shapes = append(shapes, []int{c}, []int{c})
	}
	own := (1 + len(shapes)) * c // numbers that are saved; the coefficients of an affine result follow
	total := own
	if affine {
		total += 3 * c
	}
	n := g.Apply(Operation{
		Name:  "norm",
		Shape: x.Shape(),
		Saved: shapes, SavedBy: moments,
		Forward: Lazy{
			Coefficients: total, Plain: []int{0}, Views: []int{0},
			Do: func(d *Device, in []View, k Memory, out []View) {
				scale, shift := k.Slice(0, c), k.Slice(c, 2*c)
				var mean, variance Memory
				if tracked {
					mean, variance = k.Slice(2*c, 3*c), k.Slice(3*c, 4*c)
					out[2], out[3] = gpu.Plain(mean, 1, c), gpu.Plain(variance, 1, c)
				}
				d.kernels.NormStatistics(mean, variance, scale, shift, in[len(in)-1].Data, shape)
				out[0] = View{Data: in[0].Data, Stride: in[0].Stride, Scale: scale, Shift: shift}
				if affine {
					out[0] = d.kernels.Scaled(out[0], in[1].Data, in[2].Data, k.From(own))
				}
				out[1] = gpu.Plain(k, 1, 2*c)
			},
		},
		Reads:    read,
		Backward: newNormGradient(shape, affine),
	}, inputs...)
	if tracked {
		all := saves(n)
		g.keepSaved(all[1], also.Mean)
		g.keepSaved(all[2], also.Variance)
	}
	return n
}

// normGradient is the work of the gradients of a normalisation by x and, if it is affine, by scale and shift. It reads x, then
// scale if it is affine, the gradient of the result, and what the normalisation has saved. Of two normalisations whose
// results are added the first one's step computes the coefficients of both, and the gradient that both get is read once.
type normGradient struct {
	Lazy
	shape    kernel.Norm
	affine   bool
	received int // which of the inputs the gradient of the result is
}

func newNormGradient(shape kernel.Norm, affine bool) normGradient {
	n := normGradient{shape: shape, affine: affine, received: 1}
	coefficients := 3 * shape.C
	if affine {
		n.received, coefficients = 2, 5*shape.C
	}
	n.Lazy = Lazy{
		Coefficients: coefficients, Scaled: []int{n.received}, ByImage: []int{n.received}, Views: []int{0, n.received},
		Reads: []int{0, n.received}, Do: n.results,
	}
	return n
}

func (n normGradient) run(m *Machine, s *step) {
	if s.coefficients == nil {
		n.compute(m, s)
	}
	n.give(m, s, s.coefficients)
	s.coefficients = nil
}

// compute computes the coefficients of the step, and of its twin if it has one.
func (n normGradient) compute(m *Machine, s *step) {
	steps := []*step{s}
	if s.twin > 0 {
		steps = append(steps, &m.steps[s.twin])
	}
	var gradients []gpu.NormGradient
	for _, t := range steps {
		work := t.work.(normGradient)
		t.coefficients = work.prepare(m, t)
		gradients = append(gradients, work.of(m.views(t), t.coefficients.data))
	}
	m.device.kernels.NormGradients(m.values[s.in[n.received]].view, n.shape, gradients...)
}

// of returns what is to be computed, from the inputs and with its results among the coefficients.
func (n normGradient) of(in []View, k Memory) gpu.NormGradient {
	c, each := n.shape.C, n.shape.C
	if in[n.received].PerImage > 0 {
		each *= n.shape.N
	}
	saved := in[n.received+1].Data
	g := gpu.NormGradient{
		Y: in[0], Scale: k.Slice(0, each), OtherScale: k.Slice(each, 2*each), Shift: k.Slice(2*each, 3*each),
	}
	g.Y.Scale, g.Y.Shift = saved.Slice(0, c), saved.Slice(c, 2*c)
	if n.affine {
		g.Gamma, g.ByGamma, g.ByShift = in[1].Data, k.Slice(3*each, 3*each+c), k.Slice(3*each+c, 3*each+2*c)
	}
	return g
}

func (n normGradient) results(_ *Device, in []View, k Memory, out []View) {
	g, dy := n.of(in, k), in[n.received]
	out[0] = View{
		Data: dy.Data, Stride: dy.Stride, Scale: g.Scale, Shift: g.Shift,
		Other: g.Y.Data, OtherStride: g.Y.Stride, OtherScale: g.OtherScale, PerImage: dy.PerImage,
	}
	if n.affine {
		out[1], out[2] = gpu.Plain(g.ByGamma, 1, n.shape.C), gpu.Plain(g.ByShift, 1, n.shape.C)
	}
}

// reads leaves out the gradient of the result where a twin has read it.
func (n normGradient) reads(s *step) []int {
	if s.coefficients != nil {
		return n.Reads[:1]
	}
	return n.Reads
}

// pairNormGradients notes which normalisations get the same gradient.
func (m *Machine) pairNormGradients() {
	alone := map[int64]int{} // the step that reads a gradient and has no twin yet
	for i := range m.steps {
		work, ok := m.steps[i].work.(normGradient)
		if !ok {
			continue
		}
		dy := m.steps[i].in[work.received]
		if first, ok := alone[dy]; ok {
			m.steps[first].twin = i
			delete(alone, dy)
		} else {
			alone[dy] = i
		}
	}
}

// momentsOf returns the moments of x if its operation saves them.
func momentsOf(x *Node) []saved {
	if o, ok := x.Op().(*op); ok && o.backward != nil && o.backward.Moments {
		return saves(x)
	}
	return nil
}

// moments computes the moments of x.
func (g *Graph) moments(x *Node) *Node {
	shape := normShape(x)
	return g.Apply(Operation{
		Name: "moments", Shape: []int{shape.N, shape.C, 2}, Constant: true,
		Forward: Fused(func(d *Device, in []View, out []Target) {
			d.kernels.Moments(out[0].Data, in[0], shape)
		}),
	}, x)
}

func checkAffine(x, scale, shift *Node) {
	if c := normShape(x).C; size(scale.Shape()) != c || size(shift.Shape()) != c {
		panic(fmt.Sprintf("graph: scale %v and shift %v don't fit x %v", scale.Shape(), shift.Shape(), x.Shape()))
	}
}

// ScaleShift multiplies each channel of x [N, C, H, W] by scale [C] and adds shift [C].
func (g *Graph) ScaleShift(x, scale, shift *Node) *Node {
	shape := normShape(x)
	checkAffine(x, scale, shift)
	c := shape.C
	return g.Apply(Operation{
		Name:  "scale-shift",
		Shape: x.Shape(),
		Forward: Lazy{
			Coefficients: 3 * c, Views: []int{0},
			Do: func(d *Device, in []View, k Memory, out []View) {
				out[0] = d.kernels.Scaled(in[0], in[1].Data, in[2].Data, k)
			},
		},
		Reads: []int{0, 1},
		Backward: Lazy{
			Coefficients: 3 * c, Single: []int{0}, Plain: []int{2}, ByImage: []int{2}, Views: []int{2}, Reads: []int{0, 2},
			Do: func(d *Device, in []View, k Memory, out []View) {
				x, scale, dy := in[0], in[1].Data, in[2]
				dscale, dshift, factors := k.Slice(0, c), k.Slice(c, 2*c), k.Slice(2*c, k.Len())
				d.kernels.ScaleShiftGradient(dscale, dshift, dy, x, shape)
				out[0], out[1], out[2] = d.scaledGradient(dy, scale, factors, c), gpu.Plain(dscale, 1, c), gpu.Plain(dshift, 1, c)
			},
		},
	}, x, scale, shift)
}

// scaledGradient returns the view of dy with each channel multiplied by its scale [C]; dy is plain, or has factors of its own for
// each image. The view's coefficients go to k.
func (d *Device) scaledGradient(dy View, scale, k Memory, channels int) View {
	if dy.PerImage == 0 {
		k = k.Slice(0, channels)
		d.kernels.Materialise(gpu.Whole(k, 1, channels), gpu.Plain(scale, 1, channels), kernel.Norm{N: 1, C: 1, Pixels: channels})
		dy.Scale = k
		return dy
	}
	k = k.Slice(0, dy.Scale.Len())
	scales, of, to := scale.Host(), dy.Scale.Host(), k.Host()
	for i := range to {
		to[i] = of[i] * scales[i%channels]
	}
	dy.Scale = k
	return dy
}
