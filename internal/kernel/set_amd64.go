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
			dotRows: 4, dotPixels: 512, dot: dotAVX512,
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
			dotRows: 2, dotPixels: 512, dot: dotAVX2,
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

// The terms that a dot of assembly has: it computes all of them, so the last group is filled up with its first.
const (
	dotTermsAVX512 = 6
	dotTermsAVX2   = 4
)

func dotAVX512(b block, sums, dy []float32, plane, rows int, x []float32, terms []int) {
	const width = dotTermsAVX512
	var results [4 * width]float32
	var group [width]int
	for t := 0; t < len(terms); t += width {
		count := fillGroup(group[:], terms[t:])
		r, g, x0, t0 := &results[0], &dy[0], &x[0], &group[0]
		switch rows {
		case 1:
			dot1x6AVX512(r, g, plane, b.stepG, x0, t0, b.stepX, b.rows, b.cols)
		case 2:
			dot2x6AVX512(r, g, plane, b.stepG, x0, t0, b.stepX, b.rows, b.cols)
		case 3:
			dot3x6AVX512(r, g, plane, b.stepG, x0, t0, b.stepX, b.rows, b.cols)
		case 4:
			dot4x6AVX512(r, g, plane, b.stepG, x0, t0, b.stepX, b.rows, b.cols)
		}
		addGroup(sums[t:], results[:], rows, len(terms), width, count)
	}
}

func dotAVX2(b block, sums, dy []float32, plane, rows int, x []float32, terms []int) {
	const width = dotTermsAVX2
	var results [2 * width]float32
	var group [width]int
	for t := 0; t < len(terms); t += width {
		count := fillGroup(group[:], terms[t:])
		r, g, x0, t0 := &results[0], &dy[0], &x[0], &group[0]
		if rows == 2 {
			dot2x4AVX2(r, g, plane, b.stepG, x0, t0, b.stepX, b.rows, b.cols)
		} else {
			dot1x4AVX2(r, g, plane, b.stepG, x0, t0, b.stepX, b.rows, b.cols)
		}
		addGroup(sums[t:], results[:], rows, len(terms), width, count)
	}
}

// fillGroup copies the first terms to group and returns how many there were.
func fillGroup(group, terms []int) int {
	count := copy(group, terms)
	for i := count; i < len(group); i++ {
		group[i] = terms[0]
	}
	return count
}

// addGroup adds the first count results of each row, width apart, to sums, step apart.
func addGroup(sums, results []float32, rows, step, width, count int) {
	for o := range rows {
		for i, v := range results[o*width:][:count] {
			sums[o*step+i] += v
		}
	}
}
