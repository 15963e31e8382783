package derive

import (
	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/random"
)

// pool draws candidates that may be returned, all different to the supernet, towards a limit of costs. With a front to find
// they are spread over all costs below it.
func (t *derivation) pool(limit network.Cost) []genotype.Genotype {
	o := t.options
	p := pool{derivation: t, tilt: t.tilt(), seen: map[string]bool{}}
	if o.WithMode {
		if g, ok := t.mostProbable(); ok {
			p.add(g)
		}
	}
	if !o.Front {
		p.toward(limit)
		return p.all
	}
	least := t.cost
	if g, ok := t.cheapest(); ok {
		least, _ = costOf(g) // it has been costed
	}
	limit.MAdds = min(limit.MAdds, t.cost.MAdds)
	for k := range finalists {
		share := (float64(k) + 0.5) / finalists
		target := network.Cost{Parameters: limit.Parameters, MAdds: least.MAdds + int(share*float64(limit.MAdds-least.MAdds))}
		p.draw(p.tilt.toward(target, -maxLambda), (k+1)*o.Candidates/finalists)
	}
	return p.all
}

// pool is a set of candidates that is being filled.
type pool struct {
	*derivation
	tilt *tilt
	all  []genotype.Genotype
	seen map[string]bool // by what the supernet sees
	runs int             // of draw
}

func (p *pool) add(g genotype.Genotype) {
	if key := asSeen(g); !p.seen[key] {
		p.seen[key] = true
		p.all = append(p.all, g)
	}
}

// drawsEach is how often is drawn for each candidate that is wanted.
const drawsEach = 20

// draw draws with a λ until there are so many candidates, or it has drawn in vain too often.
func (p *pool) draw(lambda float64, until int) {
	normal, reduce := p.tilt.distributions(lambda)
	stream := random.New(p.options.Seed, "pool", p.runs)
	p.runs++
	for draws := 0; len(p.all) < until && draws < drawsEach*p.options.Candidates; draws++ {
		if g := p.transform(normal.Sample(stream), reduce.Sample(stream)); p.acceptable(g) {
			p.add(g)
		}
	}
}

// toward draws with the distribution that is expected to stay within a limit, and, where too few candidates come of it, with
// some that lean further.
func (p *pool) toward(limit network.Cost) {
	lambda := p.tilt.toward(limit, 0)
	for _, factor := range []float64{1, 1.25, 1.5, 2, 4} {
		p.draw(factor*lambda, p.options.Candidates)
	}
}

// cheapest returns the acceptable transformation that costs least, whatever the limits; of several the most probable.
func (t *derivation) cheapest() (genotype.Genotype, bool) {
	const muchMore = 1e9 // than any logarithm of a probability
	unlimited := *t.Proposer
	unlimited.limit = noLimit()
	options := t.edgeOptions()
	for _, edge := range options {
		for i := range edge {
			edge[i].logProbability -= muchMore * t.share(edge[i].cost)
		}
	}
	return unlimited.best(options)
}
