package search

import (
	"fmt"
	"time"

	"nat/internal/dataset"
	"nat/internal/runfolder"
	"nat/internal/runs"
)

// Record is a line of a search's metrics: means over the steps since the last line of the same phase, or over a whole
// phase, or the outcome of a trial. All but Timing follows from settings and data alone.
type Record struct {
	Kind    RecordKind   `json:"kind"`
	Epoch   int          `json:"epoch"` // counted from 1
	Step    int          `json:"step"`  // of the phase, counted from 1; 0 in a trial
	Total   int          `json:"total"` // steps of this phase in all epochs so far
	Weights *WeightMeans `json:"weights,omitempty"`
	Policy  *PolicyMeans `json:"policy,omitempty"`
	Trial   *Trial       `json:"trial,omitempty"`
	Timing  runs.Timing  `json:"timing"`
}

// RecordKind says what a record is about.
type RecordKind string

// The kinds of records.
const (
	StepRecord  RecordKind = "step"  // some steps of a phase
	PhaseRecord RecordKind = "phase" // a whole phase of an epoch
	TrialRecord RecordKind = "trial"
)

// WeightMeans are means over steps of the supernet.
type WeightMeans struct {
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
	Rate     float64 `json:"rate"`
}

// PolicyMeans are means over steps of the policy. Rewards and accuracies are from 0 to 1, with the supernet's shared
// weights on the policy's part of the training set; entropies and log-probabilities are sums over a cell's edges.
type PolicyMeans struct {
	Loss           float64 `json:"loss"`
	InputAccuracy  float64 `json:"input_accuracy"`
	OutputAccuracy float64 `json:"output_accuracy"`
	Reward         float64 `json:"reward"`
	RewardStd      float64 `json:"reward_std"`
	Baseline       float64 `json:"baseline"` // after the last step
	EntropyNormal  float64 `json:"entropy_normal"`
	EntropyReduce  float64 `json:"entropy_reduce"`
	LogProbability float64 `json:"log_probability"` // of both cells
	SkipShare      float64 `json:"skip_share"`      // of the transformed architectures' edges
	NullShare      float64 `json:"null_share"`
}

// after returns the position of a search that has just written the record.
func (r *Record) after() position {
	switch {
	case r.Kind == StepRecord && r.Weights != nil:
		return position{r.Epoch - 1, dataset.Weights, r.Step}
	case r.Kind == StepRecord:
		return position{r.Epoch - 1, dataset.Policy, r.Step}
	case r.Weights != nil:
		return position{r.Epoch - 1, dataset.Policy, 0}
	default:
		return position{r.Epoch, dataset.Weights, 0}
	}
}

// Scalars returns what TensorBoard plots of a record: phases and trials by epoch, the rest by step.
func (r *Record) Scalars() (scalars []runfolder.Scalar, measured time.Time, step int64) {
	step = int64(r.Epoch)
	if r.Kind == StepRecord {
		step = int64(r.Total)
	}
	add := func(group, name string, value float64) {
		scalars = append(scalars, runfolder.Scalar{Tag: fmt.Sprintf("%s %s/%s", group, r.Kind, name), Value: value})
	}
	switch {
	case r.Weights != nil:
		add("weights", "loss", r.Weights.Loss)
		add("weights", "accuracy", r.Weights.Accuracy)
		add("weights", "rate", r.Weights.Rate)
		add("weights", "images per second", r.Timing.ImagesPerSecond)
	case r.Policy != nil:
		add("policy", "loss", r.Policy.Loss)
		add("policy", "input accuracy", r.Policy.InputAccuracy)
		add("policy", "output accuracy", r.Policy.OutputAccuracy)
		add("policy", "reward", r.Policy.Reward)
		add("policy", "reward std", r.Policy.RewardStd)
		add("policy", "baseline", r.Policy.Baseline)
		add("policy", "entropy normal", r.Policy.EntropyNormal)
		add("policy", "entropy reduce", r.Policy.EntropyReduce)
		add("policy", "log-probability", r.Policy.LogProbability)
		add("policy", "skip share", r.Policy.SkipShare)
		add("policy", "null share", r.Policy.NullShare)
		add("policy", "images per second", r.Timing.ImagesPerSecond)
	case r.Trial != nil:
		add("policy", "input accuracy", r.Trial.InputAccuracy)
		add("policy", "output accuracy", r.Trial.OutputAccuracy)
	}
	return scalars, r.Timing.Time, step
}
