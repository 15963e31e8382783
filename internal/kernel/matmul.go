package kernel

// MatMul is the shape of a product y [M, N] = op(a)·op(b) with K terms a sum. op(a) is a [M, K], or the transpose of
// a [K, M] where TransposeA; op(b) is b [K, N], or the transpose of b [N, K] where TransposeB.
type MatMul struct {
	M, K, N                int
	TransposeA, TransposeB bool
}

// MatMulForward computes y = op(a)·op(b) + bias; bias is [N], or nil for none. The gradients are products too:
// da = dy·op(b)ᵀ and db = op(a)ᵀ·dy.
func MatMulForward(w *Workers, y, a, b, bias []float32, m MatMul) {
	w.Run(m.M, func(i int, _ *Scratch) {
		row := y[i*m.N:][:m.N]
		for j := range row {
			s := float32(0)
			for k := range m.K {
				u, v := a[min(i*m.K+k, len(a)-1)], b[min(k*m.N+j, len(b)-1)]
				if m.TransposeA {
					u = a[k*m.M+i]
				}
				if m.TransposeB {
					v = b[j*m.K+k]
				}
				s += u * v
			}
			if bias != nil {
				s += bias[j]
			}
			row[j] = s
		}
	})
}

// SumRows computes y [cols] = Σ x [rows, cols] over the rows: the gradient by a bias.
func SumRows(w *Workers, y, x []float32, rows, cols int) {
	w.Run(cols, func(j int, _ *Scratch) {
		s := 0.0
		for i := range rows {
			s += float64(x[i*cols+j])
		}
		y[j] = float32(s)
	})
}
