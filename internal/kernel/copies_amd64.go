//go:build !purego

package kernel

// layKernels are a set's assembly for lay: by the step, and then rectified or not.
type layKernels [4]func(y, x *float32, rows, cols, from, to, stepY, stepX int, outside float32)

func (k *layKernels) lay(y, x []float32, r area, c columns) {
	if r.rows == 0 || c.from >= c.to || c.step > 2 {
		lay(y, x, r, c)
		return
	}
	which := (c.step - 1) * 2
	if c.relu {
		which++
	}
	k[which](&y[0], &x[0], r.rows, r.cols, c.from, c.to, r.stepY, r.stepX, c.outside)
}

// placeKernels are a set's assembly for place, by whether it adds and by the step.
type placeKernels struct {
	plain  [2][2]func(y, x *float32, rows, cols, stepY, stepX int)
	masked [2][2]func(y, x, by *float32, rows, cols, stepY, stepX int)
}

func (k *placeKernels) place(y, x, by []float32, r area, step int, add bool) {
	which := 0
	if add {
		which = 1
	}
	switch {
	case r.rows == 0 || r.cols == 0 || step > 2:
		place(y, x, by, r, step, add)
	case by == nil:
		k.plain[which][step-1](&y[0], &x[0], r.rows, r.cols, r.stepY, r.stepX)
	default:
		k.masked[which][step-1](&y[0], &x[0], &by[0], r.rows, r.cols, r.stepY, r.stepX)
	}
}
