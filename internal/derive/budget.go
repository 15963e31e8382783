package derive

import (
	"cmp"
	"context"
	"slices"
	"time"

	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/primitive"
)

// Budget is what an output may cost as a network of its own, of the published size for CIFAR-10; 0 stands for no limit. Latency
// is that of one image on the device at hand.
type Budget struct {
	MAdds, Parameters int
	Latency           time.Duration
}

// Unmet says what stands in the way of a budget.
type Unmet struct {
	Fixed network.Cost // of stem, preprocessing and classifier, which no transformation changes
	Edges []CostlyEdge // of the closest transformation, the one with the most multiply-adds first
}

// CostlyEdge is an edge whose operation costs something.
type CostlyEdge struct {
	genotype.Edge
	Reduce bool // it is the reduce cell's
	Cost   network.Cost
}

// lower returns the limits of the budget where they are below those of a cost.
func (b Budget) lower(c network.Cost) network.Cost {
	if b.MAdds > 0 {
		c.MAdds = min(c.MAdds, b.MAdds)
	}
	if b.Parameters > 0 {
		c.Parameters = min(c.Parameters, b.Parameters)
	}
	return c
}

// allowed tells whether an architecture may be returned.
func (t *derivation) allowed(a Architecture) bool {
	limit := t.options.Budget.Latency
	return t.acceptable(a.Genotype) && (limit == 0 || a.Latency <= limit)
}

// sought returns the best transformation within the budget, or the closest to it if none fits; and the front, if that is
// asked for.
func (t *derivation) sought(ctx context.Context) (Result, error) {
	fitting, fastest, err := t.fitting(ctx)
	if err != nil {
		return Result{}, err
	}
	if len(fitting) == 0 {
		return t.closest(ctx, fastest)
	}
	if t.judge == nil {
		slices.SortStableFunc(fitting, func(a, b Architecture) int {
			return cmp.Compare(t.logProbability(b.Genotype), t.logProbability(a.Genotype))
		})
		input, err := t.describe(ctx, t.input)
		return Result{Input: input, Output: fitting[0]}, err
	}
	groups := 1
	if t.options.Front {
		groups = finalists
	}
	t.expect(t.raceImages(len(fitting)))
	winners, err := t.race(ctx, fitting, groups)
	if err != nil {
		return Result{}, err
	}
	r, err := t.compare(ctx, winners)
	r.Raced = len(fitting)
	return r, err
}

// fitting returns candidates within the budget, and where latency counts the fastest of all that were measured.
func (t *derivation) fitting(ctx context.Context) (fitting []Architecture, fastest *Architecture, err error) {
	if t.options.Budget.Latency == 0 {
		fitting, err = t.describeAll(ctx, t.pool(t.limit))
		return fitting, nil, err
	}
	ends, err := t.describeAll(ctx, []genotype.Genotype{t.input})
	if g, ok := t.cheapest(); ok && err == nil {
		var cheapest Architecture
		cheapest, err = t.describe(ctx, g)
		ends = append(ends, cheapest)
	}
	if err != nil || len(ends) < 2 || ends[1].Latency > t.options.Budget.Latency*6/5 { // a fifth is more than others may gain
		return nil, &ends[len(ends)-1], err
	}
	return t.fastEnough(ctx, ends[0], ends[1])
}

// latencyTries is how often candidates are drawn, each time towards cheaper ones, until some are fast enough.
const latencyTries = 3

// fastEnough draws candidates of which some will be fast enough, if time grows with multiply-adds from the cheapest
// transformation to the input.
func (t *derivation) fastEnough(ctx context.Context, input, cheapest Architecture) (fitting []Architecture, fastest *Architecture, err error) {
	fastest = &cheapest
	spare := float64(t.options.Budget.Latency-cheapest.Latency) / float64(max(input.Latency-cheapest.Latency, 1))
	spare = min(max(spare, 0), 1)
	for range latencyTries {
		limit := t.limit
		limit.MAdds = min(limit.MAdds, cheapest.Cost.MAdds+int(spare*float64(input.Cost.MAdds-cheapest.Cost.MAdds)))
		drawn, err := t.describeAll(ctx, append(t.pool(limit), cheapest.Genotype))
		if err != nil {
			return nil, nil, err
		}
		fitting = nil
		for i, a := range drawn {
			if a.Latency < fastest.Latency {
				fastest = &drawn[i]
			}
			if t.allowed(a) {
				fitting = append(fitting, a)
			}
		}
		const enough = 4 // one in so many
		if len(fitting)*enough >= len(drawn) {
			break
		}
		spare /= 2
	}
	return fitting, fastest, nil
}

// closest returns the transformation that exceeds the budget least, or the fastest of those measured where latency is what
// they exceed.
func (t *derivation) closest(ctx context.Context, fastest *Architecture) (r Result, err error) {
	if fastest == nil {
		g, ok := t.cheapest()
		if !ok {
			return r, errCutOff
		}
		a, err := t.describe(ctx, g)
		if err != nil {
			return r, err
		}
		fastest = &a
	}
	if t.judge != nil {
		t.expect(2 * (t.options.Selection.Len() + t.options.testImages()))
		r, err = t.compare(ctx, []Architecture{*fastest})
	} else if r.Input, err = t.describe(ctx, t.input); t.allowed(r.Input) {
		r.Output = r.Input
	} else {
		r.Output = *fastest
	}
	if err != nil || t.allowed(r.Output) { // the input may fit where no transformation was found
		return r, err
	}
	r.Unmet, err = t.unmet(r.Output.Genotype)
	return r, err
}

// unmet says what of a transformation costs how much.
func (t *derivation) unmet(g genotype.Genotype) (*Unmet, error) {
	cost, err := costOf(g)
	if err != nil {
		return nil, err
	}
	u := &Unmet{Fixed: cost}
	for _, reduce := range []bool{false, true} {
		edges := g.Normal.Edges
		if reduce {
			edges = g.Reduce.Edges
		}
		for i, e := range edges {
			without, err := costOf(replaced(g, reduce, i, primitive.NullOp))
			if err != nil {
				return nil, err
			}
			c := network.Cost{Parameters: cost.Parameters - without.Parameters, MAdds: cost.MAdds - without.MAdds}
			if c.Parameters > 0 || c.MAdds > 0 {
				u.Edges = append(u.Edges, CostlyEdge{e, reduce, c})
				u.Fixed = network.Cost{Parameters: u.Fixed.Parameters - c.Parameters, MAdds: u.Fixed.MAdds - c.MAdds}
			}
		}
	}
	slices.SortStableFunc(u.Edges, func(a, b CostlyEdge) int { return cmp.Compare(b.Cost.MAdds, a.Cost.MAdds) })
	return u, nil
}

// replaced returns a genotype with another operation on an edge of one of its cells.
func replaced(g genotype.Genotype, reduce bool, edge int, op primitive.ID) genotype.Genotype {
	g.Normal, g.Reduce = g.Normal.Clone(), g.Reduce.Clone()
	cell := g.Normal
	if reduce {
		cell = g.Reduce
	}
	cell.Edges[edge].Op = op
	return g
}
