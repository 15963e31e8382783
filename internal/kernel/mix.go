package kernel

import "math"

// mixing is what an assembly kernel needs that computes rows of pixels from count channels,
//
//	y[r·planeY + j] = Σ k[c·rows + r] · max(x[c·planeX + j]·scale[c] + other[c·planeX + j]·otherScale[c] + shift[c], low)
//
// or adds that, for a number of pixels that is a multiple of mixPixels.
type mixing struct {
	y          *float32
	planeY     int
	x          *float32
	planeX     int
	other      *float32 // nil: none
	k          *float32
	count      int
	pixels     int
	scale      *float32 // nil: x is read as it is, but for low
	shift      *float32
	otherScale *float32
	low        float32  // 0 or −∞
	by         *float32 // nil: none. Lies as y; where it isn't positive, nothing counts
	add        int      // 1: add to y
}

// mixPixels is what the number of pixels must be a multiple of, and mixRows that of rows.
const (
	mixPixels = 32
	mixRows   = 4
)

// mix is the plan of a pointwise convolution whose channels are read as they lie, each as few times as can be.
type mix struct {
	set      *set
	in, out  channels
	weights  []float32 // group by group of rows that are computed together, channel by channel
	constant []float32 // 1 for each channel, then 0
}

// mixes tells whether a pointwise convolution of such channels can be computed so.
func (s *set) mixes(out channels) bool {
	return s.mixRows > 0 && out.count%mixRows == 0 && out.pixels%mixPixels == 0
}

// newMix returns the plan by which every output channel takes weight k[o·outStep + c·inStep] of channel c. Plans in use at the
// same time have different numbers.
func newMix(w *Workers, number int, in, out channels, k []float32, outStep, inStep int) *mix {
	m := &mix{set: &w.set, in: in, out: out}
	m.weights = w.Floats(slotWeights+number, in.count*(out.count+2))
	m.weights, m.constant = m.weights[:in.count*out.count], m.weights[in.count*out.count:]
	fill(m.constant[:in.count], 1)
	clear(m.constant[in.count:])
	to := m.weights
	for from, i := 0, 0; from < out.count; i++ {
		end := m.group(i + 1)
		for c := range in.count {
			for o := from; o < end; o++ {
				to[0] = k[o*outStep+c*inStep]
				to = to[1:]
			}
		}
		from = end
	}
	return m
}

// group returns the first row of group i.
func (m *mix) group(i int) int { return mixRows * split(m.out.count/mixRows, m.set.mixRows/mixRows, i) }

func (m *mix) compute(s *Scratch, y []float32, add bool, x, by source, from, to int) {
	p := m.in.pixels
	a := mixing{x: &x.data[0], planeX: p, planeY: p, count: m.in.count, pixels: p, low: float32(math.Inf(-1))}
	if add {
		a.add = 1
	}
	if x.relu {
		a.low = 0
	}
	if !x.direct() {
		a.scale, a.shift, a.otherScale = m.coefficients(x.scale, 1), m.coefficients(x.shift, 0), m.coefficients(x.otherScale, 1)
	}
	if x.other != nil {
		a.other = &x.other[0]
	}
	positive := by.positiveAll(s, m.set, m.out)
	for o, i := from, 0; o < to; i++ {
		end := m.group(i + 1)
		a.y, a.k = &y[o*p], &m.weights[o*m.in.count]
		if positive != nil {
			a.by = &positive[o*p]
		}
		m.set.mix(end-o, &a)
		o = end
	}
}

// coefficients returns where those of the channels are, which are all 0 or 1 where none are given.
func (m *mix) coefficients(given []float32, otherwise int) *float32 {
	switch {
	case given != nil:
		return &given[0]
	case otherwise == 1:
		return &m.constant[0]
	}
	return &m.constant[m.in.count]
}
