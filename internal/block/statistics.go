package block

import (
	"math"
	"strings"

	"nat/internal/graph"
)

// Epsilon is what is added to a variance, and momentum the weight of a batch in running statistics (spec section 3).
const (
	Epsilon  = 1e-5
	momentum = 0.1
)

// Statistics are the running statistics of a batch normalisation.
type Statistics struct {
	Name           string    // of the normalisation
	Mean, Variance []float32 // [channels]

	// what the last training pass saw
	batchMean, batchVariance []float32 // the variance is the biased one
	count                    int       // numbers of a channel; 0: it saw nothing
}

// normName returns the name of the batch normalisation that a parameter is the scale of.
func (p Parameter) normName() (name string, isNorm bool) {
	return strings.TrimSuffix(p.Name, ".weight"), p.Role == Scale
}

func (s *Set) addStatistics(name string, channels int) {
	r := &Statistics{
		Name: name, Mean: make([]float32, channels), Variance: make([]float32, channels),
		batchMean: make([]float32, channels), batchVariance: make([]float32, channels),
	}
	r.reset()
	s.statistics = append(s.statistics, r)
	s.normByName[name] = r
}

func (r *Statistics) reset() {
	clear(r.Mean)
	for i := range r.Variance {
		r.Variance[i] = 1
	}
}

// track returns where a training pass is to write the mean and the variance of a batch of so many numbers.
func (r *Statistics) track(size int) (mean, variance []float32) {
	r.count = size / len(r.Mean)
	return r.batchMean, r.batchVariance
}

// Follow moves the running statistics towards those of the batch that a training pass has just seen: 0.9 of the old and 0.1
// of the new, whose variance is the unbiased one (spec section 3). Of a single number, which has none, the biased one is
// taken.
func (s *Set) Follow() {
	for _, r := range s.statistics {
		if r.count == 0 {
			continue
		}
		unbiased := float64(r.count) / float64(max(r.count-1, 1))
		for c := range r.Mean {
			r.Mean[c] = float32((1-momentum)*float64(r.Mean[c]) + momentum*float64(r.batchMean[c]))
			r.Variance[c] = float32((1-momentum)*float64(r.Variance[c]) + momentum*unbiased*float64(r.batchVariance[c]))
		}
		r.count = 0
	}
}

// Fold returns the scale and shift that normalise by the running statistics and then scale and shift by the parameters given
// (spec section 3): x·scale + shift.
func (r *Statistics) Fold(weight, bias []float32) (scale, shift []float32) {
	scale, shift = make([]float32, len(weight)), make([]float32, len(weight))
	for c := range scale {
		s := float64(weight[c]) / math.Sqrt(float64(r.Variance[c])+Epsilon)
		scale[c], shift[c] = float32(s), float32(float64(bias[c])-float64(r.Mean[c])*s)
	}
	return scale, shift
}

// apply normalises x by the running statistics, and scales and shifts it.
func (r *Statistics) apply(g *graph.Graph, x *graph.Node, s *Set) *graph.Node {
	scale, shift := r.Fold(s.byName[r.Name+".weight"].Data, s.byName[r.Name+".bias"].Data)
	return g.ScaleShift(x, g.Input(r.Name+".scale", scale, len(scale)), g.Input(r.Name+".shift", shift, len(shift)))
}
