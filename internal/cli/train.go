package cli

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/network"
	"nat/internal/train"
)

// trainSettings are the flags of nat train.
type trainSettings struct {
	runFlags
	trainFlags
	architecture string
}

// trainFlags are the flags that the result of training an architecture depends on. Which defaults they have depends on the
// images, so the given ones are applied when those are known.
type trainFlags struct {
	published string        // --dataset; empty where it isn't given
	options   train.Options // as far as given
	given     *pflag.FlagSet
}

func (p *program) trainCommand() *cobra.Command {
	var s trainSettings
	c := &cobra.Command{
		Use:   "train [ARCH]",
		Short: "Train an architecture from scratch, as a network of its own",
		Long: `Train an architecture as a network of its own, with the published settings: for CIFAR-10 20 cells of 36 channels and 600
epochs, for ImageNet (and other images of 128 pixels or more) 14 cells of 48 channels and 250 epochs. The run folder gets
settings, metrics (metrics.jsonl, and events for TensorBoard) and checkpoints: the latest, and the best after an epoch. Epochs
are judged on the test images, which makes the best one's accuracy a little too good; with --train-portion below 1, on the
training images that are left.

An interrupt, a signal to terminate, a closed terminal or the end of --max-hours stops the run after the step at hand, with
a checkpoint. --resume continues it so that the result is the one of a run that was never stopped, to the bit; on a
processor for which there are other kernels, up to rounding. Of its settings only --epochs may then be given, and raised.`,
		Example: `  nat train NATv2_DARTS
  nat derive DARTS --json | nat train --arch - --layers 8 --init-channels 16 --epochs 20
  nat train DARTS --dataset imagenet --data imagenet
  nat train --resume runs/train-1`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil // --arch and --resume do without
			}
			return someArchitectures(1)(c, args)
		},
		ValidArgsFunction: completeArchitecture,
	}
	c.Flags().StringVar(&s.architecture, "arch", "", "`architecture` to train, as the argument ARCH")
	s.trainFlags.define(c.Flags())
	s.runFlags.define(c.Flags(), "train")
	p.acceptPublished(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := exclusive(c, "save", "resume"); err != nil {
			return err
		}
		all, err := p.named(c, s.architecture, args)
		if err != nil {
			return err
		}
		if s.resume != "" {
			return p.resumeTraining(c, s, all)
		}
		if len(all) != 1 {
			return usagef(c, "name one architecture, as in %s DARTS; nat genotypes lists the published ones", c.CommandPath())
		}
		return p.startTraining(c, s, all[0])
	}
	return c
}

// named reads the architectures of --arch and of the arguments.
func (p *program) named(c *cobra.Command, flag string, args []string) ([]genotype.Genotype, error) {
	if c.Flags().Changed("arch") {
		args = append([]string{flag}, args...)
	}
	return p.architectures(args)
}

func (f *trainFlags) define(flags *pflag.FlagSet) {
	choice(flags, &f.published, "dataset", "", "whose published settings to take, if not those for images of that size", datasetCIFAR10, datasetImageNet)
	defineTraining(flags, &f.options)
	f.given = flags
}

// defineTraining defines the flags of a training's settings, and sets the published defaults for CIFAR-10.
func defineTraining(flags *pflag.FlagSet, o *train.Options) {
	*o = train.Default(network.SmallStem)
	d := *o
	wholeNumber(flags, &o.Size.Channels, "init-channels", d.Size.Channels, 1, network.MaxChannels, "channels of the first cells (48 for imagenet)")
	wholeNumber(flags, &o.Size.Layers, "layers", d.Size.Layers, 1, network.MaxLayers, "cells (14 for imagenet)")
	wholeNumber(flags, &o.Epochs, "epochs", d.Epochs, 1, 1_000_000, "epochs (250 for imagenet)")
	wholeNumber(flags, &o.BatchSize, "batch-size", d.BatchSize, 1, 1<<14, "images of a step (128 for imagenet)")
	realNumber(flags, &o.TrainPortion, "train-portion", d.TrainPortion, 0, 1, "part of the training set to train on; epochs are judged on the rest")
	schedule := func(text string) (train.Schedule, error) {
		words := []train.Schedule{train.Cosine, train.Exponential}
		if i := slices.Index(words, train.Schedule(text)); i >= 0 {
			return words[i], nil
		}
		return "", errors.New(choices(text, []string{string(train.Cosine), string(train.Exponential)}))
	}
	flags.Var(&setting[train.Schedule]{&o.Schedule, schedule, "word", string(d.Schedule)}, "schedule",
		"how the learning rate falls: cosine, exponential (exponential for imagenet)")
	realNumber(flags, &o.Rate, "learning-rate", d.Rate, 0, 100, "at first (0.1 for imagenet)")
	realNumber(flags, &o.RateFactor, "gamma", d.RateFactor, 0, 1, "factor of the learning rate in an epoch, if exponential")
	realNumber(flags, &o.Momentum, "momentum", d.Momentum, 0, 1, "of the gradient")
	realNumber(flags, &o.Decay, "weight-decay", d.Decay, 0, 100, "of all parameters (3e-05 for imagenet)")
	realNumber(flags, &o.Clip, "grad-clip", d.Clip, 0, 1e6, "largest norm of all gradients together; 0: any")
	realNumber(flags, &o.DropPath, "drop-path-prob", d.DropPath, 0, 1, "probability of dropping a path, which it rises to (0 for imagenet)")
	realNumber(flags, &o.Auxiliary, "auxiliary-weight", d.Auxiliary, 0, 100, "weight of the auxiliary head's loss; 0: no head")
	realNumber(flags, &o.Smoothing, "label-smooth", d.Smoothing, 0, 1, "part of a label that is spread over all classes (0.1 for imagenet)")
	wholeNumber(flags, &o.Augmentation.Cutout, "cutout-length", d.Augmentation.Cutout, 0, 1024, "side of the square that is cut out of training images; 0: none (0 for imagenet)")
	seedFlag(flags, &o.Seed)
}

// optionsFor returns the settings for an architecture on a data set: the published ones but for what was given.
func (f *trainFlags) optionsFor(g genotype.Genotype, set *dataset.Set) (train.Options, error) {
	images := set.Train
	stem := network.SmallStem
	if f.published == datasetImageNet || f.published == "" && images.Height >= dataset.LargeImage {
		stem = network.LargeStem
	}
	var o train.Options
	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	defineTraining(flags, &o)
	o = train.Default(stem)
	o.Architecture, o.Size.Classes, o.Size.ImageSize = g, len(images.Classes), images.Height
	if stem == network.SmallStem {
		o.Augmentation.Padding = dataset.AugmentationFor(images).Padding
		o.Augmentation.Cutout = o.Augmentation.Cutout * images.Height / network.CIFAR10().ImageSize
	}
	var err error
	f.given.Visit(func(flag *pflag.Flag) {
		if flags.Lookup(flag.Name) != nil && err == nil {
			err = flags.Set(flag.Name, flag.Value.String())
		}
	})
	return o, err
}

// startTraining begins a training in a new run folder.
func (p *program) startTraining(c *cobra.Command, s trainSettings, g genotype.Genotype) error {
	if s.published == datasetImageNet && s.data == "" {
		return usagef(c, "ImageNet can't be downloaded: name its folder, of train/<class>/ and val/<class>/ (--data DIR)")
	}
	set, err := p.openData(c.Context(), s.dataFlags)
	if err != nil {
		return err
	}
	o, err := s.optionsFor(g, set)
	if err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return usagef(c, "%s: %s", nameOf(g), err)
	}
	return p.train(c, s, set, func(r train.Resources) (*train.Training, error) { return train.Start(s.save, o, r) })
}

// resumeTraining continues the training in a run folder. The architecture may be named again.
func (p *program) resumeTraining(c *cobra.Command, s trainSettings, named []genotype.Genotype) error {
	config, err := train.ReadConfig(s.resume)
	if err != nil {
		return err
	}
	if own := config.Settings.Architecture; len(named) > 0 && !named[0].Equal(own) {
		return usagef(c, "%s was begun with %s, which is not %s: leave the architecture out, or start a run of its own", s.resume, nameOf(own), nameOf(named[0]))
	}
	epochs, err := agreeTraining(c, config.Settings)
	if err != nil {
		return err
	}
	s.resumedDevice(c, config.Convolution, config.Precision)
	if err := s.resumed(c, config.Provenance, config.Settings.Size.ImageSize); err != nil {
		return err
	}
	set, err := p.openData(c.Context(), s.dataFlags)
	if err != nil {
		return err
	}
	return p.train(c, s, set, func(r train.Resources) (*train.Training, error) { return train.Resume(s.resume, epochs, r) })
}

// agreeTraining checks that the flags given with --resume say what the run's settings say, and returns the number of
// epochs, which alone may differ.
func agreeTraining(c *cobra.Command, stored train.Options) (epochs int, err error) {
	before, err := json.Marshal(stored)
	if err != nil {
		return 0, err
	}
	epochs = stored.Epochs
	var o train.Options
	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	defineTraining(flags, &o)
	err = agree(c, flags, func(set func() error) (bool, error) {
		o = stored
		if err := set(); err != nil {
			return false, err
		}
		if o.Epochs != stored.Epochs {
			epochs = o.Epochs
		}
		after, err := json.Marshal(o)
		return string(after) != string(before), err
	})
	return epochs, err
}

// train runs a training that begin starts or resumes, and says what became of it.
func (p *program) train(c *cobra.Command, s trainSettings, set *dataset.Set, begin func(train.Resources) (*train.Training, error)) (err error) {
	defer spareMemory()()
	device, err := s.device()
	if err != nil {
		return err
	}
	defer device.Close()
	view := p.newTrainView("training")
	defer view.close()
	training, err := begin(train.Resources{
		Data: set, Device: device, Observer: view, SaveEvery: s.saveEvery(), Provenance: s.provenance(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, training.Close()) }()
	view.begin(training)
	return view.carryOut(c.Context(), training, s.maxHours, "train", func() error { return p.printTraining(training, view, s.json) })
}
