package kernel

// accumulate2 computes two rows of pixels,
//
//	y0[i] = Σ k0[t]·x[terms[t]+i] and y1[i] = Σ k1[t]·x[terms[t]+i]
//
// with the weights in blocks of four terms: four of k0, then the same four of k1; the last block may be shorter.
func accumulate2(y0, y1, x []float32, terms []int, k []float32) {
	n := len(y0)
	y1 = y1[:n]
	clear(y0)
	clear(y1)
	for ; len(terms) >= 4 && len(k) >= 8; terms, k = terms[4:], k[8:] {
		x0, x1, x2, x3 := x[terms[0]:][:n], x[terms[1]:][:n], x[terms[2]:][:n], x[terms[3]:][:n]
		a0, a1, a2, a3, b0, b1, b2, b3 := k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7]
		for i := range y0 {
			v0, v1, v2, v3 := x0[i], x1[i], x2[i], x3[i]
			y0[i] += (a0*v0 + a1*v1) + (a2*v2 + a3*v3)
			y1[i] += (b0*v0 + b1*v1) + (b2*v2 + b3*v3)
		}
	}
	for t, at := range terms {
		in := x[at:][:n]
		a, b := k[t], k[len(terms)+t]
		for i, v := range in {
			y0[i] += a * v
			y1[i] += b * v
		}
	}
}

// accumulate1 computes y[i] = Σ k[t]·x[terms[t]+i]. It takes four terms at a time, and first as many times five as make
// the rest a multiple of four: square kernels of odd sizes leave no single term.
func accumulate1(y, x []float32, terms []int, k []float32) {
	n := len(y)
	clear(y)
	for ; len(terms)%4 > 0 && len(terms) >= 5 && len(k) >= 5; terms, k = terms[5:], k[5:] {
		x0, x1, x2, x3, x4 := x[terms[0]:][:n], x[terms[1]:][:n], x[terms[2]:][:n], x[terms[3]:][:n], x[terms[4]:][:n]
		a0, a1, a2, a3, a4 := k[0], k[1], k[2], k[3], k[4]
		for i := range y {
			y[i] += (a0*x0[i] + a1*x1[i]) + (a2*x2[i] + a3*x3[i]) + a4*x4[i]
		}
	}
	for ; len(terms) >= 4 && len(k) >= 4; terms, k = terms[4:], k[4:] {
		x0, x1, x2, x3 := x[terms[0]:][:n], x[terms[1]:][:n], x[terms[2]:][:n], x[terms[3]:][:n]
		a0, a1, a2, a3 := k[0], k[1], k[2], k[3]
		for i := range y {
			y[i] += (a0*x0[i] + a1*x1[i]) + (a2*x2[i] + a3*x3[i])
		}
	}
	for t, at := range terms {
		a := k[t]
		for i, v := range x[at:][:n] {
			y[i] += a * v
		}
	}
}

// dot2 adds Σ g0·x and Σ g1·x to sums0[t] and sums1[t] for every term t, x being read terms[t] floats further on.
func dot2(sums0, sums1, g0, g1, x []float32, terms []int) {
	sums0, sums1 = sums0[:len(terms)], sums1[:len(terms)]
	n := len(g0)
	g1 = g1[:n]
	t := 0
	for ; t+4 <= len(terms); t += 4 {
		x0, x1, x2, x3 := x[terms[t]:][:n], x[terms[t+1]:][:n], x[terms[t+2]:][:n], x[terms[t+3]:][:n]
		var a0, a1, a2, a3, b0, b1, b2, b3 float32
		for i, p := range g0 {
			q := g1[i]
			s := x0[i]
			a0 += p * s
			b0 += q * s
			s = x1[i]
			a1 += p * s
			b1 += q * s
			s = x2[i]
			a2 += p * s
			b2 += q * s
			s = x3[i]
			a3 += p * s
			b3 += q * s
		}
		s0, s1 := (*[4]float32)(sums0[t:]), (*[4]float32)(sums1[t:])
		s0[0], s0[1], s0[2], s0[3] = s0[0]+a0, s0[1]+a1, s0[2]+a2, s0[3]+a3
		s1[0], s1[1], s1[2], s1[3] = s1[0]+b0, s1[1]+b1, s1[2]+b2, s1[3]+b3
	}
	if t < len(terms) {
		dot1(sums0[t:], g0, x, terms[t:])
		dot1(sums1[t:], g1, x, terms[t:])
	}
}

// dot1 adds Σ g·x to sums[t] for every term t, x being read terms[t] floats further on.
func dot1(sums, g, x []float32, terms []int) {
	n, t := len(g), 0
	for ; t+4 <= len(terms); t += 4 {
		x0, x1, x2, x3 := x[terms[t]:][:n], x[terms[t+1]:][:n], x[terms[t+2]:][:n], x[terms[t+3]:][:n]
		var a0, a1, a2, a3 float32
		for i, p := range g {
			a0 += p * x0[i]
			a1 += p * x1[i]
			a2 += p * x2[i]
			a3 += p * x3[i]
		}
		s := (*[4]float32)(sums[t:])
		s[0], s[1], s[2], s[3] = s[0]+a0, s[1]+a1, s[2]+a2, s[3]+a3
	}
	for ; t < len(terms); t++ {
		in := x[terms[t]:][:n]
		var a float32
		for i, p := range g {
			a += p * in[i]
		}
		sums[t] += a
	}
}
