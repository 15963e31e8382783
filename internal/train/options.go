package train

import (
	"errors"
	"fmt"
	"math"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/runs"
)

// Schedule is how the learning rate falls from epoch to epoch.
type Schedule string

// The schedules (spec section 9).
const (
	Cosine      Schedule = "cosine"      // to 0, along a cosine over all epochs
	Exponential Schedule = "exponential" // by a factor in each epoch
)

// Options are the settings that a training's result follows from.
type Options struct {
	Architecture genotype.Genotype
	Size         network.Size
	Seed         uint64
	Epochs       int
	BatchSize    int
	TrainPortion float64 // of the training set that is trained on; the rest, if any, is what epochs are judged on
	Schedule     Schedule
	Rate         float64
	RateFactor   float64 // of an epoch, where the schedule is exponential
	Momentum     float64
	Decay        float64
	Clip         float64 // largest norm of all gradients together; 0 leaves them
	DropPath     float64 // probability in the end; it rises linearly over the epochs
	Auxiliary    float64 // weight of the auxiliary head's loss; 0 leaves the head out
	Smoothing    float64 // of labels
	Augmentation dataset.Augmentation
}

// The published settings' sizes of batches, and the pieces that are cut out of small images.
const (
	smallBatch  = 96
	largeBatch  = 128
	smallCutout = 16
)

// Default returns the published settings (spec section 9): with the small stem those for CIFAR-10, with the large one those
// for ImageNet. The architecture is the caller's to set.
func Default(stem network.Stem) Options {
	o := Options{
		Size: network.CIFAR10(), Seed: 1234, Epochs: 600, BatchSize: smallBatch, TrainPortion: 1, Schedule: Cosine, Rate: 0.025,
		RateFactor: 0.97, Momentum: 0.9, Decay: 3e-4, Clip: 5, DropPath: 0.2, Auxiliary: 0.4,
		Augmentation: dataset.CropAndFlip(),
	}
	o.Augmentation.Cutout = smallCutout
	if stem == network.LargeStem {
		o.Size, o.Epochs, o.BatchSize, o.Schedule, o.Rate = network.ImageNet(), 250, largeBatch, Exponential, 0.1
		o.Decay, o.DropPath, o.Smoothing, o.Augmentation = 3e-5, 0, 0.1, dataset.CropFromPicture()
	}
	return o
}

// fields lists the settings by the names that files have for them: those of a checkpoint's metadata (spec section 11) and of
// the published program's flags.
func (o *Options) fields() []runs.Field {
	named, a := runs.Named, &o.Augmentation
	return []runs.Field{
		named("arch", &o.Architecture.Name), named("genotype", &o.Architecture),
		named("stem", &o.Size.Stem), named("init_channels", &o.Size.Channels), named("layers", &o.Size.Layers),
		named("num_classes", &o.Size.Classes), named("image_size", &o.Size.ImageSize),
		named("seed", &o.Seed), named("epochs", &o.Epochs), named("batch_size", &o.BatchSize),
		named("train_portion", &o.TrainPortion), named("schedule", &o.Schedule), named("learning_rate", &o.Rate),
		named("learning_rate_factor", &o.RateFactor), named("momentum", &o.Momentum), named("weight_decay", &o.Decay),
		named("grad_clip", &o.Clip), named("drop_path_prob", &o.DropPath), named("auxiliary_weight", &o.Auxiliary),
		named("label_smooth", &o.Smoothing), named("padding", &a.Padding), named("flip", &a.Flip),
		named("random_crop", &a.RandomCrop), named("brightness", &a.Colours.Brightness), named("contrast", &a.Colours.Contrast),
		named("saturation", &a.Colours.Saturation), named("hue", &a.Colours.Hue), named("cutout_length", &a.Cutout),
	}
}

// MarshalJSON writes the settings as one object, under their names in files.
func (o Options) MarshalJSON() ([]byte, error) { return runs.MarshalFields(o.fields()) }

// UnmarshalJSON reads what MarshalJSON wrote. Every setting must be there.
func (o *Options) UnmarshalJSON(text []byte) error {
	var name string // which the genotype's text would take away
	fields := o.fields()
	fields[0] = runs.Named("arch", &name)
	err := runs.UnmarshalFields(text, fields)
	o.Architecture.Name = name
	return err
}

// Validate checks that a training with these settings can be.
func (o Options) Validate() error {
	cost, err := network.CostOf(o.Architecture, o.Size)
	if err != nil {
		return err
	}
	if err := network.CheckParameters(cost, o.Size); err != nil {
		return err
	}
	if err := runs.CheckCounts(
		runs.Count{Name: "number of epochs", Value: o.Epochs, Min: 1}, runs.Count{Name: "batch size", Value: o.BatchSize, Min: 1},
		runs.Count{Name: "padding", Value: o.Augmentation.Padding}, runs.Count{Name: "cutout length", Value: o.Augmentation.Cutout},
	); err != nil {
		return err
	}
	if !(o.TrainPortion > 0 && o.TrainPortion <= 1) {
		return fmt.Errorf("a train portion of %v can't be: it is above 0, and at most 1", o.TrainPortion)
	}
	if o.Schedule != Cosine && o.Schedule != Exponential {
		return fmt.Errorf("a learning rate can't fall by %q: it is %s or %s", o.Schedule, Cosine, Exponential)
	}
	if a := o.Augmentation; max(a.Padding, a.Cutout) > 2*o.Size.ImageSize {
		return errors.New("padding or cutout length is more than twice the image size")
	}
	jitter := o.Augmentation.Colours
	return runs.CheckShares(
		runs.Share{Name: "learning rate", Value: o.Rate, Below: runs.MaxRate},
		runs.Share{Name: "factor of the learning rate", Value: o.RateFactor, Below: runs.MaxRate},
		runs.Share{Name: "momentum", Value: o.Momentum, Below: 1},
		runs.Share{Name: "weight decay", Value: o.Decay, Below: runs.MaxRate},
		runs.Share{Name: "gradient clip", Value: o.Clip, Below: math.MaxFloat32},
		runs.Share{Name: "drop-path probability", Value: o.DropPath, Below: 1},
		runs.Share{Name: "weight of the auxiliary loss", Value: o.Auxiliary, Below: runs.MaxRate},
		runs.Share{Name: "label smoothing", Value: o.Smoothing, Below: 1},
		runs.Share{Name: "brightness", Value: jitter.Brightness, Below: runs.MaxRate},
		runs.Share{Name: "contrast", Value: jitter.Contrast, Below: runs.MaxRate},
		runs.Share{Name: "saturation", Value: jitter.Saturation, Below: runs.MaxRate},
		runs.Share{Name: "hue", Value: jitter.Hue, Below: 1},
	)
}

// rate returns the learning rate of an epoch, counted from 0.
func (o Options) rate(epoch int) float64 {
	if o.Schedule == Exponential {
		return o.Rate * math.Pow(o.RateFactor, float64(epoch))
	}
	return o.Rate * (1 + math.Cos(math.Pi*float64(epoch)/float64(o.Epochs))) / 2
}

// dropPath returns the probability of an epoch, counted from 0.
func (o Options) dropPath(epoch int) float64 { return o.DropPath * float64(epoch) / float64(o.Epochs) }
