// Package train trains a network from scratch, which is how an architecture is judged (spec section 9), and evaluates
// networks that were. A training writes a run folder and can be resumed from it to the same bits. It stands above network
// and runs, and below cli.
//
// Every random draw comes from a stream named by its place in the training (package random), so a checkpoint needs no state
// of generators.
package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/random"
	"nat/internal/runfolder"
	"nat/internal/runs"
)

// Observer is told how a training goes on, between its steps.
type Observer interface {
	// Progress is called after every step.
	Progress(Progress)
	// Recorded is called for every record of the metrics, when it has been written.
	Recorded(Record)
	// Warn is called with one line about something that a user should look at.
	Warn(message string)
}

// Progress is where a training stands.
type Progress struct {
	Epoch, Epochs int           // the epoch under way, counted from 1
	Step, Steps   int           // done of it
	Remaining     time.Duration // of the whole training, as far as can be foretold; 0 at first
}

// Resources are what a training works with, none of which changes its result but Data. They are the caller's to close.
type Resources struct {
	Data       *dataset.Set
	Device     *graph.Device
	Observer   Observer
	SaveEvery  time.Duration // between checkpoints amid an epoch; 0: none
	Provenance runs.Provenance
}

// Training is a training under way.
type Training struct {
	Resources
	options     Options
	folder      *runfolder.Folder
	network     *network.Network
	sgd         graph.SGD
	loader      *dataset.Loader
	judged      *dataset.Images // what epochs are judged on
	judgedOn    string
	state       state
	saved       time.Time
	recent      runs.Stopwatch
	pace        pace
	fingerprint string
}

// newTraining returns a training at its start, with the weights that the network has.
func newTraining(o Options, n *network.Network, r Resources) (*Training, error) {
	train := r.Data.Train
	if s := o.Size; s.Classes != len(train.Classes) || train.Channels != 3 || s.ImageSize != train.Height || train.Height != train.Width {
		return nil, fmt.Errorf("the network is for %d classes of images of 3×%d×%d, but %s has %d of %d×%d×%d", s.Classes,
			s.ImageSize, s.ImageSize, r.Data.Name, len(train.Classes), train.Channels, train.Height, train.Width)
	}
	t := &Training{
		Resources: r, options: o, network: n, saved: time.Now(), fingerprint: train.Fingerprint(),
		sgd: graph.SGD{Momentum: o.Momentum, Decay: o.Decay}, judged: r.Data.Test, judgedOn: JudgedOnTest,
	}
	if r.Data.Validation != nil {
		t.judged, t.judgedOn = r.Data.Validation, JudgedOnValidation
	}
	part, rest := dataset.Split(train.Len(), o.TrainPortion, o.Seed)
	if len(part) == 0 {
		return nil, fmt.Errorf("%s has %d training images: a train portion of %v leaves none", r.Data.Name, train.Len(), o.TrainPortion)
	}
	if len(rest) > 0 {
		t.judged, t.judgedOn = train.Select(rest), JudgedOnRest
	}
	t.loader = dataset.NewLoader(train, dataset.LoaderOptions{
		Indices: part, BatchSize: o.BatchSize, Shuffle: true, Augmentation: o.Augmentation, Seed: o.Seed, Phase: dataset.Weights,
		Place: r.Device.CanHold(),
	})
	return t, nil
}

// Run trains until the last epoch is done. When the context ends, it saves a checkpoint and returns the context's error; the
// training can then be resumed, as it can after any other error, from the last checkpoint.
func (t *Training) Run(ctx context.Context) (err error) {
	if err := t.Device.Hold(t.network.Parameters()); err != nil {
		return err
	}
	defer func() {
		if failed := t.Device.Release(); err == nil {
			err = failed
		}
		err = runs.Broken(err, t.Device, t.folder)
	}()
	for t.state.Position.Epoch < t.options.Epochs {
		if err := t.runEpoch(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				if failed := t.save(); failed != nil {
					return failed
				}
			}
			return err
		}
	}
	return nil
}

// Position returns how many epochs are complete, and how many steps of the next.
func (t *Training) Position() (epochs, step int) {
	return t.state.Position.Epoch, t.state.Position.Step
}

// Options returns the training's settings.
func (t *Training) Options() Options { return t.options }

// JudgedOn returns how many images epochs are judged on, and which.
func (t *Training) JudgedOn() (images int, which string) { return t.judged.Len(), t.judgedOn }

// Trained returns what has been trained so far. It shares the training's memory.
func (t *Training) Trained() network.Trained {
	train := t.Data.Train
	return network.Trained{Network: t.network, Origin: network.Origin{
		Dataset: t.Data.Name, Fingerprint: t.fingerprint, Classes: train.Classes, Mean: train.Mean, Std: train.Std,
		Epochs: t.state.Position.Epoch,
	}}
}

// runEpoch does what is left of the epoch at hand.
func (t *Training) runEpoch(ctx context.Context) error {
	at := &t.state.Position
	whole := runs.StartWatch(t.loader)
	t.recent = whole
	for number, batch := range t.loader.Epoch(ctx, at.Epoch, at.Step) {
		start := time.Now()
		if err := t.step(number, batch); err != nil {
			return fmt.Errorf("epoch %d, step %d: %w", at.Epoch+1, number+1, err)
		}
		at.Step = number + 1
		t.pace.addStep(time.Since(start))
		whole.Images += batch.N
		t.recent.Images += batch.N
		if err := t.afterStep(); err != nil {
			return err
		}
	}
	if at.Step < t.loader.Batches() {
		return errors.Join(ctx.Err(), t.loader.Err())
	}
	return t.closeEpoch(ctx, whole.Read(t.loader))
}

// step trains the network on a batch.
func (t *Training) step(number int, batch dataset.Batch) error {
	o, epoch := t.options, t.state.Position.Epoch
	result, used, err := t.network.Gradients(t.Device, batch, network.Training{
		DropPath: o.dropPath(epoch), Random: random.New(o.Seed, "drop-path", epoch, number), Smoothing: o.Smoothing,
		Auxiliary: o.Auxiliary,
	})
	if err != nil {
		return err
	}
	if err := runs.CheckLoss(result.Loss); err != nil {
		return err
	}
	graph.ClipGradients(used, o.Clip)
	t.sgd.Rate = o.rate(epoch)
	if err := graph.Step(&t.sgd, used); err != nil {
		return err
	}
	t.state.Whole.add(result)
	t.state.Recent.add(result)
	return nil
}

// afterStep records and saves where it is time to, and tells the observer.
func (t *Training) afterStep() error {
	at := t.state.Position
	if at.Step%runs.StepsPerRecord == 0 {
		if err := t.record(StepRecord, t.state.Recent, nil, t.recent.Read(t.loader)); err != nil {
			return err
		}
		t.state.Recent = tally{}
		t.recent = runs.StartWatch(t.loader)
	}
	t.Observer.Progress(Progress{
		Epoch: at.Epoch + 1, Epochs: t.options.Epochs, Step: at.Step, Steps: t.loader.Batches(),
		Remaining: t.pace.remaining(at, t.options.Epochs, t.loader.Batches()),
	})
	if t.SaveEvery > 0 && time.Since(t.saved) >= t.SaveEvery {
		return t.save()
	}
	return nil
}

// record writes means over steps of the epoch at hand to the metrics.
func (t *Training) record(kind RecordKind, sums tally, judgement *Judgement, took runs.Timing) error {
	at, images := t.state.Position, float64(sums.Images)
	r := Record{
		Kind: kind, Epoch: at.Epoch + 1, Step: at.Step, Total: at.Epoch*t.loader.Batches() + at.Step,
		Train: Means{
			Loss: sums.Loss / images, Accuracy: float64(sums.Correct) / images,
			Rate: t.options.rate(at.Epoch), DropPath: t.options.dropPath(at.Epoch),
		},
		Evaluation: judgement, Timing: took,
	}
	if err := t.folder.Append(&r); err != nil {
		return err
	}
	t.Observer.Recorded(r)
	return nil
}

// closeEpoch judges the network after an epoch, records both and saves a checkpoint.
func (t *Training) closeEpoch(ctx context.Context, took runs.Timing) error {
	start := time.Now()
	e, err := Evaluate(ctx, t.Device, t.network, t.judged, Evaluating{BatchSize: t.options.BatchSize})
	if err != nil {
		return err
	}
	t.pace.addEvaluation(time.Since(start))
	best := e.Accuracy() > t.state.Best || t.state.Position.Epoch == 0
	judgement := Judgement{
		On: t.judgedOn, Images: e.Images, Loss: e.Loss, Accuracy: e.Accuracy(), Top5: e.TopAccuracy(), Best: best,
	}
	if err := t.record(EpochRecord, t.state.Whole, &judgement, took); err != nil {
		return err
	}
	t.state = state{Position: position{Epoch: t.state.Position.Epoch + 1}, Best: max(t.state.Best, e.Accuracy())}
	return t.saveEpoch(best)
}

// pace is what steps and evaluations have taken so far, to foretell the rest.
type pace struct {
	steps, evaluations       int
	stepping, evaluatingTook time.Duration
}

func (p *pace) addStep(took time.Duration) { p.steps, p.stepping = p.steps+1, p.stepping+took }

func (p *pace) addEvaluation(took time.Duration) {
	p.evaluations, p.evaluatingTook = p.evaluations+1, p.evaluatingTook+took
}

// remaining foretells how long the rest of a training takes.
func (p *pace) remaining(at position, epochs, batches int) time.Duration {
	left := (epochs-at.Epoch)*batches - at.Step
	rest := time.Duration(float64(p.stepping) / float64(max(p.steps, 1)) * float64(left))
	return rest + time.Duration(float64(p.evaluatingTook)/float64(max(p.evaluations, 1))*float64(epochs-at.Epoch))
}
