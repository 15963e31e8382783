package policy

import (
	"math"
	"math/rand/v2"

	"nat/internal/genotype"
	"nat/internal/primitive"
)

// floor is added to every probability after the softmax (spec section 6).
const floor = 1e-5

// Choice is what one edge may become, and with which probability.
type Choice struct {
	Allowed []primitive.ID
	P       []float64 // of each allowed primitive: its softmax + 1e-5, which is not normalised again
}

// Distribution has a choice for every edge of a cell, in their order.
type Distribution []Choice

// newChoice takes the softmax of an edge's 13 logits over what its operation may become. A primitive outside the search
// space has the logit of its stand-in.
func newChoice(op primitive.ID, logits []float32) Choice {
	c := Choice{Allowed: op.Transitions()}
	top := math.Inf(-1)
	for _, to := range c.Allowed {
		top = max(top, float64(logits[to.StandIn()]))
	}
	total := 0.0
	for _, to := range c.Allowed {
		c.P = append(c.P, math.Exp(float64(logits[to.StandIn()])-top))
		total += c.P[len(c.P)-1]
	}
	for i := range c.P {
		c.P[i] = c.P[i]/total + floor
	}
	return c
}

// newDistribution makes the choices of a cell from the logits [2·nodes, 13].
func newDistribution(c genotype.Cell, logits []float32) Distribution {
	var d Distribution
	for i, e := range c.Edges {
		d = append(d, newChoice(e.Op, logits[i*primitive.Searchable:][:primitive.Searchable]))
	}
	return d
}

// Uniform returns the distribution that prefers nothing: everything that an edge may become is as probable.
func Uniform(c genotype.Cell) Distribution {
	var d Distribution
	for _, e := range c.Edges {
		choice := Choice{Allowed: e.Op.Transitions()}
		for range choice.Allowed {
			choice.P = append(choice.P, 1/float64(len(choice.Allowed)))
		}
		d = append(d, choice)
	}
	return d
}

// Normalised returns the probabilities divided by their sum: those that sampling draws with.
func (c Choice) Normalised() []float64 {
	total, p := 0.0, make([]float64, len(c.P))
	for _, x := range c.P {
		total += x
	}
	for i, x := range c.P {
		p[i] = x / total
	}
	return p
}

// position returns where a primitive stands in Allowed. It must be there.
func (c Choice) position(id primitive.ID) int {
	for i, to := range c.Allowed {
		if to == id {
			return i
		}
	}
	panic("policy: " + id.String() + " is not among what the edge may become")
}

// entropy returns −Σ p log p.
func (c Choice) entropy() float64 {
	h := 0.0
	for _, p := range c.P {
		h -= p * math.Log(p)
	}
	return h
}

// Sample draws an operation for every edge.
func (d Distribution) Sample(r *rand.Rand) []primitive.ID {
	var chosen []primitive.ID
	for _, c := range d {
		chosen = append(chosen, c.Allowed[draw(r, c.Normalised())])
	}
	return chosen
}

// draw returns a position with the given probabilities, which add up to 1.
func draw(r *rand.Rand, p []float64) int {
	x := r.Float64()
	for i, q := range p[:len(p)-1] {
		if x -= q; x < 0 {
			return i
		}
	}
	return len(p) - 1 // what rounding leaves over
}

// Mode returns the most probable operation for every edge, the first of the table in a tie.
func (d Distribution) Mode() []primitive.ID {
	var chosen []primitive.ID
	for _, c := range d {
		best := 0
		for i, p := range c.P {
			if p > c.P[best] {
				best = i
			}
		}
		chosen = append(chosen, c.Allowed[best])
	}
	return chosen
}

// Entropy returns the sum of the edges' entropies, with the probabilities as they are.
func (d Distribution) Entropy() float64 {
	h := 0.0
	for _, c := range d {
		h += c.entropy()
	}
	return h
}

// LogProbability returns the sum over edges of the logarithm of what was chosen, with the probabilities as they are.
// Everything chosen must be allowed.
func (d Distribution) LogProbability(chosen []primitive.ID) float64 {
	sum := 0.0
	for i, c := range d {
		sum += math.Log(c.P[c.position(chosen[i])])
	}
	return sum
}
