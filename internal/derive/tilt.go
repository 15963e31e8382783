package derive

import (
	"math"

	"nat/internal/network"
	"nat/internal/policy"
)

// tilt makes distributions that lean towards cheap operations from a proposer's: p·exp(−λ·c) in place of p, where c is what
// an operation costs, as a share of the input's cost. Of all distributions with the same expected c it is the one nearest
// to the policy's.
type tilt struct {
	*Proposer
	edges [][]option // by edge of the normal cell, then of the reduce cell
}

func (p *Proposer) tilt() *tilt { return &tilt{p, p.edgeOptions()} }

// share returns a cost as a share of the input's: the mean of both measures' shares.
func (p *Proposer) share(c network.Cost) float64 {
	return (float64(c.MAdds)/float64(p.cost.MAdds) + float64(c.Parameters)/float64(p.cost.Parameters)) / 2
}

// probabilities returns the tilted distribution of an edge.
func (t *tilt) probabilities(edge []option, lambda float64) []float64 {
	p, top, total := make([]float64, len(edge)), math.Inf(-1), 0.0
	for i, o := range edge {
		p[i] = o.logProbability - lambda*t.share(o.cost)
		top = max(top, p[i])
	}
	for i := range p {
		p[i] = math.Exp(p[i] - top)
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	return p
}

// expected returns the mean cost of what is drawn.
func (t *tilt) expected(lambda float64) (madds, parameters float64) {
	madds, parameters = float64(t.cost.MAdds), float64(t.cost.Parameters)
	for _, edge := range t.edges {
		for i, p := range t.probabilities(edge, lambda) {
			madds += p * float64(edge[i].cost.MAdds)
			parameters += p * float64(edge[i].cost.Parameters)
		}
	}
	return madds, parameters
}

// maxLambda is where next to nothing but the cheapest, or with the other sign the dearest, operations are drawn.
const maxLambda = 1 << 16

// toward returns the λ, no less than least, from which on what is drawn is expected to stay within a limit.
func (t *tilt) toward(limit network.Cost, least float64) float64 {
	low, high := least, float64(maxLambda)
	within := func(lambda float64) bool {
		madds, parameters := t.expected(lambda)
		return madds <= float64(limit.MAdds) && parameters <= float64(limit.Parameters)
	}
	if within(low) {
		return low
	}
	const halvings = 50
	for range halvings {
		if middle := (low + high) / 2; within(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// distributions returns those for a λ.
func (t *tilt) distributions(lambda float64) (normal, reduce policy.Distribution) {
	var all policy.Distribution
	for i, c := range append(append(policy.Distribution{}, t.normal...), t.reduce...) {
		tilted := policy.Choice{Allowed: c.Allowed, P: make([]float64, len(c.Allowed))}
		for k, p := range t.probabilities(t.edges[i], lambda) {
			tilted.P[t.edges[i][k].place] = p
		}
		all = append(all, tilted)
	}
	return all[:len(t.normal)], all[len(t.normal):]
}
