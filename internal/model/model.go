// Package model is what a search makes and a derivation uses: a supernet, a policy, and how they were trained. It reads
// them from checkpoints, ours and the published program's, and writes them (spec section 11). It stands above supernet,
// policy and checkpoint, and below search and derive.
package model

import (
	"fmt"

	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/policy"
	"nat/internal/supernet"
)

// Model is a policy and the supernet that it was trained with.
type Model struct {
	Supernet *supernet.Supernet // nil where the checkpoint holds the policy alone
	Policy   *policy.Policy
	Training Training
	Source   string // the checkpoint it was read from; empty for a new one
}

// Training is how a model came to be: what decides which images it hasn't seen.
type Training struct {
	Known        bool      // false where a checkpoint says neither seed nor train portion; they are the defaults then
	Seed         uint64    // of the split
	TrainPortion float64   // the part of the training set that trained the supernet's weights
	Epochs       int       // done
	Dataset      string    // name of the data set; may be empty
	Fingerprint  string    // of its training images; empty where unknown
	Classes      []string  // names of its classes; nil where unknown
	Mean, Std    []float64 // of each channel, by which images were normalised; nil where unknown
}

// The published seed and train portion (spec section 7).
const (
	DefaultSeed         = 1234
	DefaultTrainPortion = 0.4
)

// New returns a model whose weights are zero.
func New(s supernet.Config, p policy.Config) (*Model, error) {
	m := &Model{Training: Training{Seed: DefaultSeed, TrainPortion: DefaultTrainPortion}}
	var err error
	if m.Supernet, err = supernet.New(s); err != nil {
		return nil, err
	}
	if m.Policy, err = policy.New(p); err != nil {
		return nil, err
	}
	return m, nil
}

// Parameters returns all parameters by the published names, the supernet's before the policy's.
func (m *Model) Parameters() []*graph.Parameter {
	var all []*graph.Parameter
	if m.Supernet != nil {
		all = append(all, m.Supernet.Parameters()...)
	}
	return append(all, m.Policy.Parameters()...)
}

// Fits checks that the model can transform an architecture. A policy alone fits any number of nodes.
func (m *Model) Fits(g genotype.Genotype) error {
	if m.Supernet == nil {
		return g.Validate()
	}
	if err := m.Supernet.Fits(g); err != nil {
		return fmt.Errorf("%s: %w", m.name(), err)
	}
	return nil
}

// name returns what to call the model in a message.
func (m *Model) name() string {
	if m.Source == "" {
		return "the model"
	}
	return m.Source
}
