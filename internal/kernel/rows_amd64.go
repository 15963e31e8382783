//go:build !purego

package kernel

// These make assembly that takes pointers one that takes slices; len(y)/n, or that of x or g, is how many rows there are.

func describeRows(do func(moments, x *float32, rows, n int, inverse float64)) func(moments, x []float32, n int) {
	return func(moments, x []float32, n int) { do(&moments[0], &x[0], len(x)/n, n, 1/float64(n)) }
}

func gradientRows(
	do func(sums, g, x *float32, rows, n int, centres *float32),
) func(sums, g, x []float32, n int, centres []float32) {
	return func(sums, g, x []float32, n int, centres []float32) {
		do(&sums[0], &g[0], &x[0], len(g)/n, n, &centres[0])
	}
}

func gradientRows2(
	do func(sums, g, x, z *float32, rows, n int, centres, otherCentres *float32),
) func(sums, g, x, z []float32, n int, centres, otherCentres []float32) {
	return func(sums, g, x, z []float32, n int, centres, otherCentres []float32) {
		do(&sums[0], &g[0], &x[0], &z[0], len(g)/n, n, &centres[0], &otherCentres[0])
	}
}

func scaledRows(
	do func(y, x *float32, rows, n int, scale, shift *float32),
) func(y, x []float32, n int, scale, shift []float32) {
	return func(y, x []float32, n int, scale, shift []float32) {
		do(&y[0], &x[0], len(y)/n, n, &scale[0], &shift[0])
	}
}

func combinedRows(
	do func(y, x, z *float32, rows, n int, scale, other, shift *float32),
) func(y, x, z []float32, n int, scale, other, shift []float32) {
	return func(y, x, z []float32, n int, scale, other, shift []float32) {
		do(&y[0], &x[0], &z[0], len(y)/n, n, &scale[0], &other[0], &shift[0])
	}
}
