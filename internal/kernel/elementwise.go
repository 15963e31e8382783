package kernel

import "math"

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
		rectify(y[from:to], x[from:to])
	})
}

// ReLUBackward computes dx = dy where x > 0, else 0. dx may be dy.
func ReLUBackward(w *Workers, dx, dy, x []float32) {
	w.Run(chunks(len(x)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(x))
		mask(dx[from:to], dy[from:to], x[from:to])
	})
}

// Add computes y = a + b. y may be a or b.
func Add(w *Workers, y, a, b []float32) {
	w.Run(chunks(len(y)), func(piece int, _ *Scratch) {
		from, to := chunk(piece, len(y))
		sum(y[from:to], a[from:to], b[from:to])
	})
}

// AddInto computes y += x.
func AddInto(w *Workers, y, x []float32) { Add(w, y, y, x) }

// CopyChannels copies channels channels of every one of n images of pixels pixels from src, a tensor of srcChannels
// channels, into dst, one of dstChannels: dst[i, dstOffset+c] = src[i, srcOffset+c]. A src of nil stands for zeros. The
// other channels of dst stay as they are.
func CopyChannels(w *Workers, dst, src []float32, n, pixels, dstChannels, dstOffset, srcChannels, srcOffset, channels int) {
	size := channels * pixels
	w.Run(n, func(i int, _ *Scratch) {
		to := dst[(i*dstChannels+dstOffset)*pixels:][:size]
		if src == nil {
			clear(to)
			return
		}
		copy(to, src[(i*srcChannels+srcOffset)*pixels:][:size])
	})
}

// rectify computes y = max(x, 0) over slices of one length.
func rectify(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = max(x[i], 0)
	}
}

// mask computes dx = dy where x > 0, else 0, over slices of one length.
func mask(dx, dy, x []float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	for i := range dx {
		dx[i] = where(x[i], dy[i])
	}
}

// where returns v if x > 0, else 0. It works on the bits, since a branch would be guessed wrongly every other time.
func where(x, v float32) float32 {
	b := int32(math.Float32bits(x))
	positive := ^(b | (b - 1)) >> 31 // all ones if neither x nor what comes before it has the sign bit
	return math.Float32frombits(math.Float32bits(v) & uint32(positive))
}

// sum computes y = a + b over slices of one length.
func sum(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] + b[i]
	}
}
