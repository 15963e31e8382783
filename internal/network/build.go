package network

import (
	"nat/internal/block"
	"nat/internal/primitive"
)

// Builder is what a network is built with: a graph that is run, or a model that is exported. V is what it knows tensors by.
type Builder[V any] interface {
	// At returns what builds the block whose parameters' names begin with prefix.
	At(prefix string) block.Builder[V]
	// Add adds two tensors of one shape.
	Add(a, b V) V
	// Zeros returns zeros of so many channels of size×size pixels for each image.
	Zeros(channels, size int) V
	// Edge returns what an edge's operation passes on of its output y: in training, paths are dropped there. Edges are
	// counted through all cells.
	Edge(number int, y V) V
	// Classify averages each channel of x over its pixels and adds the linear layer of a prefix: logits.
	Classify(prefix string, x V) V
}

// Build builds the network for images, and returns its logits and, if auxiliary is asked for and there is a head, the head's,
// which else is the zero value.
func Build[V any](n *Network, to Builder[V], images V, auxiliary bool) (logits, head V) {
	before := apply(n.stem[0], to, images)
	last := before
	for _, p := range n.stem[1:] {
		last = apply(p, to, last)
	}
	edges := 0
	for i, c := range n.cells {
		before, last = last, buildCell(c, to, before, last, edges)
		edges += len(c.edges)
		if auxiliary && n.auxiliary != nil && i == 2*n.size.Layers/3 {
			features := to.At(n.auxiliary.name)
			head = to.Classify(auxiliaryClassifier, features.ReLU(block.Build(n.auxiliary.Block, features, last)))
		}
	}
	return to.Classify("classifier.", last), head
}

func apply[V any](p part, to Builder[V], x V) V { return block.Build(p.Block, to.At(p.name), x) }

// buildCell builds a cell, whose first edge is number first of all, and returns its output. Both inputs are preprocessed even
// where no edge leaves them: in training, the running statistics there follow too. A node whose two edges are null is zeros,
// which are not passed on as zeros, other than in a supernet: every normalisation shifts them.
func buildCell[V any](c cellBlocks, to Builder[V], before, last V, first int) V {
	nodes := []V{apply(c.preprocess[0], to, before), apply(c.preprocess[1], to, last)}
	for i := 0; i < len(c.edges); i += 2 {
		var terms []V
		for j, e := range c.design.Edges[i : i+2] {
			if e.Op != primitive.NullOp {
				terms = append(terms, to.Edge(first+i+j, apply(c.edges[i+j], to, nodes[e.From])))
			}
		}
		switch len(terms) {
		case 0:
			nodes = append(nodes, to.Zeros(c.channels, c.result().size))
		case 1:
			nodes = append(nodes, terms[0])
		default:
			nodes = append(nodes, to.Add(terms[0], terms[1]))
		}
	}
	var output []V
	for _, t := range c.design.Concat {
		output = append(output, nodes[t])
	}
	return to.At("").Concat(output...)
}
