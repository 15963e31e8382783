//go:build !purego

package kernel

// overTerms makes assembly that takes pointers one that takes slices.
func overTerms(do func(y *float32, n int, x *float32, terms *int, count int)) func([]float32, int, []float32, []int) {
	return func(y []float32, n int, x []float32, terms []int) { do(&y[0], n, &x[0], &terms[0], len(terms)) }
}

// routeBy does the same for route.
func routeBy(
	do func(y *float32, n int, dy, winners *float32, terms *int, taps *float32, count int),
) func([]float32, int, []float32, []float32, []int, []float32) {
	return func(y []float32, n int, dy, winners []float32, terms []int, taps []float32) {
		if len(terms) == 0 {
			clear(y[:n])
			return
		}
		do(&y[0], n, &dy[0], &winners[0], &terms[0], &taps[0], len(terms))
	}
}
