package kernel

import (
	"math"
	"slices"
)

// scheme is Winograd convolution F(4×4, r×r): tiles of side × side pixels, side = r + 3, give 4 × 4 results. Pixels and taps of
// a line are coefficients of polynomials, whose product is computed from its values at the points 0, ±p for some p, and
// infinity (Lavin and Gray, arXiv 1509.09308):
//
//	results = Aᵀ[(G·taps·Gᵀ) ⊙ (Bᵀ·pixels·B)]A
//
// Frequency j·side + i is point i vertically and point j horizontally.
type scheme struct {
	r, side int
	// pixels is Bᵀ [side, side], taps G [side, r], results Aᵀ [4, side]. values is Aᵀ transposed and weights G: to the gradient by
	// the weights, results of 4 × 4 are what taps are to the results.
	pixels, taps, results, values, weights [][]float32
}

// newScheme returns the scheme for r×r taps, which must be 3×3 or 5×5. Its points are the ones that the assembly has.
func newScheme(r int) *scheme {
	finite := []float64{0, 1, -1, 2, -2}
	if r == 5 {
		finite = append(finite, 0.5, -0.5)
	}
	s := &scheme{r: r, side: r + 3}
	divisors := make([]float64, len(finite))
	for i, p := range finite {
		others := append(append([]float64(nil), finite[:i]...), finite[i+1:]...)
		s.pixels = append(s.pixels, append(annihilator(others), 0))
		divisors[i] = 1
		for _, q := range others {
			divisors[i] *= p - q
		}
	}
	s.pixels = append(s.pixels, annihilator(finite))
	s.taps, s.values = powers(finite, divisors, r), powers(finite, nil, 4)
	s.weights, s.results = transpose(s.taps), transpose(s.values)
	return s
}

// annihilator returns the coefficients of the polynomial ∏ (x − p).
func annihilator(points []float64) []float32 {
	product := []float64{1}
	for _, p := range points {
		next := make([]float64, len(product)+1)
		for k, c := range product {
			next[k] -= p * c
			next[k+1] += c
		}
		product = next
	}
	single := make([]float32, len(product))
	for k, c := range product {
		single[k] = float32(c)
	}
	return single
}

// powers returns the matrix that computes, from n coefficients, the values at the finite points, divided by the divisors if
// there are any, and at infinity.
func powers(finite, divisors []float64, n int) [][]float32 {
	rows := make([][]float32, len(finite)+1)
	for i := range rows {
		rows[i] = make([]float32, n)
		for k := range n {
			switch {
			case i == len(finite) && k == n-1:
				rows[i][k] = 1
			case i < len(finite) && divisors == nil:
				rows[i][k] = float32(math.Pow(finite[i], float64(k)))
			case i < len(finite):
				rows[i][k] = float32(math.Pow(finite[i], float64(k)) / divisors[i])
			}
		}
	}
	return rows
}

func transpose(m [][]float32) [][]float32 {
	t := make([][]float32, len(m[0]))
	for j := range t {
		t[j] = make([]float32, len(m))
		for i := range m {
			t[j][i] = m[i][j]
		}
	}
	return t
}

// sandwich computes y = m·x·mᵀ for square y and x.
func sandwich(y, x []float32, m [][]float32) {
	rows, cols := len(m), len(m[0])
	var left [maxSide * maxSide]float32 // m·x
	for i, row := range m {
		for j := range cols {
			var sum float32
			for k, v := range row {
				sum += v * x[k*cols+j]
			}
			left[i*cols+j] = sum
		}
	}
	for i := range rows {
		for j, row := range m {
			var sum float32
			for k, v := range row {
				sum += left[i*cols+k] * v
			}
			y[i*rows+j] = sum
		}
	}
}

// The largest side of a tile, and most weights of a filter.
const (
	maxSide = 8
	maxTaps = 25
)

// portableLanes is how many tiles the portable kernels take together: as many as lie in four strips of two.
const portableLanes = 8

// portableWinograd are the inner loops of the portable set, to compare others with: they are slower than direct ones.
func portableWinograd() winogradKernels {
	k := winogradKernels{lanes: portableLanes, panel: 2, products: multiplyPanels, multiply: multiplyUnits}
	for i, r := range winogradSizes {
		s := newScheme(r)
		k.pixels[0][i], k.results[0][i], k.toFrequencies[i] = s.transformPixels, s.transformResults, s.transformTaps
		k.inputs[i], k.gradients[i], k.toWeights[i] = s.transformInputs, s.transformGradients, s.transformSums
	}
	return k
}

// transformPixels is winogradKernels.pixels.
func (s *scheme) transformPixels(v, x, _ []float32, at []int, g geometry) {
	var pixels, values [maxSide * maxSide]float32
	for c := range g.channels {
		for lane := range portableLanes {
			first := c*g.plane + at[lane/2] + lane%2*4
			for i := range s.side {
				copy(pixels[i*s.side:][:s.side], x[first+i*g.row:])
			}
			sandwich(values[:], pixels[:], s.pixels)
			s.put(v[c*2*portableLanes+lane:], values[:], g.stride)
		}
	}
}

// put writes the values of a tile or a filter to their frequencies.
func (s *scheme) put(v, values []float32, stride int) {
	for f := range s.side * s.side {
		v[f*stride] = values[f%s.side*s.side+f/s.side]
	}
}

// transformResults is winogradKernels.results.
func (s *scheme) transformResults(y, m, _ []float32, at []int, g geometry) {
	var values [maxSide * maxSide]float32
	var results [16]float32
	for c := range g.channels {
		for lane := range portableLanes {
			for f := range s.side * s.side {
				values[f%s.side*s.side+f/s.side] = m[f*g.stride+c*2*portableLanes+lane]
			}
			sandwich(results[:], values[:], s.results)
			first := c*g.plane + at[lane/2] + lane%2*4
			for k := range 4 {
				copy(y[first+k*g.row:], results[4*k:4*k+4])
			}
		}
	}
}

// transformTaps is winogradKernels.toFrequencies.
func (s *scheme) transformTaps(u, k []float32, _ []float32, at []int, p filters) {
	var taps, values [maxSide * maxSide]float32
	for c := range p.channels {
		for row := range p.rows {
			copy(taps[:s.r*s.r], k[at[row]+c*p.step:])
			if p.backwards {
				slices.Reverse(taps[:s.r*s.r])
			}
			sandwich(values[:], taps[:], s.taps)
			s.put(u[c*p.rows+row:], values[:], p.stride)
		}
	}
}

// multiplyPanels is winogradKernels.products.
func multiplyPanels(m, u, v []float32, p panels, frequencies, channels int) {
	const width = 2 * portableLanes
	for f := range frequencies {
		u, m := u[f*p.strideU:], m[f*p.strideM:]
		for panel := range p.full + p.rest {
			rows := p.rows
			if panel >= p.full {
				rows--
			}
			for row := range rows {
				sums := m[row*width:][:width]
				clear(sums)
				for c := range channels {
					for t, x := range v[f*p.strideV+c*width:][:width] {
						sums[t] += u[c*rows+row] * x
					}
				}
			}
			u, m = u[channels*rows:], m[rows*width:]
		}
	}
}

// transformInputs is winogradKernels.inputs. A unit is a tile, and the lanes beyond the side of a tile are 0.
func (s *scheme) transformInputs(v, x, _ []float32, at []int, units int, g geometry) {
	s.transformUnits(v, x, at[:units], g, s.side, s.pixels)
}

// transformGradients is winogradKernels.gradients.
func (s *scheme) transformGradients(v, x, _ []float32, at []int, units int, g geometry) {
	s.transformUnits(v, x, at[:units], g, 4, s.values)
}

// transformUnits transforms units of size × size pixels by the matrix m.
func (s *scheme) transformUnits(v, x []float32, at []int, g geometry, size int, m [][]float32) {
	var pixels, values [maxSide * maxSide]float32
	for c := range g.channels {
		for unit, first := range at {
			for i := range size {
				copy(pixels[i*size:][:size], x[c*g.plane+first+i*g.row:])
			}
			sandwich(values[:], pixels[:], m)
			for j := range s.side {
				lanes := v[j*g.stride+(c*len(at)+unit)*portableLanes:][:portableLanes]
				clear(lanes)
				for i := range s.side {
					lanes[i] = values[i*s.side+j]
				}
			}
		}
	}
}

// multiplyUnits is winogradKernels.multiply.
func multiplyUnits(sums, y, x []float32, rows, columns, units int, add bool) {
	for o := range rows {
		for i := range columns {
			lanes := sums[(o*columns+i)*portableLanes:][:portableLanes]
			if !add {
				clear(lanes)
			}
			v, u := y[o*units*portableLanes:], x[i*units*portableLanes:][:units*portableLanes]
			for t, value := range u {
				lanes[t%portableLanes] += v[t] * value
			}
		}
	}
}

// transformSums is winogradKernels.toWeights.
func (s *scheme) transformSums(dk, sums, _ []float32, groups, stride int) {
	var values [maxSide * maxSide]float32
	for f := range 4 * groups {
		for t := range s.side * s.side {
			values[t] = sums[t%s.side*stride+f*portableLanes+t/s.side]
		}
		sandwich(dk[f*s.r*s.r:], values[:], s.weights)
	}
}
