package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// normalised returns the statistics of a batch that is x, and the view that it is normalised by.
func normalised(t testing.TB, w *Workers, x []float32, n Norm) (y View, mean, variance []float32) {
	moments, scale, shift := output(t, n.N*n.C*2), output(t, n.C), output(t, n.C)
	mean, variance = output(t, n.C), output(t, n.C)
	y = Plain(x, n.C, n.Pixels)
	Moments(w, moments, y, n)
	NormStatistics(w, mean, variance, scale, shift, moments, n)
	y.Scale, y.Shift = scale, shift
	return y, mean, variance
}

func testStatistics(t *testing.T, n Norm, x []float32, ofVariance, ofY float64) {
	got := forThreads(t, func(w *Workers) [][]float32 {
		y, mean, variance := normalised(t, w, x, n)
		moments, scale, shift := output(t, n.N*n.C*2), output(t, n.C), output(t, n.C)
		Moments(w, moments, Plain(x, n.C, n.Pixels), n)
		NormStatistics(w, nil, nil, scale, shift, moments, n)
		sameBits(t, "scale with the mean and alone", y.Scale, scale)
		return [][]float32{mean, variance, scale, shift}
	})
	want, y := normOf(n, x), Plain(x, n.C, n.Pixels)
	y.Scale, y.Shift = got[2], got[3]
	near(t, "mean", got[0], want.mean, 1e-6)
	near(t, "variance", got[1], want.variance, ofVariance)
	near(t, "scale", got[2], want.invStd, ofVariance)
	if n.N*n.Pixels > 1 { // one number is its own mean, and what is left is rounding
		near(t, "y", valuesOf(y, n.N, n.channels()), want.y, ofY)
	}
}

func TestStatisticsEqualTheDefinition(t *testing.T) {
	forNorms(t, 0.5, func(t *testing.T, n Norm, x, _ []float32) { testStatistics(t, n, x, 1e-6, 1e-6) })
}

// A mean of 500 deviations costs y the digits that x itself has lost, and the variance, of moments in single precision, one.
func TestStatisticsBearAMeanFarFromZero(t *testing.T) {
	forNorms(t, 1000, func(t *testing.T, n Norm, x, _ []float32) { testStatistics(t, n, x, 1e-5, 1e-4) })
}

// Three normalisations get the same gradient, so that there are two of which it is read once, and one alone; the second one's
// result is scaled, and lies in a larger tensor.
func TestNormGradientsEqualTheDefinition(t *testing.T) {
	for _, centre := range []float32{0, 10} {
		forNorms(t, centre, func(t *testing.T, n Norm, x, dy []float32) {
			if n.N*n.Pixels == 1 {
				return // the gradients are 0, and what is left is rounding
			}
			r := rand.New(rand.NewPCG(3, 4))
			z, gamma := normal(r, len(x)), normal(r, n.C)
			from := View{Scale: normal(r, n.C)}
			from.Data, from.Stride = apart(dy, n)
			dy = valuesOf(from, n.N, n.channels())
			if n.N > 1 {
				from, dy = byImage(r, from, n.N, n.channels())
			}
			got := forThreads(t, func(w *Workers) [][]float32 {
				var gradients []NormGradient
				for k, of := range [][]float32{x, z, x} {
					y, _, _ := normalised(t, w, of, n)
					size := len(from.Scale)
					g := NormGradient{Y: y, Scale: output(t, size), OtherScale: output(t, size), Shift: output(t, size)}
					if k == 1 {
						g.Y.Data, g.Y.Stride = apart(of, n)
						g.Gamma, g.ByGamma, g.ByShift = gamma, output(t, n.C), output(t, n.C)
					}
					gradients = append(gradients, g)
				}
				NormGradients(w, from, n, gradients...)
				results := [][]float32{gradients[1].ByGamma, gradients[1].ByShift}
				for _, g := range gradients {
					dx := from
					dx.Scale, dx.Other, dx.OtherStride, dx.OtherScale, dx.Shift = g.Scale, g.Y.Data, g.Y.Stride, g.OtherScale, g.Shift
					results = append(results, valuesOf(dx, n.N, n.channels()))
				}
				return results
			})
			g := double(dy)
			ofX, _, _ := normGradientOf(n, x, g, nil)
			ofZ, byGamma, byShift := normGradientOf(n, z, g, gamma)
			for i, want := range [][]float64{byGamma, byShift, ofX, ofZ, ofX} {
				near(t, [...]string{"by gamma", "by shift", "first", "second", "third"}[i], got[i], want, 1e-5)
			}
		})
	}
}

// apart returns x with a gap after each image.
func apart(x []float32, n Norm) (data []float32, stride int) {
	size := n.C * n.Pixels
	stride = size + 3
	data = make([]float32, n.N*stride)
	for i := range n.N {
		copy(data[i*stride:], x[i*size:][:size])
	}
	return data, stride
}

// normGradientOf returns by the definition the gradients of normalised x, scaled by gamma if there is one, and shifted, by x,
// gamma and shift, of the gradient g by the result.
func normGradientOf(n Norm, x []float32, g []float64, gamma []float32) (dx, byGamma, byShift []float64) {
	want, count := normOf(n, x), float64(n.N*n.Pixels)
	factor := func(c int) float64 { return float64(of(gamma, c, 1)) }
	dx, byGamma, byShift = make([]float64, len(x)), make([]float64, n.C), make([]float64, n.C)
	eachElement(n, func(i, c, _ int) {
		byGamma[c] += g[i] * want.y[i]
		byShift[c] += g[i]
	})
	eachElement(n, func(i, c, _ int) {
		dx[i] = want.invStd[c] * factor(c) * (g[i] - byShift[c]/count - want.y[i]*byGamma[c]/count)
	})
	return dx, byGamma, byShift
}

// normOf returns what the definition makes of x.
func normOf(n Norm, x []float32) (want struct{ y, mean, variance, invStd []float64 }) {
	want.y = make([]float64, len(x))
	for c := range n.C {
		v := channel(x, n, c)
		m := mean(v)
		for i := range v {
			v[i] -= m
		}
		variance := mean(products(v, v))
		want.mean, want.variance = append(want.mean, m), append(want.variance, variance)
		want.invStd = append(want.invStd, 1/math.Sqrt(variance+n.Eps))
		eachElement(n, func(i, at, place int) {
			if at == c {
				want.y[i] = v[place] * want.invStd[c]
			}
		})
	}
	return want
}

func TestMomentsOfLongPlanes(t *testing.T) {
	n := Norm{N: 2, C: 2, Pixels: 2*momentBlock + 77}
	x := normal(rand.New(rand.NewPCG(1, 2)), n.N*n.C*n.Pixels)
	for i := range x {
		x[i] += float32(i / 3000) // the blocks' means differ
	}
	forThreads(t, func(w *Workers) [][]float32 {
		y := &written{Target: Whole(x, n.C, n.Pixels), images: n.N, channels: n.channels()}
		moments := output(t, n.N*n.C*2)
		Moments(w, moments, Plain(x, n.C, n.Pixels), n)
		nearMoments(t, y, moments)
		return [][]float32{moments}
	})
}
