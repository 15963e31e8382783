package graph

import "slices"

// gradientSum adds up the gradients that flow back to a node from all that reads it. Most of the work is done before: the
// first of them that is alone in its memory becomes the base, and a Fused kernel that computes another adds it there.
type gradientSum struct{ number int }

func (g gradientSum) run(m *Machine, s *step) {
	v := &m.values[s.out[0]]
	base, left := m.bases[g.number], s.in
	var total View
	if base >= 0 && !v.lent {
		from := &m.values[base]
		v.view, v.exclusive = from.view, true
		v.held, from.held = from.held, v.held[:0]
		total = v.view
	} else {
		m.own(s.out[0], nil)
	}
	for _, id := range left {
		if term := &m.values[id]; term.merged || id == base && !total.Data.IsNil() {
			continue
		} else if total.Data.IsNil() {
			total = term.view
		} else {
			m.device.kernels.Sum(whole(v.view), total, term.view, v.shape())
			total = v.view
		}
	}
	if !total.Data.Begins(v.view.Data) { // all terms but one were merged into that one, and the sum is the caller's
		m.device.kernels.Materialise(whole(v.view), total, v.shape())
	}
}

// innerSums tells by ID which nodes are sums of gradients that only another such sum reads: Grad adds term after term.
func (g *Graph) innerSums(nodes []*Node, needed []bool) []bool {
	inner, readers := make([]bool, len(nodes)), make([]int, len(nodes))
	for id, n := range nodes {
		if !needed[id] || n.Op() == nil {
			continue
		}
		for _, child := range childrenOf(n) {
			readers[child.ID()]++
		}
	}
	for id, n := range nodes {
		if !needed[id] || n.Op() == nil || !isGradientSum(n.Op()) {
			continue
		}
		for _, child := range childrenOf(n) {
			if child.Op() != nil && isGradientSum(child.Op()) && readers[child.ID()] == 1 && !g.wanted(child) {
				inner[child.ID()] = true
			}
		}
	}
	return inner
}

// termsOf returns what a sum of gradients and the inner ones below it add up.
func termsOf(n *Node, inner []bool) (ids []int64) {
	for _, child := range childrenOf(n) {
		if inner[child.ID()] {
			ids = append(ids, termsOf(child, inner)...)
		} else {
			ids = append(ids, child.ID())
		}
	}
	slices.Sort(ids)
	return ids
}
