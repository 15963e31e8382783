package search

import (
	"fmt"
	"math"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/random"
	"nat/internal/runs"
)

// weightStep trains the supernet on a batch, with an architecture drawn for it. On a card, it only begins to: settle has it done.
func (s *Search) weightStep(step int, batch dataset.Batch) error {
	used, wait, err := s.model.Supernet.Begin(s.Device, batch, s.draw(step))
	if err != nil {
		return err
	}
	s.begun = append(s.begun, wait)
	if s.Device.Ahead() == 0 { // before anything is moved: a loss that is no number ends the search with good weights
		if err := s.settle(); err != nil {
			return err
		}
	}
	s.sgd.Rate = s.options.rate(s.state.Position.Epoch)
	if err := graph.Step(&s.sgd, used); err != nil {
		return err
	}
	if len(s.begun) >= s.Device.Ahead() {
		return s.settle()
	}
	return nil
}

// settle waits for the steps that were begun, and counts what they gave.
func (s *Search) settle() error {
	begun := s.begun
	s.begun = nil // and with it the graphs
	for _, wait := range begun {
		result, err := wait()
		if err != nil {
			return err
		}
		if err := runs.CheckLoss(result.Loss); err != nil {
			return err
		}
		s.state.Whole.addWeights(result)
		s.state.Recent.addWeights(result)
	}
	return nil
}

// draw draws the architecture of a step of the phase at hand.
func (s *Search) draw(step int) genotype.Genotype {
	at := s.state.Position
	return genotype.Random(random.New(s.options.Seed, "architectures", int(at.Phase), at.Epoch, step), s.options.Supernet.Nodes)
}

// warnAtChance warns of a supernet that has learned nothing in an epoch: one whose accuracy is within three standard
// deviations of always naming the most frequent class.
func (s *Search) warnAtChance(t tally) {
	n := float64(t.Images)
	accuracy, deviation := float64(t.Correct)/n, math.Sqrt(s.chance*(1-s.chance)/n)
	if accuracy < s.chance+3*deviation {
		s.Observer.Warn(fmt.Sprintf("epoch %d: the supernet is right on %.1f %% of the images, about what chance gives (%.1f %%): it learns nothing so far; if this goes on, change the learning rate (%g)",
			s.state.Position.Epoch+1, 100*accuracy, 100*s.chance, s.options.rate(s.state.Position.Epoch)))
	}
}
