package policy

import (
	"fmt"
	"math"
	"math/rand/v2"

	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/primitive"
)

// Distribution returns the probabilities of what a cell's edges become.
func (p *Policy) Distribution(d *graph.Device, c genotype.Cell) (Distribution, error) {
	return p.distribution(d.Processor(), c)
}

// distribution is Distribution, computed on that very device.
func (p *Policy) distribution(on *graph.Device, c genotype.Cell) (Distribution, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	logits := make([]float32, len(c.Edges)*primitive.Searchable)
	g, err := graph.Build(func(g *graph.Graph) error {
		g.Keep(p.logits(g, "", c, nil), logits)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := graph.NewMachine(on, g).RunAll(); err != nil {
		return nil, err
	}
	return newDistribution(c, logits), nil
}

// Decision is what was chosen for the edges of a cell.
type Decision struct {
	Cell   genotype.Cell
	Chosen []primitive.ID // by edge; each must be allowed
	// Advantage is how much better it did than was to be expected.
	Advantage float64
}

// Outcome is what a policy makes of decisions.
type Outcome struct {
	Loss           float64
	LogProbability float64 // of all that was chosen
	Entropy        float64 // of all edges
}

// Gradients computes REINFORCE's loss for decisions, such as those of an architecture's two cells,
//
//	−Σ advantage · log p(chosen) − entropyWeight · Σ entropy,
//
// and its gradients, in the returned parameters. Dropout, where the config has it, is drawn from the stream.
func (p *Policy) Gradients(d *graph.Device, decisions []Decision, entropyWeight float64, dropout *rand.Rand) (o Outcome, used []*graph.Parameter, err error) {
	return p.gradients(d.Processor(), decisions, entropyWeight, dropout)
}

// gradients is Gradients, computed on that very device.
func (p *Policy) gradients(on *graph.Device, decisions []Decision, entropyWeight float64, dropout *rand.Rand) (o Outcome, used []*graph.Parameter, err error) {
	for _, decision := range decisions {
		if err := decision.validate(); err != nil {
			return o, nil, err
		}
	}
	loss := make([]float32, 1)
	distributions := make([]Distribution, len(decisions))
	masks := make([][]float32, len(decisions))
	for i, decision := range decisions {
		masks[i] = p.dropoutMask(decision.Cell, dropout)
	}
	g, err := graph.Build(func(g *graph.Graph) (err error) {
		var sum *graph.Node
		for i, decision := range decisions {
			logits := p.logits(g, fmt.Sprint(i), decision.Cell, masks[i])
			term := addReinforce(g, logits, decision, entropyWeight, &distributions[i])
			if sum == nil {
				sum = term
			} else {
				sum = g.Add(sum, term)
			}
		}
		g.Keep(sum, loss)
		used, err = g.Backward(sum)
		return err
	})
	if err != nil {
		return o, nil, err
	}
	if err := graph.NewMachine(on, g).RunAll(); err != nil {
		return o, nil, err
	}
	o.Loss = float64(loss[0])
	for i, distribution := range distributions {
		o.LogProbability += distribution.LogProbability(decisions[i].Chosen)
		o.Entropy += distribution.Entropy()
	}
	return o, used, nil
}

func (d Decision) validate() error {
	if err := d.Cell.Validate(); err != nil {
		return err
	}
	if len(d.Chosen) != len(d.Cell.Edges) {
		return fmt.Errorf("%d operations are chosen for %d edges", len(d.Chosen), len(d.Cell.Edges))
	}
	for i, e := range d.Cell.Edges {
		if !e.Op.Allows(d.Chosen[i]) {
			return fmt.Errorf("edge %d: %s may not become %s", i, e.Op, d.Chosen[i])
		}
	}
	return nil
}

// logits adds the network for a cell: [nodes, 26], which is [2·nodes, 13] by edge. name tells the inputs of several cells
// of a graph apart; dropout is nil or what hidden features [nodes + 2, Hidden] are multiplied by.
func (p *Policy) logits(g *graph.Graph, name string, c genotype.Cell, dropout []float32) *graph.Node {
	n := c.Nodes() + 2
	adjacency := c.Adjacency()
	if p.config.NormaliseAdjacency {
		normaliseRows(adjacency, n)
	}
	a := g.Input("adjacency"+name, adjacency, n, n)
	x := g.MatMul(addFeatures(g, g.Parameter(p.nodes), g.Parameter(p.operations), c), g.Parameter(p.linear.weight), g.Parameter(p.linear.bias), true)
	if p.config.NormaliseFeatures {
		x = addNormaliseRows(g, x)
	}
	h := g.ReLU(convolve(g, a, x, p.convolution1))
	if dropout != nil {
		h = addScale(g, h, dropout)
	}
	z := convolve(g, a, h, p.convolution2)
	return g.MatMul(addWithoutInputs(g, z), g.Parameter(p.output.weight), g.Parameter(p.output.bias), true)
}

// convolve is a graph convolution: A (X W) + b.
func convolve(g *graph.Graph, a, x *graph.Node, l layer) *graph.Node {
	return g.MatMul(a, g.MatMul(x, g.Parameter(l.weight), nil, false), g.Parameter(l.bias), false)
}

// normaliseRows divides the rows of an [n, n] matrix of counts by their sums.
func normaliseRows(a []float32, n int) {
	for ; len(a) > 0; a = a[n:] {
		sum := float32(0)
		for _, x := range a[:n] {
			sum += x
		}
		for i := range a[:n] {
			a[i] /= max(sum, 1)
		}
	}
}

// dropoutMask draws what the hidden features of a cell are multiplied by: 0, or what makes up for the zeros. It is nil
// without dropout.
func (p *Policy) dropoutMask(c genotype.Cell, r *rand.Rand) []float32 {
	q := p.config.Dropout
	if q == 0 {
		return nil
	}
	mask := make([]float32, (c.Nodes()+2)*p.config.Hidden)
	for i := range mask {
		if r.Float64() >= q {
			mask[i] = float32(1 / (1 - q))
		}
	}
	return mask
}

// gradient writes the derivatives of
//
//	−advantage · log p(chosen) − entropyWeight · entropy
//
// by an edge's 13 logits. With the softmax s, p = s + floor and f the function's derivative by p, they are
// s_j (f_j − Σ f_i s_i).
func (c Choice) gradient(dlogits []float32, chosen primitive.ID, advantage, entropyWeight, scale float64) {
	by := make([]float64, len(c.P))
	mean := 0.0
	for i, p := range c.P {
		by[i] = entropyWeight * (math.Log(p) + 1)
		if c.Allowed[i] == chosen {
			by[i] -= advantage / p
		}
		mean += by[i] * (p - floor)
	}
	clear(dlogits)
	for i, p := range c.P {
		dlogits[c.Allowed[i].StandIn()] += float32(scale * (p - floor) * (by[i] - mean))
	}
}
