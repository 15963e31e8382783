package derive

import (
	"math"
	"math/rand/v2"

	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/policy"
	"nat/internal/primitive"
)

// maxRedraws is how often a candidate that can't be returned is drawn again (spec section 8).
const maxRedraws = 100

// Proposer finds transformations of one architecture that may be returned: they stay within its limits, and their cells
// pass on something of their inputs.
type Proposer struct {
	input          genotype.Genotype
	cost           network.Cost // of the input
	limit          network.Cost // what a transformation may cost
	normal, reduce policy.Distribution
}

// NewProposer returns a proposer that draws from distributions over the edges of an architecture's cells. Transformations
// may cost as much as the input, or anything if that is allowed, and no more than a budget.
func NewProposer(input genotype.Genotype, normal, reduce policy.Distribution, allowCostlier bool, b Budget) (*Proposer, error) {
	cost, err := costOf(input)
	if err != nil {
		return nil, err
	}
	limit := cost
	if allowCostlier {
		limit = noLimit()
	}
	return &Proposer{input: input, cost: cost, limit: b.lower(limit), normal: normal, reduce: reduce}, nil
}

func noLimit() network.Cost { return network.Cost{Parameters: math.MaxInt, MAdds: math.MaxInt} }

// Candidates returns n transformations. If withMode, the first is the most probable one; candidate i is drawn from
// stream(i), counted from 1, whatever the others are. One that can't be found counts as the input.
func (p *Proposer) Candidates(n int, withMode bool, stream func(i int) *rand.Rand) []genotype.Genotype {
	var all []genotype.Genotype
	if withMode {
		g, ok := p.mostProbable()
		if !ok {
			g = p.input
		}
		all = append(all, g)
	}
	for len(all) < n {
		all = append(all, p.draw(stream(len(all)+1)))
	}
	return all
}

// draw draws a transformation, again where it can't be returned, and at last the input.
func (p *Proposer) draw(stream *rand.Rand) genotype.Genotype {
	for range 1 + maxRedraws {
		if g := p.transform(p.normal.Sample(stream), p.reduce.Sample(stream)); p.acceptable(g) {
			return g
		}
	}
	return p.input
}

// transform returns the input with other operations, by edge of its cells. It keeps its name if it is the input.
func (p *Proposer) transform(normal, reduce []primitive.ID) genotype.Genotype {
	g := genotype.Genotype{Normal: policy.Apply(p.input.Normal, normal), Reduce: policy.Apply(p.input.Reduce, reduce)}
	switch {
	case g.Equal(p.input):
		g.Name = p.input.Name
	case p.input.Name == "":
		g.Name = "derived"
	default:
		g.Name = p.input.Name + "_derived"
	}
	return g
}

// logProbability returns the logarithm of the probability that the input becomes g.
func (p *Proposer) logProbability(g genotype.Genotype) float64 {
	return p.normal.LogProbability(operations(g.Normal)) + p.reduce.LogProbability(operations(g.Reduce))
}

func operations(c genotype.Cell) []primitive.ID {
	var ops []primitive.ID
	for _, e := range c.Edges {
		ops = append(ops, e.Op)
	}
	return ops
}

// acceptable tells whether a transformation may be returned, but for its latency.
func (p *Proposer) acceptable(g genotype.Genotype) bool {
	if !dependsOnInput(g) {
		return false
	}
	cost, err := costOf(g)
	return err == nil && cost.Parameters <= p.limit.Parameters && cost.MAdds <= p.limit.MAdds
}

// costOf returns the cost by which architectures are compared: that of a network of the published size for CIFAR-10.
func costOf(g genotype.Genotype) (network.Cost, error) { return network.CostOf(g, network.CIFAR10()) }
