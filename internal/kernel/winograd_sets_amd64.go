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

// unitsOf returns a transform of units of assembly.
func unitsOf(f func(v, x, buffer *float32, at *int, units, channels, plane, row, stride int)) unitTransform {
	return func(to, from, buffer []float32, at []int, units int, g geometry) {
		f(&to[0], &from[0], &buffer[0], &at[0], units, g.channels, g.plane, g.row, g.stride)
	}
}

// weightsOf returns a transform to weights of assembly.
func weightsOf(f func(dk, sums, buffer *float32, groups, stride int)) func(dk, sums, buffer []float32, groups, stride int) {
	return func(dk, sums, buffer []float32, groups, stride int) { f(&dk[0], &sums[0], &buffer[0], groups, stride) }
}

// sumsOf is products of units by assembly, which has one function for every number of rows and of columns.
type sumsOf [][]func(sums, y, x *float32, units, full, rest, columns, add int)

func (s sumsOf) multiply(lanes int) func(sums, y, x []float32, rows, columns, units int, add bool) {
	return func(sums, y, x []float32, rows, columns, units int, add bool) {
		size, full, rest := evenly(columns, len(s[0]))
		adding := 0
		if add {
			adding = 1
		}
		for group, o := 0, 0; o < rows; group++ {
			end := split(rows, len(s), group+1)
			s[end-o-1][size-1](&sums[o*columns*lanes], &y[o*units*lanes], &x[0], units, full, rest, columns, adding)
			o = end
		}
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
		toFrequencies: [2]func(u, k, buffer []float32, at []int, p filters){tapsOf(winogradTaps3AVX512), tapsOf(winogradTaps5AVX512)},
		inputs:        [2]unitTransform{unitsOf(winogradInputs3AVX512), unitsOf(winogradInputs5AVX512)},
		gradients:     [2]unitTransform{unitsOf(winogradGradients3AVX512), unitsOf(winogradGradients5AVX512)},
		toWeights:     [2]func(dk, sums, buffer []float32, groups, stride int){weightsOf(winogradFinish3AVX512), weightsOf(winogradFinish5AVX512)},
		multiply: sumsOf{
			{winogradSums1x1AVX512, winogradSums1x2AVX512, winogradSums1x3AVX512, winogradSums1x4AVX512, winogradSums1x5AVX512, winogradSums1x6AVX512},
			{winogradSums2x1AVX512, winogradSums2x2AVX512, winogradSums2x3AVX512, winogradSums2x4AVX512, winogradSums2x5AVX512, winogradSums2x6AVX512},
			{winogradSums3x1AVX512, winogradSums3x2AVX512, winogradSums3x3AVX512, winogradSums3x4AVX512, winogradSums3x5AVX512, winogradSums3x6AVX512},
			{winogradSums4x1AVX512, winogradSums4x2AVX512, winogradSums4x3AVX512, winogradSums4x4AVX512, winogradSums4x5AVX512, winogradSums4x6AVX512},
		}.multiply(16),
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
		toFrequencies: [2]func(u, k, buffer []float32, at []int, p filters){tapsOf(winogradTaps3AVX2), tapsOf(winogradTaps5AVX2)},
		inputs:        [2]unitTransform{unitsOf(winogradInputs3AVX2), unitsOf(winogradInputs5AVX2)},
		gradients:     [2]unitTransform{unitsOf(winogradGradients3AVX2), unitsOf(winogradGradients5AVX2)},
		toWeights:     [2]func(dk, sums, buffer []float32, groups, stride int){weightsOf(winogradFinish3AVX2), weightsOf(winogradFinish5AVX2)},
		multiply: sumsOf{
			{winogradSums1x1AVX2, winogradSums1x2AVX2, winogradSums1x3AVX2, winogradSums1x4AVX2},
			{winogradSums2x1AVX2, winogradSums2x2AVX2, winogradSums2x3AVX2, winogradSums2x4AVX2},
		}.multiply(8),
		products: productsOf(
			winogradProducts1AVX2, winogradProducts2AVX2, winogradProducts3AVX2, winogradProducts4AVX2,
			winogradProducts5AVX2, winogradProducts6AVX2,
		),
	}
}
