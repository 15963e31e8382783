package search

import (
	"time"

	"nat/internal/dataset"
)

// pace is what steps of the two phases have taken so far, to foretell the rest.
type pace [2]struct {
	took  time.Duration
	steps int
}

// policyShare is about what a step of the policy takes of one of the supernet: two passes forward for one forward and
// backward. It is used until it has been measured, and the other way round after a resumption amid the policy's phase.
const policyShare = 0.75

func (p *pace) add(phase dataset.Phase, took time.Duration) {
	p[phase].took += took
	p[phase].steps++
}

// step returns what a step of a phase takes.
func (p *pace) step(phase dataset.Phase) time.Duration {
	if own := p[phase]; own.steps > 0 {
		return own.took / time.Duration(own.steps)
	}
	other := p[1-phase]
	if other.steps == 0 {
		return 0
	}
	factor := policyShare
	if phase == dataset.Weights {
		factor = 1 / policyShare
	}
	return time.Duration(factor * float64(other.took) / float64(other.steps))
}

// remaining foretells how long the rest of a search takes, of so many epochs with so many batches in their phases, the
// first ones of which are warm-up.
func (p *pace) remaining(at position, epochs, warmup int, batches [2]int) time.Duration {
	left := [2]int{(epochs - at.Epoch) * batches[0], (epochs - max(at.Epoch, warmup)) * batches[1]}
	left[at.Phase] -= at.Step
	if at.Phase == dataset.Policy {
		left[dataset.Weights] -= batches[dataset.Weights]
	}
	return time.Duration(left[0])*p.step(dataset.Weights) + time.Duration(left[1])*p.step(dataset.Policy)
}
