// Package supernet is the weight-sharing network: every cell holds all primitives on all of its edges, and a forward pass
// runs the ones that an architecture names (spec section 5). It stands above block and below search and derive.
package supernet

import (
	"fmt"

	"nat/internal/block"
	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/primitive"
	"nat/internal/random"
)

// OpType is the kind of supernet: how a cell's output is made of its nodes.
type OpType string

// The op types.
const (
	FullyConcat OpType = "fully-concat" // all nodes are concatenated
	LooseEnd    OpType = "loose-end"    // nodes that feed others are replaced by zeros
)

// ParseOpType reads an op type in our spelling or in the published one.
func ParseOpType(s string) (OpType, error) {
	switch s {
	case string(FullyConcat), "fully_concat", "FULLY_CONCAT_PRIMITIVES":
		return FullyConcat, nil
	case string(LooseEnd), "loose_end", "LOOSE_END_PRIMITIVES":
		return LooseEnd, nil
	}
	return "", fmt.Errorf("op type %q is unknown: it is %s or %s", s, FullyConcat, LooseEnd)
}

// DefaultNodes returns the number of intermediate nodes that architectures of an op type have: 4, or 5 of ENAS's.
func (t OpType) DefaultNodes() int {
	if t == LooseEnd {
		return 5
	}
	return 4
}

// Config is the size of a supernet.
type Config struct {
	OpType        OpType
	Nodes         int // intermediate nodes of a cell
	Channels      int // of the first cells: C
	Layers        int // cells
	Classes       int
	ImageChannels int
	ImageSize     int // height and width
}

// Default returns the published size for an op type, for CIFAR-10.
func Default(t OpType) Config {
	return Config{OpType: t, Nodes: t.DefaultNodes(), Channels: 20, Layers: 8, Classes: 10, ImageChannels: 3, ImageSize: 32}
}

// The bounds of a Config. They keep sizes that a file or a flag names within what can be meant.
const (
	maxNodes     = 12
	maxChannels  = 512
	maxLayers    = 100
	maxClasses   = 100_000
	maxImageSize = 1024
	maxWeights   = 1 << 28 // which take 3 GiB with gradients and momentum
)

// Validate checks that the sizes make a network.
func (c Config) Validate() error {
	if _, err := ParseOpType(string(c.OpType)); err != nil {
		return err
	}
	for _, bound := range []struct {
		what            string
		value, min, max int
	}{
		{"nodes", c.Nodes, 1, maxNodes}, {"init channels", c.Channels, 1, maxChannels}, {"layers", c.Layers, 1, maxLayers},
		{"classes", c.Classes, 2, maxClasses}, {"image channels", c.ImageChannels, 1, 16}, {"image size", c.ImageSize, 4, maxImageSize},
	} {
		if bound.value < bound.min || bound.value > bound.max {
			return fmt.Errorf("a supernet of %d %s can't be: there may be %d to %d", bound.value, bound.what, bound.min, bound.max)
		}
	}
	if c.HasLargeStem() && c.Channels%2 != 0 {
		return fmt.Errorf("a supernet of %d init channels can't be for images of %d×%d: their stem halves them", c.Channels, c.ImageSize, c.ImageSize)
	}
	if n := c.LeastWeights(); n > maxWeights {
		return fmt.Errorf("a supernet of %d init channels, %d layers and %d nodes has %d weights or more: more than %d can't be",
			c.Channels, c.Layers, c.Nodes, n, maxWeights)
	}
	return nil
}

// LeastWeights returns how many weights the banks and the classifier have, which are most of a supernet.
func (c Config) LeastWeights() int {
	weights, channels := 0, c.Channels
	for i := range c.Layers {
		if c.reduces(i) {
			channels *= 2
		}
		for id := range primitive.ID(primitive.Searchable) {
			weights += c.Nodes * (c.Nodes + 3) / 2 * id.Parameters(channels, 1, false)
		}
	}
	return weights + c.Classes*c.Nodes*channels
}

// Supernet is a weight-sharing network and its weights.
type Supernet struct {
	config Config
	stem   []part // in sequence
	cells  []cell
	set    block.Set
}

// part is a block and the prefix of its parameters' names.
type part struct {
	name string
	block.Block
}

// cell is one of the stack's cells.
type cell struct {
	name     string // the prefix of its parameters
	reduce   bool
	channels int
	before   [2]block.Block // preprocess0, preprocess1
}

// New returns a supernet whose weights are zero. Initialise draws them; or they are filled from a checkpoint.
func New(c Config) (*Supernet, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Supernet{config: c}
	before, reduced := s.addStem(), c.HasLargeStem()
	last, channels := before, c.Channels
	for i := range c.Layers {
		reduce := c.reduces(i)
		if reduce {
			channels *= 2
		}
		l := cell{name: fmt.Sprintf("cells.%d.", i), reduce: reduce, channels: channels}
		l.before[0] = block.ReLUConvNorm(before, channels, block.Supernet)
		if reduced {
			l.before[0] = block.FactorizedReduce(before, channels, block.Supernet)
		}
		l.before[1] = block.ReLUConvNorm(last, channels, block.Supernet)
		s.cells = append(s.cells, l)
		s.declareCell(l)
		before, last, reduced = last, c.Nodes*channels, reduce
	}
	s.set.AddClassifier("classifier.", last, c.Classes)
	return s, nil
}

// HasLargeStem tells whether images enter as ImageNet's do (spec section 9): by three convolutions of stride 2, of which the
// first cell takes the output of the second and the third, so that it counts as following a reduce cell.
func (c Config) HasLargeStem() bool { return c.ImageSize >= dataset.LargeImage }

// addStem adds what images enter by, and returns the channels that come out.
func (s *Supernet) addStem() int {
	c := s.config
	channels := 3 * c.Channels
	if c.HasLargeStem() {
		stem := block.LargeStem(c.ImageChannels, c.Channels)
		s.stem, channels = []part{{"stem0.", stem[0]}, {"stem1.", stem[1]}}, c.Channels
	} else {
		s.stem = []part{{"stem.", block.Stem(c.ImageChannels, channels)}}
	}
	for _, p := range s.stem {
		s.set.Add(p.name, p.Block, false)
	}
	return channels
}

// reduces tells whether cell i is a reduce cell: those at a third and at two thirds of the stack.
func (c Config) reduces(i int) bool { return i == c.Layers/3 || i == 2*c.Layers/3 }

func (s *Supernet) declareCell(l cell) {
	s.set.Add(l.name+"preprocess0.", l.before[0], false)
	s.set.Add(l.name+"preprocess1.", l.before[1], false)
	for to := 2; to < s.config.Nodes+2; to++ {
		for from := range to {
			for id := range primitive.ID(primitive.Searchable) {
				if id != primitive.NullOp {
					s.set.Add(l.bank(from, to, id), block.Of(id, l.channels, l.stride(from), block.Supernet), false)
				}
			}
		}
	}
}

// bank returns the prefix of the parameters of an operation on the edge between two nodes.
func (l cell) bank(from, to int, id primitive.ID) string {
	return fmt.Sprintf("%s_ops.%d._ops.%d.", l.name, (to-2)*(to+1)/2+from, id)
}

// stride returns the stride of the edges that leave a node: 2 from the inputs of a reduce cell.
func (l cell) stride(from int) int {
	if l.reduce && from < 2 {
		return 2
	}
	return 1
}

// Config returns the supernet's size.
func (s *Supernet) Config() Config { return s.config }

// Parameters returns all parameters by the published names and in the published order (spec section 11).
func (s *Supernet) Parameters() []*graph.Parameter { return s.set.Parameters() }

// Initialise draws all weights from the stream "weights" of the seed (spec section 5).
func (s *Supernet) Initialise(seed uint64) { s.set.Initialise(random.New(seed, "weights")) }
