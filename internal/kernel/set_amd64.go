//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go -C asm run . -out ../micro_amd64.s -stubs ../micro_amd64.go -pkg kernel

// assembly returns the sets that this processor can run, the fastest first.
func assembly() (found []set) {
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasBMI2 {
		found = append(found, set{
			name: "avx512",
			passes: passes{
				rectify: rectifyAVX512, mask: maskAVX512, sum: sumAVX512, product: productAVX512,
				centreAndScale: centreAndScaleAVX512, scaleAndShift: scaleAndShiftAVX512, combine: combineAVX512,
				step: stepAVX512, firstStep: firstStepAVX512,
				total: totalAVX512, deviations: deviationsAVX512, moments: momentsAVX512,
			},
			copies: copies{
				lay: (&layKernels{layAVX512, layRectifiedAVX512, layEvenAVX512, layEvenRectifiedAVX512}).lay,
				place: (&placeKernels{
					[2]func(y, x *float32, rows, cols, stepY, stepX int){placeAVX512, placeEvenAVX512},
					[2]func(y, x, by *float32, rows, cols, stepY, stepX int){placeMaskedAVX512, placeEvenMaskedAVX512},
				}).place,
			},
			maxima: maxima{
				largest: overTerms(largestAVX512), winners: overTerms(winnersAVX512), route: routeBy(routeAVX512),
			},
			rows: 12, pixels: 64, tile: 32, long: 1 << 14, accumulate: accumulateAVX512, weightAt: inTurn,
			dotRows: 4, dotPixels: 1024, dot: dotAVX512,
		})
	}
	if x.HasAVX2 && x.HasFMA && x.HasBMI2 {
		found = append(found, set{
			name: "avx2",
			passes: passes{
				rectify: rectifyAVX2, mask: maskAVX2, sum: sumAVX2, product: productAVX2,
				centreAndScale: centreAndScaleAVX2, scaleAndShift: scaleAndShiftAVX2, combine: combineAVX2,
				step: stepAVX2, firstStep: firstStepAVX2,
				total: totalAVX2, deviations: deviationsAVX2, moments: momentsAVX2,
			},
			copies: copies{
				lay: (&layKernels{layAVX2, layRectifiedAVX2, layEvenAVX2, layEvenRectifiedAVX2}).lay,
				place: (&placeKernels{
					[2]func(y, x *float32, rows, cols, stepY, stepX int){placeAVX2, placeEvenAVX2},
					[2]func(y, x, by *float32, rows, cols, stepY, stepX int){placeMaskedAVX2, placeEvenMaskedAVX2},
				}).place,
			},
			maxima: maxima{
				largest: overTerms(largestAVX2), winners: overTerms(winnersAVX2), route: routeBy(routeAVX2),
			},
			rows: 6, pixels: 64, tile: 16, long: 1 << 14, accumulate: accumulateAVX2, weightAt: inTurn,
			dotRows: 2, dotPixels: 1024, dot: dotAVX2,
		})
	}
	return found
}

// inTurn has the weights of all rows for one term follow one another.
func inTurn(row, term, rows, _ int) int { return term*rows + row }

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

// The terms that a dot of assembly has.
const (
	dotTermsAVX512 = 6
	dotTermsAVX2   = 4
)

func dotAVX512(n int, sums, dy []float32, plane, rows int, x []float32, terms []int) {
	dotTerms(dotTermsAVX512, sums, rows, terms, func(sums *float32, step int, group *int) {
		switch g, x := &dy[0], &x[0]; rows {
		case 1:
			dot1x6AVX512(sums, step, g, plane, x, group, n)
		case 2:
			dot2x6AVX512(sums, step, g, plane, x, group, n)
		case 3:
			dot3x6AVX512(sums, step, g, plane, x, group, n)
		case 4:
			dot4x6AVX512(sums, step, g, plane, x, group, n)
		}
	})
}

func dotAVX2(n int, sums, dy []float32, plane, rows int, x []float32, terms []int) {
	dotTerms(dotTermsAVX2, sums, rows, terms, func(sums *float32, step int, group *int) {
		if g, x := &dy[0], &x[0]; rows == 2 {
			dot2x4AVX2(sums, step, g, plane, x, group, n)
		} else {
			dot1x4AVX2(sums, step, g, plane, x, group, n)
		}
	})
}

// dotTerms has do add the sums of width terms at a time, the rows of sums being step floats apart. The last group is filled
// up with its first term.
func dotTerms(width int, sums []float32, rows int, terms []int, do func(sums *float32, step int, group *int)) {
	whole := len(terms) / width * width
	for t := 0; t < whole; t += width {
		do(&sums[t], len(terms), &terms[t])
	}
	rest := terms[whole:]
	if len(rest) == 0 {
		return
	}
	var group [dotTermsAVX512]int
	for i := copy(group[:], rest); i < width; i++ {
		group[i] = rest[0]
	}
	var results [4 * dotTermsAVX512]float32
	do(&results[0], width, &group[0])
	for o := range rows {
		row := sums[o*len(terms)+whole:][:len(rest)]
		for i, v := range results[o*width:][:len(rest)] {
			row[i] += v
		}
	}
}
