package graph

import (
	"fmt"
	"slices"
	"time"

	"gorgonia.org/gorgonia"
)

// Machine runs what the kept nodes of a graph depend on, in the order in which the nodes were made. A value gets its memory
// from the device's arena when it is computed and gives it back after its last reader. It is a gorgonia.VM.
//
// What costs time is the traffic with memory, so the machine saves passes over it wherever it can: a value may be a view of
// others (see Lazy), what is going to be concatenated is written into the concatenation (see home), and gradients that
// Grad adds up are added while they are computed (see gradientSum).
type Machine struct {
	device *Device
	steps  []step
	values []value // by node ID, and then what operations save
	bases  []int64 // by sum of gradients: the term that the others are added to, or −1 while there is none

	given, kept []lent // what the caller lends to be read, and to be written
	held        []home // what lies where the card keeps parameters and their gradients
	placed      []image
	images      int // of a batch; 0 if that isn't known
	finally     []func()

	branch, until int // the first step of a branch, or −1, and the last step before that it needs, or −1
	at            int // the step under way

	in, out []Memory // arguments, for reuse
	seen    []View
	targets []Target
}

var _ gorgonia.VM = (*Machine)(nil)

// lent is memory of the caller where a value is.
type lent struct {
	id   int64
	data []float32
}

// home is memory of the card where a value is before and after the run.
type home struct {
	id   int64
	data Memory
}

// image is a value that the card makes of a data set before the run.
type image struct {
	id int64
	of placed
}

// step has one piece of work done.
type step struct {
	work    Work
	node    *Node
	inPlace []int
	primary int     // which out is the node's value
	in, out []int64 // indices of values; an out of −1 isn't needed

	twin         int     // of a normGradient: the later step that gets the same gradient; 0: none
	coefficients *memory // those that another step has computed for this one
}

// NewMachine plans the run of a graph, to which nothing may be added any more.
func NewMachine(d *Device, g *Graph) *Machine {
	m := planned(d, g)
	if p, ok := d.kernels.(*processor); ok {
		m.join(p)
	}
	m.pairNormGradients()
	return m
}

// planned returns a machine that has one step for each operation and each sum of gradients.
func planned(d *Device, g *Graph) *Machine {
	nodes := g.expr.AllNodes()
	needed := g.needed(g.wanted)
	m := &Machine{device: d, values: make([]value, len(nodes)+g.saved), finally: g.finally}
	inner := g.innerSums(nodes, needed)
	stepOf := make([]int, len(nodes))
	for id, n := range nodes {
		if !needed[id] || inner[id] {
			continue
		}
		m.lend(g, n)
		if n.Op() == nil {
			continue
		}
		if o, ok := n.Op().(*op); ok && o.slot {
			m.steps[stepOf[o.inputs[0].ID()]].out[o.out] = int64(id)
			continue
		}
		if s, ok := m.plan(n, inner); ok {
			stepOf[id] = len(m.steps)
			m.steps = append(m.steps, s)
			m.readSaved(&m.steps[len(m.steps)-1], len(nodes), stepOf)
			if c, ok := s.work.(concat); ok {
				m.house(c, s, stepOf)
			}
		}
	}
	m.findBranch(g)
	return m
}

// findBranch finds the step where a branch begins, and what it waits for.
func (m *Machine) findBranch(g *Graph) {
	m.branch, m.until = -1, -1
	if g.branch == 0 || m.device.card == nil {
		return
	}
	m.branch = slices.IndexFunc(m.steps, func(s step) bool { return s.node.ID() >= int64(g.branch) })
	if m.branch < 0 {
		return
	}
	read := map[int64]bool{}
	for _, s := range m.steps[m.branch:] {
		for _, id := range s.in {
			read[id] = true
		}
	}
	for i, s := range m.steps[:m.branch] {
		if slices.ContainsFunc(s.out, func(id int64) bool { return read[id] }) {
			m.until = i
		}
	}
}

// forks tells whether the branch runs beside what is before it: not where each step is to be timed.
func (m *Machine) forks() bool {
	return m.branch >= 0 && m.device.Observe == nil && m.device.kernels == kernels(m.device.card)
}

// fork begins the branch. What it needs was ready when that was marked, unless a reader before it has had a view evaluated.
func (m *Machine) fork() {
	for _, s := range m.steps[m.branch:] {
		if slices.ContainsFunc(s.in, func(id int64) bool { return m.values[id].settled > m.until }) {
			m.device.card.Mark()
			break
		}
	}
	m.device.card.Fork()
}

// lend notes which memory of the caller a node's value is in, if any.
func (m *Machine) lend(g *Graph, n *Node) {
	id := n.ID()
	p, input, kept, gradient := g.parameters[n], g.inputs[n], g.kept[n], g.gradients[n]
	placed, images := g.placed[n]
	if p != nil && p.held != nil && p.held.device != m.device {
		panic("graph: parameter " + p.Name + " is held by another device")
	}
	one, constant := n.Value().(*gorgonia.F32)
	switch {
	case p != nil && p.held != nil:
		m.held = append(m.held, home{id, p.held.data.Slice(p.at, p.at+len(p.Data))})
	case gradient != nil:
		m.held = append(m.held, home{id, gradient.held.gradients.Slice(gradient.at, gradient.at+len(gradient.Data))})
	case images:
		m.placed = append(m.placed, image{id, placed})
		m.images = placed.shape[0]
	case p != nil:
		m.given = append(m.given, lent{id, p.Data})
	case input != nil:
		if shape := n.Shape(); len(shape) == 4 {
			m.images = shape[0]
		}
		m.given = append(m.given, lent{id, input})
	case constant: // from which Grad starts
		m.given = append(m.given, lent{id, []float32{float32(*one)}})
	case kept != nil:
		m.kept = append(m.kept, lent{id, kept})
	}
	m.values[id] = valueOf(shapeOf(n), p != nil || input != nil || constant || kept != nil || gradient != nil || images)
}

// plan returns the step that computes a node, or false for the constant from which Grad starts.
func (m *Machine) plan(n *Node, inner []bool) (step, bool) {
	s := step{node: n}
	if o, ok := n.Op().(*op); ok {
		for _, child := range childrenOf(n) {
			s.in = append(s.in, child.ID())
		}
		s.work, s.inPlace, s.primary = o.work, o.inPlace, o.out
		s.out = slices.Repeat([]int64{-1}, o.outs)
		s.out[o.out] = n.ID()
		return s, true
	}
	if isGradientSum(n.Op()) {
		s.work, s.in, s.out = gradientSum{len(m.bases)}, termsOf(n, inner), []int64{n.ID()}
		for _, term := range s.in {
			m.values[term].sum = len(m.bases)
		}
		m.bases = append(m.bases, -1)
		return s, true
	}
	if m.values[n.ID()].lent {
		return s, false
	}
	panic(fmt.Sprintf("graph: no kernel for %s", n.Op()))
}

// readSaved has a step read what others save.
func (m *Machine) readSaved(s *step, nodes int, stepOf []int) {
	o, ok := s.node.Op().(*op)
	if !ok {
		return
	}
	for _, r := range o.reads {
		id := r.id(nodes)
		s.in = append(s.in, id)
		if id >= int64(nodes) {
			m.steps[stepOf[r.op.node.ID()]].out[1+r.number] = id
			m.values[id] = valueOf(r.shape(), false)
		}
	}
}

// house gives those inputs of a concatenation a home in it that can be written there in the first place.
func (m *Machine) house(c concat, s step, stepOf []int) {
	for _, p := range c.parts {
		if p.input < 0 {
			continue
		}
		id := s.in[p.input]
		v := &m.values[id]
		if made := stepOf[id]; v.lent || v.home >= 0 || m.steps[made].out[0] != id {
			continue
		} else if m.steps[made].readsViews() {
			v.home, v.offset = s.out[0], p.offset*v.pixels
		}
	}
}

// readsViews tells whether the step's work is a Fused kernel's.
func (s *step) readsViews() bool {
	switch s.work.(type) {
	case Fused, convolution, convGradient:
		return true
	}
	return false
}

// RunAll computes the kept nodes. It can be called again, after the inputs or parameters have changed.
func (m *Machine) RunAll() error { return m.Start()() }

// Start begins to compute the kept nodes, and returns what waits for them. On a card, more may be begun before that is called.
// The machine must not be started again before.
func (m *Machine) Start() (wait func() error) {
	before := m.device.used()
	given, kept := m.take(m.given), m.take(m.kept)
	for _, h := range m.held {
		m.place(h.id, h.data)
	}
	var images []Memory
	for _, i := range m.placed {
		images = append(images, i.of.make(m.device))
		m.place(i.id, images[len(images)-1])
	}
	m.send(given)
	m.runSteps()
	for _, used := range append(images, given) {
		m.device.kernels.Free(used)
	}
	if m.device.kernels.Err() != nil {
		m.explain(before)
	}
	return func() error {
		err := m.receive(kept)
		m.device.kernels.Free(kept)
		if err != nil {
			return err
		}
		for _, do := range m.finally {
			do()
		}
		return nil
	}
}

// runSteps has all work done, once everything lent is in place.
func (m *Machine) runSteps() {
	for i := range m.bases {
		m.bases[i] = -1
	}
	for _, s := range m.steps {
		for _, id := range s.in {
			m.values[id].readers++
		}
	}
	forks := m.forks()
	if forks && m.until < 0 {
		m.device.card.Mark()
	}
	for i := range m.steps {
		if forks && i == m.branch {
			m.fork()
		}
		m.at = i
		m.run(&m.steps[i])
		if forks && i == m.until {
			m.device.card.Mark()
		}
	}
	if forks {
		m.device.card.Join()
	}
}

func (m *Machine) run(s *step) {
	if m.device.Observe == nil {
		s.work.run(m, s)
	} else {
		m.observe(s)
	}
	for _, id := range s.in {
		v := &m.values[id]
		if v.readers--; v.readers == 0 {
			m.release(v)
		}
	}
	for _, id := range s.out {
		if id < 0 {
			continue
		}
		v := &m.values[id]
		if v.readers == 0 { // only the step's slots were wanted
			m.release(v)
		} else {
			m.addUp(id)
		}
	}
}

// addUp makes a value the base of the sum that it is a term of, if there is none yet and it can be.
func (m *Machine) addUp(id int64) {
	if v := &m.values[id]; v.sum >= 0 && m.bases[v.sum] < 0 && v.canBeAddedTo() {
		m.bases[v.sum] = id
	}
}

// observe runs a step and reports it.
func (m *Machine) observe(s *step) {
	o := Observation{Operation: operationName(s.node), Shape: s.node.Shape(), Algorithm: m.algorithm(s), FLOPs: s.flops()}
	l, lazy := s.work.(interface{ reads(s *step) []int })
	if lazy {
		for _, i := range l.reads(s) {
			o.Bytes += m.values[s.in[i]].bytes()
		}
	} else {
		for i, id := range s.in {
			if !slices.Contains(s.in[:i], id) {
				o.Bytes += m.values[id].bytes()
			}
		}
	}
	_ = m.device.kernels.Wait() // its error sticks
	start := time.Now()
	s.work.run(m, s)
	_ = m.device.kernels.Wait()
	o.Took = time.Since(start)
	if !lazy {
		for _, id := range s.out {
			if id >= 0 {
				o.Bytes += m.values[id].bytes()
			}
		}
	}
	m.device.Observe(o)
}

// algorithm returns the name of what computes a convolution, or its gradients, on the processor.
func (m *Machine) algorithm(s *step) string {
	o, ok := s.node.Op().(*op)
	if !ok || o.of == nil || o.of.backward.Conv == nil || m.device.card != nil {
		return ""
	}
	a, _ := m.device.workers.AlgorithmOf(*o.of.backward.Conv)
	return a.String()
}

// flops returns what a step computes: a gradient by each of x and weights costs what the value costs.
func (s *step) flops() int {
	if j, ok := s.work.(joined); ok {
		return j.flops()
	}
	o, ok := s.node.Op().(*op)
	switch {
	case !ok || o.of == nil:
		return 0
	case o.of != o:
		return o.of.backward.FLOPs * min(2, len(s.wanted()))
	}
	return o.backward.FLOPs
}

// wanted returns the outs that are needed.
func (s *step) wanted() (ids []int64) {
	for _, id := range s.out {
		if id >= 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// Reset does nothing: after a run the machine holds no memory of the arena.
func (m *Machine) Reset() {}

// Close does nothing, as Reset.
func (m *Machine) Close() error { return nil }

// operationName returns the name of a node's operation, without its number.
func operationName(n *Node) string {
	name := n.Op().String()
	for i := range name {
		if name[i] == '#' {
			return name[:i]
		}
	}
	return "add-gradients"
}
