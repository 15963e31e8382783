//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go -C asm run . -out ../micro_amd64.s -stubs ../micro_amd64.go -pkg kernel
//go:generate go -C asm run . -winograd -out ../winograd_amd64.s -stubs ../winograd_amd64.go -pkg kernel

// assembly returns the sets that this processor can run, the fastest first.
func assembly() (found []set) {
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasBMI2 {
		found = append(found, set{
			name: "avx512",
			passes: passes{
				rectify: rectifyAVX512, mask: maskAVX512, addMasked: addMaskedAVX512, sum: sumAVX512, product: productAVX512,
				scaleAndShift: scaleAndShiftAVX512, combine: combineAVX512,
				scaleShiftRectify: scaleShiftRectifyAVX512, combineRectify: combineRectifyAVX512,
				step: stepAVX512, firstStep: firstStepAVX512,
				total: totalAVX512, deviations: deviationsAVX512,
			},
			rowPasses: rowPasses{
				describe: describeRows(describeAVX512), gradientMoments: gradientRows(gradientMomentsAVX512),
				gradientMoments2: gradientRows2(gradientMoments2AVX512),
				scaleRows:        scaledRows(scaleRowsAVX512), scaleRowsRectify: scaledRows(scaleRowsRectifyAVX512),
				combineRows: combinedRows(combineRowsAVX512), combineRowsRectify: combinedRows(combineRowsRectifyAVX512),
			},
			copies: copies{
				lay: (&layKernels{layAVX512, layRectifiedAVX512, layEvenAVX512, layEvenRectifiedAVX512}).lay,
				place: (&placeKernels{
					[2][2]func(y, x *float32, rows, cols, stepY, stepX int){
						{placeAVX512, placeEvenAVX512}, {placeAddAVX512, placeEvenAddAVX512},
					},
					[2][2]func(y, x, by *float32, rows, cols, stepY, stepX int){
						{placeMaskedAVX512, placeEvenMaskedAVX512}, {placeMaskedAddAVX512, placeEvenMaskedAddAVX512},
					},
				}).place,
			},
			maxima: maxima{
				largest: overTerms(largestAVX512), winners: overTerms(winnersAVX512), route: routeBy(routeAVX512),
			},
			padLoops:       padLoops{pad: padAVX512, lanes: [2]int{16, 8}},
			depthwiseLoops: depthwiseAVX512,
			planeLoops:     planesAVX512(),
			unroll:         unrollAVX512(),
			unrollLanes:    16,
			rows:           12, pixels: 64, tile: 32, long: 1 << 14, accumulate: accumulateAVX512,
			mixRows: 20, mix: (mixKernels{
				{mix4AVX512, mix4ScaledAVX512, mix4CombinedAVX512, mix4RectifiedAVX512},
				{mix8AVX512, mix8ScaledAVX512, mix8CombinedAVX512, mix8RectifiedAVX512},
				{mix12AVX512, mix12ScaledAVX512, mix12CombinedAVX512, mix12RectifiedAVX512},
				{mix16AVX512, mix16ScaledAVX512, mix16CombinedAVX512, mix16RectifiedAVX512},
				{mix20AVX512, mix20ScaledAVX512, mix20CombinedAVX512, mix20RectifiedAVX512},
			}).mix,
			dotRows: 6, dotPixels: 1024, dot: dotAVX512, dotTerms: dotTerms,
			multiplyAdd: multiplyAddAVX512, multiplyAdds: 22 * 16,
			winograd: winogradAVX512(),
		})
	}
	if x.HasAVX2 && x.HasFMA && x.HasBMI2 {
		found = append(found, set{
			name: "avx2",
			passes: passes{
				rectify: rectifyAVX2, mask: maskAVX2, addMasked: addMaskedAVX2, sum: sumAVX2, product: productAVX2,
				scaleAndShift: scaleAndShiftAVX2, combine: combineAVX2,
				scaleShiftRectify: scaleShiftRectifyAVX2, combineRectify: combineRectifyAVX2,
				step: stepAVX2, firstStep: firstStepAVX2,
				total: totalAVX2, deviations: deviationsAVX2,
			},
			rowPasses: rowPasses{
				describe: describeRows(describeAVX2), gradientMoments: gradientRows(gradientMomentsAVX2),
				gradientMoments2: gradientRows2(gradientMoments2AVX2),
				scaleRows:        scaledRows(scaleRowsAVX2), scaleRowsRectify: scaledRows(scaleRowsRectifyAVX2),
				combineRows: combinedRows(combineRowsAVX2), combineRowsRectify: combinedRows(combineRowsRectifyAVX2),
			},
			copies: copies{
				lay: (&layKernels{layAVX2, layRectifiedAVX2, layEvenAVX2, layEvenRectifiedAVX2}).lay,
				place: (&placeKernels{
					[2][2]func(y, x *float32, rows, cols, stepY, stepX int){
						{placeAVX2, placeEvenAVX2}, {placeAddAVX2, placeEvenAddAVX2},
					},
					[2][2]func(y, x, by *float32, rows, cols, stepY, stepX int){
						{placeMaskedAVX2, placeEvenMaskedAVX2}, {placeMaskedAddAVX2, placeEvenMaskedAddAVX2},
					},
				}).place,
			},
			maxima: maxima{
				largest: overTerms(largestAVX2), winners: overTerms(winnersAVX2), route: routeBy(routeAVX2),
			},
			depthwiseLoops: depthwiseAVX2,
			padLoops:       padLoops{pad: padAVX2, lanes: [2]int{8, 8}},
			rows:           6, pixels: 64, tile: 16, long: 1 << 14, accumulate: accumulateAVX2,
			mixRows: 12, mix: (mixKernels{
				{mix4AVX2, mix4ScaledAVX2, mix4CombinedAVX2, mix4RectifiedAVX2},
				{mix8AVX2, mix8ScaledAVX2, mix8CombinedAVX2, mix8RectifiedAVX2},
				{mix12AVX2, mix12ScaledAVX2, mix12CombinedAVX2, mix12RectifiedAVX2},
			}).mix,
			dotRows: 2, dotPixels: 1024, dot: dotAVX2, dotTerms: dotTerms,
			multiplyAdd: multiplyAddAVX2, multiplyAdds: 10 * 8,
			winograd: winogradAVX2(),
		})
	}
	return found
}

func accumulateAVX512(y []float32, plane, n int, x []float32, terms []int, k []float32, rows int) {
	if len(terms) == 0 {
		clearRows(y, plane, n, rows)
		return
	}
	y0, x0, t0, k0, count := &y[0], &x[0], &terms[0], &k[0], len(terms)
	switch rows {
	case 1:
		accumulate1AVX512(y0, plane, n, x0, t0, count, k0)
	case 2:
		accumulate2AVX512(y0, plane, n, x0, t0, count, k0)
	case 3:
		accumulate3AVX512(y0, plane, n, x0, t0, count, k0)
	case 4:
		accumulate4AVX512(y0, plane, n, x0, t0, count, k0)
	case 5:
		accumulate5AVX512(y0, plane, n, x0, t0, count, k0)
	case 6:
		accumulate6AVX512(y0, plane, n, x0, t0, count, k0)
	case 7:
		accumulate7AVX512(y0, plane, n, x0, t0, count, k0)
	case 8:
		accumulate8AVX512(y0, plane, n, x0, t0, count, k0)
	case 9:
		accumulate9AVX512(y0, plane, n, x0, t0, count, k0)
	case 10:
		accumulate10AVX512(y0, plane, n, x0, t0, count, k0)
	case 11:
		accumulate11AVX512(y0, plane, n, x0, t0, count, k0)
	case 12:
		accumulate12AVX512(y0, plane, n, x0, t0, count, k0)
	}
}

func accumulateAVX2(y []float32, plane, n int, x []float32, terms []int, k []float32, rows int) {
	if len(terms) == 0 {
		clearRows(y, plane, n, rows)
		return
	}
	y0, x0, t0, k0, count := &y[0], &x[0], &terms[0], &k[0], len(terms)
	switch rows {
	case 1:
		accumulate1AVX2(y0, plane, n, x0, t0, count, k0)
	case 2:
		accumulate2AVX2(y0, plane, n, x0, t0, count, k0)
	case 3:
		accumulate3AVX2(y0, plane, n, x0, t0, count, k0)
	case 4:
		accumulate4AVX2(y0, plane, n, x0, t0, count, k0)
	case 5:
		accumulate5AVX2(y0, plane, n, x0, t0, count, k0)
	case 6:
		accumulate6AVX2(y0, plane, n, x0, t0, count, k0)
	}
}

// clearRows is accumulate without terms.
func clearRows(y []float32, plane, n, rows int) {
	for o := range rows {
		clear(y[o*plane:][:n])
	}
}

// dotTerms is how many terms a dot of assembly has.
const dotTerms = 4

func dotAVX512(n int, sums []float32, step int, dy []float32, plane, rows int, x []float32, terms []int) {
	rest := len(terms) / dotTerms * dotTerms
	for t := 0; t < rest; t += dotTerms {
		dotGroupAVX512(n, &sums[t], step, &dy[0], plane, rows, &x[0], &terms[t])
	}
	if rest < len(terms) {
		group := lastGroup(terms[rest:])
		var results [6 * dotTerms]float32
		dotGroupAVX512(n, &results[0], dotTerms, &dy[0], plane, rows, &x[0], &group[0])
		addRest(sums[rest:], step, results[:], len(terms)-rest, rows)
	}
}

// dotGroupAVX512 adds the sums of one group of terms; the rows of sums are step floats apart.
func dotGroupAVX512(n int, sums *float32, step int, dy *float32, plane, rows int, x *float32, group *int) {
	switch rows {
	case 1:
		dot1x4AVX512(sums, step, dy, plane, x, group, n)
	case 2:
		dot2x4AVX512(sums, step, dy, plane, x, group, n)
	case 3:
		dot3x4AVX512(sums, step, dy, plane, x, group, n)
	case 4:
		dot4x4AVX512(sums, step, dy, plane, x, group, n)
	case 5:
		dot5x4AVX512(sums, step, dy, plane, x, group, n)
	case 6:
		dot6x4AVX512(sums, step, dy, plane, x, group, n)
	}
}

func dotAVX2(n int, sums []float32, step int, dy []float32, plane, rows int, x []float32, terms []int) {
	rest := len(terms) / dotTerms * dotTerms
	for t := 0; t < rest; t += dotTerms {
		dotGroupAVX2(n, &sums[t], step, &dy[0], plane, rows, &x[0], &terms[t])
	}
	if rest < len(terms) {
		group := lastGroup(terms[rest:])
		var results [2 * dotTerms]float32
		dotGroupAVX2(n, &results[0], dotTerms, &dy[0], plane, rows, &x[0], &group[0])
		addRest(sums[rest:], step, results[:], len(terms)-rest, rows)
	}
}

// dotGroupAVX2 adds the sums of one group of terms; the rows of sums are step floats apart.
func dotGroupAVX2(n int, sums *float32, step int, dy *float32, plane, rows int, x *float32, group *int) {
	if rows == 2 {
		dot2x4AVX2(sums, step, dy, plane, x, group, n)
	} else {
		dot1x4AVX2(sums, step, dy, plane, x, group, n)
	}
}

// lastGroup fills up the last terms to a group, with the first of them.
func lastGroup(terms []int) (group [dotTerms]int) {
	for i := copy(group[:], terms); i < len(group); i++ {
		group[i] = terms[0]
	}
	return group
}

// addRest adds the first count results of each row to the sums.
func addRest(sums []float32, step int, results []float32, count, rows int) {
	for o := range rows {
		row := sums[o*step:][:count]
		for i, v := range results[o*dotTerms:][:count] {
			row[i] += v
		}
	}
}
