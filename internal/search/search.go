// Package search trains a policy and the supernet that judges it (spec section 7): an epoch trains the supernet's weights on
// random architectures, then the policy on transformations of random architectures, each on its own part of the training
// set. A search writes a run folder and can be resumed from it to the same bits. It stands above model and derive, and
// below cli.
//
// Every random draw comes from a stream named by its place in the search (package random), so a checkpoint needs no state
// of generators, and a search that is resumed draws what it would have drawn.
package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/runfolder"
	"nat/internal/runs"
	"nat/internal/supernet"
)

// Observer is told how a search goes on, between its steps.
type Observer interface {
	// Progress is called after every step.
	Progress(Progress)
	// Recorded is called for every record of the metrics, when it has been written.
	Recorded(Record)
	// Warn is called with one line about something that a user should look at.
	Warn(message string)
}

// Progress is where a search stands.
type Progress struct {
	Epoch, Epochs int // the epoch under way, counted from 1
	Phase         dataset.Phase
	Step, Steps   int           // done of the phase
	Remaining     time.Duration // of the whole search, as far as can be foretold; 0 at first
}

// Resources are what a search works with, none of which changes its result but Data. They are the caller's to close.
type Resources struct {
	Data       *dataset.Set
	Device     *graph.Device
	Observer   Observer
	SaveEvery  time.Duration // between checkpoints amid an epoch; 0: none
	Provenance runs.Provenance
}

// Search is a search under way.
type Search struct {
	Resources
	options     Options
	folder      *runfolder.Folder
	model       *model.Model
	sgd         graph.SGD
	adam        graph.Adam
	loaders     [2]*dataset.Loader // by phase
	selection   *dataset.Images    // that trials choose on
	chance      float64            // accuracy of always naming the most frequent class
	state       state
	saved       time.Time
	recent      runs.Stopwatch
	pace        pace
	fingerprint string
	begun       []func() (supernet.Result, error) // steps of the supernet whose results nobody has asked for yet
}

// newSearch returns a search at its start, with the weights that the model has.
func newSearch(o Options, m *model.Model, r Resources) (*Search, error) {
	s := &Search{Resources: r, options: o, model: m, saved: time.Now(), fingerprint: r.Data.Train.Fingerprint()}
	m.Training = model.Training{
		Known: true, Seed: o.Seed, TrainPortion: o.TrainPortion, Epochs: o.SupernetEpochs, Dataset: r.Data.Name, Fingerprint: s.fingerprint,
		Classes: r.Data.Train.Classes, Mean: r.Data.Train.Mean, Std: r.Data.Train.Std,
	}
	s.sgd = graph.SGD{Momentum: o.Weights.Momentum, Decay: o.Weights.Decay}
	s.adam = graph.Adam{
		Beta1: o.Theta.Beta1, Beta2: o.Theta.Beta2, Epsilon: o.Theta.Epsilon, Decay: o.Theta.Decay,
	}
	return s, s.load()
}

// load splits the training set between the phases.
func (s *Search) load() error {
	o, train := s.options, s.Data.Train
	if c := o.Supernet; c.Classes != len(train.Classes) || c.ImageChannels != train.Channels || c.ImageSize != train.Height || train.Height != train.Width {
		return fmt.Errorf("the supernet is for %d classes of images of %d×%d×%d, but %s has %d of %d×%d×%d", c.Classes,
			c.ImageChannels, c.ImageSize, c.ImageSize, s.Data.Name, len(train.Classes), train.Channels, train.Height, train.Width)
	}
	weights, theta := dataset.Split(train.Len(), o.TrainPortion, o.Seed)
	if len(weights) == 0 || len(theta) == 0 {
		return fmt.Errorf("%s has %d training images: a train portion of %v leaves none for one of the phases", s.Data.Name, train.Len(), o.TrainPortion)
	}
	for phase, part := range [][]int{dataset.Weights: weights, dataset.Policy: theta} {
		s.loaders[phase] = dataset.NewLoader(train, dataset.LoaderOptions{
			Indices: part, BatchSize: o.BatchSize, Shuffle: true, Augmentation: dataset.AugmentationFor(train), Seed: o.Seed,
			Phase: dataset.Phase(phase), Place: s.Device.CanHold(),
		})
	}
	counts, most := make([]int, len(train.Classes)), 0
	for _, i := range weights {
		counts[train.Labels[i]]++
		most = max(most, counts[train.Labels[i]])
	}
	s.chance = float64(most) / float64(len(weights))
	return s.selectImages(theta)
}

// Run trains until the last epoch is done. When the context ends, it saves a checkpoint and returns the context's error;
// the search can then be resumed, as it can after any other error, from the last checkpoint.
func (s *Search) Run(ctx context.Context) (err error) {
	if err := s.Device.Hold(s.model.Supernet.Parameters()); err != nil {
		return err
	}
	defer func() {
		if failed := s.Device.Release(); err == nil {
			err = failed
		}
		err = runs.Broken(err, s.Device, s.folder)
	}()
	for s.state.Position.Epoch < s.options.Epochs {
		if err := s.runPhase(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				if failed := s.save(); failed != nil {
					return failed
				}
			}
			return err
		}
	}
	return nil
}

// Position returns how many epochs are complete, and how many steps of the phase that follows.
func (s *Search) Position() (epochs int, phase dataset.Phase, step int) {
	p := s.state.Position
	return p.Epoch, p.Phase, p.Step
}

// epochs returns how many epochs are complete, with those that trained the supernet before.
func (s *Search) epochs() int { return s.options.SupernetEpochs + s.state.Position.Epoch }

// Options returns the search's settings.
func (s *Search) Options() Options { return s.options }

// Model returns what is being trained.
func (s *Search) Model() *model.Model { return s.model }

// runPhase does what is left of the phase at hand.
func (s *Search) runPhase(ctx context.Context) error {
	at := &s.state.Position
	if at.Phase == dataset.Weights && s.options.SupernetEpochs > 0 {
		at.Phase = dataset.Policy
	}
	loader := s.loaders[at.Phase]
	step := s.weightStep
	if at.Phase == dataset.Policy {
		step = s.thetaStep
	}
	whole := runs.StartWatch(loader)
	s.recent = whole
	for number, batch := range loader.Epoch(ctx, at.Epoch, at.Step) {
		start := time.Now()
		if err := step(number, batch); err != nil {
			return fmt.Errorf("epoch %d, step %d of the %s: %w", at.Epoch+1, number+1, phaseName(at.Phase), err)
		}
		at.Step = number + 1
		s.pace.add(at.Phase, time.Since(start))
		whole.Images += batch.N
		s.recent.Images += batch.N
		if err := s.afterStep(loader); err != nil {
			return err
		}
	}
	if err := loader.Err(); err != nil {
		return err
	}
	if at.Step < loader.Batches() {
		return ctx.Err()
	}
	return s.closePhase(ctx, whole.Read(loader))
}

// phaseName returns what to call a phase.
func phaseName(p dataset.Phase) string {
	if p == dataset.Policy {
		return "policy"
	}
	return "weights"
}

// afterStep records and saves where it is time to, and tells the observer.
func (s *Search) afterStep(loader *dataset.Loader) error {
	at := s.state.Position
	if at.Step%runs.StepsPerRecord == 0 {
		if err := s.settle(); err != nil {
			return err
		}
		if err := s.record(StepRecord, s.state.Recent, s.recent.Read(loader)); err != nil {
			return err
		}
		s.state.Recent = tally{}
		s.recent = runs.StartWatch(loader)
	}
	s.Observer.Progress(Progress{
		Epoch: at.Epoch + 1, Epochs: s.options.Epochs, Phase: at.Phase, Step: at.Step, Steps: loader.Batches(),
		Remaining: s.pace.remaining(at, s.options.Epochs, s.options.Theta.Warmup, s.batches()),
	})
	if s.SaveEvery > 0 && time.Since(s.saved) >= s.SaveEvery {
		return s.save()
	}
	return nil
}

// batches returns how many steps the phases of an epoch have.
func (s *Search) batches() [2]int {
	if s.options.SupernetEpochs > 0 {
		return [2]int{dataset.Policy: s.loaders[dataset.Policy].Batches()}
	}
	return [2]int{s.loaders[dataset.Weights].Batches(), s.loaders[dataset.Policy].Batches()}
}

// record writes the means of the phase at hand to the metrics.
func (s *Search) record(kind RecordKind, t tally, took runs.Timing) error {
	at := s.state.Position
	r := Record{Kind: kind, Epoch: at.Epoch + 1, Step: at.Step, Timing: took}
	r.Total = s.before(at.Phase, at.Epoch)*s.loaders[at.Phase].Batches() + at.Step
	if at.Phase == dataset.Weights {
		r.Weights = t.weightMeans(s.options.rate(at.Epoch))
	} else {
		r.Policy = t.policyMeans(s.state.Baseline)
	}
	return s.write(r)
}

// before returns in how many epochs before this one there was a phase.
func (s *Search) before(p dataset.Phase, epoch int) int {
	if p == dataset.Weights {
		return epoch
	}
	return epoch - s.options.Theta.Warmup
}

func (s *Search) write(r Record) error {
	if err := s.folder.Append(&r); err != nil {
		return err
	}
	s.Observer.Recorded(r)
	return nil
}

// closePhase records a phase that is complete and goes on to the next; after the policy's, with a trial if one is due and a
// checkpoint.
func (s *Search) closePhase(ctx context.Context, took runs.Timing) error {
	if err := s.settle(); err != nil {
		return err
	}
	at := &s.state.Position
	complete := s.state.Whole
	var trial *Trial
	if at.Phase == dataset.Policy && s.trialDue() {
		var err error
		if trial, err = s.saveAndTry(ctx); err != nil {
			return err
		}
	}
	if err := s.record(PhaseRecord, complete, took); err != nil {
		return err
	}
	s.state.Whole, s.state.Recent = tally{}, tally{}
	if at.Phase == dataset.Weights {
		s.warnAtChance(complete)
		if at.Epoch < s.options.Theta.Warmup {
			*at = position{at.Epoch + 1, dataset.Weights, 0}
			s.model.Training.Epochs = s.epochs()
			return s.save()
		}
		*at = position{at.Epoch, dataset.Policy, 0}
		return nil
	}
	if trial != nil {
		if err := s.writeTrial(trial); err != nil {
			return err
		}
	}
	*at = position{at.Epoch + 1, dataset.Weights, 0}
	s.model.Training.Epochs = s.epochs()
	return s.saveEpoch(float64(complete.OutputCorrect) / float64(complete.Images))
}
