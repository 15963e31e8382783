package kernel

import "math"

// passes are the inner loops that go over memory once, element by element. Those that compute elements fuse no product with
// a sum, so they agree to the bit in all sets; totals differ in their last bits.
type passes struct {
	// rectify computes y = max(x, 0), mask dx = dy where x > 0, else 0; addMasked adds that to dx.
	rectify         func(y, x []float32)
	mask, addMasked func(dx, dy, x []float32)
	// sum computes y = a + b, product y = a·b.
	sum, product func(y, a, b []float32)
	// scaleAndShift computes y = x·scale + shift, combine z = u·a + v·b + shift.
	scaleAndShift func(y, x []float32, scale, shift float32)
	combine       func(z, u, v []float32, a, b, shift float32)
	// These compute the same, rectified.
	scaleShiftRectify func(y, x []float32, scale, shift float32)
	combineRectify    func(z, u, v []float32, a, b, shift float32)
	// step computes buffer = momentum·buffer + (gradient + decay·p) and p −= rate·buffer; firstStep the same for a buffer
	// of zeros.
	step      func(p, buffer, gradient []float32, rate, momentum, decay float32)
	firstStep func(p, buffer, gradient []float32, rate, decay float32)
	// total returns Σ x, deviations Σ (x − centre) and Σ (x − centre)².
	total      func(x []float32) float64
	deviations func(x []float32, centre float32) (sum, squares float64)
}

// portablePasses are those of the portable set.
var portablePasses = passes{
	rectify: rectify, mask: mask, addMasked: addMasked, sum: sum, product: product,
	scaleAndShift: scaleAndShift, combine: combine,
	scaleShiftRectify: scaleShiftRectify, combineRectify: combineRectify,
	step: step, firstStep: firstStep,
	total: total, deviations: deviations,
}

func rectify(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = max(x[i], 0)
	}
}

func mask(dx, dy, x []float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	for i := range dx {
		dx[i] = where(x[i], dy[i])
	}
}

func addMasked(dx, dy, x []float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	for i := range dx {
		dx[i] += where(x[i], dy[i])
	}
}

// where returns v if x > 0, else 0. It works on the bits, since a branch would be guessed wrongly every other time.
func where(x, v float32) float32 {
	b := int32(math.Float32bits(x))
	positive := ^(b | (b - 1)) >> 31 // all ones if neither x nor what comes before it has the sign bit
	return math.Float32frombits(math.Float32bits(v) & uint32(positive))
}

func sum(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

func product(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] * b[i]
	}
}

// The conversions below keep compilers from fusing a product with a sum.

func scaleAndShift(y, x []float32, scale, shift float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = float32(x[i]*scale) + shift
	}
}

func combine(z, u, v []float32, a, b, shift float32) {
	u, v = u[:len(z)], v[:len(z)]
	for i := range z {
		z[i] = float32(u[i]*a) + float32(v[i]*b) + shift
	}
}

func scaleShiftRectify(y, x []float32, scale, shift float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = max(float32(x[i]*scale)+shift, 0)
	}
}

func combineRectify(z, u, v []float32, a, b, shift float32) {
	u, v = u[:len(z)], v[:len(z)]
	for i := range z {
		z[i] = max(float32(u[i]*a)+float32(v[i]*b)+shift, 0)
	}
}

func step(p, buffer, gradient []float32, rate, momentum, decay float32) {
	buffer, gradient = buffer[:len(p)], gradient[:len(p)]
	for i, x := range p {
		b := float32(momentum*buffer[i]) + (gradient[i] + float32(decay*x))
		buffer[i] = b
		p[i] = x - float32(rate*b)
	}
}

func firstStep(p, buffer, gradient []float32, rate, decay float32) {
	buffer, gradient = buffer[:len(p)], gradient[:len(p)]
	for i, x := range p {
		b := gradient[i] + float32(decay*x)
		buffer[i] = b
		p[i] = x - float32(rate*b)
	}
}

// sumBlock is the number of terms that are summed in single precision before the sum goes on in double: few enough that
// the rounding of a block is far below that of its terms.
const sumBlock = 256

func total(x []float32) float64 {
	all := 0.0
	for len(x) > 0 {
		block := x[:min(sumBlock, len(x))]
		x = x[len(block):]
		var s0, s1, s2, s3 float32
		for ; len(block) >= 4; block = block[4:] {
			s0 += block[0]
			s1 += block[1]
			s2 += block[2]
			s3 += block[3]
		}
		for _, v := range block {
			s0 += v
		}
		all += float64((s0 + s1) + (s2 + s3))
	}
	return all
}

func deviations(x []float32, centre float32) (sum, squares float64) {
	for len(x) > 0 {
		block := x[:min(sumBlock, len(x))]
		x = x[len(block):]
		var a0, a1, b0, b1 float32
		for ; len(block) >= 2; block = block[2:] {
			d0, d1 := block[0]-centre, block[1]-centre
			a0 += d0
			a1 += d1
			b0 += d0 * d0
			b1 += d1 * d1
		}
		for _, v := range block {
			a0 += v - centre
			b0 += (v - centre) * (v - centre)
		}
		sum += float64(a0 + a1)
		squares += float64(b0 + b1)
	}
	return sum, squares
}

// moments returns Σ g and Σ g·(x − centre).
func moments(g, x []float32, centre float32) (sumG, sumGX float64) {
	for len(g) > 0 {
		n := min(sumBlock, len(g))
		u, v := g[:n], x[:n]
		g, x = g[n:], x[n:]
		var a0, a1, b0, b1 float32
		for ; len(u) >= 2 && len(v) >= 2; u, v = u[2:], v[2:] {
			a0 += u[0]
			a1 += u[1]
			b0 += u[0] * (v[0] - centre)
			b1 += u[1] * (v[1] - centre)
		}
		for i, d := range u {
			a0 += d
			b0 += d * (v[i] - centre)
		}
		sumG += float64(a0 + a1)
		sumGX += float64(b0 + b1)
	}
	return sumG, sumGX
}
