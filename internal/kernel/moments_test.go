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

func TestNormGradientEqualsTheDefinition(t *testing.T) {
	for _, centre := range []float32{0, 10} {
		forNorms(t, centre, func(t *testing.T, n Norm, x, dy []float32) {
			if n.N*n.Pixels == 1 {
				return // the gradient is 0, and what is left is rounding
			}
			gradient := Plain(dy, n.C, n.Pixels)
			if n.N > 1 {
				gradient, dy = byImage(rand.New(rand.NewPCG(5, 6)), gradient, n.N, n.channels())
			}
			got := forThreads(t, func(w *Workers) [][]float32 {
				y, _, _ := normalised(t, w, x, n)
				size := max(n.C, len(gradient.Scale))
				scale, other, shift := output(t, size), output(t, size), output(t, size)
				NormGradient(w, scale, other, shift, gradient, y, n)
				dx := gradient
				dx.Scale, dx.Other, dx.OtherStride, dx.OtherScale, dx.Shift = scale, x, dx.Stride, other, shift
				return [][]float32{valuesOf(dx, n.N, n.channels())}
			})
			want, of := make([]float64, len(x)), normOf(n, x)
			for c := range n.C {
				var meanG, meanGY float64
				eachElement(n, func(i, at, _ int) {
					if at == c {
						meanG += float64(dy[i]) / float64(n.N*n.Pixels)
						meanGY += float64(dy[i]) * of.y[i] / float64(n.N*n.Pixels)
					}
				})
				eachElement(n, func(i, at, _ int) {
					if at == c {
						want[i] = of.invStd[c] * (float64(dy[i]) - meanG - of.y[i]*meanGY)
					}
				})
			}
			near(t, "dx", got[0], want, 1e-5)
		})
	}
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
