// Package graph runs networks. Gorgonia keeps the expression graph and differentiates it (gorgonia.Grad); operations,
// shapes, memory and kernels are our own. A Graph is built for one step, differentiated, run by a Machine on a Device,
// and thrown away; parameters outlive it, and solvers step them.
//
// It stands above kernel, whose functions its operations call, and below block, policy and the networks, which build
// graphs. Building panics where shapes don't fit, which is a programming error: whoever reads architectures and
// checkpoints checks them before.
package graph

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	// Gorgonia's dependencies refuse to run on a Go release that this module, in a version that go.mod names, doesn't know.
	_ "go4.org/unsafe/assume-no-moving-gc"
)

// Node is a node of a graph. Its Shape is known from when it is made.
type Node = gorgonia.Node

// Graph is an expression graph under construction. Several goroutines may build one each.
type Graph struct {
	expr       *gorgonia.ExprGraph
	attempt    int // which try of Build this is: part of the ops' identity
	ops        []*op
	saved      int // how many results operations save
	parameters map[*Node]*Parameter
	inputs     map[*Node][]float32
	placed     map[*Node]placed
	kept       map[*Node][]float32  // where wanted values go
	gradients  map[*Node]*Parameter // wanted values that are gradients
	branch     int                  // how many nodes there were at Branch, or 0
	finally    []func()             // called when a run is done
	hashText   func(o *op) string   // what of an op Gorgonia hashes: its id, but in a test that forces a collision
}

// warmUp has Gorgonia hash its global constant 1, from which every Grad starts. Without it, the first two graphs that are
// differentiated at once race for the cached hash.
var warmUp = sync.OnceValue(func() error {
	x := gorgonia.NewScalar(gorgonia.NewGraph(), tensor.Float32, gorgonia.WithName("x"))
	_, err := gorgonia.Grad(x, x)
	return err
})

// errMerged says that Gorgonia took two different nodes for one.
var errMerged = errors.New("graph: two nodes were merged by a hash collision")

// maxAttempts bounds the rebuilding after hash collisions. One graph in a million has one; three in a row don't happen.
const maxAttempts = 4

// Build makes a graph by build, which adds nodes, calls Keep for the values it wants and Backward for gradients.
//
// Gorgonia knows nodes by a hash of 32 bits and merges those that agree in it, in type and in shape, without a look at
// what they are computed from. That is found out, and build is called again for a graph whose nodes have other
// identities; it must therefore have no effect but on the graph and on variables that it sets anew.
func Build(build func(g *Graph) error) (*Graph, error) {
	return buildHashed(build, nil)
}

func buildHashed(build func(g *Graph) error, hashText func(o *op) string) (*Graph, error) {
	if err := warmUp(); err != nil {
		return nil, fmt.Errorf("graph: gorgonia can't differentiate: %w", err)
	}
	var err error
	for attempt := range maxAttempts {
		g := &Graph{
			expr: gorgonia.NewGraph(), attempt: attempt, hashText: hashText,
			parameters: map[*Node]*Parameter{}, inputs: map[*Node][]float32{}, placed: map[*Node]placed{}, kept: map[*Node][]float32{},
			gradients: map[*Node]*Parameter{},
		}
		if err = g.try(build); err == nil {
			return g, nil
		}
		if !errors.Is(err, errMerged) {
			break
		}
	}
	return nil, err
}

// try runs build and turns the panic that reports a merge into an error; any other is a programming error.
func (g *Graph) try(build func(g *Graph) error) (err error) {
	defer func() {
		if r := recover(); r == errMerged {
			err = errMerged
		} else if r != nil {
			panic(r)
		}
	}()
	return build(g)
}

// Parameter adds a parameter as a leaf. A second use gives the same node, and its gradients add up.
func (g *Graph) Parameter(p *Parameter) *Node {
	n := g.leaf(p.Name, p.Shape)
	if old := g.parameters[n]; old != nil && old != p {
		panic("graph: two parameters are called " + p.Name)
	}
	g.parameters[n] = p
	return n
}

// Input adds a leaf with values of the caller, who must leave them alone until the graph has run. It has no gradient.
func (g *Graph) Input(name string, data []float32, shape ...int) *Node {
	if len(data) != size(shape) {
		panic(fmt.Sprintf("graph: input %s has %d values for shape %v", name, len(data), shape))
	}
	n := g.leaf(name, shape)
	if g.inputs[n] != nil || g.parameters[n] != nil {
		panic("graph: two leaves are called " + name)
	}
	g.inputs[n] = data
	return n
}

func (g *Graph) leaf(name string, shape []int) *Node {
	return gorgonia.NewTensor(g.expr, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
}

// Branch says that what is added from now on may run beside what was added before: a card does so. There is one branch, and no
// gradient.
func (g *Graph) Branch() { g.branch = len(g.expr.AllNodes()) }

// Keep has the machine write an op's value to data, which must have its size. A value can be kept once.
func (g *Graph) Keep(n *Node, data []float32) {
	if n.Op() == nil || g.kept[n] != nil || len(data) != n.Shape().TotalSize() {
		panic("graph: can't keep " + n.Name())
	}
	g.kept[n] = data
}

// keepGradient has the machine write a value to where a parameter's gradient goes, as Keep does.
func (g *Graph) keepGradient(n *Node, p *Parameter) {
	if p.held == nil {
		g.Keep(n, p.gradient())
		return
	}
	if n.Op() == nil || g.kept[n] != nil || g.gradients[n] != nil {
		panic("graph: can't keep " + n.Name())
	}
	g.gradients[n] = p
}

// wanted tells whether somebody outside the graph wants a value.
func (g *Graph) wanted(n *Node) bool { return g.kept[n] != nil || g.gradients[n] != nil }

// Backward adds the gradients of loss, a scalar, by the parameters that it depends on. The machine writes them to the
// parameters' Gradient. It returns these parameters, in the order in which the graph first used them. It can be called
// once, and nothing may be added to the graph afterwards.
func (g *Graph) Backward(loss *Node) ([]*Parameter, error) {
	needed := g.needed(func(n *Node) bool { return n == loss })
	var wrt gorgonia.Nodes // Grad as a whole fails if loss doesn't depend on one of them
	var used []*Parameter
	for id, n := range g.expr.AllNodes() {
		if p := g.parameters[n]; p != nil && needed[id] {
			wrt, used = append(wrt, n), append(used, p)
		}
	}
	if len(wrt) == 0 {
		return nil, errors.New("graph: the loss depends on no parameter")
	}
	gradients, err := gorgonia.Grad(loss, wrt...)
	if err != nil {
		return nil, fmt.Errorf("graph: gorgonia can't differentiate: %w", err)
	}
	if err := g.verify(wrt, gradients); err != nil {
		return nil, err
	}
	for i, n := range gradients {
		g.keepGradient(n, used[i])
	}
	return used, nil
}

// verify checks that every gradient is the sum of what flows back to its node, which it isn't where Gorgonia has merged two
// sums. Every op has noted which gradient it was given and what it gave to its inputs.
func (g *Graph) verify(wrt, gradients gorgonia.Nodes) error {
	contributions := map[*Node]gorgonia.Nodes{}
	got := map[*Node]*Node{}
	for _, o := range g.ops {
		if o.received == nil {
			continue
		}
		got[o.node] = o.received
		for i, n := range o.inputs {
			if o.given[i] != nil {
				contributions[n] = append(contributions[n], o.given[i])
			}
		}
	}
	for i, n := range wrt {
		got[n] = gradients[i]
	}
	for n, sum := range got {
		if terms := contributions[n]; len(terms) > 0 && !isSum(sum, terms) { // the loss itself has none
			return errMerged
		}
	}
	return nil
}

// isSum tells whether n adds exactly these terms, in any order.
func isSum(n *Node, terms gorgonia.Nodes) bool {
	left := slices.Clone(terms)
	remove := func(n *Node) bool {
		i := slices.Index(left, n)
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		return i >= 0
	}
	for len(left) > 1 { // Grad adds term after term: the last one is the outermost sum's second operand
		if n.Op() == nil || !isGradientSum(n.Op()) {
			return false
		}
		children := childrenOf(n)
		if !remove(children[1]) {
			return false
		}
		n = children[0]
	}
	return remove(n)
}

// isGradientSum tells whether op is the addition that Grad inserts where gradients meet. Its type isn't exported.
func isGradientSum(op gorgonia.Op) bool { return op.String() == "+ false" }

// needed tells by ID which nodes the wanted ones depend on, and which of them themselves. IDs are positions in AllNodes,
// where children come before their parents.
func (g *Graph) needed(wanted func(*Node) bool) []bool {
	nodes := g.expr.AllNodes()
	needed := make([]bool, len(nodes))
	for id, n := range slices.Backward(nodes) {
		if needed[id] = needed[id] || wanted(n); !needed[id] {
			continue
		}
		for _, child := range childrenOf(n) {
			needed[child.ID()] = true
		}
		if o, ok := n.Op().(*op); ok {
			for _, s := range o.reads {
				needed[s.op.node.ID()] = true
			}
		}
	}
	return needed
}

// shapeOf returns a node's shape, which is not to be changed; Gorgonia makes a copy each time.
func shapeOf(n *Node) tensor.Shape {
	if o, ok := n.Op().(*op); ok {
		return o.shape
	}
	return n.Shape()
}

// childrenOf returns a node's inputs, in order.
func childrenOf(n *Node) []*Node {
	if o, ok := n.Op().(*op); ok {
		return o.children
	}
	return listChildren(n)
}

// listChildren asks Gorgonia for them, which takes a while.
func listChildren(n *Node) (children []*Node) {
	for it := n.Graph().From(n.ID()); it.Next(); {
		children = append(children, it.Node().(*Node))
	}
	return children
}

func size(shape []int) int { return tensor.Shape(shape).TotalSize() }
