// Package kernel has the numeric kernels: plain functions on flat []float32 in NCHW order, each with its shapes in one
// small struct. They know nothing of graphs, networks or devices. It is a leaf of the program.
//
// Rules that hold for all of them:
//   - an output is overwritten, never added to, unless the name says so; it must not overlap an input where the
//     comment doesn't allow it;
//   - scratch memory comes from Workers; nothing else is allocated but the few small values that describe a run;
//   - work is cut into pieces that depend on the shapes alone, and partial sums are added in the order of the pieces, so
//     a result is the same to the bit for any number of threads;
//   - sizes are the caller's business and are checked where graphs are built: a wrong one is a programming error.
package kernel

// Conv is the shape of a convolution without bias of x [N, Ci, H, W] into y [N, Co, OH, OW] with weights
// [Co, Ci, KH, KW], or [Co, 1, KH, KW] where it is depthwise (and then Ci = Co):
//
//	y[n, o, i, j] = Σ x[n, c, i·StrideH − PadH + a·DilationH, j·StrideW − PadW + b·DilationW] · k[o, c, a, b]
//
// summed over c, a, b, with zeros outside x. Padding at the bottom and right is whatever OH and OW ask for. PadH and PadW
// may be negative: such a convolution skips the first rows and columns.
type Conv struct {
	N, Ci, Co, H, W, OH, OW int
	KH, KW                  int
	StrideH, StrideW        int
	PadH, PadW              int
	DilationH, DilationW    int
	Depthwise               bool
	// ReLU has x rectified as it is read: max(x, 0) takes its place. Backward to data then gives the gradient by x itself,
	// zero wherever x ≤ 0.
	ReLU bool
}

// Pool is the shape of a pooling of x [N, C, H, W] into y [N, C, OH, OW] over K×K windows that start Pad before the
// edge. What lies outside x counts as −∞ to a maximum, and not at all to an average, which divides by the number of pixels
// inside x.
type Pool struct {
	N, C, H, W, OH, OW int
	K, Stride, Pad     int
	Max                bool
}

// Norm is the shape of a batch normalisation of x [N, C, Pixels], over N and Pixels.
type Norm struct {
	N, C, Pixels int
	Eps          float64
}
