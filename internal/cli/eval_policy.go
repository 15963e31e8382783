package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/genotypes"
	"nat/internal/assess"
	"nat/internal/genotype"
	"nat/internal/model"
)

// evalPolicySettings are the flags of nat eval-policy.
type evalPolicySettings struct {
	dataFlags
	deviceFlags
	modelSettings
	inputs, candidates, images int
	seed                       uint64
	batchSize                  int
	json                       bool
}

func (p *program) evalPolicyCommand() *cobra.Command {
	var s evalPolicySettings
	c := &cobra.Command{
		Use:   "eval-policy",
		Short: "Measure how good a policy is, beside ways to choose that need none",
		Long: `Measure what a policy's choices gain over their inputs: random architectures that no search has seen, and the published
ones. Of --n-archs transformations the most accurate one on the first half of the held-out images is chosen, and its gain
measured on the second half, without falling back to the input: the best of several, chosen and scored on the same images,
gains whatever the policy. So are chosen, among as many: transformations of a policy of random weights, transitions drawn
uniformly, and architectures drawn at random that cost no more; and besides, skip_connect on every edge.

Accuracies are those of shared weights. Intervals are 95 % bootstrap intervals over architectures; a wider one says what would
be with other images too.`,
		Example: `  nat eval-policy --model-path runs/search-1 --data ~/cifar-10 --images 1024
  nat eval-policy --op-type loose-end --n-inputs 20 --json`,
		Args: noArguments,
	}
	s.define(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error { return p.evalPolicy(c.Context(), s) }
	return c
}

func (s *evalPolicySettings) define(flags *pflag.FlagSet) {
	s.modelSettings.define(flags, "which shipped checkpoint, or kind of supernet where the checkpoint doesn't say it")
	wholeNumber(flags, &s.inputs, "n-inputs", 100, 1, maxRandom, "random architectures to transform")
	wholeNumber(flags, &s.candidates, "n-archs", 10, 1, 100_000, "transformations to choose from")
	wholeNumber(flags, &s.images, "images", 512, 2, 10_000_000, "held-out images, half of them to choose on and half to measure on")
	seedFlag(flags, &s.seed)
	s.defineOffline(flags)
	batchSizeFlag(flags, &s.batchSize)
	s.deviceFlags.define(flags)
	jsonFlag(flags, &s.json)
}

// evalPolicy does what nat eval-policy is asked for.
func (p *program) evalPolicy(ctx context.Context, s evalPolicySettings) error {
	models := p.newModels(s.modelSettings)
	m, err := models.forNodes(s.opType.DefaultNodes())
	if err != nil {
		return err
	}
	if m.Supernet == nil {
		return fmt.Errorf("%s holds a policy alone, which measures nothing: give a checkpoint with a supernet", m.Source)
	}
	s.size = m.Supernet.Config().ImageSize
	set, err := p.openData(ctx, s.dataFlags)
	if err != nil {
		return err
	}
	if reason := strange(m, set); reason != "" {
		return errors.New(reason + ": give the data that it was trained on (--data)")
	}
	o := assess.Options{Inputs: s.inputs, Candidates: s.candidates, Seed: s.seed, BatchSize: s.batchSize}
	if o.Published, err = publishedFor(m); err != nil {
		return err
	}
	if o.Images, err = p.heldOut(asTrained(set, m), m, s.images); err != nil {
		return err
	}
	device, err := s.device()
	if err != nil {
		return err
	}
	defer device.Close()
	bar := p.newProgress("evaluating the policy", false)
	defer bar.close()
	o.Progress = func(done, total int) { bar.report(int64(done), int64(total)) }
	r, err := assess.Run(ctx, device, m, o)
	if err != nil {
		return err
	}
	bar.close()
	if s.json {
		return p.printJSON(newPolicyResult(r, m, s))
	}
	p.printPolicy(r, s)
	return nil
}

// publishedFor returns the published architectures that a model is for.
func publishedFor(m *model.Model) ([]genotype.Genotype, error) {
	var all []genotype.Genotype
	for _, name := range genotypes.Names() {
		g, _, err := genotypes.Resolve(name, nil)
		if err != nil {
			return nil, err
		}
		if m.Fits(g) == nil {
			all = append(all, g)
		}
	}
	return all, nil
}

// policyResult is the JSON of nat eval-policy. Gains and accuracies are shares of images; ratios are those of a choice's
// cost to its input's.
type policyResult struct {
	Policy          policyWay            `json:"policy"`
	Untrained       policyWay            `json:"untrained"`
	Random          policyWay            `json:"random"`
	AllSkip         policyWay            `json:"all_skip"`
	RandomSearch    policyWay            `json:"random_search"`
	InputAccuracy   float64              `json:"input_accuracy"`
	MAddsRatio      float64              `json:"madds_ratio"` // of the policy
	ParametersRatio float64              `json:"parameters_ratio"`
	Published       []policyArchitecture `json:"published"`
	Inputs          int                  `json:"n_inputs"`
	Candidates      int                  `json:"n_archs"`
	ChoiceImages    int                  `json:"choice_images"`
	GainImages      int                  `json:"gain_images"`
	Checkpoint      string               `json:"checkpoint"`
	Seed            uint64               `json:"seed"`
}

// policyWay is a way to choose, over the random architectures.
type policyWay struct {
	Mean            float64  `json:"gain_mean"`
	Low             float64  `json:"gain_low"`
	High            float64  `json:"gain_high"`
	WideLow         float64  `json:"gain_low_images"` // had the images been others too
	WideHigh        float64  `json:"gain_high_images"`
	Accuracy        float64  `json:"accuracy"`
	MAddsRatio      float64  `json:"madds_ratio"`
	ParametersRatio float64  `json:"parameters_ratio"`
	Entropy         *float64 `json:"entropy,omitempty"` // of both cells, where the way draws from a distribution
	Kept            *float64 `json:"kept,omitempty"`    // shares of edges, where the choice is a transformation
	Replaced        *float64 `json:"replaced,omitempty"`
	Dropped         *float64 `json:"dropped,omitempty"`
	ToSkip          *float64 `json:"to_skip,omitempty"` // part of those replaced
	// Behind is what the policy's choice gains over this way's.
	Behind *policyInterval `json:"behind_policy,omitempty"`
}

type policyInterval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// had the images been others too
	WideLow  float64 `json:"low_images"`
	WideHigh float64 `json:"high_images"`
}

// policyArchitecture is what became of one published architecture.
type policyArchitecture struct {
	Name            string             `json:"name"`
	Accuracy        float64            `json:"accuracy"` // of the input
	Gains           map[string]float64 `json:"gains"`    // by way
	MAddsRatio      float64            `json:"madds_ratio"`
	ParametersRatio float64            `json:"parameters_ratio"`
	Choice          string             `json:"choice"` // of the policy
	NATv2           *policyCounterpart `json:"natv2,omitempty"`
}

// policyCounterpart sets a choice beside what NATv2 made of the same architecture, as published.
type policyCounterpart struct {
	Agreeing int     `json:"edges_agreeing"`
	Edges    int     `json:"edges"`
	Gain     float64 `json:"gain"` // of NATv2's
}

// natv2 is what the names of NATv2's published results begin with.
const natv2 = "NATv2_"

func newPolicyResult(r assess.Report, m *model.Model, s evalPolicySettings) policyResult {
	result := policyResult{
		InputAccuracy: r.Random.InputAccuracy, Published: []policyArchitecture{}, Inputs: s.inputs, Candidates: s.candidates,
		ChoiceImages: r.ChoiceImages, GainImages: r.GainImages, Checkpoint: m.Source, Seed: s.seed,
	}
	ways := map[assess.Way]*policyWay{
		assess.Policy: &result.Policy, assess.Untrained: &result.Untrained, assess.Random: &result.Random,
		assess.AllSkip: &result.AllSkip, assess.RandomSearch: &result.RandomSearch,
	}
	for _, w := range r.Random.Ways {
		*ways[w.Way] = newPolicyWay(w)
	}
	result.MAddsRatio, result.ParametersRatio = result.Policy.MAddsRatio, result.Policy.ParametersRatio
	counterparts := map[string]*policyCounterpart{}
	for _, c := range r.Published.Counterparts(natv2) {
		counterparts[c.Input] = &policyCounterpart{c.Agreeing, c.Edges, c.Theirs}
	}
	for _, t := range r.Published.Trials {
		gains := map[string]float64{}
		for i, c := range t.Choices {
			gains[string(assess.Ways()[i])] = c.Gain
		}
		c := t.Choices[0]
		result.Published = append(result.Published, policyArchitecture{
			t.Input.Name, t.Accuracy, gains, float64(c.Cost.MAdds) / float64(t.Cost.MAdds),
			float64(c.Cost.Parameters) / float64(t.Cost.Parameters), c.String(),
			counterparts[t.Input.Name],
		})
	}
	return result
}

func newPolicyWay(w assess.Summary) policyWay {
	way := policyWay{
		Mean: w.Gain.Mean, Low: w.Gain.Low, High: w.Gain.High, WideLow: w.Gain.WideLow, WideHigh: w.Gain.WideHigh, Accuracy: w.Accuracy, MAddsRatio: w.MAdds, ParametersRatio: w.Parameters,
	}
	if w.Entropy > 0 {
		way.Entropy = &w.Entropy
	}
	if c := w.Changes; w.Way != assess.RandomSearch {
		way.Kept, way.Replaced, way.Dropped, way.ToSkip = &c.Kept, &c.Replaced, &c.Dropped, &c.Skips
	}
	if w.Way != assess.Policy {
		way.Behind = &policyInterval{w.Behind.Mean, w.Behind.Low, w.Behind.High, w.Behind.WideLow, w.Behind.WideHigh}
	}
	return way
}

// printPolicy prints an assessment as tables.
func (p *program) printPolicy(r assess.Report, s evalPolicySettings) {
	rows := [][]string{
		{"", "gain, points", "policy ahead by", "accuracy", "multiply-adds", "parameters", "kept", "replaced", "dropped", "entropy"},
		{"input", "0", "", inPercent(r.Random.InputAccuracy), "100 %", "100 %", "100 %", "", "", ""},
	}
	for _, w := range r.Random.Ways {
		row := []string{wayName(w.Way), points(w.Gain), points(w.Behind), inPercent(w.Accuracy), inPercent(w.MAdds), inPercent(w.Parameters)}
		if w.Way == assess.Policy {
			row[2] = ""
		}
		if c := w.Changes; w.Way != assess.RandomSearch {
			row = append(row, inPercent(c.Kept), inPercent(c.Replaced), inPercent(c.Dropped))
		} else {
			row = append(row, "", "", "")
		}
		if w.Entropy > 0 {
			row = append(row, fmt.Sprintf("%.1f", w.Entropy))
		} else {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	p.printTable(rows)
	p.print("\nMeans over %d random architectures, with shared weights: each way's most accurate of %d on %d held-out images, measured on\n"+
		"%d others, with 95 %% bootstrap intervals over architectures. Costs are relative to the input's.\n",
		s.inputs, s.candidates, r.ChoiceImages, r.GainImages)
	first := r.Random.Ways[0].Gain
	p.print("Had the images been others too, the policy's gain might be %+.2f to %+.2f points: --images makes that narrower.\n",
		100*first.WideLow, 100*first.WideHigh)
	if len(r.Published.Trials) == 0 {
		return
	}
	p.print("\n")
	p.printPublished(r.Published)
	if all := r.Published.Counterparts(natv2); len(all) > 0 {
		p.print("\n")
		p.printCounterparts(all)
	}
}

// printCounterparts prints the policy's choices beside NATv2's.
func (p *program) printCounterparts(all []assess.Counterpart) {
	rows := [][]string{{"beside NATv2's", "edges that agree", "gain of the policy's", "gain of NATv2's"}}
	agreeing, edges, n := 0, 0, float64(len(all))
	var ours, theirs float64
	gain := func(x float64) string { return fmt.Sprintf("%+.1f", 100*x) }
	for _, c := range all {
		rows = append(rows, []string{c.Input, fmt.Sprintf("%d of %d", c.Agreeing, c.Edges), gain(c.Ours), gain(c.Theirs)})
		agreeing, edges = agreeing+c.Agreeing, edges+c.Edges
		ours, theirs = ours+c.Ours/n, theirs+c.Theirs/n
	}
	p.printTable(append(rows, []string{"all", fmt.Sprintf("%d of %d", agreeing, edges), gain(ours), gain(theirs)}))
}

// printPublished prints what was gained on each published architecture.
func (p *program) printPublished(g assess.Group) {
	header := []string{"gain, points", "accuracy"}
	for _, w := range g.Ways {
		header = append(header, wayName(w.Way))
	}
	rows := [][]string{append(header, "multiply-adds, policy's", "parameters")}
	for _, t := range g.Trials {
		row := []string{t.Input.Name, inPercent(t.Accuracy)}
		for _, c := range t.Choices {
			row = append(row, fmt.Sprintf("%+.1f", 100*c.Gain))
		}
		c := t.Choices[0]
		rows = append(rows, append(row, inPercent(float64(c.Cost.MAdds)/float64(t.Cost.MAdds)),
			inPercent(float64(c.Cost.Parameters)/float64(t.Cost.Parameters))))
	}
	mean := []string{"mean", inPercent(g.InputAccuracy)}
	for _, w := range g.Ways {
		mean = append(mean, points(w.Gain))
	}
	p.printTable(append(rows, append(mean, inPercent(g.Ways[0].MAdds), inPercent(g.Ways[0].Parameters))))
}

// wayName says in words what a way to choose is.
func wayName(w assess.Way) string {
	return map[assess.Way]string{
		assess.Policy: "policy", assess.Untrained: "untrained policy", assess.Random: "random transitions",
		assess.AllSkip: "all skip", assess.RandomSearch: "random search",
	}[w]
}

// points writes a gain and its interval in points of accuracy.
func points(i assess.Interval) string {
	return fmt.Sprintf("%+.2f (%+.2f to %+.2f)", 100*i.Mean, 100*i.Low, 100*i.High)
}
