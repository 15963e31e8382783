package graph

import "slices"

// Work is what is done to compute a node's results from its inputs. There are four kinds. A Kernel takes its inputs as plain
// numbers and is computed by the processor, whatever the device; a Plain kernel takes them as plain memory of the device. A
// Fused kernel takes them as views, which it evaluates while it reads, and may have its first result added to what is in
// memory. Lazy work computes nothing but coefficients: its results are views of its inputs.
type Work interface {
	run(m *Machine, s *step)
}

// Kernel computes results from inputs. An out of nil is one that nobody needs. The others hold arbitrary values, and are
// overwritten.
type Kernel func(d *Device, in, out [][]float32)

// Plain is a Kernel for memory of the device.
type Plain func(d *Device, in, out []Memory)

// Fused is a kernel that reads views and writes targets; a target without Data is one that nobody needs. Its first result
// may be part of a larger tensor, or be added to another; the others are always written to memory of their own.
type Fused func(d *Device, in []View, out []Target)

// Lazy makes results of views of its inputs.
type Lazy struct {
	// Do sets every out that is needed, using so many coefficients, which live as long as the outs.
	Do           func(d *Device, in []View, coefficients Memory, out []View)
	Coefficients int
	// Plain lists the inputs that must be memory as it is, Scaled those that may be that with a scale, Single those that
	// may have a shift too, but be of one tensor; Views those whose memory the outs lie in.
	Plain, Scaled, Single, Views []int
	// ByImage lists the inputs that may be scaled by a factor of their own for each image, even if they must be plain otherwise.
	// Then there are as many coefficients for each image. No other input has coefficients per image.
	ByImage []int
	// Reads lists those whose numbers Do reads.
	Reads []int
	// Apart says that no two outs share memory, so that what reads one may overwrite it.
	Apart bool
}

// reads returns the inputs whose numbers the work for a step reads.
func (l Lazy) reads(*step) []int { return l.Reads }

func (k Kernel) run(m *Machine, s *step) {
	in, out := m.memories(s)
	if m.device.card == nil {
		k(m.device, hosts(in), hosts(out))
		return
	}
	if _, ok := m.device.kernels.(*counter); ok {
		return
	}
	inputs, results := make([][]float32, len(in)), make([][]float32, len(out))
	for i, data := range in {
		inputs[i] = make([]float32, data.Len())
		_ = m.device.kernels.Read(inputs[i], data) // its error sticks
	}
	for i, data := range out {
		if !data.IsNil() {
			results[i] = make([]float32, data.Len())
		}
	}
	k(m.device, inputs, results)
	for i, data := range results {
		if data != nil {
			m.device.kernels.Write(out[i], data)
		}
	}
}

func (p Plain) run(m *Machine, s *step) {
	in, out := m.memories(s)
	p(m.device, in, out)
}

// memories returns the step's inputs and outs as plain memory.
func (m *Machine) memories(s *step) (in, out []Memory) {
	in, out = m.in[:0], m.out[:0]
	for _, id := range s.in {
		in = append(in, m.contiguous(id))
	}
	for i, id := range s.out {
		var data Memory
		if id >= 0 && (i == s.primary || m.values[id].wanted()) {
			m.own(id, s.inPlaceOf(i))
			data = m.values[id].view.Data
		}
		out = append(out, data)
	}
	m.in, m.out = in, out
	return in, out
}

// hosts returns memory of the processor as slices.
func hosts(all []Memory) [][]float32 {
	data := make([][]float32, len(all))
	for i, m := range all {
		data[i] = m.Host()
	}
	return data
}

func (f Fused) run(m *Machine, s *step) { f(m.device, m.views(s), m.targetsOf(s)) }

// targetsOf returns where a step that reads views writes its results.
func (m *Machine) targetsOf(s *step) []Target {
	out := m.targets[:0]
	for i, id := range s.out {
		switch {
		case id < 0 || i != s.primary && !m.values[id].wanted():
			out = append(out, Target{})
		case i == 0:
			out = append(out, m.target(id))
		default:
			m.own(id, nil)
			out = append(out, whole(m.values[id].view))
		}
	}
	m.targets = out
	return out
}

func (l Lazy) run(m *Machine, s *step) { l.give(m, s, l.prepare(m, s)) }

// prepare makes the inputs what they must be, and takes memory for the coefficients, if there are any.
func (l Lazy) prepare(m *Machine, s *step) *memory {
	coefficients := l.Coefficients
	for i, id := range s.in {
		v := &m.values[id]
		switch byImage := v.view.PerImage > 0; {
		case byImage && slices.Contains(l.ByImage, i) && v.scaled():
			coefficients = l.Coefficients * v.n
		case byImage:
			m.settle(v)
		case slices.Contains(l.Plain, i):
			m.settleUnless(id, (*value).plain)
		}
	}
	for _, i := range l.Scaled {
		m.settleUnless(s.in[i], (*value).scaled)
	}
	for _, i := range l.Single {
		m.settleUnless(s.in[i], (*value).single)
	}
	if coefficients == 0 {
		return nil
	}
	return m.device.take(coefficients)
}

// give makes the results, which lie in the memory of inputs and hold the coefficients.
func (l Lazy) give(m *Machine, s *step, own *memory) {
	in := m.views(s)
	var coefficients Memory
	var held []*memory
	if own != nil {
		coefficients, held = own.data, append(held, own)
	}
	exclusive := l.Apart
	for _, i := range l.Views {
		v := &m.values[s.in[i]]
		exclusive = exclusive && v.exclusive && v.readers == 1
		held = append(held, v.held...)
	}
	out := make([]View, len(s.out))
	l.Do(m.device, in, coefficients, out)
	for i, id := range s.out {
		if id < 0 {
			continue
		}
		v := &m.values[id]
		if v.lent {
			m.device.kernels.Materialise(whole(v.view), out[i], v.shape())
			continue
		}
		v.view, v.exclusive = out[i], exclusive
		v.hold(held)
	}
	if own != nil {
		m.device.drop(own) // the values hold it now
	}
}
