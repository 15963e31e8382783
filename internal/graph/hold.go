package graph

import (
	"errors"
	"slices"

	"nat/internal/gpu"
)

// holding is parameters that a card keeps in its memory, with their gradients and what a solver remembers, from step to step.
// All of them lie at the same places in each piece of memory. The card's numbers are the newest; Fetch copies them to where
// the processor sees them.
type holding struct {
	device          *Device
	parameters      []*Parameter
	size            int
	data, gradients Memory
	factor          Memory // that the gradients are to be multiplied by in the next step; none: 1

	momentum      Memory // of sgd, which has moved some of the parameters
	sgd           *SGD
	first, second Memory // of adam, likewise
	adam          *Adam
	moved         map[*Parameter]bool // since the last Fetch
}

// Hold has a card keep parameters in its memory from now on: machines of the device read and solvers move them there. Their
// Data is what it was at the last Fetch, and a change of it is not seen any more; their Gradient is not written. On the
// processor there is nothing to do.
func (d *Device) Hold(parameters []*Parameter) error {
	if d.card == nil || len(parameters) == 0 {
		return nil
	}
	h := &holding{device: d, parameters: parameters, moved: map[*Parameter]bool{}}
	var all []float32
	for _, p := range parameters {
		if p.held != nil {
			return errors.New("graph: parameter " + p.Name + " is held already")
		}
		p.held, p.at = h, len(all)
		all = append(all, p.Data...)
	}
	h.size = len(all)
	h.data, h.gradients = d.kernels.Take(h.size), d.kernels.Take(h.size)
	d.kernels.Write(h.data, all)
	d.holdings = append(d.holdings, h)
	return d.Err()
}

// Release fetches all parameters that the device holds and holds them no more.
func (d *Device) Release() error {
	err := d.Fetch()
	for _, h := range d.holdings {
		for _, p := range h.parameters {
			p.held = nil
		}
		for _, m := range []Memory{h.data, h.gradients, h.factor, h.momentum, h.first, h.second} {
			d.kernels.Free(m)
		}
	}
	d.holdings = nil
	return err
}

// Fetch brings up to date what the processor knows of the parameters that the device holds: their Data, and what solvers
// remember of them.
func (d *Device) Fetch() error {
	for _, h := range d.holdings {
		if len(h.moved) == 0 {
			continue
		}
		if err := h.fetch(); err != nil {
			return err
		}
	}
	return nil
}

func (h *holding) fetch() error {
	numbers := make([]float32, h.size)
	of := func(p *Parameter) []float32 { return numbers[p.at:][:len(p.Data)] }
	if err := h.device.kernels.Read(numbers, h.data); err != nil {
		return err
	}
	for p := range h.moved {
		copy(p.Data, of(p))
	}
	if h.sgd != nil {
		if err := h.device.kernels.Read(numbers, h.momentum); err != nil {
			return err
		}
		for p := range h.moved {
			h.sgd.Buffers[p.Name] = slices.Clone(of(p))
		}
	}
	if h.adam != nil {
		for i, m := range []Memory{h.first, h.second} {
			if err := h.device.kernels.Read(numbers, m); err != nil {
				return err
			}
			for p := range h.moved {
				copy([][]float32{h.adam.Moments[p.Name].First, h.adam.Moments[p.Name].Second}[i], of(p))
			}
		}
	}
	clear(h.moved)
	return nil
}

// memory sends what a solver remembers of each parameter, if it does.
func (h *holding) memory(of func(p *Parameter) []float32) Memory {
	numbers := make([]float32, h.size)
	for _, p := range h.parameters {
		copy(numbers[p.at:][:len(p.Data)], of(p))
	}
	m := h.device.kernels.Take(h.size)
	h.device.kernels.Write(m, numbers)
	return m
}

// pieces returns where parameters lie, and notes that they are moved.
func (h *holding) pieces(parameters []*Parameter) []gpu.Piece {
	var all []gpu.Piece
	for _, p := range parameters {
		all = append(all, gpu.Piece{At: p.at, Size: len(p.Data)})
		h.moved[p] = true
	}
	return all
}

// step is SGD's step of parameters that a card holds.
func (h *holding) step(s *SGD, parameters []*Parameter) error {
	if h.adam != nil || h.sgd != nil && h.sgd != s {
		return errors.New("graph: parameters that a card holds are moved by one solver alone")
	}
	if h.sgd == nil {
		h.sgd, h.momentum = s, h.memory(func(p *Parameter) []float32 { return s.Buffers[p.Name] })
	}
	h.device.card.SGDStep(h.data, h.momentum, h.gradients, h.pieces(parameters), h.factor, s.Rate, s.Momentum, s.Decay)
	return h.done()
}

// stepAdam is Adam's.
func (h *holding) stepAdam(a *Adam, parameters []*Parameter) error {
	if h.sgd != nil || h.adam != nil && h.adam != a {
		return errors.New("graph: parameters that a card holds are moved by one solver alone")
	}
	for _, p := range parameters {
		a.moments(p).Steps++
	}
	if h.adam == nil {
		h.adam = a
		part := func(pick func(*Moments) []float32) Memory {
			return h.memory(func(p *Parameter) []float32 {
				if m := a.Moments[p.Name]; m != nil {
					return pick(m)
				}
				return nil
			})
		}
		h.first = part(func(m *Moments) []float32 { return m.First })
		h.second = part(func(m *Moments) []float32 { return m.Second })
	}
	all := h.pieces(parameters)
	for i, p := range parameters {
		all[i].Steps = a.Moments[p.Name].Steps
	}
	h.device.card.AdamStep(h.data, h.first, h.second, h.gradients, all, h.factor,
		gpu.Adam{Rate: a.Rate, Beta1: a.Beta1, Beta2: a.Beta2, Epsilon: a.Epsilon, Decay: a.Decay})
	return h.done()
}

// done ends a step.
func (h *holding) done() error {
	h.device.kernels.Free(h.factor)
	h.factor = Memory{}
	return h.device.Err()
}

// clip has the next step multiply gradients so that the norm of all together is at most limit.
func (h *holding) clip(parameters []*Parameter, limit float64) {
	if h.factor.IsNil() {
		h.factor = h.device.kernels.Take(1)
	}
	h.device.card.ClipFactor(h.factor, h.gradients, h.pieces(parameters), limit)
}
