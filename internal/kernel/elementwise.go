package kernel

// elementChunk is the number of elements of one piece of an elementwise kernel: 64 KiB of each operand.
const elementChunk = 1 << 14

// chunks returns the number of pieces of n elements.
func chunks(n int) int { return (n + elementChunk - 1) / elementChunk }

// chunk returns the bounds of a piece of n elements.
func chunk(piece, n int) (from, to int) {
	from = piece * elementChunk
	return from, min(from+elementChunk, n)
}

// ReLUForward computes y = max(x, 0). y may be x.
func ReLUForward(w *Workers, y, x []float32) {
	w.Run(chunks(len(x)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(x))
		w.set.rectify(y[from:to], x[from:to])
	})
}

// ReLUBackward computes dx = dy where x > 0, else 0. dx may be dy.
func ReLUBackward(w *Workers, dx, dy, x []float32) {
	w.Run(chunks(len(x)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(x))
		w.set.mask(dx[from:to], dy[from:to], x[from:to])
	})
}

// Add computes y = a + b. y may be a or b.
func Add(w *Workers, y, a, b []float32) {
	w.Run(chunks(len(y)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(y))
		w.set.sum(y[from:to], a[from:to], b[from:to])
	})
}

// SGDStep is a step of stochastic gradient descent with momentum (spec section 7): buffer = momentum·buffer +
// (gradient + decay·p), then p −= rate·buffer, in single precision. The first step finds no buffer, only memory for it.
func SGDStep(w *Workers, p, buffer, gradient []float32, rate, momentum, decay float32, first bool) {
	w.Run(chunks(len(p)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(p))
		if first {
			w.set.firstStep(p[from:to], buffer[from:to], gradient[from:to], rate, decay)
		} else {
			w.set.step(p[from:to], buffer[from:to], gradient[from:to], rate, momentum, decay)
		}
	})
}
