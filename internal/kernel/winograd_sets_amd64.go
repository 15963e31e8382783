//go:build !purego

package kernel

// transformOf returns a transform of assembly.
func transformOf(f func(to, from, buffer *float32, at *int, channels, plane, row, stride int)) transform {
	return func(to, from, buffer []float32, at []int, g geometry) {
		f(&to[0], &from[0], &buffer[0], &at[0], g.channels, g.plane, g.row, g.stride)
	}
}

// tapsOf returns a transform of weights of assembly.
func tapsOf(f func(u, k, buffer *float32, at *int, channels, step, rows, stride, backwards int)) func(u, k, buffer []float32, at []int, p filters) {
	return func(u, k, buffer []float32, at []int, p filters) {
		backwards := 0
		if p.backwards {
			backwards = 1
		}
		f(&u[0], &k[0], &buffer[0], &at[0], p.channels, p.step, p.rows, p.stride, backwards)
	}
}

// productsOf returns products of assembly, which has one function for every number of rows, from 1 on.
func productsOf(rows ...func(m, u, v *float32, frequencies, full, rest, channels, strideM, strideU, strideV int)) func(m, u, v []float32, p panels, frequencies, channels int) {
	return func(m, u, v []float32, p panels, frequencies, channels int) {
		rows[p.rows-1](&m[0], &u[0], &v[0], frequencies, p.full, p.rest, channels, p.strideM, p.strideU, p.strideV)
	}
}

func winogradAVX512() winogradKernels {
	return winogradKernels{
		lanes: 16, panel: 12,
		pixels: [2][2]transform{
			{transformOf(winogradPixels3AVX512), transformOf(winogradPixels5AVX512)},
			{transformOf(winogradPixels3HalvesAVX512), transformOf(winogradPixels5HalvesAVX512)},
		},
		results: [2][2]transform{
			{transformOf(winogradResults3AVX512), transformOf(winogradResults5AVX512)},
			{transformOf(winogradResults3HalvesAVX512), transformOf(winogradResults5HalvesAVX512)},
		},
		taps: [2]func(u, k, buffer []float32, at []int, p filters){tapsOf(winogradTaps3AVX512), tapsOf(winogradTaps5AVX512)},
		products: productsOf(
			winogradProducts1AVX512, winogradProducts2AVX512, winogradProducts3AVX512, winogradProducts4AVX512,
			winogradProducts5AVX512, winogradProducts6AVX512, winogradProducts7AVX512, winogradProducts8AVX512,
			winogradProducts9AVX512, winogradProducts10AVX512, winogradProducts11AVX512, winogradProducts12AVX512,
		),
	}
}

func winogradAVX2() winogradKernels {
	return winogradKernels{
		lanes: 8, panel: 6,
		pixels: [2][2]transform{
			{transformOf(winogradPixels3AVX2), transformOf(winogradPixels5AVX2)},
		},
		results: [2][2]transform{
			{transformOf(winogradResults3AVX2), transformOf(winogradResults5AVX2)},
		},
		taps: [2]func(u, k, buffer []float32, at []int, p filters){tapsOf(winogradTaps3AVX2), tapsOf(winogradTaps5AVX2)},
		products: productsOf(
			winogradProducts1AVX2, winogradProducts2AVX2, winogradProducts3AVX2, winogradProducts4AVX2,
			winogradProducts5AVX2, winogradProducts6AVX2,
		),
	}
}
