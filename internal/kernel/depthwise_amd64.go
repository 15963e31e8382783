//go:build !purego

package kernel

// depthwiseAVX512 has assembly for planes with rows of whole vectors, then for small ones, by the size, 3 or 5, and the dilation.
var depthwiseAVX512 = depthwiseLoops{
	depthwise: func(y, x, k []float32, count int, v planes) {
		small, size, dilation := v.kernel()
		do := [2][2][2]func(y, x *float32, channels, rows, cols int, k *float32){
			{{depthwise3By1AVX512, depthwise3By2AVX512}, {depthwise5By1AVX512, depthwise5By2AVX512}},
			{{depthwiseSmall3By1AVX512, depthwiseSmall3By2AVX512}, {depthwiseSmall5By1AVX512, depthwiseSmall5By2AVX512}},
		}[small][size][dilation]
		do(&y[0], &x[0], count, v.rows, v.cols, &k[0])
	},
	depthwiseGradient: func(g *depthwiseGradients, v planes) {
		small, size, dilation := v.kernel()
		do := [2][2][2]func(
			dx *float32, strideDx int, sums, dy *float32, strideDy int, x *float32, strideX, images, channels, rows, cols int,
			k *float32, by, add int,
		){
			{
				{depthwiseGradient3By1AVX512, depthwiseGradient3By2AVX512},
				{depthwiseGradient5By1AVX512, depthwiseGradient5By2AVX512},
			},
			{
				{depthwiseGradientSmall3By1AVX512, depthwiseGradientSmall3By2AVX512},
				{depthwiseGradientSmall5By1AVX512, depthwiseGradientSmall5By2AVX512},
			},
		}[small][size][dilation]
		const bytes = 4
		do(&g.dx[0], g.strideDx*bytes, &g.sums[0], &g.dy[0], g.strideDy*bytes, &g.x[0], g.strideX*bytes, g.images, g.count,
			v.rows, v.cols, &g.k[0], number(g.by), number(g.add))
	},
}

// kernel returns which kernel is for such planes.
func (v *planes) kernel() (small, size, dilation int) {
	return number(v.small()), v.size / 4, v.dilation - 1
}

// number returns 1 if so, else 0.
func number(so bool) int {
	if so {
		return 1
	}
	return 0
}
