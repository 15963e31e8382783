package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// drawView returns a view of random numbers and what its values are. It may scale, shift and add; what it must not read, between
// the images of its operands, is NaN.
func drawView(r *rand.Rand, images int, c channels) (v View, values []float32) {
	size := c.count * c.pixels
	data, stride := strided(r, images, size)
	v = View{Data: data, Stride: stride}
	if r.IntN(2) == 0 {
		v.Scale, v.Shift = normal(r, c.count), normal(r, c.count)
	}
	if r.IntN(3) == 0 {
		v.Other, v.OtherStride = strided(r, images, size)
		if r.IntN(2) == 0 {
			v.OtherScale = normal(r, c.count)
		}
	}
	return v, valuesOf(v, images, c)
}

// byImage returns the view with each image multiplied by 0, 1 or 2, with which products round nothing, and its values.
func byImage(r *rand.Rand, v View, images int, c channels) (View, []float32) {
	factors := make([]float32, images)
	for i := range factors {
		factors[i] = float32(r.IntN(3))
	}
	v = v.ByImage(factors, c.count, make([]float32, 3*images*c.count))
	return v, valuesOf(v, images, c)
}

// valuesOf returns a view's values, contiguous, by its definition.
func valuesOf(v View, images int, c channels) (values []float32) {
	for i := range images * c.count * c.pixels {
		n, channel, within := i/(c.count*c.pixels), i/c.pixels%c.count, i%(c.count*c.pixels)
		at := n*v.PerImage + channel
		x := float32(v.Data[n*v.Stride+within] * of(v.Scale, at, 1))
		if v.Other != nil {
			x += float32(v.Other[n*v.OtherStride+within] * of(v.OtherScale, at, 1))
		}
		values = append(values, x+of(v.Shift, at, 0))
	}
	return values
}

// strided returns images of size random numbers, and their stride.
func strided(r *rand.Rand, images, size int) (data []float32, stride int) {
	gap := r.IntN(2) * r.IntN(20)
	stride = size + gap
	data = make([]float32, images*stride-gap)
	fill(data, float32(math.NaN()))
	for n := range images {
		copy(data[n*stride:], normal(r, size))
	}
	return data, stride
}

// written is a target of a test, with numbers between its images that must stay.
type written struct {
	Target
	before []float32
	images int
	channels
}

// newTarget returns a target full of garbage, to which a kernel may have to add.
func newTarget(t testing.TB, r *rand.Rand, images int, c channels) *written {
	stride := c.count*c.pixels + r.IntN(2)*r.IntN(20)
	w := &written{Target{output(t, images*stride), stride, r.IntN(3) == 0}, normal(r, images*stride), images, c}
	copy(w.Data, w.before)
	return w
}

// result returns the values that a kernel has written, less what they were added to, and fails the test if it has written
// elsewhere.
func (w *written) result(t testing.TB) (values []float32) {
	t.Helper()
	for i, v := range w.Data {
		switch {
		case i%w.Stride >= w.count*w.pixels:
			if v != w.before[i] {
				t.Fatalf("wrote %g between the images of a target", v)
			}
		case w.Add:
			values = append(values, v-w.before[i])
		default:
			values = append(values, v)
		}
	}
	return values
}

// nearMoments fails the test unless moments are those of what has been written.
func nearMoments(t testing.TB, w *written, moments []float32) {
	t.Helper()
	var means, squares []float64
	for i := range w.images * w.count {
		x := double(w.Data[i/w.count*w.Stride+i%w.count*w.pixels:][:w.pixels])
		m := mean(x)
		for j := range x {
			x[j] -= m
		}
		means, squares = append(means, m), append(squares, mean(products(x, x))*float64(w.pixels))
	}
	var got [2][]float32
	for i, v := range moments {
		got[i%2] = append(got[i%2], v)
	}
	spread := 0.0 // of pixels: what sums that cancel are rounded by
	for i, m := range means {
		spread = max(spread, math.Abs(m)+math.Sqrt(squares[i]/float64(w.pixels)))
	}
	for i, m := range means {
		if off := math.Abs(float64(got[0][i]) - m); !(off <= 1e-6*spread) {
			t.Errorf("means[%d] = %g, want %g", i, got[0][i], m)
		}
	}
	near(t, "squared deviations", got[1], squares, 1e-5)
}

func TestViewsMaterialised(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		n := Norm{N: 1 + r.IntN(4), C: 1 + r.IntN(7), Pixels: 1 + r.IntN(200)}
		v, values := drawView(r, n.N, n.channels())
		if i%3 == 0 {
			v, values = byImage(rand.New(rand.NewPCG(7, 8)), v, n.N, n.channels())
		}
		seed := r.Uint64()
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			got := forThreads(t, func(w *Workers) [][]float32 {
				y := newTarget(t, rand.New(rand.NewPCG(seed, 1)), n.N, n.channels())
				Materialise(w, y.Target, v, n)
				moments := output(t, n.N*n.C*2)
				Moments(w, moments, v, n)
				if !y.Add {
					nearMoments(t, y, moments)
				}
				return [][]float32{y.result(t)}
			})
			near(t, "values", got[0], double(values), 1e-6)
		})
	}
}

func TestSumsOfViews(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		n := Norm{N: 1 + r.IntN(4), C: 1 + r.IntN(7), Pixels: 1 + r.IntN(200)}
		a, u := drawView(r, n.N, n.channels())
		b, v := drawView(r, n.N, n.channels())
		if i%3 == 0 {
			b, v = byImage(rand.New(rand.NewPCG(7, 8)), b, n.N, n.channels())
		}
		want := double(u)
		for i := range want {
			want[i] += float64(v[i])
		}
		seed := r.Uint64()
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			got := forThreads(t, func(w *Workers) [][]float32 {
				y := newTarget(t, rand.New(rand.NewPCG(seed, 1)), n.N, n.channels())
				Sum(w, y.Target, a, b, n)
				for _, in := range []*View{&a, &b} {
					old, place := in.Data, output(t, len(in.Data))
					copy(place, old)
					in.Data = place
					Sum(w, Target{Data: place, Stride: in.Stride}, a, b, n)
					in.Data = old
					near(t, "sum in place", valuesOf(View{Data: place, Stride: in.Stride}, n.N, n.channels()), want, 1e-6)
				}
				return [][]float32{y.result(t)}
			})
			near(t, "sums", got[0], want, 1e-6)
		})
	}
}
