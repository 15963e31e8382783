package graph

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"slices"
	"strconv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"nat/internal/kernel"
)

// Operation describes a node: the work for its value and that for the gradients by its inputs.
type Operation struct {
	Name  string
	Shape []int // of the value; empty for a scalar

	// Forward gets the inputs, and then those results of other operations that SavedBy lists. Its first out is the value, the others
	// are what it saves for Backward and for others, of the shapes Saved.
	Forward Work
	Saved   [][]int
	SavedBy []saved
	// InPlace lists the inputs whose memory the value of a Kernel may take over.
	InPlace []int
	// Moments says that what is saved are the moments of the value [N, C, H, W], as kernel has them.
	Moments bool
	// FLOPs is how many additions and multiplications Forward takes, where that says something about its time.
	FLOPs int
	// Conv is the convolution that this is, if it is one: there are several algorithms for them.
	Conv *kernel.Conv
	// Constant says that no gradient flows through the value.
	Constant bool

	// Backward gets the inputs listed in Reads, then the value if ReadsValue, then the gradient of the value, then what was
	// saved unless these are moments. It has an out for every input. A nil Backward means that all inputs have the value's gradient.
	Backward   Work
	Reads      []int
	ReadsValue bool
	// BackwardInPlace says that the gradient by the first input may take over the memory of the value's gradient.
	BackwardInPlace bool
}

// saved is a result of an operation's Forward beside its value: number 0 is the first one. Gorgonia doesn't know of them, since
// no gradients flow there, and a graph without nodes for them is built in three quarters of the time.
type saved struct {
	op     *op
	number int
}

// op is the one kind of op that Gorgonia sees of us: a signature to it, kernels to the machine. A kernel with several
// results that Gorgonia knows is one node for the first and a slot, whose only child is that node, for each of the others.
type op struct {
	gorgonia.Iop // answers what only Gorgonia's machines ask

	graph    *Graph
	id       string
	node     *Node
	inputs   gorgonia.Nodes
	children []*Node // of the node: the inputs, but that Gorgonia copies a constant when it gets into a graph
	shape    tensor.Shape

	work    Work
	outs    int     // how many results the work has
	out     int     // which of them the node's value is
	inPlace []int   // inputs whose memory that may take over
	slot    bool    // nothing to run: the value is result number out of the only input's work
	reads   []saved // what the work gets after the inputs

	of              *op            // whose value or gradient the work computes
	backward        *Operation     // nil of a gradient and of a slot
	firstSaved      int            // where in the graph's list what it saves begins
	kept            map[int]*Node  // the slots of what it saves and the caller keeps
	differentiable  []bool         // by input: does it depend on a parameter?
	received        *Node          // the gradient that SymDiff was given
	given           gorgonia.Nodes // the gradients by input that it returned
	dependsOnLeaves bool
}

// Apply adds an operation to the graph. Its inputs' shapes are the caller's to check.
func (g *Graph) Apply(operation Operation, inputs ...*Node) *Node {
	o := &op{
		work: operation.Forward, outs: 1 + len(operation.Saved), inPlace: operation.InPlace, shape: operation.Shape,
		backward: &operation, inputs: inputs, reads: operation.SavedBy, firstSaved: g.saved,
	}
	o.of = o
	g.saved += len(operation.Saved)
	for _, n := range inputs {
		depends := g.parameters[n] != nil
		if before, ok := n.Op().(*op); ok {
			depends = before.dependsOnLeaves
		}
		depends = depends && !operation.Constant
		o.differentiable = append(o.differentiable, depends)
		o.dependsOnLeaves = o.dependsOnLeaves || depends
	}
	return g.add(o, operation.Name)
}

// saves returns what a node's operation saves.
func saves(n *Node) (all []saved) {
	o := n.Op().(*op)
	for i := range o.backward.Saved {
		all = append(all, saved{o, i})
	}
	return all
}

// keepSaved has the machine write what an operation saves to data.
func (g *Graph) keepSaved(s saved, data []float32) {
	if s.op.kept == nil {
		s.op.kept = map[int]*Node{}
	}
	slot := g.add(&op{slot: true, out: 1 + s.number, shape: s.shape(), inputs: gorgonia.Nodes{s.op.node}}, "saved")
	s.op.kept[s.number] = slot
	g.Keep(slot, data)
}

func (s saved) shape() tensor.Shape { return s.op.backward.Saved[s.number] }

// id returns the ID of the value: that of its slot if it has one, or else one after those of the nodes.
func (s saved) id(nodes int) int64 {
	if slot := s.op.kept[s.number]; slot != nil {
		return slot.ID()
	}
	return int64(nodes + s.op.firstSaved + s.number)
}

// add makes the op's node. Gorgonia merges nodes of equal hash, so each gets an identity of its own; and it keeps the
// slice of inputs, so that is cloned.
func (g *Graph) add(o *op, name string) *Node {
	o.graph = g
	o.id = name + "#" + strconv.Itoa(len(g.ops)) + "." + strconv.Itoa(g.attempt)
	o.inputs = slices.Clone(o.inputs)
	g.ops = append(g.ops, o)
	o.node = gorgonia.Must(gorgonia.ApplyOp(o, slices.Clone(o.inputs)...))
	if o.node.Op() != gorgonia.Op(o) {
		panic(errMerged)
	}
	o.children = o.inputs
	if slices.ContainsFunc(o.inputs, func(n *Node) bool { return n.ID() < 0 }) {
		o.children = listChildren(o.node)
	}
	return o.node
}

// SymDiff adds the gradients by the inputs to the graph.
func (o *op) SymDiff(_ gorgonia.Nodes, value, gradient *Node) (gorgonia.Nodes, error) {
	if o.backward == nil {
		return nil, fmt.Errorf("graph: %s has no gradient", o.id)
	}
	o.received = gradient
	o.given = make(gorgonia.Nodes, len(o.inputs))
	var first *Node
	for i, n := range o.inputs {
		switch {
		case !o.differentiable[i]:
		case o.backward.Backward == nil:
			o.given[i] = gradient
		case first == nil:
			first = o.addBackward(i, n.Shape(), value, gradient)
			o.given[i] = first
		default:
			o.given[i] = o.graph.add(&op{slot: true, out: i, shape: n.Shape(), inputs: gorgonia.Nodes{first}}, "gradient")
		}
	}
	return slices.Clone(o.given), nil
}

// addBackward adds the node that computes all gradients and has the one by input i for its value.
func (o *op) addBackward(i int, shape tensor.Shape, value, gradient *Node) *Node {
	b := &op{of: o, work: o.backward.Backward, outs: len(o.inputs), out: i, shape: shape}
	if !o.backward.Moments {
		b.reads = saves(o.node)
	}
	for _, read := range o.backward.Reads {
		b.inputs = append(b.inputs, o.inputs[read])
	}
	if o.backward.ReadsValue {
		b.inputs = append(b.inputs, value)
	}
	b.inputs = append(b.inputs, gradient)
	if o.backward.BackwardInPlace && i == 0 {
		b.inPlace = []int{len(b.inputs) - 1}
	}
	return o.graph.add(b, o.backward.Name+"-gradient")
}

// Type makes a new function type each time: Gorgonia returns it to a pool after use.
func (o *op) Type() hm.Type {
	types := make([]hm.Type, 0, len(o.inputs)+1)
	for _, n := range o.inputs {
		types = append(types, n.Type())
	}
	if len(o.shape) == 0 { // a scalar has no tensor type
		return hm.NewFnType(append(types, tensor.Float32)...)
	}
	return hm.NewFnType(append(types, gorgonia.TensorType{Dims: len(o.shape), Of: tensor.Float32})...)
}

func (o *op) hashed() []byte {
	if o.graph.hashText != nil {
		return []byte(o.graph.hashText(o))
	}
	return []byte(o.id)
}

// DiffWRT tells which inputs depend on a parameter. A gradient or slot is differentiated by none.
func (o *op) DiffWRT(inputs int) []bool {
	if o.differentiable == nil {
		return make([]bool, inputs)
	}
	return slices.Clone(o.differentiable)
}

// The rest of gorgonia.SDOp.

func (o *op) Arity() int                                            { return len(o.inputs) }
func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }
func (o *op) Do(...gorgonia.Value) (gorgonia.Value, error)          { return nil, errors.ErrUnsupported }
func (o *op) WriteHash(h hash.Hash)                                 { _, _ = h.Write(o.hashed()) }
func (o *op) Hashcode() uint32                                      { return crc32.ChecksumIEEE([]byte(o.id)) }
func (o *op) String() string                                        { return o.id }
