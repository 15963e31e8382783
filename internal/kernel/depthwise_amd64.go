//go:build !purego

package kernel

// These have assembly by the size of windows, 3 or 5, and the dilation: depthwiseAVX512 for planes with rows of whole vectors
// and then for small ones.

var depthwiseAVX512 = depthwiseLoops{
	planeLanes: 16,
	depthwise: func(y, x, k []float32, count int, v planes) {
		size, dilation := v.kernel()
		do := [2][2][2]depthwiseKernel{
			{{depthwise3By1AVX512, depthwise3By2AVX512}, {depthwise5By1AVX512, depthwise5By2AVX512}},
			{{depthwiseSmall3By1AVX512, depthwiseSmall3By2AVX512}, {depthwiseSmall5By1AVX512, depthwiseSmall5By2AVX512}},
		}[number(v.cols == smallPlane)][size][dilation]
		do(&y[0], &x[0], count, v.rows, v.cols, &k[0])
	},
	depthwiseGradient: func(g *depthwiseGradients, v planes) {
		size, dilation := v.kernel()
		do := [2][2][2]depthwiseGradientKernel{
			{
				{depthwiseGradient3By1AVX512, depthwiseGradient3By2AVX512},
				{depthwiseGradient5By1AVX512, depthwiseGradient5By2AVX512},
			},
			{
				{depthwiseGradientSmall3By1AVX512, depthwiseGradientSmall3By2AVX512},
				{depthwiseGradientSmall5By1AVX512, depthwiseGradientSmall5By2AVX512},
			},
		}[number(v.cols == smallPlane)][size][dilation]
		do(&g.dx[0], g.strideDx*floatBytes, &g.sums[0], &g.dy[0], g.strideDy*floatBytes, &g.x[0], g.strideX*floatBytes,
			g.images, g.count, v.rows, v.cols, &g.k[0], number(g.by), number(g.add))
	},
}

var depthwiseAVX2 = depthwiseLoops{
	planeLanes: 8,
	depthwise: func(y, x, k []float32, count int, v planes) {
		size, dilation := v.kernel()
		do := [2][2]depthwiseKernel{
			{depthwise3By1AVX2, depthwise3By2AVX2}, {depthwise5By1AVX2, depthwise5By2AVX2},
		}[size][dilation]
		do(&y[0], &x[0], count, v.rows, v.cols, &k[0])
	},
	depthwiseGradient: func(g *depthwiseGradients, v planes) {
		size, dilation := v.kernel()
		toX := [2][2]func(dx, dy, x *float32, channels, rows, cols int, k *float32, by, add int){
			{depthwiseToX3By1AVX2, depthwiseToX3By2AVX2}, {depthwiseToX5By1AVX2, depthwiseToX5By2AVX2},
		}[size][dilation]
		for i := range g.images {
			toX(&g.dx[i*g.strideDx], &g.dy[i*g.strideDy], &g.x[i*g.strideX], g.count, v.rows, v.cols, &g.k[0],
				number(g.by), number(g.add))
		}
		toWeights := [2][2]func(
			sums, dy *float32, strideDy int, x *float32, strideX, images, channels, rows, cols int,
		){
			{depthwiseToWeights3By1AVX2, depthwiseToWeights3By2AVX2}, {depthwiseToWeights5By1AVX2, depthwiseToWeights5By2AVX2},
		}[size][dilation]
		toWeights(&g.sums[0], &g.dy[0], g.strideDy*floatBytes, &g.x[0], g.strideX*floatBytes, g.images, g.count, v.rows, v.cols)
	},
}

type depthwiseKernel = func(y, x *float32, channels, rows, cols int, k *float32)

type depthwiseGradientKernel = func(
	dx *float32, strideDx int, sums, dy *float32, strideDy int, x *float32, strideX, images, channels, rows, cols int,
	k *float32, by, add int,
)

const floatBytes = 4

// kernel returns which kernel is for such planes.
func (v *planes) kernel() (size, dilation int) { return v.size / 4, v.dilation - 1 }

// number returns 1 if so, else 0.
func number(so bool) int {
	if so {
		return 1
	}
	return 0
}
