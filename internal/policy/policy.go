// Package policy is the transformer of architectures: a graph convolutional network over a cell's own graph that gives, for
// every edge, the probabilities of keeping its operation or of replacing it by a cheaper one (spec section 6). One set of
// weights serves normal and reduce cells and any number of nodes. It stands above graph and below search and derive.
package policy

import (
	"fmt"
	"math"

	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/primitive"
	"nat/internal/random"
)

// Prefix is what the names of the policy's parameters begin with, in a file that holds a supernet's as well (spec section
// 11).
const Prefix = "arch_transformer."

// Config is the size of a policy and its options.
type Config struct {
	Embedding int // E: of an operation; a node has two
	Features  int // F: of a node, after the linear layer
	Hidden    int // of both graph convolutions
	// NormaliseFeatures divides each node's features by the sum of their magnitudes.
	NormaliseFeatures bool
	// NormaliseAdjacency divides each row of the adjacency matrix by its sum.
	NormaliseAdjacency bool
	// Dropout is the probability with which training zeroes a hidden feature.
	Dropout float64
}

// Default returns the published size.
func Default() Config { return Config{Embedding: 100, Features: 1024, Hidden: 100} }

// maxWidth bounds each size, so that what a file or flag names stays within what can be meant.
const maxWidth = 1 << 12

// Validate checks the sizes.
func (c Config) Validate() error {
	for _, size := range []struct {
		what string
		n    int
	}{{"embedding", c.Embedding}, {"feature", c.Features}, {"hidden", c.Hidden}} {
		if size.n < 1 || size.n > maxWidth {
			return fmt.Errorf("a policy's %s size can't be %d: it is 1 to %d", size.what, size.n, maxWidth)
		}
	}
	if !(c.Dropout >= 0 && c.Dropout < 1) {
		return fmt.Errorf("a dropout of %g can't be: it is at least 0 and below 1", c.Dropout)
	}
	return nil
}

// Policy is the network and its weights.
type Policy struct {
	config                     Config
	nodes, operations          *graph.Parameter // embeddings [2, 2E] and [13, E]
	linear                     layer            // emb_attn: [F, 2E]
	convolution1, convolution2 layer            // gc1 [F, H], gc2 [H, H]
	output                     layer            // fc [26, H]
}

// layer is the weight and bias of a linear layer, [out, in], or of a graph convolution, [in, out].
type layer struct{ weight, bias *graph.Parameter }

// New returns a policy whose weights are zero. Initialise draws them; or they are filled from a checkpoint.
func New(c Config) (*Policy, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	parameter := func(name string, shape ...int) *graph.Parameter { return graph.NewParameter(Prefix+name, shape...) }
	linear := func(name string, out int, shape ...int) layer {
		return layer{parameter(name+".weight", shape...), parameter(name+".bias", out)}
	}
	outputs := 2 * primitive.Searchable
	return &Policy{
		config:       c,
		nodes:        parameter("node_hidden.weight", 2, 2*c.Embedding),
		operations:   parameter("op_hidden.weight", primitive.Searchable, c.Embedding),
		linear:       linear("emb_attn", c.Features, c.Features, 2*c.Embedding),
		convolution1: linear("gc1", c.Hidden, c.Features, c.Hidden),
		convolution2: linear("gc2", c.Hidden, c.Hidden, c.Hidden),
		output:       linear("fc", outputs, outputs, c.Hidden),
	}, nil
}

// Config returns the policy's size.
func (p *Policy) Config() Config { return p.config }

// Parameters returns all parameters by the published names and in the published order (spec section 11).
func (p *Policy) Parameters() []*graph.Parameter {
	return []*graph.Parameter{
		p.convolution1.weight, p.convolution1.bias, p.convolution2.weight, p.convolution2.bias, p.output.weight, p.output.bias,
		p.nodes, p.operations, p.linear.weight, p.linear.bias,
	}
}

// Initialise draws all weights from the stream "policy weights" of the seed (spec section 5): embeddings from a normal
// distribution, the rest uniformly within a bound.
func (p *Policy) Initialise(seed uint64) {
	stream := random.New(seed, "policy weights")
	for _, embedding := range []*graph.Parameter{p.nodes, p.operations} {
		for i := range embedding.Data {
			embedding.Data[i] = float32(stream.NormFloat64())
		}
	}
	for _, l := range []struct {
		layer
		fan int // in of linear layers, out of graph convolutions
	}{{p.linear, 2 * p.config.Embedding}, {p.convolution1, p.config.Hidden}, {p.convolution2, p.config.Hidden}, {p.output, p.config.Hidden}} {
		bound := 1 / math.Sqrt(float64(l.fan))
		for _, parameter := range []*graph.Parameter{l.weight, l.bias} {
			for i := range parameter.Data {
				parameter.Data[i] = float32((2*stream.Float64() - 1) * bound)
			}
		}
	}
}

// Apply returns the cell with other operations on its edges, in the order of its edges.
func Apply(c genotype.Cell, chosen []primitive.ID) genotype.Cell {
	c = c.Clone()
	for i := range c.Edges {
		c.Edges[i].Op = chosen[i]
	}
	return c
}
