package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"nat/internal/model"
	"nat/internal/policy"
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
}

// WeightTraining is how the supernet's weights w are trained: by SGD, at a rate that falls from Rate to RateMin along a
// cosine.
type WeightTraining struct {
	Rate, RateMin, Momentum, Decay float64
}

// PolicyTraining is how the policy's weights θ are trained: by Adam, on REINFORCE's gradient.
type PolicyTraining struct {
	Rate, Beta1, Beta2, Epsilon, Decay float64
	EntropyWeight                      float64
	BaselineDecay                      float64 // γ of the moving average of rewards
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
			Rate: 3e-4, Beta1: 0.5, Beta2: 0.999, Epsilon: 1e-8, Decay: 5e-4, EntropyWeight: 0.003, BaselineDecay: 0.99,
		},
		Trials: Trials{Every: 4, Candidates: 10, Images: 512},
	}
}

// fields lists the settings by the names that files have for them: those of a checkpoint's metadata (spec section 11) and
// of the published program's flags.
func (o *Options) fields() []field {
	return []field{
		{"op_type", &o.Supernet.OpType}, {"steps", &o.Supernet.Nodes}, {"init_channels", &o.Supernet.Channels},
		{"layers", &o.Supernet.Layers}, {"num_classes", &o.Supernet.Classes},
		{"image_channels", &o.Supernet.ImageChannels}, {"image_size", &o.Supernet.ImageSize},
		{"edge_hid", &o.Policy.Embedding}, {"transformer_nfeat", &o.Policy.Features}, {"transformer_nhid", &o.Policy.Hidden},
		{"transformer_normalize_features", &o.Policy.NormaliseFeatures},
		{"transformer_normalize_adjacency", &o.Policy.NormaliseAdjacency}, {"transformer_dropout", &o.Policy.Dropout},
		{"seed", &o.Seed}, {"epochs", &o.Epochs}, {"batch_size", &o.BatchSize}, {"train_portion", &o.TrainPortion},
		{"learning_rate", &o.Weights.Rate}, {"learning_rate_min", &o.Weights.RateMin}, {"momentum", &o.Weights.Momentum},
		{"weight_decay", &o.Weights.Decay},
		{"transformer_learning_rate", &o.Theta.Rate}, {"transformer_beta1", &o.Theta.Beta1},
		{"transformer_beta2", &o.Theta.Beta2}, {"transformer_epsilon", &o.Theta.Epsilon},
		{"transformer_weight_decay", &o.Theta.Decay}, {"entropy_coeff", &o.Theta.EntropyWeight},
		{"gamma", &o.Theta.BaselineDecay},
		{"test_freq", &o.Trials.Every}, {"n_archs", &o.Trials.Candidates}, {"images", &o.Trials.Images},
	}
}

// field is a setting's name and a pointer to its value.
type field struct {
	name  string
	value any // what encoding/json takes
}

// MarshalJSON writes the settings as one object, under their names in files.
func (o Options) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, f := range o.fields() {
		if i > 0 {
			text = append(text, ',')
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("setting %s: %w", f.name, err)
		}
		text = fmt.Appendf(text, "%q:%s", f.name, value)
	}
	return append(text, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. Every setting must be there.
func (o *Options) UnmarshalJSON(text []byte) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	for _, f := range o.fields() {
		value, ok := values[f.name]
		if !ok {
			return fmt.Errorf("setting %s is missing", f.name)
		}
		if err := json.Unmarshal(value, f.value); err != nil {
			return fmt.Errorf("setting %s: %w", f.name, err)
		}
	}
	return nil
}

// Validate checks that a search with these settings can be.
func (o Options) Validate() error {
	if err := o.Supernet.Validate(); err != nil {
		return err
	}
	if err := o.Policy.Validate(); err != nil {
		return err
	}
	for _, n := range []struct {
		name       string
		value, min int
	}{
		{"epochs", o.Epochs, 1}, {"batch size", o.BatchSize, 1}, {"test frequency", o.Trials.Every, 1},
		{"number of candidate architectures", o.Trials.Candidates, 1}, {"number of selection images", o.Trials.Images, 0},
	} {
		if n.value < n.min {
			return fmt.Errorf("a %s of %d can't be: it is at least %d", n.name, n.value, n.min)
		}
	}
	if !(o.TrainPortion > 0 && o.TrainPortion < 1) {
		return fmt.Errorf("a train portion of %v can't be: it is between 0 and 1", o.TrainPortion)
	}
	if o.Weights.RateMin > o.Weights.Rate {
		return errors.New("the minimum of the learning rate is above the rate")
	}
	for _, x := range []struct {
		name         string
		value, below float64
	}{
		{"learning rate", o.Weights.Rate, maxRate}, {"minimum of the learning rate", o.Weights.RateMin, maxRate},
		{"momentum", o.Weights.Momentum, 1}, {"weight decay", o.Weights.Decay, maxRate},
		{"learning rate of the policy", o.Theta.Rate, maxRate}, {"first beta", o.Theta.Beta1, 1},
		{"second beta", o.Theta.Beta2, 1}, {"epsilon", o.Theta.Epsilon, maxRate},
		{"weight decay of the policy", o.Theta.Decay, maxRate}, {"entropy weight", o.Theta.EntropyWeight, maxRate},
		{"decay of the baseline", o.Theta.BaselineDecay, 1},
	} {
		if !(x.value >= 0 && x.value < x.below) {
			return fmt.Errorf("a %s of %v can't be: it is at least 0 and below %v", x.name, x.value, x.below)
		}
	}
	return nil
}

// maxRate bounds rates, decays and weights from what is surely a slip.
const maxRate = 1000

// rate returns the supernet's learning rate in an epoch, counted from 0: a cosine from Rate to RateMin.
func (o Options) rate(epoch int) float64 {
	w := o.Weights
	return w.RateMin + (w.Rate-w.RateMin)*(1+math.Cos(math.Pi*float64(epoch)/float64(o.Epochs)))/2
}
