package search

import (
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/random"
	"nat/internal/runs"
)

// thetaStep trains the policy on a batch: it transforms an architecture drawn for it, and is rewarded with how much more
// accurate on the batch that made it.
func (s *Search) thetaStep(step int, batch dataset.Batch) error {
	input := s.draw(step)
	t, err := s.transform(step, input)
	if err != nil {
		return err
	}
	result := policyStep{entropy: t.entropy, transformed: t.output}
	both, err := s.model.Supernet.EvaluateAll(s.Device, batch, input, t.output)
	if err != nil {
		return err
	}
	result.input, result.output = both[0], both[1]
	for _, loss := range []float64{result.input.Loss, result.output.Loss} {
		if err := runs.CheckLoss(loss); err != nil {
			return err
		}
	}
	result.reward = result.output.Accuracy() - result.input.Accuracy()
	if result.outcome, err = s.reinforce(step, t.decisions, result.reward); err != nil {
		return err
	}
	s.state.Whole.addPolicy(result)
	s.state.Recent.addPolicy(result)
	return nil
}

// transformation is what the policy made of an architecture.
type transformation struct {
	decisions []policy.Decision // of the normal and of the reduce cell
	entropy   [2]float64
	output    genotype.Genotype
}

// transform has the policy draw a transformation. Nothing is masked for costs here: that is derivation's concern.
func (s *Search) transform(step int, input genotype.Genotype) (t transformation, err error) {
	stream := random.New(s.options.Seed, "policy", s.state.Position.Epoch, step)
	var cells [2]genotype.Cell
	for i, c := range []genotype.Cell{input.Normal, input.Reduce} {
		distribution, err := s.model.Policy.Distribution(s.Device, c)
		if err != nil {
			return t, err
		}
		var chosen []primitive.ID = distribution.Sample(stream)
		t.decisions = append(t.decisions, policy.Decision{Cell: c, Chosen: chosen})
		t.entropy[i] = distribution.Entropy()
		cells[i] = policy.Apply(c, chosen)
	}
	t.output = genotype.Genotype{Normal: cells[0], Reduce: cells[1]}
	return t, nil
}

// reinforce moves the policy by its decisions' advantage: the reward above the baseline, which is the moving average of the
// rewards before this one.
func (s *Search) reinforce(step int, decisions []policy.Decision, reward float64) (policy.Outcome, error) {
	o := s.options.Theta
	dropout := random.New(s.options.Seed, "dropout", s.state.Position.Epoch, step)
	outcome, used, err := s.model.Policy.Gradients(s.Device, decisions, reward-s.state.Baseline, o.EntropyWeight, dropout)
	if err != nil {
		return outcome, err
	}
	if err := runs.CheckLoss(outcome.Loss); err != nil {
		return outcome, err
	}
	if err := graph.Step(&s.adam, used); err != nil {
		return outcome, err
	}
	s.state.Baseline = o.BaselineDecay*s.state.Baseline + (1-o.BaselineDecay)*reward
	return outcome, nil
}
