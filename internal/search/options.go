package search

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"nat/internal/model"
	"nat/internal/policy"
	"nat/internal/runs"
	"nat/internal/supernet"
)

// Options are the settings that a search's result follows from.
type Options struct {
	Supernet     supernet.Config
	Policy       policy.Config
	Seed         uint64
	Epochs       int
	BatchSize    int
	TrainPortion float64 // of the training set that trains the supernet; the rest trains the policy
	Weights      WeightTraining
	Theta        PolicyTraining
	Trials       Trials
	Recipe       Recipe // that settings of the policy's training come from, where they aren't given singly
	// SupernetEpochs is how many epochs trained the supernet that a policy alone is trained on; 0: the search trains its own.
	SupernetEpochs int
}

// Recipe names settings of the policy's training that go together.
type Recipe string

// The recipes.
const (
	Published Recipe = "published" // the policy learns from the first epoch on, from one transformation of each input
	// After 3/8 of the epochs, from two, each the other's baseline, in steps that are three times as large at first and none in
	// the end, and as large for small rewards as for large ones.
	LeaveOneOut Recipe = "leave-one-out"
)

// Recipes returns all recipes.
func Recipes() []Recipe { return []Recipe{Published, LeaveOneOut} }

// Reward says what the policy is rewarded with.
type Reward string

// The rewards: the difference between the transformed architecture and the input on a batch.
const (
	AccuracyReward Reward = "accuracy" // in accuracy, from −1 to 1
	LossReward     Reward = "loss"     // in cross-entropy, in nats
)

// Unit returns what people read such rewards in, and how many of that a reward of 1 is.
func (r Reward) Unit() (name string, scale float64) {
	if r == LossReward {
		return "nats", 1
	}
	return "points of accuracy", 100
}

// Prepared returns the settings with those of a recipe for so many epochs.
func (t PolicyTraining) Prepared(r Recipe, epochs int) PolicyTraining {
	t.Rate, t.RateEnd, t.Warmup, t.Transformations, t.Reward, t.Normalise = 3e-4, 1, 0, 1, AccuracyReward, false
	if r == LeaveOneOut {
		t.Rate, t.RateEnd, t.Warmup, t.Transformations, t.Normalise = 1e-3, 0, 3*epochs/8, 2, true
	}
	return t
}

// WeightTraining is how the supernet's weights w are trained: by SGD, at a rate that falls from Rate to RateMin along a
// cosine.
type WeightTraining struct {
	Rate, RateMin, Momentum, Decay float64
}

// PolicyTraining is how the policy's weights θ are trained: by Adam, on REINFORCE's gradient.
type PolicyTraining struct {
	Rate, Beta1, Beta2, Epsilon, Decay float64
	RateEnd                            float64 // part of Rate that is left in the end, along a cosine over the policy's epochs
	EntropyWeight                      float64
	BaselineDecay                      float64 // γ of the moving average of rewards
	Warmup                             int     // epochs that train the supernet alone, at first
	// Transformations are drawn of each input. Of several, the mean reward of the others is the baseline of each.
	Transformations int
	Reward          Reward
	// Normalise divides rewards less their baseline by the root of a moving average of their squares, so that the entropy weighs as
	// much beside rewards of any size.
	Normalise bool
}

// Trials are the looks at what the policy can do during a search: a random architecture is transformed, and the best of
// Candidates transformations reported, after every so many epochs and after the last one.
type Trials struct {
	Every      int // epochs
	Candidates int
	Images     int // to choose on, from the policy's part of the training set
}

// Default returns the published settings (spec section 7) for an op type, on CIFAR-10.
func Default(t supernet.OpType) Options {
	return Options{
		Supernet:     supernet.Default(t),
		Policy:       policy.Default(),
		Seed:         model.DefaultSeed,
		Epochs:       200,
		BatchSize:    64,
		TrainPortion: model.DefaultTrainPortion,
		Weights:      WeightTraining{Rate: 0.01, RateMin: 0.01, Momentum: 0.9, Decay: 3e-4},
		Theta: PolicyTraining{
			Beta1: 0.5, Beta2: 0.999, Epsilon: 1e-8, Decay: 5e-4, EntropyWeight: 0.003, BaselineDecay: 0.99,
		}.Prepared(Published, 200),
		Trials: Trials{Every: 4, Candidates: 10, Images: 512},
		Recipe: Published,
	}
}

// fields lists the settings by the names that files have for them: those of a checkpoint's metadata (spec section 11) and
// of the published program's flags.
func (o *Options) fields() []runs.Field {
	named := runs.Named
	return []runs.Field{
		named("op_type", &o.Supernet.OpType), named("steps", &o.Supernet.Nodes),
		named("init_channels", &o.Supernet.Channels), named("layers", &o.Supernet.Layers),
		named("num_classes", &o.Supernet.Classes), named("image_channels", &o.Supernet.ImageChannels),
		named("image_size", &o.Supernet.ImageSize), named("edge_hid", &o.Policy.Embedding),
		named("transformer_nfeat", &o.Policy.Features), named("transformer_nhid", &o.Policy.Hidden),
		named("transformer_normalize_features", &o.Policy.NormaliseFeatures),
		named("transformer_normalize_adjacency", &o.Policy.NormaliseAdjacency),
		named("transformer_dropout", &o.Policy.Dropout), named("seed", &o.Seed), named("epochs", &o.Epochs),
		named("batch_size", &o.BatchSize), named("train_portion", &o.TrainPortion),
		named("learning_rate", &o.Weights.Rate), named("learning_rate_min", &o.Weights.RateMin),
		named("momentum", &o.Weights.Momentum), named("weight_decay", &o.Weights.Decay),
		named("transformer_learning_rate", &o.Theta.Rate), named("transformer_beta1", &o.Theta.Beta1),
		named("transformer_beta2", &o.Theta.Beta2), named("transformer_epsilon", &o.Theta.Epsilon),
		named("transformer_weight_decay", &o.Theta.Decay), named("entropy_coeff", &o.Theta.EntropyWeight),
		named("gamma", &o.Theta.BaselineDecay), named("test_freq", &o.Trials.Every),
		named("n_archs", &o.Trials.Candidates), named("images", &o.Trials.Images),
		runs.Later("recipe", &o.Recipe), runs.Later("theta_warmup", &o.Theta.Warmup),
		runs.Later("theta_transformations", &o.Theta.Transformations), runs.Later("theta_reward", &o.Theta.Reward),
		runs.Later("theta_rate_end", &o.Theta.RateEnd), runs.Later("theta_normalise", &o.Theta.Normalise),
		runs.Later("supernet_epochs", &o.SupernetEpochs),
	}
}

// MarshalJSON writes the settings as one object, under their names in files.
func (o Options) MarshalJSON() ([]byte, error) { return runs.MarshalFields(o.fields()) }

// UnmarshalJSON reads what MarshalJSON wrote. Every setting must be there, but those that came later than the published ones.
func (o *Options) UnmarshalJSON(text []byte) error {
	o.Recipe, o.Theta = Published, o.Theta.Prepared(Published, 0)
	return runs.UnmarshalFields(text, o.fields())
}

// Validate checks that a search with these settings can be.
func (o Options) Validate() error {
	if err := o.Supernet.Validate(); err != nil {
		return err
	}
	if err := o.Policy.Validate(); err != nil {
		return err
	}
	err := runs.CheckCounts(
		runs.Count{Name: "epochs", Value: o.Epochs, Min: 1}, runs.Count{Name: "batch size", Value: o.BatchSize, Min: 1},
		runs.Count{Name: "test frequency", Value: o.Trials.Every, Min: 1},
		runs.Count{Name: "number of candidate architectures", Value: o.Trials.Candidates, Min: 1},
		runs.Count{Name: "number of selection images", Value: o.Trials.Images},
		runs.Count{Name: "number of transformations of an input", Value: o.Theta.Transformations, Min: 1},
		runs.Count{Name: "warm-up of the policy", Value: o.Theta.Warmup},
		runs.Count{Name: "number of epochs of the supernet", Value: o.SupernetEpochs},
	)
	if err != nil {
		return err
	}
	if o.Theta.Warmup > 0 && o.Theta.Warmup >= o.Epochs {
		return fmt.Errorf("a warm-up of %d of %d epochs leaves none for the policy", o.Theta.Warmup, o.Epochs)
	}
	if o.Theta.Warmup > 0 && o.SupernetEpochs > 0 {
		return errors.New("a supernet that is left as it is needs no warm-up")
	}
	if o.Theta.Reward != AccuracyReward && o.Theta.Reward != LossReward || !slices.Contains(Recipes(), o.Recipe) {
		return fmt.Errorf("reward %q or recipe %q is unknown", o.Theta.Reward, o.Recipe)
	}
	if !(o.TrainPortion > 0 && o.TrainPortion < 1) {
		return fmt.Errorf("a train portion of %v can't be: it is between 0 and 1", o.TrainPortion)
	}
	if o.Weights.RateMin > o.Weights.Rate {
		return errors.New("the minimum of the learning rate is above the rate")
	}
	return runs.CheckShares(
		runs.Share{Name: "learning rate", Value: o.Weights.Rate, Below: runs.MaxRate},
		runs.Share{Name: "minimum of the learning rate", Value: o.Weights.RateMin, Below: runs.MaxRate},
		runs.Share{Name: "momentum", Value: o.Weights.Momentum, Below: 1},
		runs.Share{Name: "weight decay", Value: o.Weights.Decay, Below: runs.MaxRate},
		runs.Share{Name: "learning rate of the policy", Value: o.Theta.Rate, Below: runs.MaxRate},
		runs.Share{Name: "part of the policy's learning rate that is left", Value: o.Theta.RateEnd, Below: math.Nextafter(1, 2)},
		runs.Share{Name: "first beta", Value: o.Theta.Beta1, Below: 1},
		runs.Share{Name: "second beta", Value: o.Theta.Beta2, Below: 1},
		runs.Share{Name: "epsilon", Value: o.Theta.Epsilon, Below: runs.MaxRate},
		runs.Share{Name: "weight decay of the policy", Value: o.Theta.Decay, Below: runs.MaxRate},
		runs.Share{Name: "entropy weight", Value: o.Theta.EntropyWeight, Below: runs.MaxRate},
		runs.Share{Name: "decay of the baseline", Value: o.Theta.BaselineDecay, Below: 1},
	)
}

// rate returns the supernet's learning rate in an epoch, counted from 0: a cosine from Rate to RateMin.
func (o Options) rate(epoch int) float64 {
	return cosine(o.Weights.Rate, o.Weights.RateMin, epoch, o.Epochs)
}

// policyRate returns the policy's learning rate in an epoch, counted from 0: a cosine over the epochs after the warm-up.
func (o Options) policyRate(epoch int) float64 {
	return cosine(o.Theta.Rate, o.Theta.RateEnd*o.Theta.Rate, epoch-o.Theta.Warmup, o.Epochs-o.Theta.Warmup)
}

// cosine returns where a rate is that falls from one to another, after so many epochs.
func cosine(from, to float64, epoch, epochs int) float64 {
	return to + (from-to)*(1+math.Cos(math.Pi*float64(epoch)/float64(epochs)))/2
}
