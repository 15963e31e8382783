package network

import (
	"fmt"

	"nat/internal/block"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/primitive"
	"nat/internal/random"
)

// Network is an architecture's own network, with its weights.
type Network struct {
	architecture genotype.Genotype
	size         Size
	stem         []part // in sequence; each one's output is the next one's input
	cells        []cellBlocks
	auxiliary    *part // nil where there is no auxiliary head
	set          block.Set
}

// part is a block and the prefix of its parameters' names.
type part struct {
	name string
	block.Block
}

// cellBlocks is a cell with the blocks that it is made of.
type cellBlocks struct {
	cell
	preprocess [2]part
	edges      []part // of the design's edges; without a block for null
}

// maxParameters bounds a network to what its gradients and momentum can be held for, in 3 GiB.
const maxParameters = 1 << 28

// CheckParameters refuses a network that is too large to be held and trained.
func CheckParameters(c Cost, s Size) error {
	if c.Parameters > maxParameters {
		return fmt.Errorf("a network of %d channels and %d layers has %d parameters: more than %d can't be trained",
			s.Channels, s.Layers, c.Parameters, maxParameters)
	}
	return nil
}

// New returns the network of an architecture, whose weights are zero; Initialise draws them. It fails for sizes outside the
// limits, and for a 2x2 pool where it does not fit.
func New(g genotype.Genotype, s Size) (*Network, error) {
	cost, err := CostOf(g, s)
	if err != nil {
		return nil, err
	}
	if err := CheckParameters(cost, s); err != nil {
		return nil, err
	}
	n := &Network{architecture: g, size: s}
	n.addStem()
	cells, last, auxiliary := stack(g, s)
	for i, c := range cells {
		n.addCell(fmt.Sprintf("cells.%d.", i), c)
	}
	if s.headFits(auxiliary) {
		n.addAuxiliary(auxiliary)
	}
	n.set.AddClassifier("classifier.", last.channels, s.Classes)
	return n, nil
}

func (n *Network) addStem() {
	if n.size.Stem == SmallStem {
		n.stem = []part{n.add("stem.", block.Stem(imageChannels, 3*n.size.Channels))}
		return
	}
	for i, b := range block.LargeStem(imageChannels, n.size.Channels) {
		n.stem = append(n.stem, n.add(fmt.Sprintf("stem%d.", i), b))
	}
}

func (n *Network) add(name string, b block.Block) part {
	n.set.Add(name, b, true)
	return part{name, b}
}

func (n *Network) addCell(name string, c cell) {
	blocks := cellBlocks{cell: c}
	for i, in := range c.inputs {
		b := block.ReLUConvNorm(in.channels, c.channels, block.Scratch)
		if i == 0 && c.reduced {
			b = block.FactorizedReduce(in.channels, c.channels, block.Scratch)
		}
		blocks.preprocess[i] = n.add(fmt.Sprintf("%spreprocess%d.", name, i), b)
	}
	for i, e := range c.design.Edges {
		var p part
		if e.Op != primitive.NullOp {
			_, stride := c.edge(e)
			p = n.add(fmt.Sprintf("%s_ops.%d.", name, i), block.Of(e.Op, c.channels, stride, block.Scratch))
		}
		blocks.edges = append(blocks.edges, p)
	}
	n.cells = append(n.cells, blocks)
}

// headStride returns the stride of the auxiliary head's pool: ImageNet's, whose maps are of 7×7 pixels, has the smaller one.
func (s Size) headStride() int {
	if s.Stem == LargeStem {
		return 2
	}
	return 3
}

// headFits tells whether a feature is large enough for the auxiliary head: 8×8 pixels, with the large stem 7×7.
func (s Size) headFits(f feature) bool { return f.size >= block.AuxiliaryPool+s.headStride() }

func (n *Network) addAuxiliary(f feature) {
	head := n.add("auxiliary_head.features.", block.AuxiliaryHead(f.channels, n.size.headStride(), n.size.Stem == SmallStem))
	n.auxiliary = &head
	n.set.AddClassifier(auxiliaryClassifier, block.AuxiliaryWide, n.size.Classes)
}

const auxiliaryClassifier = "auxiliary_head.classifier."

// Architecture returns the network's architecture.
func (n *Network) Architecture() genotype.Genotype { return n.architecture }

// Size returns the network's size.
func (n *Network) Size() Size { return n.size }

// HasAuxiliary tells whether there is an auxiliary head: with maps that are too small for it there is none.
func (n *Network) HasAuxiliary() bool { return n.auxiliary != nil }

// Parameters returns all parameters by the published names and in the published order (spec section 11).
func (n *Network) Parameters() []*graph.Parameter { return n.set.Parameters() }

// Statistics returns the running statistics of all batch normalisations.
func (n *Network) Statistics() []*block.Statistics { return n.set.Statistics() }

// Initialise draws all weights from the stream "weights" of the seed (spec section 5), and sets the running statistics to
// their start.
func (n *Network) Initialise(seed uint64) { n.set.Initialise(random.New(seed, "weights")) }
