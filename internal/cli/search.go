package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/model"
	"nat/internal/search"
	"nat/internal/supernet"
)

// searchSettings are the flags of nat search.
type searchSettings struct {
	runFlags
	options  search.Options // Supernet.OpType and Supernet.Nodes are zero where they aren't given
	supernet string         // checkpoint with the supernet that a policy alone is trained on
}

func (p *program) searchCommand() *cobra.Command {
	var s searchSettings
	c := &cobra.Command{
		Use:   "search",
		Short: "Train the supernet and the policy that transforms architectures",
		Long: `Train, on CIFAR-10 or your own images, a supernet that shares its weights among all architectures, and the policy that
transforms them: each epoch first the one, then the other. The run folder gets settings, metrics (metrics.jsonl, and events
for TensorBoard), checkpoints (the latest, and the best by the accuracy of transformed architectures), and every --test-freq
epochs a random architecture with its best transformation.

An interrupt, a signal to terminate, a closed terminal or the end of --max-hours stops the run after the step at hand, with
a checkpoint.
--resume continues it so that the result is the one of a run that was never stopped, to the bit; on a processor for which
there are other kernels, up to rounding. Of its settings only --epochs may then be given, and raised.`,
		Example: `  nat search --op-type fully-concat
  nat search --op-type loose-end --init-channels 8 --epochs 20 --max-hours 5 --save runs/small
  nat search --data photos --image-size 64 --save runs/photos
  nat search --resume runs/small --epochs 40
  nat search --supernet runs/small --epochs 15 --recipe leave-one-out`,
		Args: noArgumentsBut(entropyFlag),
	}
	defineOptions(c.Flags(), &s.options)
	c.Flags().StringVar(&s.supernet, "supernet", "", "`checkpoint` or run folder: train a policy alone, on its supernet")
	s.runFlags.define(c.Flags(), "search")
	p.acceptPublished(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := errors.Join(exclusive(c, "save", "resume"), exclusive(c, "supernet", "resume")); err != nil {
			return err
		}
		if s.resume != "" {
			return p.resumeSearch(c, s)
		}
		return p.startSearch(c, s)
	}
	return c
}

// defineOptions defines the flags that a search's result depends on, and sets their published defaults.
func defineOptions(flags *pflag.FlagSet, o *search.Options) {
	*o = search.Default(supernet.FullyConcat)
	d := *o
	o.Supernet.OpType = ""
	opTypeFlag(flags, &o.Supernet.OpType, "kind of supernet (default fully-concat)")
	wholeNumber(flags, &o.Supernet.Nodes, "nodes", 0, 1, genotype.MaxNodes, "intermediate nodes of a cell (default 4, of loose-end 5)")
	wholeNumber(flags, &o.Supernet.Channels, "init-channels", d.Supernet.Channels, 1, 512, "channels of the first cells")
	wholeNumber(flags, &o.Supernet.Layers, "layers", d.Supernet.Layers, 1, 100, "cells")
	wholeNumber(flags, &o.Epochs, "epochs", d.Epochs, 1, 1_000_000, "epochs")
	batchSizeFlag(flags, &o.BatchSize)
	realNumber(flags, &o.TrainPortion, "train-portion", d.TrainPortion, 0, 1, "part of the training set that trains the supernet")
	realNumber(flags, &o.Weights.Rate, "learning-rate", d.Weights.Rate, 0, 100, "of the supernet")
	realNumber(flags, &o.Weights.RateMin, "learning-rate-min", d.Weights.RateMin, 0, 100, "what it falls to along a cosine")
	realNumber(flags, &o.Weights.Momentum, "momentum", d.Weights.Momentum, 0, 1, "of the supernet")
	realNumber(flags, &o.Weights.Decay, "weight-decay", d.Weights.Decay, 0, 100, "of the supernet")
	realNumber(flags, &o.Theta.Rate, "transformer-learning-rate", d.Theta.Rate, 0, 100, "of the policy")
	realNumber(flags, &o.Theta.Decay, "transformer-weight-decay", d.Theta.Decay, 0, 100, "of the policy")
	realNumber(flags, &o.Theta.EntropyWeight, entropyFlag, d.Theta.EntropyWeight, 0, 100, "weight of the policy's entropy")
	realNumber(flags, &o.Theta.BaselineDecay, "gamma", d.Theta.BaselineDecay, 0, 1, "decay of the baseline of rewards")
	word := func(name, standard string, words []string, usage string, set func(string)) {
		flags.Var(&setting[string]{new(string), func(text string) (string, error) {
			if !slices.Contains(words, text) {
				return "", errors.New(choices(text, words))
			}
			set(text)
			return text, nil
		}, "word", standard}, name, usage+": "+strings.Join(words, ", "))
	}
	word("recipe", string(d.Recipe), []string{string(search.Published), string(search.LeaveOneOut)},
		"settings of the policy's training, where its learning rate and the next ones aren't given", func(text string) { o.Recipe = search.Recipe(text) })
	wholeNumber(flags, &o.Theta.Warmup, "theta-warmup", d.Theta.Warmup, 0, 1_000_000, "epochs that train the supernet alone, at first")
	wholeNumber(flags, &o.Theta.Transformations, "theta-transformations", d.Theta.Transformations, 1, 64, "transformations of each input, of several each with the others' mean reward as baseline")
	word("theta-reward", string(d.Theta.Reward), []string{string(search.AccuracyReward), string(search.LossReward)},
		"what a reward is the difference of", func(text string) { o.Theta.Reward = search.Reward(text) })
	realNumber(flags, &o.Theta.RateEnd, "theta-rate-end", d.Theta.RateEnd, 0, 1, "part of the policy's learning rate that is left in the end, along a cosine")
	flags.BoolVar(&o.Theta.Normalise, "theta-normalise", d.Theta.Normalise, "divide what rewards are above their baseline by its moving root mean square")
	wholeNumber(flags, &o.Policy.Embedding, "edge-hid", d.Policy.Embedding, 1, 1<<12, "numbers in the policy's embedding of an operation")
	wholeNumber(flags, &o.Policy.Features, "transformer-nfeat", d.Policy.Features, 1, 1<<12, "features of a node in the policy")
	wholeNumber(flags, &o.Policy.Hidden, "transformer-nhid", d.Policy.Hidden, 1, 1<<12, "hidden features of a node in the policy")
	flags.BoolVar(&o.Policy.NormaliseFeatures, "transformer-normalize-features", false, "divide a node's features by the sum of their magnitudes")
	flags.BoolVar(&o.Policy.NormaliseAdjacency, "transformer-normalize-adjacency", false, "divide the rows of the adjacency matrix by their sums")
	realNumber(flags, &o.Policy.Dropout, "transformer-dropout", d.Policy.Dropout, 0, 1, "of the policy's hidden features")
	wholeNumber(flags, &o.Trials.Every, "test-freq", d.Trials.Every, 1, 1_000_000, "epochs between trials of the policy")
	wholeNumber(flags, &o.Trials.Candidates, "n-archs", d.Trials.Candidates, 1, 100_000, "transformations in a trial")
	wholeNumber(flags, &o.Trials.Images, "images", d.Trials.Images, 0, 10_000_000, "images that a trial chooses on; 0 takes all")
	seedFlag(flags, &o.Seed)
	alias(flags, "nodes", "num-nodes")
	alias(flags, "transformer-learning-rate", "arch-learning-rate")
	alias(flags, "transformer-weight-decay", "arch-weight-decay")
}

// entropyFlag takes two values in the published program, for the normal and for the reduce cell: --entropy-coeff 0.003 0.003.
const entropyFlag = "entropy-coeff"

// noArgumentsBut is the argument check of a command that takes flags only, but for a flag's value, which may be repeated.
func noArgumentsBut(flag string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 || !c.Flags().Changed(flag) {
			return noArguments(c, args)
		}
		first, err1 := strconv.ParseFloat(c.Flags().Lookup(flag).Value.String(), 64)
		second, err2 := strconv.ParseFloat(args[0], 64)
		if err1 != nil || err2 != nil {
			return noArguments(c, args)
		}
		if first != second {
			return usagef(c, "--%s %v %v: the normal and the reduce cell have the same here, give one value", flag, first, second)
		}
		return nil
	}
}

// alias lets a flag be given by another name, which --help doesn't show.
func alias(flags *pflag.FlagSet, name, other string) {
	f := *flags.Lookup(name)
	f.Name, f.Hidden = other, true
	flags.AddFlag(&f)
}

// withRecipe returns how the policy is trained: as the recipe says, but for what is given singly.
func withRecipe(c *cobra.Command, o search.Options) search.PolicyTraining {
	given, t := c.Flags().Changed, o.Theta.Prepared(o.Recipe, o.Epochs)
	if given("transformer-learning-rate") || given("arch-learning-rate") {
		t.Rate = o.Theta.Rate
	}
	if given("theta-warmup") {
		t.Warmup = o.Theta.Warmup
	}
	if given("theta-transformations") {
		t.Transformations = o.Theta.Transformations
	}
	if given("theta-reward") {
		t.Reward = o.Theta.Reward
	}
	if given("theta-rate-end") {
		t.RateEnd = o.Theta.RateEnd
	}
	if given("theta-normalise") {
		t.Normalise = o.Theta.Normalise
	}
	return t
}

// startSearch begins a search in a new run folder.
func (p *program) startSearch(c *cobra.Command, s searchSettings) error {
	o := s.options
	if o.Supernet.OpType == "" {
		o.Supernet.OpType = supernet.FullyConcat
	}
	if o.Supernet.Nodes == 0 {
		o.Supernet.Nodes = o.Supernet.OpType.DefaultNodes()
	}
	o.Theta = withRecipe(c, o)
	var from *model.Model
	if s.supernet != "" {
		var err error
		if from, err = p.supernetFor(c, &s, &o); err != nil {
			return err
		}
	}
	if err := o.Validate(); err != nil {
		return usagef(c, "%s", err)
	}
	set, err := p.openData(c.Context(), s.dataFlags)
	if err != nil {
		return err
	}
	if from != nil {
		return p.runSearch(c.Context(), s, set, func(r search.Resources) (*search.Search, error) {
			return search.StartPolicy(s.save, o, from, r)
		})
	}
	o.Supernet.Classes, o.Supernet.ImageChannels, o.Supernet.ImageSize = len(set.Train.Classes), set.Train.Channels, set.Train.Height
	return p.runSearch(c.Context(), s, set, func(r search.Resources) (*search.Search, error) {
		return search.Start(s.save, o, r)
	})
}

// supernetFor reads the supernet that --supernet names, and adapts the settings to it. Flags that say how a supernet is made and
// trained can't be given beside it.
func (p *program) supernetFor(c *cobra.Command, s *searchSettings, o *search.Options) (*model.Model, error) {
	for _, name := range []string{
		"op-type", "nodes", "num-nodes", "init-channels", "layers", "seed", "train-portion", "learning-rate", "learning-rate-min",
		"momentum", "weight-decay", "theta-warmup",
	} {
		if err := exclusive(c, "supernet", name); err != nil {
			return nil, err
		}
	}
	m, err := p.newModels(modelSettings{modelPath: s.supernet}).forNodes(0)
	if err != nil {
		return nil, err
	}
	if m.Supernet == nil {
		return nil, fmt.Errorf("%s holds a policy alone: give a checkpoint with a supernet", m.Source)
	}
	o.Supernet, o.Theta.Warmup, s.size = m.Supernet.Config(), 0, m.Supernet.Config().ImageSize
	return m, nil
}

// resumeSearch continues the search in a run folder.
func (p *program) resumeSearch(c *cobra.Command, s searchSettings) error {
	config, err := search.ReadConfig(s.resume)
	if err != nil {
		return err
	}
	epochs, err := agreeSearch(c, config.Settings)
	if err != nil {
		return err
	}
	s.resumedDevice(c, config.Convolution, config.Precision)
	if err := s.resumed(c, config.Provenance, config.Settings.Supernet.ImageSize); err != nil {
		return err
	}
	set, err := p.openData(c.Context(), s.dataFlags)
	if err != nil {
		return err
	}
	return p.runSearch(c.Context(), s, set, func(r search.Resources) (*search.Search, error) {
		return search.Resume(s.resume, epochs, r)
	})
}

// agreeSearch checks that the flags given with --resume say what the run's settings say, and returns the number of epochs,
// which alone may differ.
func agreeSearch(c *cobra.Command, stored search.Options) (epochs int, err error) {
	epochs = stored.Epochs
	var o search.Options
	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	defineOptions(flags, &o)
	err = agree(c, flags, func(set func() error) (bool, error) {
		o = stored
		err := set()
		if o.Epochs != stored.Epochs {
			epochs = o.Epochs
		}
		return o != stored, err
	})
	return epochs, err
}

// runSearch runs a search that begin starts or resumes, and says what became of it.
func (p *program) runSearch(ctx context.Context, s searchSettings, set *dataset.Set, begin func(search.Resources) (*search.Search, error)) (err error) {
	defer spareMemory()()
	device, err := s.device()
	if err != nil {
		return err
	}
	defer device.Close()
	view := p.newSearchView()
	defer view.close()
	run, err := begin(search.Resources{
		Data: set, Device: device, Observer: view, SaveEvery: s.saveEvery(), Provenance: s.provenance(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	view.begin(run, set)
	return view.carryOut(ctx, run, s.maxHours, "search", func() error { return p.printSearch(run, view, s.json) })
}
