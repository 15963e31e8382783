//go:build !purego

package kernel

// unrollKernel is assembly that unrolls channels.
type unrollKernel func(
	y, x *float32, indices *int32, channels, top, rows, bottom, stepY, tap, nextY, stepX, nextX int, low float32,
)

// unrollOf returns loops of assembly, which has one function for every number of taps, from 1 on.
func unrollOf(kernels ...unrollKernel) (loops []unrollLoop) {
	for _, do := range kernels {
		loops = append(loops, func(y, x []float32, indices []int32, u unrolling) {
			do(&y[0], &x[0], &indices[0], u.channels, u.top, u.rows, u.bottom, u.stepY, u.tap, u.nextY, u.stepX, u.nextX, u.low)
		})
	}
	return loops
}

func unrollAVX512() map[unrollWidths][]unrollLoop {
	return map[unrollWidths][]unrollLoop{
		{8, 8}:   unrollOf(unroll1Of8To8AVX512, unroll2Of8To8AVX512, unroll3Of8To8AVX512, unroll4Of8To8AVX512, unroll5Of8To8AVX512),
		{16, 16}: unrollOf(unroll1Of16To16AVX512, unroll2Of16To16AVX512, unroll3Of16To16AVX512, unroll4Of16To16AVX512, unroll5Of16To16AVX512),
		{16, 8}:  unrollOf(unroll1Of16To8AVX512, unroll2Of16To8AVX512, unroll3Of16To8AVX512, unroll4Of16To8AVX512, unroll5Of16To8AVX512),
		{32, 16}: unrollOf(unroll1Of32To16AVX512, unroll2Of32To16AVX512, unroll3Of32To16AVX512, unroll4Of32To16AVX512, unroll5Of32To16AVX512),
		{32, 32}: unrollOf(unroll1Of32To32AVX512, unroll2Of32To32AVX512, unroll3Of32To32AVX512),
	}
}
