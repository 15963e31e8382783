package graph

import "nat/internal/gpu"

// take has values lie in the caller's own memory, or, if a card computes, in one piece of its memory, one after the other. It
// returns that piece.
func (m *Machine) take(all []lent) (piece Memory) {
	if m.device.card == nil {
		for _, l := range all {
			m.place(l.id, gpu.Host(l.data))
		}
		return Memory{}
	}
	total := 0
	for _, l := range all {
		total += len(l.data)
	}
	piece = m.device.kernels.Take(total)
	at := 0
	for _, l := range all {
		m.place(l.id, piece.Slice(at, at+len(l.data)))
		at += len(l.data)
	}
	return piece
}

func (m *Machine) place(id int64, data Memory) {
	v := &m.values[id]
	v.view = gpu.Plain(data, v.channels, v.pixels)
}

// send copies what the caller gives to a piece of the card's memory.
func (m *Machine) send(piece Memory) {
	if m.device.card == nil {
		return
	}
	packed := make([]float32, 0, piece.Len())
	for _, l := range m.given {
		packed = append(packed, l.data...)
	}
	m.device.kernels.Write(piece, packed)
}

// receive waits for the results, and copies those that lie in a piece of the card's memory to the caller.
func (m *Machine) receive(piece Memory) error {
	if m.device.card == nil {
		return nil
	}
	packed := make([]float32, piece.Len())
	if err := m.device.kernels.Read(packed, piece); err != nil {
		return m.device.Err()
	}
	for _, l := range m.kept {
		copy(l.data, packed)
		packed = packed[len(l.data):]
	}
	return nil
}
