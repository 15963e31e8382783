//go:build !purego

package kernel

// windowKernels are AVX-512's assembly for windows, on whole vectors and on half ones, by the size, 3 or 5, and the dilation.
type windowKernels struct {
	sums      [2][2][2]func(y *float32, stepY int, x *float32, stepX, rows, cols int, k, by *float32, add int)
	gradients [2][2][2]func(sums, dy *float32, stepDy int, x *float32, stepX, rows, cols int)
}

func (v window) kernel() (half, size, dilation int) {
	if v.cols%(2*windowCols) != 0 {
		half = 1
	}
	return half, v.size / 4, v.dilation - 1
}

func (k *windowKernels) sum(y, x, by, weights []float32, add bool, v window) {
	half, size, dilation := v.kernel()
	do, adds := k.sums[half][size][dilation], 0
	if add {
		adds = 1
	}
	for i := range v.dilation { // rows that far apart are read together
		var positive *float32
		if by != nil {
			positive = &by[i*v.cols]
		}
		do(&y[i*v.cols], v.dilation*v.cols, &x[i*v.step], v.dilation*v.step, v.rows/v.dilation, v.cols, &weights[0], positive, adds)
	}
}

func (k *windowKernels) gradient(sums, dy, x []float32, v window) {
	half, size, dilation := v.kernel()
	do := k.gradients[half][size][dilation]
	for i := range v.dilation {
		do(&sums[0], &dy[i*v.cols], v.dilation*v.cols, &x[i*v.step], v.dilation*v.step, v.rows/v.dilation, v.cols)
	}
}
