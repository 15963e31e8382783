package graph

import "nat/internal/kernel"

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
	c := concat{n: first[0], pixels: size(first[2:])}
	for _, in := range inputs {
		p := part{input: -1, offset: c.channels, channels: first[1]}
		if in != nil {
			p.input, p.channels = c.inputs, in.Shape()[1]
			c.inputs++
		}
		c.parts, c.channels = append(c.parts, p), c.channels+p.channels
	}
	return g.Apply(Operation{
		Name:     "concat",
		Shape:    append([]int{c.n, c.channels}, first[2:]...),
		Forward:  c,
		Backward: Lazy{Plain: []int{0}, Views: []int{0}, Apart: true, Do: c.gradients},
	}, present...)
}

// concat is the work of a concatenation: to copy what isn't at home in it.
type concat struct {
	n, pixels, channels, inputs int
	parts                       []part
}

// part says where in the result the channels of an input lie; an input of −1 stands for zeros.
type part struct{ input, offset, channels int }

func (c concat) run(m *Machine, s *step) {
	all := &m.values[s.out[0]]
	if all.view.Data.IsNil() {
		m.own(s.out[0], nil)
	}
	for _, p := range c.parts {
		to := Target{Data: all.view.Data.From(p.offset * c.pixels), Stride: all.view.Stride}
		if p.input < 0 {
			m.device.kernels.Clear(to, kernel.Norm{N: c.n, C: p.channels, Pixels: c.pixels})
			continue
		}
		if v := &m.values[s.in[p.input]]; !v.plain() || !v.view.Data.Begins(to.Data) {
			m.device.kernels.Materialise(to, v.view, v.shape())
		}
	}
}

// gradients makes the gradient of each input a view of that of the result.
func (c concat) gradients(_ *Device, in []View, _ Memory, out []View) {
	for _, p := range c.parts {
		if p.input >= 0 {
			out[p.input] = View{Data: in[0].Data.From(p.offset * c.pixels), Stride: in[0].Stride}
		}
	}
}
