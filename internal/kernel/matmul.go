package kernel

// MatMul is the shape of a product y [M, N] = op(a)·op(b) with K terms a sum. op(a) is a [M, K], or the transpose of
// an a [K, M] where TransposeA; op(b) is b [K, N], or the transpose of a b [N, K] where TransposeB.
type MatMul struct {
	M, K, N                int
	TransposeA, TransposeB bool
}

// MatMulForward computes y = op(a)·op(b) + bias; bias is [N], or nil for none. The gradients are products too:
// da = dy·op(b)ᵀ and db = op(a)ᵀ·dy.
func MatMulForward(w *Workers, y, a, b, bias []float32, m MatMul) {
	if m.TransposeB {
		m.byRows(w, y, a, b)
	} else {
		m.byColumns(w, y, a, b)
	}
	if bias == nil {
		return
	}
	w.Run(m.M, func(i int, _ *Scratch) {
		row := y[i*m.N:][:m.N]
		w.set.sum(row, row, bias)
	})
}

// byColumns computes y = op(a)·b: a pointwise convolution of one image whose channels are the rows of b.
func (m *MatMul) byColumns(w *Workers, y, a, b []float32) {
	c := Conv{N: 1, Ci: m.K, Co: m.M, H: 1, W: m.N, OH: 1, OW: m.N, KH: 1, KW: 1,
		StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	r := c.forward(w, 0)
	if m.TransposeA {
		r.outStep, r.inStep = 1, m.M
	}
	width := pieceWidth(1, m.M, w.set.rows)
	in := input{View: Plain(b, m.K, m.N), channels: c.input()}
	run(w, Whole(y, m.M, m.N), nil, in, nil, 1, c.output(), width, jobsOf(w, a, width, true, r))
}

// byRows computes y = op(a)·bᵀ, whose numbers are products of rows of op(a) and rows of b.
func (m *MatMul) byRows(w *Workers, y, a, b []float32) {
	if m.TransposeA {
		a = transposed(w, a, m.K, m.M)
	}
	terms := w.ints(slotTerm, m.N)
	for j := range terms {
		terms[j] = j * m.K
	}
	inner := &w.set
	w.Run((m.M+inner.dotRows-1)/inner.dotRows, func(piece int, _ *Scratch) {
		i := piece * inner.dotRows
		count := min(inner.dotRows, m.M-i)
		rows := y[i*m.N:][:count*m.N]
		clear(rows)
		for k := 0; k < m.K; k += inner.dotPixels {
			inner.dot(min(inner.dotPixels, m.K-k), rows, m.N, a[i*m.K+k:], m.K, count, b[k:], terms)
		}
	})
}

// transposed returns the transpose of a [rows, cols], in scratch memory.
func transposed(w *Workers, a []float32, rows, cols int) []float32 {
	t := w.Floats(slotTransposed, rows*cols)
	for i := range rows {
		for j := range cols {
			t[j*rows+i] = a[i*cols+j]
		}
	}
	return t
}

// SumRows computes y [cols], the sums of the columns of x [rows, cols]: the gradient by a bias.
func SumRows(w *Workers, y, x []float32, rows, cols int) {
	const width = 64
	w.Run((cols+width-1)/width, func(piece int, _ *Scratch) {
		for j := piece * width; j < min((piece+1)*width, cols); j++ {
			total := 0.0
			for i := range rows {
				total += float64(x[i*cols+j])
			}
			y[j] = float32(total)
		}
	})
}
