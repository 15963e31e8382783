package kernel

// A convolution whose kernel is as large as its input, without padding, has one pixel a channel: y [N, Co] is the product of
// x [N, Ci·H·W] and the transposed weights [Co, Ci·H·W]. As such it keeps the vectors full, which one pixel doesn't.

// coversInput tells whether the convolution is such a product.
func (c *Conv) coversInput() bool {
	return !c.Depthwise && c.OH == 1 && c.OW == 1 && c.KH == c.H && c.KW == c.W && c.PadH == 0 && c.PadW == 0 &&
		c.DilationH == 1 && c.DilationW == 1
}

// wholeForward computes y and, unless they are nil, its moments.
func (c *Conv) wholeForward(w *Workers, y Target, moments []float32, x input, k []float32) {
	size := c.Ci * c.H * c.W
	out := y.rows(w, slotWholeResult, c.N, c.Co)
	MatMulForward(w, out, x.matrix(w, slotWholeX, c.N), k, nil, MatMul{M: c.N, K: size, N: c.Co, TransposeB: true})
	y.store(out, c.N, c.Co)
	if moments == nil {
		return
	}
	for n := range c.N {
		for o, mean := range y.Data[n*y.Stride:][:c.Co] {
			moments[2*(n*c.Co+o)], moments[2*(n*c.Co+o)+1] = mean, 0
		}
	}
}

// wholeBackward computes dx, unless it is unwanted, and dk, unless it is nil. x is rectified if c.ReLU.
func (c *Conv) wholeBackward(w *Workers, dx Target, dk []float32, dy, x input, k []float32) {
	size := c.Ci * c.H * c.W
	gradient := dy.matrix(w, slotWholeDy, c.N)
	var values []float32
	if dk != nil || c.ReLU {
		values = x.matrix(w, slotWholeX, c.N)
	}
	if dk != nil {
		MatMulForward(w, dk, gradient, values, nil, MatMul{M: c.Co, K: c.N, N: size, TransposeA: true})
	}
	if dx.Data == nil {
		return
	}
	out := dx.rows(w, slotWholeResult, c.N, size)
	MatMulForward(w, out, gradient, k, nil, MatMul{M: c.N, K: c.Co, N: size})
	if c.ReLU {
		for i, v := range values {
			if v <= 0 {
				out[i] = 0
			}
		}
	}
	dx.store(out, c.N, size)
}

// matrix returns the input as a matrix with a row for each of n images: in a slot of shared memory unless it is one.
func (in *input) matrix(w *Workers, slot, n int) []float32 {
	size := in.count * in.pixels
	if in.asIs() && in.Stride == size {
		return in.Data[:n*size]
	}
	m := w.Floats(slot, n*size)
	w.Run(n, func(i int, _ *Scratch) {
		image := in.image(i)
		image.readAll(&w.set, m[i*size:][:size])
	})
	return m
}

// rows returns memory for a matrix of n rows that is to be stored in the target: the target's own, or else a slot of shared
// memory.
func (t *Target) rows(w *Workers, slot, n, size int) []float32 {
	if !t.Add && t.Stride == size {
		return t.Data[:n*size]
	}
	return w.Floats(slot, n*size)
}

// store writes a matrix that rows gave the memory for.
func (t *Target) store(m []float32, n, size int) {
	for i := range n {
		to, row := t.Data[i*t.Stride:][:size], m[i*size:][:size]
		switch {
		case t.Add:
			for j, v := range row {
				to[j] += v
			}
		case &to[0] != &row[0]:
			copy(to, row)
		}
	}
}
