// Package derive turns one architecture into a better one: it draws transformations from the policy, evaluates them with
// the supernet's shared weights, and keeps the most accurate that costs no more (spec section 8). It stands above model,
// supernet, policy and network, and below the commands search and derive.
package derive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/network"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/random"
)

// Options say how to derive.
type Options struct {
	Candidates    int    // how many transformations are considered (published: n_archs)
	WithMode      bool   // the most probable one is among them
	AllowCostlier bool   // they may cost more than the input
	Budget        Budget // what the output may cost
	Front         bool   // candidates are spread over all costs, and the front of accuracy and multiply-adds is returned
	Seed          uint64 // of what is drawn
	// Selection are the images to choose on; without them nothing is evaluated, and the most probable transformation is
	// returned. Test are those on which the input and the chosen one are reported, if any; they may be the same images.
	Selection, Test *dataset.Images
	BatchSize       int // batches are normalised with their own statistics, so it is part of the result
	// Progress, where set, is told how many of the images, each counted once for every architecture, are done.
	Progress func(done, total int)
}

// Result is what became of an architecture.
type Result struct {
	Input, Output  Architecture
	Normal, Reduce []Choice // by edge of the cells
	StandIns       []StandIn
	Evaluated      int // different architectures that were evaluated on all images, the input included
	Raced          int // candidates of which these were the best on some of the images; 0 without a budget or front
	// Front are those evaluated that are more accurate than all cheaper ones, by multiply-adds; Behind are the others.
	Front, Behind []Architecture
	Unmet         *Unmet // where no transformation stays within the budget: the output is the closest then
}

// Architecture is the input or the output, with what is known of it.
type Architecture struct {
	genotype.Genotype
	Cost            network.Cost  // as a network of its own, of the published size for CIFAR-10
	Selection, Test Accuracy      // with shared weights; of no images where it wasn't measured
	Latency         time.Duration // of one image, as that network; 0 where it wasn't measured
	// WithoutParameters names those of its cells, "normal" and "reduce", whose operations have nothing to learn.
	WithoutParameters []string
}

// Choice is what the policy said of an edge, and what the edge became.
type Choice struct {
	genotype.Edge              // of the input
	Chosen        primitive.ID // in the output
	Policy        policy.Choice
}

// StandIn is a primitive outside the search space, and what policy and supernet saw in its place.
type StandIn struct{ Own, Seen primitive.ID }

// derivation is the transformation of one architecture.
type derivation struct {
	*Proposer
	device  *graph.Device
	model   *model.Model
	options Options
	judge   *Judge // nil where nothing is evaluated
}

// Derive transforms an architecture. What it draws depends on the seed, the model and the architecture alone. The output
// is never less accurate on the selection images than the input, which is returned where nothing better was found.
func Derive(ctx context.Context, d *graph.Device, m *model.Model, input genotype.Genotype, o Options) (Result, error) {
	t := derivation{device: d, model: m, options: o}
	if err := t.prepare(input); err != nil {
		return Result{}, err
	}
	choose := t.evaluated
	switch {
	case o.Front || o.Budget != Budget{}:
		choose = t.sought
	case o.Selection == nil:
		choose = t.unevaluated
	}
	r, err := choose(ctx)
	if err != nil {
		return Result{}, err
	}
	r.Normal = choices(input.Normal, r.Output.Normal, t.normal)
	r.Reduce = choices(input.Reduce, r.Output.Reduce, t.reduce)
	r.StandIns = standIns(input)
	return r, nil
}

// prepare checks what was asked for and asks the policy.
func (t *derivation) prepare(input genotype.Genotype) error {
	if t.options.Candidates < 1 {
		return fmt.Errorf("%d candidates can't be: consider 1 or more", t.options.Candidates)
	}
	if err := t.model.Fits(input); err != nil {
		return err
	}
	if t.options.Selection != nil {
		var err error
		if t.judge, err = NewJudge(t.device, t.model, t.options.BatchSize, t.options.Selection, t.options.Test); err != nil {
			return err
		}
	}
	normal, err := t.model.Policy.Distribution(t.device, input.Normal)
	if err != nil {
		return err
	}
	reduce, err := t.model.Policy.Distribution(t.device, input.Reduce)
	if err != nil {
		return err
	}
	t.Proposer, err = NewProposer(input, normal, reduce, t.options.AllowCostlier, t.options.Budget)
	return err
}

// unevaluated returns the most probable transformation.
func (t *derivation) unevaluated(ctx context.Context) (Result, error) {
	best, ok := t.mostProbable()
	if !ok {
		return Result{}, errCutOff
	}
	input, err := t.describe(ctx, t.input)
	if err != nil {
		return Result{}, err
	}
	output, err := t.describe(ctx, best)
	return Result{Input: input, Output: output}, err
}

// evaluated returns the best of the candidates.
func (t *derivation) evaluated(ctx context.Context) (Result, error) {
	candidates := t.candidates()
	all, err := t.describeAll(ctx, candidates)
	if err != nil {
		return Result{}, err
	}
	different, _ := distinct(append(candidates, t.input))
	t.expect(len(different)*t.options.Selection.Len() + min(len(different), 2)*t.options.testImages())
	return t.compare(ctx, all)
}

// testImages returns how many images there are to run besides those to choose on.
func (o Options) testImages() int {
	if o.Test == nil || o.Test == o.Selection {
		return 0
	}
	return o.Test.Len()
}

// compare evaluates the input and candidates, and returns the best that may be returned, or the first candidate if none
// may. It is reported, as the input is, on the test images.
func (t *derivation) compare(ctx context.Context, candidates []Architecture) (r Result, err error) {
	if r.Input, err = t.describe(ctx, t.input); err != nil {
		return r, err
	}
	all := append([]Architecture{r.Input}, candidates...)
	var genotypes []genotype.Genotype
	for _, a := range all {
		genotypes = append(genotypes, a.Genotype)
	}
	measured, err := t.judge.Measure(ctx, genotypes, t.options.Selection)
	if err != nil {
		return r, err
	}
	different, _ := distinct(genotypes)
	r.Evaluated = len(different)
	best := -1
	for i := range all {
		all[i].Selection = measured[i].Accuracy()
		if t.allowed(all[i]) && (best < 0 || all[i].better(all[best])) {
			best = i
		}
	}
	if best < 0 && !dependsOnInput(all[1].Genotype) {
		return r, errCutOff
	}
	r.Input, r.Output = all[0], all[max(best, 0)]
	if best < 0 {
		r.Output = all[1]
	}
	if t.options.Front {
		r.Front, r.Behind = front(slices.DeleteFunc(all, func(a Architecture) bool { return !t.allowed(a) }))
	}
	return r, t.report(ctx, &r)
}

// candidates returns the transformations among which one is chosen.
func (t *derivation) candidates() []genotype.Genotype {
	o := t.options
	return t.Candidates(o.Candidates, o.WithMode, func(i int) *rand.Rand { return random.New(o.Seed, "derivation", i) })
}

// better tells whether a is to be preferred to b, which was drawn before it: it is more accurate on the selection images,
// or as accurate with fewer multiply-adds.
func (a Architecture) better(b Architecture) bool {
	if a.Selection.Correct != b.Selection.Correct {
		return a.Selection.Correct > b.Selection.Correct
	}
	return a.Cost.MAdds < b.Cost.MAdds
}

// describe counts the cost of the input or of one of its transformations, and measures its latency where that matters.
func (t *derivation) describe(ctx context.Context, g genotype.Genotype) (a Architecture, err error) {
	a.Genotype = g
	if a.Cost, err = costOf(g); err != nil {
		return a, err
	}
	if t.options.Budget.Latency > 0 {
		if a.Latency, err = network.Latency(ctx, t.device, g, network.CIFAR10()); err != nil {
			return a, err
		}
	}
	for _, c := range []struct {
		kind   string
		cell   genotype.Cell
		stride int // of edges that leave the cell's inputs
	}{{"normal", g.Normal, 1}, {"reduce", g.Reduce, 2}} {
		if !hasParameters(c.cell, c.stride) {
			a.WithoutParameters = append(a.WithoutParameters, c.kind)
		}
	}
	return a, nil
}

func (t *derivation) describeAll(ctx context.Context, all []genotype.Genotype) ([]Architecture, error) {
	described := make([]Architecture, len(all))
	for i, g := range all {
		var err error
		if described[i], err = t.describe(ctx, g); err != nil {
			return nil, err
		}
	}
	return described, nil
}

// hasParameters tells whether any operation of a cell has weights.
func hasParameters(c genotype.Cell, inputStride int) bool {
	for _, e := range c.Edges {
		stride := 1
		if e.From < 2 {
			stride = inputStride
		}
		if e.Op.Parameters(1, stride, false) > 0 {
			return true
		}
	}
	return false
}

// errCutOff says that no transformation can be returned.
var errCutOff = errors.New("null edges cut the output of one of its cells off from the cell's inputs, and no transformation " +
	"that mends it and costs no more was found: put another operation in place of a null")

// choices puts together, by edge, what the policy said and what was chosen.
func choices(input, output genotype.Cell, d policy.Distribution) []Choice {
	all := make([]Choice, len(d))
	for i, p := range d {
		all[i] = Choice{Edge: input.Edges[i], Chosen: output.Edges[i].Op, Policy: p}
	}
	return all
}

// standIns returns the primitives outside the search space in an architecture, each once, in the order of its edges.
func standIns(g genotype.Genotype) []StandIn {
	var all []StandIn
	seen := map[primitive.ID]bool{}
	for _, c := range []genotype.Cell{g.Normal, g.Reduce} {
		for _, e := range c.Edges {
			if !e.Op.Searchable() && !seen[e.Op] {
				seen[e.Op] = true
				all = append(all, StandIn{e.Op, e.Op.StandIn()})
			}
		}
	}
	return all
}
