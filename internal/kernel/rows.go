package kernel

// rowPasses are inner loops over rows of n floats that follow one another, as the channels of an image do, each with
// coefficients or results of its own: one call for all of them.
type rowPasses struct {
	// describe writes each row's mean and sum of squared deviations from it, of rows of momentBlock floats at most.
	describe func(moments, x []float32, n int)
	// gradientMoments writes each row's Σ g and Σ g·(x − centre).
	gradientMoments func(sums, g, x []float32, n int, centres []float32)
	// gradientMoments2 writes each row's Σ g, Σ g·(x − centre) and Σ g·(z − otherCentre).
	gradientMoments2 func(sums, g, x, z []float32, n int, centres, otherCentres []float32)
	// scaleRows computes y = x·scale + shift, combineRows y = x·scale + z·other + shift.
	scaleRows, scaleRowsRectify     func(y, x []float32, n int, scale, shift []float32)
	combineRows, combineRowsRectify func(y, x, z []float32, n int, scale, other, shift []float32)
}

var portableRowPasses = rowPasses{
	describe: func(moments, x []float32, n int) {
		for i := 0; i*n < len(x); i++ {
			mean, squares := spread(portablePasses, x[i*n:][:n])
			moments[2*i], moments[2*i+1] = float32(mean), float32(squares)
		}
	},
	gradientMoments: func(sums, g, x []float32, n int, centres []float32) {
		for i := 0; i*n < len(g); i++ {
			sum, product := moments(g[i*n:][:n], x[i*n:][:n], centres[i])
			sums[2*i], sums[2*i+1] = float32(sum), float32(product)
		}
	},
	gradientMoments2: func(sums, g, x, z []float32, n int, centres, otherCentres []float32) {
		for i := 0; i*n < len(g); i++ {
			row := g[i*n:][:n]
			sum, product := moments(row, x[i*n:][:n], centres[i])
			_, otherProduct := moments(row, z[i*n:][:n], otherCentres[i])
			sums[3*i], sums[3*i+1], sums[3*i+2] = float32(sum), float32(product), float32(otherProduct)
		}
	},
	scaleRows:          scaleEachRow(scaleAndShift),
	scaleRowsRectify:   scaleEachRow(scaleShiftRectify),
	combineRows:        combineEachRow(combine),
	combineRowsRectify: combineEachRow(combineRectify),
}

func scaleEachRow(pass func(y, x []float32, scale, shift float32)) func(y, x []float32, n int, scale, shift []float32) {
	return func(y, x []float32, n int, scale, shift []float32) {
		for i := 0; i*n < len(y); i++ {
			pass(y[i*n:][:n], x[i*n:][:n], scale[i], shift[i])
		}
	}
}

func combineEachRow(
	pass func(z, u, v []float32, a, b, shift float32),
) func(y, x, z []float32, n int, scale, other, shift []float32) {
	return func(y, x, z []float32, n int, scale, other, shift []float32) {
		for i := 0; i*n < len(y); i++ {
			pass(y[i*n:][:n], x[i*n:][:n], z[i*n:][:n], scale[i], other[i], shift[i])
		}
	}
}
