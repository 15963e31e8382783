package derive

import (
	"container/heap"
	"math"
	"slices"

	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/policy"
	"nat/internal/primitive"
)

// maxPartials bounds the search for the most probable transformation. What the published architectures need is far below.
const maxPartials = 200_000

// option is what an edge may become.
type option struct {
	op             primitive.ID
	place          int // among what is allowed
	logProbability float64
	cost           network.Cost // more than the input's
}

// partial is a transformation whose first edges are decided, those of the normal cell before those of the reduce cell.
type partial struct {
	before         *partial // without the last decision; nil where nothing is decided
	op             primitive.ID
	decided        int
	logProbability float64
	bound          float64 // what the logarithm of the probability can become at best
	cost           network.Cost
	fed            reach // of the cell under way
	order          int   // of when it was found
}

// state is what of a partial transformation decides how it can go on.
type state struct {
	decided int
	cost    network.Cost
	fed     reach
}

// mostProbable returns the most probable of the acceptable transformations, or false if there is none. It goes through
// partial transformations from the most promising on (A*): the first complete one is the most probable.
func (p *Proposer) mostProbable() (genotype.Genotype, bool) {
	return p.best(p.edgeOptions())
}

// best returns the acceptable transformation with the largest sum of the options' log-probabilities.
func (p *Proposer) best(options [][]option) (genotype.Genotype, bool) {
	s := p.newSearch(options)
	open := &partials{{bound: s.best[0], fed: newReach()}}
	seen := map[state]bool{}
	for found := 1; open.Len() > 0 && found < maxPartials; {
		top := heap.Pop(open).(*partial)
		if here := (state{top.decided, top.cost, top.fed}); seen[here] {
			continue // a more probable way led here
		} else {
			seen[here] = true
		}
		if top.decided == len(s.edges) {
			chosen := top.chosen()
			normal := len(p.input.Normal.Edges)
			return p.transform(chosen[:normal], chosen[normal:]), true
		}
		for _, next := range s.after(top) {
			next.order = found
			found++
			heap.Push(open, next)
		}
	}
	return p.input, p.acceptable(p.input)
}

// probableSearch is what the search for the most probable transformation knows of its edges.
type probableSearch struct {
	edges   []genotype.Edge
	options [][]option     // of every edge
	best    []float64      // at i: the largest sum of the logarithms of the probabilities of edge i and those behind it
	least   []network.Cost // at i: the smallest cost of edge i and those behind it
	cells   [2]genotype.Cell
	more    network.Cost // what may be added to the input's
}

func (p *Proposer) newSearch(options [][]option) *probableSearch {
	s := &probableSearch{
		edges:   slices.Concat(p.input.Normal.Edges, p.input.Reduce.Edges),
		options: options,
		cells:   [2]genotype.Cell{p.input.Normal, p.input.Reduce},
		more:    network.Cost{Parameters: p.limit.Parameters - p.cost.Parameters, MAdds: p.limit.MAdds - p.cost.MAdds},
	}
	n := len(s.edges)
	s.best, s.least = make([]float64, n+1), make([]network.Cost, n+1)
	for i := n - 1; i >= 0; i-- {
		best, least := math.Inf(-1), network.Cost{Parameters: math.MaxInt, MAdds: math.MaxInt}
		for _, o := range s.options[i] {
			best = max(best, o.logProbability)
			least.Parameters, least.MAdds = min(least.Parameters, o.cost.Parameters), min(least.MAdds, o.cost.MAdds)
		}
		s.best[i], s.least[i] = s.best[i+1]+best, sum(s.least[i+1], least)
	}
	return s
}

// edgeOptions returns what every edge may become, those of the normal cell before those of the reduce cell.
func (p *Proposer) edgeOptions() [][]option {
	var all [][]option
	for i, d := range []policy.Distribution{p.normal, p.reduce} {
		for e := range d {
			all = append(all, p.optionsOf(i == 1, e, d[e]))
		}
	}
	return all
}

// optionsOf returns what edge e of one of the cells may become. Costs are sums over edges, so what a change costs can be
// seen by making it alone.
func (p *Proposer) optionsOf(reduce bool, e int, c policy.Choice) []option {
	var all []option
	for i, op := range c.Allowed {
		cost, err := costOf(replaced(p.input, reduce, e, op))
		if err != nil {
			continue // a pool that doesn't fit there
		}
		more := network.Cost{Parameters: cost.Parameters - p.cost.Parameters, MAdds: cost.MAdds - p.cost.MAdds}
		all = append(all, option{op, i, math.Log(c.P[i]), more})
	}
	return all
}

// after returns the partial transformations with one decision more that may still become acceptable.
func (s *probableSearch) after(p *partial) []*partial {
	var all []*partial
	i := p.decided
	normal := len(s.cells[0].Edges)
	for _, o := range s.options[i] {
		next := &partial{
			before: p, op: o.op, decided: i + 1, logProbability: p.logProbability + o.logProbability,
			cost: sum(p.cost, o.cost), fed: p.fed.after(s.edges[i].From, s.edges[i].To, o.op),
		}
		next.bound = next.logProbability + s.best[i+1]
		if least := sum(next.cost, s.least[i+1]); least.Parameters > s.more.Parameters || least.MAdds > s.more.MAdds {
			continue
		}
		if next.decided == normal && !next.fed.any(s.cells[0].Concat) {
			continue
		}
		if next.decided == len(s.edges) && !next.fed.any(s.cells[1].Concat) {
			continue
		}
		if next.decided == normal {
			next.fed = newReach()
		}
		all = append(all, next)
	}
	return all
}

func sum(a, b network.Cost) network.Cost {
	return network.Cost{Parameters: a.Parameters + b.Parameters, MAdds: a.MAdds + b.MAdds}
}

// chosen returns the decisions in the order of the edges.
func (p *partial) chosen() []primitive.ID {
	chosen := make([]primitive.ID, p.decided)
	for ; p.before != nil; p = p.before {
		chosen[p.decided-1] = p.op
	}
	return chosen
}

// partials are a heap with the most promising on top; of equals the one nearest to completion, then the one found first.
type partials []*partial

func (h partials) Len() int { return len(h) }
func (h partials) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.bound != b.bound {
		return a.bound > b.bound
	}
	if a.decided != b.decided {
		return a.decided > b.decided
	}
	return a.order < b.order
}
func (h partials) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *partials) Push(x any)   { *h = append(*h, x.(*partial)) }
func (h *partials) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
