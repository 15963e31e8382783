package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// normShapes have odd sizes, a single number a channel, and channels longer than a block of a sum.
var normShapes = []Norm{
	{N: 2, C: 3, Pixels: 49, Eps: 1e-5},
	{N: 5, C: 1, Pixels: 1, Eps: 1e-5},
	{N: 1, C: 4, Pixels: 1, Eps: 1e-5},
	{N: 3, C: 23, Pixels: 5, Eps: 1e-3},
	{N: 4, C: 2, Pixels: 1024, Eps: 1e-5},
	{N: 1, C: 2, Pixels: 777, Eps: 1e-5},
}

// channel returns the numbers of channel c, images one after the other.
func channel(x []float32, n Norm, c int) []float64 {
	var all []float64
	for i := range n.N {
		all = append(all, double(x[(i*n.C+c)*n.Pixels:][:n.Pixels])...)
	}
	return all
}

// eachElement calls visit with the index of every element, its channel and its place in what channel returns.
func eachElement(n Norm, visit func(i, c, place int)) {
	for i := range n.N * n.C * n.Pixels {
		image, c, pixel := i/(n.C*n.Pixels), i/n.Pixels%n.C, i%n.Pixels
		visit(i, c, image*n.Pixels+pixel)
	}
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// products returns the products of the elements of a and b.
func products(a, b []float64) []float64 {
	c := make([]float64, len(a))
	for i := range a {
		c[i] = a[i] * b[i]
	}
	return c
}

// forNorms runs a test for every shape, with x normally distributed around centre.
func forNorms(t *testing.T, centre float32, test func(t *testing.T, n Norm, x, dy []float32)) {
	for _, n := range normShapes {
		t.Run(fmt.Sprintf("%+v", n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			x := normal(r, n.N*n.C*n.Pixels)
			for i := range x {
				x[i] = 2*x[i] + centre
			}
			test(t, n, x, normal(r, len(x)))
		})
	}
}

func TestScaleShiftGradientEqualsTheDefinition(t *testing.T) {
	forNorms(t, 0, func(t *testing.T, n Norm, x, dy []float32) {
		r := rand.New(rand.NewPCG(7, 8))
		scale, shift, factors := normal(r, n.C), normal(r, n.C), normal(r, n.C)
		read, gradient := Plain(x, n.C, n.Pixels), Plain(dy, n.C, n.Pixels)
		read.Scale, read.Shift, gradient.Scale = scale, shift, factors
		got := forThreads(t, func(w *Workers) [][]float32 {
			dscale, dshift := output(t, n.C), output(t, n.C)
			ScaleShiftGradient(w, dscale, dshift, gradient, read, n)
			return [][]float32{dscale, dshift}
		})
		dscale, dshift := make([]float64, n.C), make([]float64, n.C)
		eachElement(n, func(i, c, _ int) {
			g := float64(dy[i]) * float64(factors[c])
			dscale[c] += g * (float64(x[i])*float64(scale[c]) + float64(shift[c]))
			dshift[c] += g
		})
		near(t, "dscale", got[0], dscale, 1e-6)
		near(t, "dshift", got[1], dshift, 1e-6)
	})
}

func TestGlobalAverageEqualsTheDefinition(t *testing.T) {
	forNorms(t, 0, func(t *testing.T, n Norm, x, _ []float32) {
		dy := normal(rand.New(rand.NewPCG(9, 1)), n.N*n.C)
		got := forThreads(t, func(w *Workers) [][]float32 {
			y, dx := output(t, len(dy)), output(t, len(x))
			GlobalAverageForward(w, y, x, n)
			GlobalAverageBackward(w, dx, dy, n)
			return [][]float32{y, dx}
		})
		y, dx := make([]float64, len(dy)), make([]float64, len(x))
		for i, v := range x {
			y[i/n.Pixels] += float64(v) / float64(n.Pixels)
			dx[i] = float64(dy[i/n.Pixels]) / float64(n.Pixels)
		}
		near(t, "y", got[0], y, 1e-6)
		near(t, "dx", got[1], dx, 1e-6)
	})
}
