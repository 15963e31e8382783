package search

import (
	"math"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/supernet"
)

// position is how far a search has come. All that is random follows from it and the seed.
type position struct {
	Epoch int           `json:"epoch"` // complete epochs
	Phase dataset.Phase `json:"phase"`
	Step  int           `json:"step"` // batches done of the phase
}

// reached tells whether a search at p has passed q or stands there.
func (p position) reached(q position) bool {
	if p.Epoch != q.Epoch {
		return p.Epoch > q.Epoch
	}
	if p.Phase != q.Phase {
		return p.Phase > q.Phase
	}
	return p.Step >= q.Step
}

// state is what a search knows beside parameters and the solvers' memory: all that a checkpoint must hold for a resumed
// search to be bit for bit the uninterrupted one. It has no times in it, so the same steps make the same checkpoint.
type state struct {
	Position position `json:"position"`
	Baseline float64  `json:"baseline"` // of rewards
	Spread   float64  `json:"spread"`   // moving average of the squares of advantages, where they are normalised by it
	Best     float64  `json:"best"`     // highest accuracy of transformed architectures in an epoch so far
	Whole    tally    `json:"whole"`    // of the phase so far
	Recent   tally    `json:"recent"`   // since the last line of metrics
}

// tally sums what the steps of a phase gave. Those of the other phase are zero.
type tally struct {
	Steps  int `json:"steps"`
	Images int `json:"images"`

	// the supernet's phase
	Loss    float64 `json:"loss"` // times images
	Correct int     `json:"correct"`

	// the policy's phase
	PolicyLoss     float64    `json:"policy_loss"`
	InputCorrect   int        `json:"input_correct"`
	OutputCorrect  int        `json:"output_correct"`
	Reward         float64    `json:"reward"`
	RewardSquared  float64    `json:"reward_squared"`
	Entropy        [2]float64 `json:"entropy"` // of the normal and of the reduce cell
	LogProbability float64    `json:"log_probability"`
	Edges          int        `json:"edges"`
	Skips          int        `json:"skips"`
	Nulls          int        `json:"nulls"`
}

// addWeights adds a step of the supernet.
func (t *tally) addWeights(r supernet.Result) {
	t.Steps++
	t.Images += r.Images
	t.Loss += r.Loss * float64(r.Images)
	t.Correct += r.Correct
}

// policyStep is what a step of the policy saw and did.
type policyStep struct {
	input       supernet.Result
	outputs     []supernet.Result // by transformation
	transformed []genotype.Genotype
	rewards     []float64
	entropy     [2]float64 // of the normal and of the reduce cell
	outcome     policy.Outcome
}

// addPolicy adds a step of the policy: of each transformation what it would be as a step of its own.
func (t *tally) addPolicy(s policyStep) {
	for k, output := range s.outputs {
		t.Steps++
		t.Images += s.input.Images
		t.PolicyLoss += s.outcome.Loss
		t.InputCorrect += s.input.Correct
		t.OutputCorrect += output.Correct
		t.Reward += s.rewards[k]
		t.RewardSquared += s.rewards[k] * s.rewards[k]
		t.LogProbability += s.outcome.LogProbability
		for i, c := range []genotype.Cell{s.transformed[k].Normal, s.transformed[k].Reduce} {
			t.Entropy[i] += s.entropy[i]
			for _, e := range c.Edges {
				t.Edges++
				switch e.Op {
				case primitive.SkipConnect:
					t.Skips++
				case primitive.NullOp:
					t.Nulls++
				}
			}
		}
	}
}

// weightMeans averages over the steps of the supernet's phase.
func (t *tally) weightMeans(rate float64) *WeightMeans {
	images := float64(t.Images)
	return &WeightMeans{Loss: t.Loss / images, Accuracy: float64(t.Correct) / images, Rate: rate}
}

// policyMeans averages over the steps of the policy's phase.
func (t *tally) policyMeans(baseline float64) *PolicyMeans {
	steps, images, edges := float64(t.Steps), float64(t.Images), float64(t.Edges)
	reward := t.Reward / steps
	return &PolicyMeans{
		Loss:           t.PolicyLoss / steps,
		InputAccuracy:  float64(t.InputCorrect) / images,
		OutputAccuracy: float64(t.OutputCorrect) / images,
		Reward:         reward,
		RewardStd:      math.Sqrt(max(0, t.RewardSquared/steps-reward*reward)),
		Baseline:       baseline,
		EntropyNormal:  t.Entropy[0] / steps,
		EntropyReduce:  t.Entropy[1] / steps,
		LogProbability: t.LogProbability / steps,
		SkipShare:      float64(t.Skips) / edges,
		NullShare:      float64(t.Nulls) / edges,
	}
}
