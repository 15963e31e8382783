package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
)

// SGD is stochastic gradient descent with momentum, as PyTorch has it (spec section 7): weight decay is added to the
// gradient, the momentum buffer starts as the first gradient, there is neither dampening nor Nesterov's look ahead. Only the
// parameters given to Step are touched. It is a gorgonia.Solver.
type SGD struct {
	Rate, Momentum, Decay float64
	// Buffers are the momentum buffers by parameter name, of those that have been stepped.
	Buffers map[string][]float32
}

var _, _ gorgonia.Solver = (*SGD)(nil), (*Adam)(nil)

// Step moves parameters, which must be *Parameter, against their gradients.
func (s *SGD) Step(model []gorgonia.ValueGrad) error {
	if s.Buffers == nil {
		s.Buffers = map[string][]float32{}
	}
	return stepEach(model, s.step, func(h *holding, parameters []*Parameter) error { return h.step(s, parameters) })
}

func (s *SGD) step(p *Parameter) {
	rate, momentum, decay := float32(s.Rate), float32(s.Momentum), float32(s.Decay)
	gradient := p.gradient()
	buffer := s.Buffers[p.Name]
	if buffer == nil {
		buffer = make([]float32, len(p.Data))
		s.Buffers[p.Name] = buffer
		for i, x := range p.Data {
			buffer[i] = gradient[i] + decay*x
			p.Data[i] = x - rate*buffer[i]
		}
		return
	}
	for i, x := range p.Data {
		buffer[i] = momentum*buffer[i] + (gradient[i] + decay*x)
		p.Data[i] = x - rate*buffer[i]
	}
}

// stepEach moves each parameter of the processor by one function, and those that a card holds together by another.
func stepEach(model []gorgonia.ValueGrad, step func(*Parameter), together func(*holding, []*Parameter) error) error {
	held := map[*holding][]*Parameter{}
	for _, m := range model {
		p, err := parameterOf(m)
		if err != nil {
			return err
		}
		if p.held == nil {
			step(p)
		} else {
			held[p.held] = append(held[p.held], p)
		}
	}
	for h, parameters := range held {
		if err := together(h, parameters); err != nil {
			return err
		}
	}
	return nil
}

// Adam is Adam as PyTorch has it (spec section 7): weight decay is added to the gradient, the moments are corrected for
// their start at zero, epsilon is added outside the square root. It is a gorgonia.Solver.
type Adam struct {
	Rate, Beta1, Beta2, Epsilon, Decay float64
	Moments                            map[string]*Moments // by parameter name
}

// Moments are Adam's running means of a parameter's gradient and of its square, without the correction, and the number of
// steps that they have seen.
type Moments struct {
	First, Second []float32
	Steps         int
}

// Step moves parameters, which must be *Parameter, against their gradients.
func (a *Adam) Step(model []gorgonia.ValueGrad) error {
	if a.Moments == nil {
		a.Moments = map[string]*Moments{}
	}
	return stepEach(model, func(p *Parameter) { a.step(p, a.moments(p)) },
		func(h *holding, parameters []*Parameter) error { return h.stepAdam(a, parameters) })
}

// moments returns a parameter's moments, zeros at first.
func (a *Adam) moments(p *Parameter) *Moments {
	m := a.Moments[p.Name]
	if m == nil {
		m = &Moments{First: make([]float32, len(p.Data)), Second: make([]float32, len(p.Data))}
		a.Moments[p.Name] = m
	}
	return m
}

func (a *Adam) step(p *Parameter, m *Moments) {
	m.Steps++
	correction1 := 1 - math.Pow(a.Beta1, float64(m.Steps))
	correction2 := math.Sqrt(1 - math.Pow(a.Beta2, float64(m.Steps)))
	rate := a.Rate / correction1
	gradient := p.gradient()
	for i, x := range p.Data { // in float64: a square of 1e-9 and an epsilon of 1e-8 are at the edge of float32
		g := float64(gradient[i]) + a.Decay*float64(x)
		first := a.Beta1*float64(m.First[i]) + (1-a.Beta1)*g
		second := a.Beta2*float64(m.Second[i]) + (1-a.Beta2)*g*g
		m.First[i], m.Second[i] = float32(first), float32(second)
		p.Data[i] = float32(float64(x) - rate*first/(math.Sqrt(second)/correction2+a.Epsilon))
	}
}

// Step has a solver move parameters against their gradients.
func Step(solver gorgonia.Solver, parameters []*Parameter) error {
	model := make([]gorgonia.ValueGrad, len(parameters))
	for i, p := range parameters {
		model[i] = p
	}
	return solver.Step(model)
}

func parameterOf(m gorgonia.ValueGrad) (*Parameter, error) {
	p, ok := m.(*Parameter)
	if !ok {
		return nil, fmt.Errorf("graph: solvers step this package's parameters, not %T", m)
	}
	return p, nil
}
