package network

import (
	"fmt"

	"nat/internal/block"
	"nat/internal/genotype"
	"nat/internal/primitive"
)

// Cost is what a network takes. It counts as the published figures do (spec section 9): parameters with the scale and
// shift of every batch normalisation, multiply-adds of the convolutions and the classifier for one image, the
// preprocessing of a cell's input even where no edge leaves it. The auxiliary head, which only training needs, is apart.
type Cost struct {
	Parameters, MAdds   int
	AuxiliaryParameters int
}

// add counts a convolution without bias of that many weights, each of which is used once a pixel of its output.
func (c *Cost) add(weights, pixels int) {
	c.Parameters += weights
	c.MAdds += weights * pixels
}

// norm counts a batch normalisation with scale and shift.
func (c *Cost) norm(channels int) { c.Parameters += 2 * channels }

// CostOf returns the exact cost of an architecture at that size. It fails for sizes outside the limits, and for a 2x2 pool
// where it does not fit, naming the edge.
func CostOf(g genotype.Genotype, s Size) (Cost, error) {
	if err := s.Validate(); err != nil {
		return Cost{}, err
	}
	if err := g.Validate(); err != nil {
		return Cost{}, err
	}
	cells, last, auxiliary := stack(g, s)
	var total Cost
	total.stem(s)
	for i, c := range cells {
		total.preprocess(c)
		if err := total.edges(c); err != nil {
			return Cost{}, fmt.Errorf("cell %d of %d: %w", i+1, s.Layers, err)
		}
	}
	total.Parameters += last.channels*s.Classes + s.Classes
	total.MAdds += last.channels * s.Classes
	total.AuxiliaryParameters = auxiliaryParameters(s, auxiliary.channels)
	return total, nil
}

// stem counts the convolutions in front of the first cell.
func (c *Cost) stem(s Size) {
	full := feature{s.Channels, s.ImageSize}
	if s.Stem == SmallStem {
		c.add(3*3*3*3*s.Channels, full.pixels())
		c.norm(3 * s.Channels)
		return
	}
	half, quarter, eighth := full.halved(), full.halved().halved(), full.halved().halved().halved()
	c.add(3*3*3*s.Channels/2, half.pixels())
	c.norm(s.Channels / 2)
	c.add(3*3*s.Channels/2*s.Channels, quarter.pixels())
	c.norm(s.Channels)
	c.add(3*3*s.Channels*s.Channels, eighth.pixels())
	c.norm(s.Channels)
}

// preprocess counts the 1×1 convolutions that bring a cell's two inputs to its number of channels. A factorized reduce
// has two of half the output channels each, so as many weights as one.
func (c *Cost) preprocess(at cell) {
	for _, in := range at.inputs {
		c.add(in.channels*at.channels, at.operand().pixels())
		c.norm(at.channels)
	}
}

// edges counts the operations of a cell.
func (c *Cost) edges(at cell) error {
	for _, e := range at.design.Edges {
		size, stride := at.edge(e)
		if _, fits := e.Op.OutputSize(size, stride); !fits {
			return misfit(at, e)
		}
		c.Parameters += e.Op.Parameters(at.channels, stride, true)
		c.MAdds += e.Op.MAdds(at.channels, size, stride)
	}
	return nil
}

// misfit says why the 2x2 pool on e does not fit, and what would.
func misfit(at cell, e genotype.Edge) error {
	kind := "normal"
	if at.reduce {
		kind = "reduce"
	}
	size, stride := at.edge(e)
	reason := fmt.Sprintf("its input has %d×%d pixels", size, size)
	if stride == 1 {
		reason = "this edge has stride 1"
	}
	return fmt.Errorf("%s edge ('%s', %d, %d): a 2x2 pool needs stride 2 and an even size, but %s: use %s or %s",
		kind, e.Op, e.From, e.To, reason, e.Op.StandIn(), primitive.SkipConnect)
}

// auxiliaryParameters returns the parameters of the auxiliary head behind a feature of that many channels. ImageNet's has
// no batch normalisation after its second convolution.
func auxiliaryParameters(s Size, channels int) int {
	var head Cost
	head.add(channels*block.AuxiliaryNarrow, 0)
	head.norm(block.AuxiliaryNarrow)
	head.add(block.AuxiliaryNarrow*2*2*block.AuxiliaryWide, 0)
	if s.Stem == SmallStem {
		head.norm(block.AuxiliaryWide)
	}
	return head.Parameters + block.AuxiliaryWide*s.Classes + s.Classes
}
