// Package derive turns one architecture into a better one: it draws transformations from the policy, evaluates them with
// the supernet's shared weights, and keeps the most accurate that costs no more (spec section 8). It stands above model,
// supernet, policy and network, and below the commands search and derive.
package derive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

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
	Seed          uint64 // of what is drawn
	// Selection are the images to choose on; without them nothing is evaluated, and the most probable transformation is
	// returned. Test are those on which the input and the chosen one are reported, if any; they may be the same images.
	Selection, Test *dataset.Images
	BatchSize       int // batches are normalised with their own statistics, so it is part of the result
	// Progress, where set, is told how many of the evaluations of a batch are done.
	Progress func(done, total int)
}

// Result is what became of an architecture.
type Result struct {
	Input, Output  Architecture
	Normal, Reduce []Choice // by edge of the cells
	StandIns       []StandIn
	Evaluated      int // different architectures that were evaluated, the input included
}

// Architecture is the input or the output, with what is known of it.
type Architecture struct {
	genotype.Genotype
	Cost            network.Cost // as a network of its own, of the published size for CIFAR-10
	Selection, Test Accuracy     // with shared weights; of no images where it wasn't measured
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
	if o.Selection == nil {
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
	t.Proposer, err = NewProposer(input, normal, reduce, t.options.AllowCostlier)
	return err
}

// unevaluated returns the most probable transformation.
func (t *derivation) unevaluated(context.Context) (Result, error) {
	best, ok := t.mostProbable()
	if !ok {
		return Result{}, errCutOff
	}
	input, err := t.describe(t.input)
	if err != nil {
		return Result{}, err
	}
	output, err := t.describe(best)
	return Result{Input: input, Output: output}, err
}

// evaluated returns the best of the candidates, and reports it and the input on the test images.
func (t *derivation) evaluated(ctx context.Context) (r Result, err error) {
	all := append([]genotype.Genotype{t.input}, t.candidates()...)
	r.Evaluated = t.expect(all)
	accuracies, err := t.judge.accuracies(ctx, all, t.options.Selection)
	if err != nil {
		return r, err
	}
	best := -1
	described := make([]Architecture, len(all))
	for i, g := range all {
		if described[i], err = t.describe(g); err != nil {
			return r, err
		}
		described[i].Selection = accuracies[i]
		if dependsOnInput(g) && (best < 0 || described[i].better(described[best])) {
			best = i
		}
	}
	if best < 0 {
		return r, errCutOff
	}
	r.Input, r.Output = described[0], described[best]
	return r, t.judge.report(ctx, &r, t.options)
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

// describe counts the cost of the input or of one of its transformations.
func (t *derivation) describe(g genotype.Genotype) (Architecture, error) {
	cost, err := costOf(g)
	a := Architecture{Genotype: g, Cost: cost}
	for _, c := range []struct {
		kind   string
		cell   genotype.Cell
		stride int // of edges that leave the cell's inputs
	}{{"normal", g.Normal, 1}, {"reduce", g.Reduce, 2}} {
		if !hasParameters(c.cell, c.stride) {
			a.WithoutParameters = append(a.WithoutParameters, c.kind)
		}
	}
	return a, err
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
