package block

import (
	"math"
	"math/rand/v2"

	"nat/internal/graph"
)

// Set is the parameters of a network's blocks, and the running statistics of its batch normalisations, under their names
// in the network. The zero value is empty.
type Set struct {
	parameters []*graph.Parameter
	starts     []Parameter // of parameters: how each begins
	byName     map[string]*graph.Parameter
	statistics []*Statistics
	normByName map[string]*Statistics
}

// Add adds a block's parameters, whose names prefix begins. With running, its batch normalisations get running statistics.
func (s *Set) Add(prefix string, b Block, running bool) {
	for _, p := range b.Parameters() {
		s.AddParameter(prefix+p.Name, p)
		if name, isNorm := p.normName(); isNorm && running {
			s.addStatistics(prefix+name, p.Shape[0])
		}
	}
}

// AddParameter adds a single parameter under a name, which must be new.
func (s *Set) AddParameter(name string, start Parameter) {
	if s.byName == nil {
		s.byName, s.normByName = map[string]*graph.Parameter{}, map[string]*Statistics{}
	}
	if s.byName[name] != nil {
		panic("block: two parameters are called " + name)
	}
	p := graph.NewParameter(name, start.Shape...)
	s.parameters, s.starts = append(s.parameters, p), append(s.starts, start)
	s.byName[name] = p
}

// AddClassifier adds the weights and biases of a linear layer.
func (s *Set) AddClassifier(prefix string, features, classes int) {
	s.AddParameter(prefix+"weight", Parameter{Shape: []int{classes, features}, FanIn: features})
	s.AddParameter(prefix+"bias", Parameter{Shape: []int{classes}, FanIn: features})
}

// Parameters returns all parameters, in the order in which they were added.
func (s *Set) Parameters() []*graph.Parameter { return s.parameters }

// Parameter returns the parameter of that name, or nil.
func (s *Set) Parameter(name string) *graph.Parameter { return s.byName[name] }

// Statistics returns all running statistics, in the order in which their normalisations were added.
func (s *Set) Statistics() []*Statistics { return s.statistics }

// Initialise draws all weights from a stream, and sets running statistics to 0 and 1 (spec sections 3 and 5).
func (s *Set) Initialise(stream *rand.Rand) {
	for i, p := range s.parameters {
		bound := 1 / math.Sqrt(float64(max(s.starts[i].FanIn, 1)))
		for j := range p.Data {
			switch s.starts[i].Role {
			case Weight:
				p.Data[j] = float32((2*stream.Float64() - 1) * bound)
			case Scale:
				p.Data[j] = 1
			case Shift:
				p.Data[j] = 0
			}
		}
	}
	for _, r := range s.statistics {
		r.reset()
	}
}

// Mode is what batch normalisations normalise by.
type Mode uint8

// The modes.
const (
	BatchOnly  Mode = iota // the batch's statistics, as in a supernet
	Training               // the same, and running statistics follow them
	Evaluation             // running statistics
)

// Source is where blocks get their parameters from: those of a set whose names begin with a prefix.
type Source struct {
	set    *Set
	prefix string
	mode   Mode
}

// From returns the source of the parameters whose names prefix begins. The modes other than BatchOnly need blocks that were
// added with running statistics.
func (s *Set) From(prefix string, mode Mode) Source { return Source{s, prefix, mode} }

// Parameter returns the leaf of a parameter, by its name within the block.
func (f Source) Parameter(g *graph.Graph, name string) *graph.Node {
	p := f.set.byName[f.prefix+name]
	if p == nil {
		panic("block: there is no parameter " + f.prefix + name)
	}
	return g.Parameter(p)
}

func (f Source) statistics(name string) *Statistics {
	r := f.set.normByName[f.prefix+name]
	if r == nil {
		panic("block: " + f.prefix + name + " has no running statistics")
	}
	return r
}

// Classify adds the linear layer that AddClassifier added: logits [N, classes] of features [N, features].
func (f Source) Classify(g *graph.Graph, features *graph.Node) *graph.Node {
	return g.MatMul(features, f.Parameter(g, "weight"), f.Parameter(g, "bias"), true)
}
