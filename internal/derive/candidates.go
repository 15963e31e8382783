package derive

import (
	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/random"
)

// maxRedraws is how often a candidate that can't be returned is drawn again (spec section 8).
const maxRedraws = 100

// candidates returns the input and behind it the candidates, of which the most probable transformation is the first if it
// is to be among them. A candidate that was redrawn in vain counts as the input.
func (t *derivation) candidates() []genotype.Genotype {
	all := []genotype.Genotype{t.input}
	if t.options.WithMode {
		g, ok := t.mostProbable()
		if !ok {
			g = t.input
		}
		all = append(all, g)
	}
	for len(all) <= t.options.Candidates {
		all = append(all, t.draw(len(all)))
	}
	return all
}

// draw returns candidate i. What it is doesn't depend on the other candidates.
func (t *derivation) draw(i int) genotype.Genotype {
	stream := random.New(t.options.Seed, "derivation", i)
	for range 1 + maxRedraws {
		if g := t.transform(t.normal.Sample(stream), t.reduce.Sample(stream)); t.acceptable(g) {
			return g
		}
	}
	return t.input
}

// transform returns the input with other operations, by edge of its cells. It keeps its name if it is the input.
func (t *derivation) transform(normal, reduce []primitive.ID) genotype.Genotype {
	g := genotype.Genotype{Normal: policy.Apply(t.input.Normal, normal), Reduce: policy.Apply(t.input.Reduce, reduce)}
	switch {
	case g.Equal(t.input):
		g.Name = t.input.Name
	case t.input.Name == "":
		g.Name = "derived"
	default:
		g.Name = t.input.Name + "_derived"
	}
	return g
}

// acceptable tells whether a transformation may be returned: it costs no more than the input, unless that is allowed, and
// its cells pass on something of their inputs.
func (t *derivation) acceptable(g genotype.Genotype) bool {
	if !dependsOnInput(g) {
		return false
	}
	if t.options.AllowCostlier {
		return true
	}
	cost, err := costOf(g)
	return err == nil && cost.Parameters <= t.cost.Parameters && cost.MAdds <= t.cost.MAdds
}

// costOf returns the cost by which architectures are compared: that of a network of the published size for CIFAR-10.
func costOf(g genotype.Genotype) (network.Cost, error) { return network.CostOf(g, network.CIFAR10()) }

// dependsOnInput tells whether the outputs of both cells depend on their inputs.
func dependsOnInput(g genotype.Genotype) bool {
	return passesOn(g.Normal) && passesOn(g.Reduce)
}

// passesOn tells whether a way without null edges leads from the inputs of a cell to its output.
func passesOn(c genotype.Cell) bool {
	fed := newReach()
	for _, e := range c.Edges {
		fed = fed.after(e.From, e.To, e.Op)
	}
	return fed.any(c.Concat)
}

// reach is the set of a cell's nodes that something of the cell's inputs comes to, as bits.
type reach uint32

func newReach() reach { return 0b11 }

// after returns the set after one more edge; edges must come in the cell's order.
func (r reach) after(from, to int, op primitive.ID) reach {
	if op != primitive.NullOp && r>>from&1 == 1 {
		r |= 1 << to
	}
	return r
}

// any tells whether any of the nodes is in the set.
func (r reach) any(nodes []int) bool {
	for _, t := range nodes {
		if r>>t&1 == 1 {
			return true
		}
	}
	return false
}
