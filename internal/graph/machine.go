package graph

import (
	"fmt"
	"slices"
	"time"

	"gorgonia.org/gorgonia"

	"nat/internal/kernel"
)

// Device is where machines run: the threads, and the memory that one graph after the other uses. It serves one running
// machine at a time.
type Device struct {
	workers *kernel.Workers
	arena   arena
	// Observe, where set, is told of every kernel that has run: the node's operation, its value's shape, the time taken.
	Observe func(operation string, shape []int, took time.Duration)
}

// NewCPU returns a device of so many threads of the processor.
func NewCPU(threads int) *Device { return &Device{workers: kernel.NewWorkers(threads)} }

// NewCPUOf returns a device of so many threads that use the set of kernels of that name, one of kernel.Sets.
func NewCPUOf(threads int, kernels string) (*Device, error) {
	workers, err := kernel.NewWorkersOf(threads, kernels)
	if err != nil {
		return nil, err
	}
	return &Device{workers: workers}, nil
}

// Kernels returns the name of the set of kernels that the device uses. Sets differ in the last bits of what they compute.
func (d *Device) Kernels() string { return d.workers.Set() }

// Workers returns the device's threads, for kernels that run outside a graph.
func (d *Device) Workers() *kernel.Workers { return d.workers }

// Close stops the device's threads and gives up its memory.
func (d *Device) Close() {
	d.workers.Close()
	d.arena = arena{}
}

// Machine runs what the kept nodes of a graph depend on, in the order in which the nodes were made. A value gets its memory
// from the device's arena when it is computed and gives it back after its last reader. It is a gorgonia.VM.
type Machine struct {
	device *Device
	steps  []step
	values []value // by node ID
	in     [][]float32
	out    [][]float32
}

var _ gorgonia.VM = (*Machine)(nil)

// step runs one kernel.
type step struct {
	kernel  Kernel
	node    *Node
	inPlace []int
	primary int     // which out is the node's value
	in, out []int64 // node IDs; an out of −1 isn't needed
}

// value is what a node evaluates to.
type value struct {
	data    []float32 // nil while it has no memory
	size    int
	lent    bool // data is the caller's
	readers int  // how many inputs of steps that haven't run yet are this value
}

// NewMachine plans the run of a graph, to which nothing may be added any more.
func NewMachine(d *Device, g *Graph) *Machine {
	nodes := g.expr.AllNodes()
	needed := g.needed(func(n *Node) bool { return g.kept[n] != nil })
	m := &Machine{device: d, values: make([]value, len(nodes))}
	stepOf := make([]int, len(nodes))
	for id, n := range nodes {
		if !needed[id] {
			continue
		}
		data := g.kept[n]
		if p := g.parameters[n]; p != nil {
			data = p.Data
		} else if input := g.inputs[n]; input != nil {
			data = input
		}
		m.values[id] = value{data: data, lent: data != nil, size: n.Shape().TotalSize()}
		if n.Op() == nil {
			continue
		}
		if o, ok := n.Op().(*op); ok && o.slot {
			m.steps[stepOf[o.inputs[0].ID()]].out[o.out] = int64(id)
			continue
		}
		if s, ok := m.plan(n); ok {
			stepOf[id] = len(m.steps)
			m.steps = append(m.steps, s)
		}
	}
	return m
}

// plan returns the step that computes a node, or false for the constant from which Grad starts.
func (m *Machine) plan(n *Node) (step, bool) {
	s := step{node: n}
	for _, child := range childrenOf(n) {
		s.in = append(s.in, child.ID())
	}
	if o, ok := n.Op().(*op); ok {
		s.kernel, s.inPlace, s.primary = o.kernel, o.inPlace, o.out
		s.out = slices.Repeat([]int64{-1}, o.outs)
		s.out[o.out] = n.ID()
		return s, true
	}
	if isGradientSum(n.Op()) {
		s.kernel, s.inPlace, s.out = addGradients, []int{0, 1}, []int64{n.ID()}
		return s, true
	}
	if one, ok := n.Value().(*gorgonia.F32); ok {
		m.values[n.ID()].data, m.values[n.ID()].lent = []float32{float32(*one)}, true
		return s, false
	}
	panic(fmt.Sprintf("graph: no kernel for %s", n.Op()))
}

func addGradients(d *Device, in, out [][]float32) { kernel.Add(d.workers, out[0], in[0], in[1]) }

// RunAll computes the kept nodes. It can be called again, after the inputs or parameters have changed.
func (m *Machine) RunAll() error {
	for _, s := range m.steps {
		for _, id := range s.in {
			m.values[id].readers++
		}
	}
	for i := range m.steps {
		m.run(&m.steps[i])
	}
	return nil
}

func (m *Machine) run(s *step) {
	m.in, m.out = m.in[:0], m.out[:0]
	for _, id := range s.in {
		m.in = append(m.in, m.values[id].data)
	}
	for i, id := range s.out {
		m.out = append(m.out, m.memory(id, s, i == s.primary))
	}
	start := time.Now()
	s.kernel(m.device, m.in, m.out)
	if m.device.Observe != nil {
		m.device.Observe(operationName(s.node), s.node.Shape(), time.Since(start))
	}
	for _, id := range s.in {
		v := &m.values[id]
		if v.readers--; v.readers == 0 && !v.lent && v.data != nil {
			m.release(v)
		}
	}
	if v := &m.values[s.out[s.primary]]; v.readers == 0 && !v.lent { // only the step's slots were wanted
		m.release(v)
	}
}

func (m *Machine) release(v *value) {
	m.device.arena.give(v.data)
	v.data = nil
}

// memory returns where a step writes a value, or nil if nobody reads it. Its node's own value, the primary one, is always
// written.
func (m *Machine) memory(id int64, s *step, primary bool) []float32 {
	if id < 0 {
		return nil
	}
	v := &m.values[id]
	if v.lent {
		return v.data
	}
	if v.readers == 0 && !primary {
		return nil
	}
	if primary {
		for _, i := range s.inPlace { // take over an input that nobody else will read
			if in := &m.values[s.in[i]]; in.readers == 1 && !in.lent && in.data != nil && in.size == v.size {
				v.data, in.data = in.data, nil
				return v.data
			}
		}
	}
	v.data = m.device.arena.take(v.size)
	return v.data
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

// arena is memory that graph after graph uses.
type arena struct {
	idle             [][]float32 // in ascending order of capacity
	used, held, peak int         // floats that are lent out, that are lent out or idle, and that ever were lent out
}

const (
	// maxWaste is how many times larger than asked for the memory may be that take returns: enough for the short last batch
	// of an epoch to live in the memory of the full ones.
	maxWaste = 2
	// maxHeld is how many times as much memory the arena holds as was ever in use. Graphs of other architectures want other
	// sizes; with less, memory is given up that the next one wants, with more, an epoch ends up holding all sizes there are.
	maxHeld = 1.1
)

// take returns memory with arbitrary contents.
func (a *arena) take(size int) []float32 {
	i, _ := slices.BinarySearchFunc(a.idle, size, func(b []float32, size int) int { return cap(b) - size })
	if i < len(a.idle) && cap(a.idle[i]) <= maxWaste*size {
		data := a.idle[i][:size]
		a.idle = slices.Delete(a.idle, i, i+1)
		a.lend(cap(data))
		return data
	}
	a.lend(size)
	a.held += size
	for len(a.idle) > 0 && float64(a.held) > maxHeld*float64(a.peak) {
		last := len(a.idle) - 1
		a.held -= cap(a.idle[last])
		a.idle[last] = nil
		a.idle = a.idle[:last]
	}
	return make([]float32, size)
}

func (a *arena) lend(size int) {
	a.used += size
	a.peak = max(a.peak, a.used)
}

// give takes memory back.
func (a *arena) give(data []float32) {
	a.used -= cap(data)
	i, _ := slices.BinarySearchFunc(a.idle, cap(data), func(b []float32, size int) int { return cap(b) - size })
	a.idle = slices.Insert(a.idle, i, data[:cap(data)])
}
