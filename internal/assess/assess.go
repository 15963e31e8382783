// Package assess says how good a policy is, beside ways to choose that need none. For every architecture each way proposes
// as many transformations; the most accurate one on one half of the held-out images is its choice, and what the choice
// gains over the input is measured on the other half. Nothing falls back to the input: the best of several, chosen and
// scored on the same images, would gain whatever the policy. It stands above derive, and below cli.
package assess

import (
	"context"
	"fmt"

	"nat/internal/dataset"
	"nat/internal/derive"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/network"
	"nat/internal/random"
)

// Options say what to assess a policy on.
type Options struct {
	Inputs     int                 // architectures drawn at random, from a stream that no search draws from
	Published  []genotype.Genotype // assessed too, apart
	Candidates int                 // that every way to choose may evaluate
	Seed       uint64              // of all that is drawn
	// Images are held out of training: the first half is chosen on, gains are measured on the rest.
	Images    *dataset.Images
	BatchSize int // batches are normalised with their own statistics, so it is part of the result
	// Progress, where set, is told how many of the architectures are done.
	Progress func(done, total int)
}

// Trial is what the ways to choose made of one architecture.
type Trial struct {
	Input    genotype.Genotype
	Accuracy float64      // of the input on the images of gains, with shared weights
	Cost     network.Cost // of the input, as a network of its own
	Choices  []Choice     // of Ways(), in their order

	hits []bool // of the input, by image of gains
}

// Choice is the transformation that a way chose.
type Choice struct {
	genotype.Genotype
	Gain    float64 // in accuracy, over the input
	Cost    network.Cost
	Entropy float64 // of the distributions that it was drawn from; 0 where there are none

	hits []bool // by image of gains
}

// assessment is an assessment under way.
type assessment struct {
	Options
	device       *graph.Device
	model        *model.Model
	judge        *derive.Judge
	choose, gain *dataset.Images
}

// Run assesses a model's policy.
func Run(ctx context.Context, d *graph.Device, m *model.Model, o Options) (Report, error) {
	a := assessment{Options: o, device: d, model: m}
	if err := a.prepare(); err != nil {
		return Report{}, err
	}
	var inputs []genotype.Genotype
	for i := range o.Inputs {
		g := genotype.Random(random.New(o.Seed, "assessed architectures", i), m.Supernet.Config().Nodes)
		g.Name = fmt.Sprintf("random_%d", i+1)
		inputs = append(inputs, g)
	}
	inputs = append(inputs, o.Published...)
	var trials []Trial
	for i, g := range inputs {
		t, err := a.try(ctx, g, i)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", g.Name, err)
		}
		trials = append(trials, t)
		if o.Progress != nil {
			o.Progress(i+1, len(inputs))
		}
	}
	return Report{
		Random: summarise(trials[:o.Inputs], o.Seed), Published: summarise(trials[o.Inputs:], o.Seed),
		ChoiceImages: a.choose.Len(), GainImages: a.gain.Len(),
	}, nil
}

// prepare checks what was asked for, and halves the images.
func (a *assessment) prepare() error {
	if a.Inputs < 0 || a.Inputs+len(a.Published) < 1 || a.Candidates < 1 {
		return fmt.Errorf("%d architectures and %d candidates can't be: take 1 or more", a.Inputs, a.Candidates)
	}
	var err error
	if a.judge, err = derive.NewJudge(a.device, a.model, a.BatchSize, a.Images); err != nil {
		return err
	}
	n := a.Images.Len()
	if n < 2 {
		return fmt.Errorf("%s has %d images: half of them are chosen on and half of them measured on, so give 2 or more", a.Images.Name, n)
	}
	a.choose = a.Images.First(n / 2)
	var rest []int
	for i := n / 2; i < n; i++ {
		rest = append(rest, i)
	}
	a.gain = a.Images.Select(rest)
	return nil
}

// try has every way choose for an architecture, number i of all, and measures what that gains.
func (a *assessment) try(ctx context.Context, input genotype.Genotype, i int) (Trial, error) {
	t := Trial{Input: input}
	if err := a.model.Fits(input); err != nil {
		return t, err
	}
	var err error
	if t.Cost, err = network.CostOf(input, network.CIFAR10()); err != nil {
		return t, err
	}
	proposals, err := a.propose(t, i)
	if err != nil {
		return t, err
	}
	if t.Choices, err = a.choices(ctx, proposals); err != nil {
		return t, err
	}
	measured := []genotype.Genotype{input}
	for _, c := range t.Choices {
		measured = append(measured, c.Genotype)
	}
	seen, err := a.judge.Measure(ctx, measured, a.gain)
	if err != nil {
		return t, err
	}
	t.hits, t.Accuracy = seen[0].Hits, seen[0].Accuracy().Value()
	for w := range t.Choices {
		c := &t.Choices[w]
		c.hits, c.Gain = seen[1+w].Hits, seen[1+w].Accuracy().Value()-t.Accuracy
	}
	return t, nil
}

// choices returns the proposal of every way that is the most accurate; of several the one with the fewest multiply-adds,
// then the first.
func (a *assessment) choices(ctx context.Context, proposals []proposal) ([]Choice, error) {
	var all []genotype.Genotype
	for _, p := range proposals {
		all = append(all, p.candidates...)
	}
	seen, err := a.judge.Measure(ctx, all, a.choose)
	if err != nil {
		return nil, err
	}
	var choices []Choice
	for _, p := range proposals {
		var best Choice
		most := -1
		for i, g := range p.candidates {
			cost, err := network.CostOf(g, network.CIFAR10())
			if err != nil {
				return nil, err
			}
			right := seen[i].Accuracy().Correct
			if right > most || right == most && cost.MAdds < best.Cost.MAdds {
				best, most = Choice{Genotype: g, Cost: cost, Entropy: p.entropy}, right
			}
		}
		seen = seen[len(p.candidates):]
		choices = append(choices, best)
	}
	return choices, nil
}
