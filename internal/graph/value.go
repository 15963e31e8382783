package graph

import (
	"gorgonia.org/tensor"

	"nat/internal/gpu"
	"nat/internal/kernel"
)

// value is what a node evaluates to: a view [n, channels, pixels], of memory that it shares with other values or not.
type value struct {
	view                View // without Data while it isn't computed
	n, channels, pixels int
	held                []*memory // what the view lies in; nothing if it is the caller's
	lent                bool      // it is the caller's
	exclusive           bool      // no other value lies where this one does
	readers             int       // how many inputs of steps that haven't run yet are this value

	home    int64 // the concatenation that it is part of, or −1
	offset  int   // where it lies in an image of that, in floats
	sum     int   // the sum of gradients that it is a term of, or −1
	settled int   // the step in which its view was evaluated, or −1
	made    int   // the step in which it got its memory
	merged  bool  // it has been added to another term of that
}

// memory is a piece of the device's memory.
type memory struct {
	data  Memory
	users int // values that lie in it
}

func (d *Device) take(size int) *memory { return &memory{data: d.kernels.Take(size), users: 1} }

func (d *Device) drop(m *memory) {
	if m.users--; m.users == 0 {
		d.kernels.Free(m.data)
	}
}

// valueOf returns a value of a shape before the run: in the caller's memory if it is lent, or else nowhere.
func valueOf(shape tensor.Shape, lent bool) value {
	v := value{n: 1, channels: 1, pixels: shape.TotalSize(), home: -1, sum: -1, settled: -1, lent: lent}
	if len(shape) == 4 {
		v.n, v.channels, v.pixels = shape[0], shape[1], size(shape[2:])
	}
	return v
}

func (v *value) shape() kernel.Norm { return kernel.Norm{N: v.n, C: v.channels, Pixels: v.pixels} }

func (v *value) size() int { return v.n * v.channels * v.pixels }

// bytes returns how much there is to read, or to write: a value that was added to another is written after reading that.
func (v *value) bytes() int {
	size := 4 * v.size()
	if !v.view.Other.IsNil() || v.merged {
		return 2 * size
	}
	return size
}

// wanted tells whether anybody reads the value.
func (v *value) wanted() bool { return v.readers > 0 || v.lent }

// plain tells whether the value stands in memory as it is, if perhaps with gaps between the images.
func (v *value) plain() bool {
	return v.view.Scale.IsNil() && v.view.Shift.IsNil() && v.view.Other.IsNil()
}

// scaled tells whether it stands there, but for a scale, and single whether it does but for scale and shift.
func (v *value) scaled() bool { return v.view.Shift.IsNil() && v.view.Other.IsNil() }
func (v *value) single() bool { return v.view.Other.IsNil() }

// contiguous tells whether it stands in memory as it is and without gaps.
func (v *value) contiguous() bool {
	return v.plain() && (v.n == 1 || v.view.Stride == v.channels*v.pixels)
}

// canBeAddedTo tells whether the only one who is going to read the value may find something added to it.
func (v *value) canBeAddedTo() bool {
	return v.exclusive && v.readers == 1 && !v.lent && !v.merged && v.plain()
}

// hold has the value lie in these pieces of memory.
func (v *value) hold(pieces []*memory) {
	for _, p := range pieces {
		p.users++
	}
	v.held = append(v.held[:0], pieces...)
}

func whole(v View) Target { return Target{Data: v.Data, Stride: v.Stride} }

// own gives a value contiguous memory of its own: the caller's, that of one of the values takeOver if nobody else reads it,
// or some of the device's.
func (m *Machine) own(id int64, takeOver []int64) {
	v := &m.values[id]
	if v.lent {
		return
	}
	v.exclusive, v.made = true, m.at
	for _, from := range takeOver {
		if in := &m.values[from]; in.readers == 1 && in.exclusive && !in.lent && in.contiguous() && in.size() == v.size() && !m.beside(in) {
			v.view = gpu.Plain(in.view.Data, v.channels, v.pixels)
			v.held, in.held = in.held, v.held[:0]
			return
		}
	}
	piece := m.device.take(v.size())
	v.view, v.held = gpu.Plain(piece.data, v.channels, v.pixels), append(v.held[:0], piece)
}

// target returns where a value is to be written: at home in a concatenation, onto another term of the sum that it is part of,
// or in memory of its own.
func (m *Machine) target(id int64) Target {
	v := &m.values[id]
	if v.sum >= 0 && !v.lent && v.readers == 1 && m.bases[v.sum] >= 0 {
		v.view, v.merged = m.values[m.bases[v.sum]].view, true
		t := whole(v.view)
		t.Add = true
		return t
	}
	if v.home < 0 {
		m.own(id, nil)
		return whole(v.view)
	}
	all := &m.values[v.home]
	if all.view.Data.IsNil() {
		m.own(v.home, nil)
	}
	v.view = View{Data: all.view.Data.From(v.offset), Stride: all.view.Stride}
	v.exclusive = false
	v.hold(all.held)
	return whole(v.view)
}

// release gives up the memory of a value that nobody reads any more.
func (m *Machine) release(v *value) {
	if v.lent {
		return
	}
	for _, piece := range v.held {
		m.device.drop(piece)
	}
	v.held, v.view, v.merged, v.settled = v.held[:0], View{}, false, -1
}

// contiguous returns a value as plain memory without gaps. Where it isn't that yet, it is from now on.
func (m *Machine) contiguous(id int64) Memory {
	v := &m.values[id]
	m.settleUnless(id, (*value).contiguous)
	return v.view.Data.Slice(0, v.size())
}

// settleUnless evaluates a view into memory of its own unless it is simple enough.
func (m *Machine) settleUnless(id int64, simple func(*value) bool) {
	if v := &m.values[id]; !simple(v) {
		m.settle(v)
	}
}

// settle evaluates a view into memory of its own.
func (m *Machine) settle(v *value) {
	piece := m.device.take(v.size())
	view := gpu.Plain(piece.data, v.channels, v.pixels)
	m.device.kernels.Materialise(whole(view), v.view, v.shape())
	for _, old := range v.held {
		m.device.drop(old)
	}
	v.view, v.held, v.exclusive, v.settled = view, append(v.held[:0], piece), true, m.at
}

// beside tells whether a value may still be read by what a branch runs beside.
func (m *Machine) beside(v *value) bool {
	return m.branch >= 0 && m.at >= m.branch && v.made < m.branch
}

// inPlaceOf returns the inputs whose memory an out may take over.
func (s *step) inPlaceOf(out int) (ids []int64) {
	if out == s.primary {
		for _, i := range s.inPlace {
			ids = append(ids, s.in[i])
		}
	}
	return ids
}

// views returns the step's inputs.
func (m *Machine) views(s *step) []View {
	m.seen = m.seen[:0]
	for _, id := range s.in {
		m.seen = append(m.seen, m.values[id].view)
	}
	return m.seen
}
