package assess

import (
	"math/rand/v2"

	"nat/internal/derive"
	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/random"
)

// Way is a way to choose what becomes of an architecture.
type Way string

// The ways.
const (
	Policy       Way = "policy"        // the one that is assessed: its most probable transformation, and draws
	Untrained    Way = "untrained"     // the same of a policy of random weights, others for every architecture
	Random       Way = "random"        // draws of the allowed transitions, all equally probable
	AllSkip      Way = "all_skip"      // every operation becomes skip_connect
	RandomSearch Way = "random_search" // architectures drawn at random that cost no more, not transformations
)

// Ways returns all ways, the policy first.
func Ways() []Way { return []Way{Policy, Untrained, Random, AllSkip, RandomSearch} }

// proposal is what a way proposes for an architecture.
type proposal struct {
	candidates []genotype.Genotype
	entropy    float64 // of what they were drawn from
}

// propose has every way propose for the input of a trial, number i of all.
func (a *assessment) propose(t Trial, i int) ([]proposal, error) {
	untrained, err := policy.New(a.model.Policy.Config())
	if err != nil {
		return nil, err
	}
	untrained.Initialise(random.New(a.Seed, "untrained policy", i).Uint64())
	var all []proposal
	for _, p := range []*policy.Policy{a.model.Policy, untrained} {
		var d [2]policy.Distribution
		for k, c := range []genotype.Cell{t.Input.Normal, t.Input.Reduce} {
			if d[k], err = p.Distribution(a.device, c); err != nil {
				return nil, err
			}
		}
		next, err := a.transformations(t.Input, i, Ways()[len(all)], d)
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	uniform, err := a.transformations(t.Input, i, Random, [2]policy.Distribution{policy.Uniform(t.Input.Normal), policy.Uniform(t.Input.Reduce)})
	if err != nil {
		return nil, err
	}
	skips := proposal{candidates: []genotype.Genotype{allSkip(t.Input)}}
	return append(all, uniform, skips, proposal{candidates: a.searched(t, i)}), nil
}

// transformations draws from distributions over the edges of an input. As in a derivation none costs more than the input,
// and the most probable one is among those of a policy.
func (a *assessment) transformations(input genotype.Genotype, i int, w Way, d [2]policy.Distribution) (proposal, error) {
	p, err := derive.NewProposer(input, d[0], d[1], false, derive.Budget{})
	if err != nil {
		return proposal{}, err
	}
	stream := func(k int) *rand.Rand { return random.New(a.Seed, "assessed "+string(w), i, k) }
	return proposal{p.Candidates(a.Candidates, w != Random, stream), d[0].Entropy() + d[1].Entropy()}, nil
}

// allSkip returns an architecture with skip_connect on all edges.
func allSkip(g genotype.Genotype) genotype.Genotype {
	skips := make([]primitive.ID, len(g.Normal.Edges))
	for i := range skips {
		skips[i] = primitive.SkipConnect
	}
	return genotype.Genotype{Name: g.Name + "_all_skip", Normal: policy.Apply(g.Normal, skips), Reduce: policy.Apply(g.Reduce, skips)}
}

// maxRedraws is how often random search draws again where an architecture costs more than the input.
const maxRedraws = 100

// searched returns the candidates of random search. Where none of the draws costs as little as the input, the cheapest one
// stands for them.
func (a *assessment) searched(t Trial, i int) []genotype.Genotype {
	var all []genotype.Genotype
	for k := range a.Candidates {
		stream := random.New(a.Seed, "assessed random search", i, k)
		var best genotype.Genotype
		var least network.Cost
		for draws := 0; draws <= maxRedraws && (draws == 0 || least.MAdds > t.Cost.MAdds || least.Parameters > t.Cost.Parameters); draws++ {
			g := genotype.Random(stream, t.Input.Nodes())
			cost, err := network.CostOf(g, network.CIFAR10())
			if err == nil && (draws == 0 || cost.MAdds < least.MAdds) {
				best, least = g, cost
			}
		}
		all = append(all, best)
	}
	return all
}
