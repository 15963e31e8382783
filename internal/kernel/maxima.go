package kernel

// maxima are the inner loops of pools. Like accumulate they go over terms: shifts at which x is read.
type maxima struct {
	// largest computes y[j] = max x[terms[t]+j] for n pixels; it is NaN if one of these is.
	largest func(y []float32, n int, x []float32, terms []int)
	// winners computes which term has the largest x[terms[t]+j], of equal ones the first.
	winners func(y []float32, n int, x []float32, terms []int)
	// route computes y[j] = Σ dy[terms[t]+j], in the order of the terms, over those for which winners has taps[t] there.
	route func(y []float32, n int, dy, winners []float32, terms []int, taps []float32)
}

var portableMaxima = maxima{largest: largest, winners: winners, route: route}

func largest(y []float32, n int, x []float32, terms []int) {
	y = y[:n]
	copy(y, x[terms[0]:])
	for _, at := range terms[1:] {
		in := x[at:][:n]
		for j, best := range y {
			if v := in[j]; v > best || v != v {
				y[j] = v
			}
		}
	}
}

func winners(y []float32, n int, x []float32, terms []int) {
	var best [64]float32
	for from := 0; from < n; from += len(best) {
		out := y[from:min(from+len(best), n)]
		clear(out)
		copy(best[:], x[terms[0]+from:][:len(out)])
		for t, at := range terms {
			in := x[at+from:][:len(out)]
			for j, v := range in {
				if v > best[j] {
					best[j], out[j] = v, float32(t)
				}
			}
		}
	}
}

func route(y []float32, n int, dy, winners []float32, terms []int, taps []float32) {
	y = y[:n]
	clear(y)
	for t, at := range terms {
		g, won := dy[at:][:n], winners[at:][:n]
		for j, tap := range won {
			if tap == taps[t] {
				y[j] += g[j]
			}
		}
	}
}
