package search

import (
	"context"
	"fmt"
	"time"

	"nat/internal/dataset"
	"nat/internal/derive"
	"nat/internal/genotype"
	"nat/internal/random"
	"nat/internal/runs"
)

// Trial is a look at what the policy can do: a random architecture, and the best of its transformations. Both accuracies
// are those of shared weights on selection images, which neither weights nor policy are kept from: they show progress and
// judge nothing.
type Trial struct {
	Input          genotype.Genotype `json:"-"`
	Output         genotype.Genotype `json:"-"`
	InputText      string            `json:"input"`
	OutputText     string            `json:"output"`
	InputAccuracy  float64           `json:"input_accuracy"`
	OutputAccuracy float64           `json:"output_accuracy"`
	Images         int               `json:"images"`

	took runs.Timing
}

// selectImages takes the images of trials: the first ones of the policy's part of the training set.
func (s *Search) selectImages(theta []int) error {
	request := dataset.SelectionRequest{
		Seed: s.options.Seed, Portion: s.options.TrainPortion, Images: min(s.options.Trials.Images, len(theta)),
		TrainedOn: s.fingerprint,
	}
	images, warning, err := s.Data.Selection(request)
	if warning != "" {
		s.Observer.Warn(warning)
	}
	s.selection = images
	return err
}

// trialDue tells whether a trial belongs to the end of the epoch at hand.
func (s *Search) trialDue() bool {
	done := s.state.Position.Epoch + 1
	return done%s.options.Trials.Every == 0 || done == s.options.Epochs
}

// saveAndTry makes a trial. It saves first, so that whatever happens during it costs no training.
func (s *Search) saveAndTry(ctx context.Context) (*Trial, error) {
	if err := s.save(); err != nil {
		return nil, err
	}
	start := time.Now()
	epoch := s.state.Position.Epoch
	input := genotype.Random(random.New(s.options.Seed, "trial", epoch), s.options.Supernet.Nodes)
	input.Name = fmt.Sprintf("epoch_%d", epoch+1)
	r, err := derive.Derive(ctx, s.Device, s.model, input, derive.Options{
		Candidates: s.options.Trials.Candidates, WithMode: true, Seed: s.options.Seed + uint64(epoch),
		Selection: s.selection, Test: s.selection, BatchSize: s.options.BatchSize,
	})
	if err != nil {
		return nil, err
	}
	output := r.Output.Genotype
	output.Name = input.Name + "_derived" // also where nothing better than the input was found
	return &Trial{
		Input: input, Output: output, InputText: input.String(), OutputText: output.String(),
		InputAccuracy: r.Input.Selection.Value(), OutputAccuracy: r.Output.Selection.Value(), Images: r.Input.Selection.Images,
		took: runs.TimingSince(start),
	}, nil
}

// writeTrial writes both architectures to a file of their own, and the trial to the metrics.
func (s *Search) writeTrial(t *Trial) error {
	epoch := s.state.Position.Epoch + 1
	if err := s.folder.WriteText(t.Input.Define()+"\n"+t.Output.Define()+"\n", "genotypes", fmt.Sprintf("epoch-%04d.txt", epoch)); err != nil {
		return err
	}
	return s.write(Record{Kind: TrialRecord, Epoch: epoch, Trial: t, Timing: t.took})
}
