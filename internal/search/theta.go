package search

import (
	"math"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/policy"
	"nat/internal/random"
	"nat/internal/runs"
)

// thetaStep trains the policy on a batch: it transforms an architecture drawn for it, and is rewarded with how much better on
// the batch that made it.
func (s *Search) thetaStep(step int, batch dataset.Batch) error {
	input := s.draw(step)
	t, err := s.transform(step, input)
	if err != nil {
		return err
	}
	all, err := s.model.Supernet.EvaluateAll(s.Device, batch, append([]genotype.Genotype{input}, t.outputs...)...)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := runs.CheckLoss(r.Loss); err != nil {
			return err
		}
	}
	result := policyStep{entropy: t.entropy, transformed: t.outputs, input: all[0], outputs: all[1:]}
	for _, r := range all[1:] {
		reward := r.Accuracy() - all[0].Accuracy()
		if s.options.Theta.Reward == LossReward {
			reward = all[0].Loss - r.Loss
		}
		result.rewards = append(result.rewards, reward)
	}
	if result.outcome, err = s.reinforce(step, t.decisions, result.rewards); err != nil {
		return err
	}
	s.state.Whole.addPolicy(result)
	s.state.Recent.addPolicy(result)
	return nil
}

// transformation is what the policy made of an architecture.
type transformation struct {
	decisions [][]policy.Decision // by output: of the normal and of the reduce cell
	entropy   [2]float64
	outputs   []genotype.Genotype
}

// transform has the policy draw transformations. Nothing is masked for costs here: that is derivation's concern.
func (s *Search) transform(step int, input genotype.Genotype) (t transformation, err error) {
	stream := random.New(s.options.Seed, "policy", s.state.Position.Epoch, step)
	cells := [2]genotype.Cell{input.Normal, input.Reduce}
	var distributions [2]policy.Distribution
	for i, c := range cells {
		if distributions[i], err = s.model.Policy.Distribution(s.Device, c); err != nil {
			return t, err
		}
		t.entropy[i] = distributions[i].Entropy()
	}
	for range s.options.Theta.Transformations {
		var decisions []policy.Decision
		var made [2]genotype.Cell
		for i, c := range cells {
			chosen := distributions[i].Sample(stream)
			decisions = append(decisions, policy.Decision{Cell: c, Chosen: chosen})
			made[i] = policy.Apply(c, chosen)
		}
		t.decisions = append(t.decisions, decisions)
		t.outputs = append(t.outputs, genotype.Genotype{Normal: made[0], Reduce: made[1]})
	}
	return t, nil
}

// reinforce moves the policy by its decisions' advantage: the reward above the baseline. That is the moving average of the
// rewards before this one, or of several transformations the mean of the others' rewards.
func (s *Search) reinforce(step int, decisions [][]policy.Decision, rewards []float64) (policy.Outcome, error) {
	o, n := s.options.Theta, float64(len(rewards))
	dropout := random.New(s.options.Seed, "dropout", s.state.Position.Epoch, step)
	sum := 0.0
	for _, r := range rewards {
		sum += r
	}
	var all []policy.Decision
	for k, reward := range rewards {
		baseline := s.state.Baseline
		if len(rewards) > 1 {
			baseline = (sum - reward) / (n - 1)
		}
		for _, d := range decisions[k] {
			d.Advantage = (reward - baseline) / n
			all = append(all, d)
		}
	}
	if o.Normalise {
		s.normalise(all, n)
	}
	outcome, used, err := s.model.Policy.Gradients(s.Device, all, o.EntropyWeight/n, dropout)
	if err != nil {
		return outcome, err
	}
	outcome.LogProbability /= n
	if err := runs.CheckLoss(outcome.Loss); err != nil {
		return outcome, err
	}
	s.adam.Rate = s.options.policyRate(s.state.Position.Epoch)
	if err := graph.Step(&s.adam, used); err != nil {
		return outcome, err
	}
	s.state.Baseline = o.BaselineDecay*s.state.Baseline + (1-o.BaselineDecay)*sum/n
	return outcome, nil
}

// normalise divides the advantages of n transformations by the root of the moving average of their squares, in which those of this
// step count.
func (s *Search) normalise(decisions []policy.Decision, n float64) {
	squares := 0.0
	for _, d := range decisions {
		squares += d.Advantage * d.Advantage * n * n / float64(len(decisions))
	}
	if s.state.Spread == 0 {
		s.state.Spread = squares
	}
	decay := s.options.Theta.BaselineDecay
	s.state.Spread = decay*s.state.Spread + (1-decay)*squares
	if s.state.Spread == 0 {
		return // all advantages were 0 so far
	}
	for i := range decisions {
		decisions[i].Advantage /= math.Sqrt(s.state.Spread)
	}
}
