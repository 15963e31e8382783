package graph

import "nat/internal/kernel"

// The processor runs several 1×1 convolutions of one tensor as one step, and their gradients as another: what they read and write
// together, which is more than a core's cache holds, moves from and to memory once. A cell's output is read by such convolutions
// of the next two cells.

// convolution is the work of a convolution, of x and weights; convGradient that of its gradients, which reads x, the weights
// and the gradient by the value.
type (
	convolution  struct{ kernel.Conv }
	convGradient struct{ kernel.Conv }
)

func (c convolution) run(m *Machine, s *step) {
	in, out := m.views(s), m.targetsOf(s)
	m.device.kernels.ConvForward(out[0], out[1].Data, in[0], in[1].Data, c.Conv)
}

func (c convGradient) run(m *Machine, s *step) {
	in, out := m.views(s), m.targetsOf(s)
	m.device.kernels.ConvBackward(out[0], out[1].Data, in[len(in)-1], in[0], in[1].Data, c.Conv)
}

// joined is steps that are run as one.
type joined struct {
	*processor
	steps []step
}

func (j joined) run(m *Machine, _ *step) {
	x := m.values[j.steps[0].in[0]].view
	if _, ok := j.steps[0].work.(convolution); ok {
		j.convolve(m, x)
	} else {
		j.gradients(m, x)
	}
}

func (j joined) convolve(m *Machine, x View) {
	all := make([]kernel.ConvResult, len(j.steps))
	for i := range j.steps {
		s := &j.steps[i]
		out := m.targetsOf(s)
		all[i] = kernel.ConvResult{
			Conv: s.work.(convolution).Conv, Y: targetOf(out[0]), Moments: out[1].Data.Host(), K: m.values[s.in[1]].view.Data.Host(),
		}
	}
	kernel.ConvForwardAll(j.Workers, viewOf(x), all)
}

func (j joined) gradients(m *Machine, x View) {
	all := make([]kernel.ConvGradient, len(j.steps))
	for i := range j.steps {
		s := &j.steps[i]
		out := m.targetsOf(s)
		m.addUp(s.out[0])
		all[i] = kernel.ConvGradient{
			Conv: s.work.(convGradient).Conv, Dx: targetOf(out[0]), Dk: out[1].Data.Host(),
			Dy: viewOf(m.values[s.in[len(s.in)-1]].view), K: m.values[s.in[1]].view.Data.Host(),
		}
	}
	kernel.ConvBackwardAll(j.Workers, viewOf(x), all)
}

// flops returns what all of the steps compute.
func (j joined) flops() (total int) {
	for i := range j.steps {
		total += j.steps[i].flops()
	}
	return total
}

// join joins the steps that can be: convolutions are done when the first one is due, gradients when the last one is, which is
// before anything reads them.
func (m *Machine) join(p *processor) {
	made := map[int64]int{} // the step that makes a value
	for i, s := range m.steps {
		for _, id := range s.wanted() {
			made[id] = i
		}
	}
	read := map[int64]int{} // the first step that reads it
	for i, s := range m.steps {
		for _, id := range s.in {
			if _, ok := read[id]; !ok {
				read[id] = i
			}
		}
	}
	groups, order := map[joint][]int{}, []joint{}
	for i := range m.steps {
		if key, ok := m.steps[i].joint(); ok {
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], i)
		}
	}
	gone := make([]bool, len(m.steps))
	for _, key := range order {
		group := groups[key]
		at := group[0]
		if key.gradient {
			at = group[len(group)-1]
		}
		all := step{node: m.steps[at].node}
		j := joined{processor: p}
		for _, i := range group {
			if s := m.steps[i]; i == at || s.canMove(at, made, read) {
				j.steps = append(j.steps, s)
				all.in, all.out = append(all.in, s.in...), append(all.out, s.out...)
				gone[i] = i != at
			}
		}
		if len(j.steps) > 1 {
			all.work = j
			m.steps[at] = all
		}
	}
	kept := m.steps[:0]
	for i, s := range m.steps {
		if !gone[i] {
			kept = append(kept, s)
		}
	}
	m.steps = kept
}

// joint says which steps can be joined: those for which it is the same.
type joint struct {
	x        int64
	relu     bool
	gradient bool
}

// joint returns the step's, or false if it can't be joined.
func (s *step) joint() (j joint, ok bool) {
	var c kernel.Conv
	switch work := s.work.(type) {
	case convolution:
		c = work.Conv
	case convGradient:
		c, j.gradient = work.Conv, true
	default:
		return j, false
	}
	j.x, j.relu = s.in[0], c.ReLU
	return j, c.KH == 1 && c.KW == 1 && !c.Depthwise && (!j.gradient || len(s.wanted()) == 2)
}

// canMove tells whether the step may be run as number at: after what it reads is made, and before anything reads what it makes.
func (s *step) canMove(at int, made, read map[int64]int) bool {
	for _, id := range s.in {
		if by, ok := made[id]; ok && by >= at {
			return false
		}
	}
	for _, id := range s.wanted() {
		if by, ok := read[id]; ok && by <= at {
			return false
		}
	}
	return true
}
