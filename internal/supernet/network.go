package supernet

import (
	"fmt"
	"strings"

	"nat/internal/block"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/primitive"
)

// network adds the networks of architectures to a graph. A nil node stands for zeros: what comes of null edges, since every
// operation makes zeros of zeros.
type network struct {
	*Supernet
	graph *graph.Graph
	made  map[string]*graph.Node // by what makes them: architectures share what they have in common
}

// from returns the parameters whose names begin with prefix.
func (n network) from(prefix string) block.Source { return n.set.From(prefix, block.BatchOnly) }

func newNetwork(s *Supernet, g *graph.Graph) network {
	return network{Supernet: s, graph: g, made: map[string]*graph.Node{}}
}

// once returns the node that the part of that name makes of inputs, which add adds the first time.
func (n network) once(name string, add func() *graph.Node, inputs ...*graph.Node) *graph.Node {
	var key strings.Builder
	key.WriteString(name)
	for _, x := range inputs {
		if x == nil {
			key.WriteString(" 0")
		} else {
			fmt.Fprintf(&key, " %d", x.ID())
		}
	}
	if n.made[key.String()] == nil {
		n.made[key.String()] = add()
	}
	return n.made[key.String()]
}

// apply adds a block whose parameters' names begin with prefix.
func (n network) apply(b block.Block, x *graph.Node, prefix string) *graph.Node {
	return n.once(prefix, func() *graph.Node { return b.Apply(n.graph, x, n.from(prefix)) }, x)
}

// logits adds the network of an architecture.
func (n network) logits(images *graph.Node, a genotype.Genotype) *graph.Node {
	before := n.apply(n.stem[0].Block, images, n.stem[0].name)
	last := before
	for _, p := range n.stem[1:] {
		last = n.apply(p.Block, last, p.name)
	}
	for _, l := range n.cells {
		before, last = last, n.cell(l, before, last, a)
	}
	return n.once("classifier", func() *graph.Node { return n.classify(last, images.Shape()[0]) }, last)
}

func (n network) classify(last *graph.Node, images int) *graph.Node {
	var average *graph.Node
	if last != nil {
		average = n.graph.GlobalAverage(last)
	} else {
		features := n.set.Parameter("classifier.weight").Shape[1]
		average = n.graph.Input("zeros", make([]float32, images*features), images, features)
	}
	return n.from("classifier.").Classify(n.graph, average)
}

func (n network) cell(l cell, before, last *graph.Node, a genotype.Genotype) *graph.Node {
	c := a.Normal
	if l.reduce {
		c = a.Reduce
	}
	sources := c.Sources()
	nodes := make([]*graph.Node, c.Nodes()+2)
	for i, x := range []*graph.Node{before, last} {
		if x != nil && sources[i] {
			nodes[i] = n.apply(l.before[i], x, fmt.Sprintf("%spreprocess%d.", l.name, i))
		}
	}
	for _, e := range c.Edges {
		if y := n.edge(l, e, nodes[e.From]); nodes[e.To] == nil {
			nodes[e.To] = y
		} else if y != nil {
			sum := nodes[e.To]
			nodes[e.To] = n.once("add", func() *graph.Node { return n.graph.Add(sum, y) }, sum, y)
		}
	}
	some := false
	for t := range nodes[2:] {
		if n.config.OpType == LooseEnd && sources[t+2] {
			nodes[t+2] = nil
		}
		some = some || nodes[t+2] != nil
	}
	if !some {
		return nil
	}
	return n.once("concat", func() *graph.Node { return n.graph.Concat(nodes[2:]...) }, nodes[2:]...)
}

func (n network) edge(l cell, e genotype.Edge, x *graph.Node) *graph.Node {
	id := e.Op.StandIn()
	if x == nil || id == primitive.NullOp {
		return nil
	}
	return n.apply(block.Of(id, l.channels, l.stride(e.From), block.Supernet), x, l.bank(e.From, e.To, id))
}
