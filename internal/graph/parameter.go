package graph

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Parameter is a named tensor that is learned. It is the gorgonia.ValueGrad that solvers step. Its memory is its own:
// graphs read Data, and gradients are written to Gradient, unless a card holds it (Device.Hold).
type Parameter struct {
	Name     string
	Shape    []int
	Data     []float32
	Gradient []float32 // nil until a graph first computed it

	held *holding // nil: only the processor has it
	at   int      // where it lies there
}

// NewParameter returns a parameter of zeros.
func NewParameter(name string, shape ...int) *Parameter {
	return &Parameter{Name: name, Shape: shape, Data: make([]float32, size(shape))}
}

// gradient returns where the gradient goes.
func (p *Parameter) gradient() []float32 {
	if p.Gradient == nil {
		p.Gradient = make([]float32, len(p.Data))
	}
	return p.Gradient
}

// Value returns Data as a tensor that shares its memory.
func (p *Parameter) Value() gorgonia.Value { return p.dense(p.Data) }

// Grad returns Gradient as a tensor that shares its memory.
func (p *Parameter) Grad() (gorgonia.Value, error) { return p.dense(p.gradient()), nil }

func (p *Parameter) dense(data []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(p.Shape...), tensor.WithBacking(data))
}
