package graph

import "nat/internal/kernel"

// Work is what a device does to compute a node's results from its inputs. There are three kinds. A Kernel takes its inputs
// as plain memory. A Fused kernel takes them as views, which it evaluates while it reads, and may have its first result
// added to what is in memory. Lazy work computes nothing but coefficients: its results are views of its inputs.
type Work interface {
	run(m *Machine, s *step)
}

// Kernel computes results from inputs on a device. An out of nil is one that nobody needs. The others hold arbitrary
// values, and are overwritten.
type Kernel func(d *Device, in, out [][]float32)

// Fused is a kernel that reads views and writes targets; a target without Data is one that nobody needs. Its first result
// may be part of a larger tensor, or be added to another; the others are always written to memory of their own.
type Fused func(d *Device, in []kernel.View, out []kernel.Target)

// Lazy makes results of views of its inputs.
type Lazy struct {
	// Do sets every out that is needed, using so many coefficients, which live as long as the outs.
	Do           func(d *Device, in []kernel.View, coefficients []float32, out []kernel.View)
	Coefficients int
	// Plain lists the inputs that must be memory as it is, Scaled those that may be that with a scale, Single those that
	// may have a shift too, but be of one tensor; Views those whose memory the outs lie in.
	Plain, Scaled, Single, Views []int
	// Reads lists those whose numbers Do reads.
	Reads []int
	// Apart says that no two outs share memory, so that what reads one may overwrite it.
	Apart bool
}

func (k Kernel) run(m *Machine, s *step) {
	m.in, m.out = m.in[:0], m.out[:0]
	for _, id := range s.in {
		m.in = append(m.in, m.contiguous(id))
	}
	for i, id := range s.out {
		var data []float32
		if id >= 0 && (i == s.primary || m.values[id].wanted()) {
			m.own(id, s.inPlaceOf(i))
			data = m.values[id].view.Data
		}
		m.out = append(m.out, data)
	}
	k(m.device, m.in, m.out)
}

func (f Fused) run(m *Machine, s *step) {
	in, out := m.views(s), m.targets[:0]
	for i, id := range s.out {
		switch {
		case id < 0 || i != s.primary && !m.values[id].wanted():
			out = append(out, kernel.Target{})
		case i == 0:
			out = append(out, m.target(id))
		default:
			m.own(id, nil)
			out = append(out, whole(m.values[id].view))
		}
	}
	m.targets = out
	f(m.device, in, out)
}

func (l Lazy) run(m *Machine, s *step) {
	for _, i := range l.Plain {
		m.settleUnless(s.in[i], (*value).plain)
	}
	for _, i := range l.Scaled {
		m.settleUnless(s.in[i], (*value).scaled)
	}
	for _, i := range l.Single {
		m.settleUnless(s.in[i], (*value).single)
	}
	in := m.views(s)
	var coefficients []float32
	var held []*memory
	if l.Coefficients > 0 {
		own := m.device.take(l.Coefficients)
		coefficients, held = own.data, append(held, own)
	}
	exclusive := l.Apart
	for _, i := range l.Views {
		v := &m.values[s.in[i]]
		exclusive = exclusive && v.exclusive && v.readers == 1
		held = append(held, v.held...)
	}
	out := make([]kernel.View, len(s.out))
	l.Do(m.device, in, coefficients, out)
	for i, id := range s.out {
		if id < 0 {
			continue
		}
		v := &m.values[id]
		if v.lent {
			kernel.Materialise(m.device.workers, whole(v.view), out[i], v.shape())
			continue
		}
		v.view, v.exclusive = out[i], exclusive
		v.hold(held)
	}
	if l.Coefficients > 0 {
		m.device.drop(held[0]) // the values hold it now
	}
}
