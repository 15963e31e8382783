package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// winograd is a convolution F(4×4, r×r) on a target: tiles of side × side pixels, side = r + 3, give 4 × 4 pixels. Along a
// line, pixels and taps are the coefficients of polynomials, whose product is computed from its values at as many points as a
// tile has pixels: 0, then every one of points and its negative, then infinity. (Lavin and Gray, arXiv 1509.09308.)
type winograd struct {
	target
	r      int
	points []float64
}

// winogradsOf returns the convolutions there are kernels for. These points round well: with them the largest error is about
// ten times that of a direct convolution.
func winogradsOf(t target) []winograd {
	return []winograd{{t, 3, []float64{1, 2}}, {t, 5, []float64{1, 2, 0.5}}}
}

func (w winograd) side() int { return w.r + 3 }

// annihilator returns the coefficients, in powers of x², of the product of (x² − p²) over the points p but the one numbered
// skip.
func (w winograd) annihilator(skip int) []float64 {
	product := []float64{1}
	for i, p := range w.points {
		if i == skip {
			continue
		}
		next := make([]float64, len(product)+1)
		for k, c := range product {
			next[k] -= c * p * p
			next[k+1] += c
		}
		product = next
	}
	return product
}

// divisor returns what interpolation divides the value at point i by: the product of its distances to the other points.
func (w winograd) divisor(i int) float64 {
	if i == w.side()-1 {
		return 1
	}
	at, skip := 0.0, -1
	if i > 0 {
		skip = (i - 1) / 2
		at = w.points[skip]
	}
	sum := 0.0
	for k, c := range w.annihilator(skip) {
		sum += c * math.Pow(at, float64(2*k))
	}
	if i > 0 {
		sum *= 2 * at * at
	}
	return sum
}

// pixelLine writes the transform of a line of pixels x, the transpose of interpolation but for the divisors. It calls put
// with the values in the order of the points.
func (w winograd) pixelLine(x []vector, put func(v vector)) {
	put(w.combination(w.annihilator(-1), x))
	for i, p := range w.points {
		c := w.annihilator(i)
		a, b := w.plusMinus(w.combination(c, x[2:]), w.combination(c, x[1:]), p)
		put(a)
		put(b)
	}
	put(w.combination(w.annihilator(-1), x[1:]))
}

// valueLine writes the transform of a line of coefficients x, each of them divided by its point's divisor if divide: the
// values at the points. It calls put in their order.
func (w winograd) valueLine(x []vector, divide bool, put func(v vector)) {
	factor := func(i int) float64 {
		if divide {
			return 1 / w.divisor(i)
		}
		return 1
	}
	put(w.scaled(x[0], factor(0)))
	for i, p := range w.points {
		var parts [2]vector // of even and odd powers
		for k, v := range x {
			c := factor(1+2*i) * math.Pow(p, float64(k))
			if k < 2 {
				parts[k] = w.scaled(v, c)
			} else {
				w.addTimes(parts[k%2], v, c)
			}
		}
		a, b := w.plusMinus(parts[0], parts[1], 1)
		put(a)
		put(b)
	}
	put(x[len(x)-1])
}

// resultLine writes the transform of the values of a product at the points, which get loads in their order, to a line of
// that many pixels: sums of the values times powers of the points.
func (w winograd) resultLine(pixels int, get func() vector) []vector {
	y := make([]vector, pixels)
	y[0] = get()
	for i, p := range w.points {
		a, b := get(), get()
		parts := [2]vector{w.add(a, b), w.subtract(a, b)}
		for k := range y {
			switch v := parts[k%2]; {
			case i > 0 || k == 0:
				w.addTimes(y[k], v, math.Pow(p, float64(k)))
			case k+2 < pixels: // the first point is 1
				y[k] = w.scaled(v, 1)
			default: // nobody else needs it
				y[k] = v
			}
		}
	}
	VADDPS(get(), y[pixels-1], y[pixels-1])
	return y
}

// combination returns Σ c[k]·x[2k]; the last of c is 1. It begins with the first, which needs no copy if its c is 1 or −1.
func (t target) combination(c []float64, x []vector) vector {
	last := len(c) - 1
	var sum vector
	switch c[0] {
	case 1:
		sum = t.add(x[2*last], x[0])
	case -1:
		sum = t.subtract(x[2*last], x[0])
	default:
		sum = t.scaled(x[2*last], 1)
		t.addTimes(sum, x[0], c[0])
	}
	for k := 1; k < last; k++ {
		t.addTimes(sum, x[2*k], c[k])
	}
	return sum
}

// plusMinus returns a + c·b and a − c·b; a is lost.
func (t target) plusMinus(a, b vector, c float64) (plus, minus vector) {
	if c == 1 {
		return t.add(a, b), t.subtract(a, b)
	}
	plus = t.scaled(a, 1)
	t.addTimes(plus, b, c)
	t.addTimes(a, b, -c)
	return plus, a
}

// scaled returns c·x in a register of its own.
func (t target) scaled(x vector, c float64) vector {
	v := t.vector()
	switch {
	case c == 1:
		VMOVAPS(x, v)
	case t.bytes == 64:
		VMULPS_BCST(number(c), x, v)
	default:
		VMULPS(number(c), x, v)
	}
	return v
}

// addTimes adds c·x to sum.
func (t target) addTimes(sum, x vector, c float64) {
	switch {
	case c == 1:
		VADDPS(x, sum, sum)
	case c == -1:
		VSUBPS(x, sum, sum)
	case t.bytes == 64:
		VFMADD231PS_BCST(number(c), x, sum)
	default:
		VFMADD231PS(number(c), x, sum)
	}
}

// number returns where eight copies of a constant are.
func number(c float64) Mem {
	bits := math.Float32bits(float32(c))
	return table(fmt.Sprintf("number%08x", bits), 8, func(int) int32 { return int32(bits) })
}

// transposed4 returns the first columns, at most four, of the 4 × 4 matrices that four vectors make of every 128 bits.
func (t target) transposed4(x []vector, columns int) []vector {
	pairs := t.several(4, func(int) vector { return t.vector() })
	y := t.several(columns, func(int) vector { return t.vector() })
	for i := range 2 {
		VUNPCKLPS(x[2*i+1], x[2*i], pairs[i])
		if columns > 2 {
			VUNPCKHPS(x[2*i+1], x[2*i], pairs[2+i])
		}
	}
	for i := range y {
		if a, b := pairs[i/2*2], pairs[i/2*2+1]; i%2 == 0 {
			VUNPCKLPD(b, a, y[i])
		} else {
			VUNPCKHPD(b, a, y[i])
		}
	}
	return y
}
