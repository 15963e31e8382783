package kernel

// sparse tells whether an average has so few windows that it is fastest computed one window after the other, with nothing laid out.
func (p *Pool) sparse() bool { return !p.Max && p.Stride > 2 && p.OH*p.OW*p.K*p.K <= 4*p.H*p.W }

// eachSparse calls do for every image and for channels of about poolFloats pixels.
func (p *Pool) eachSparse(w *Workers, do func(s *Scratch, n, from, to int)) {
	width := min(p.C, max(1, poolFloats/(p.H*p.W)))
	p.eachGroup(w, width, (p.C+width-1)/width, do)
}

// averageSparse computes y and its moments.
func (p *Pool) averageSparse(w *Workers, y Target, moments []float32, x View) {
	c := p.conv()
	inverse, _ := p.inverseAreas(w, 1)
	in, pixels, plane := input{View: x, channels: c.input()}, p.H*p.W, p.OH*p.OW
	p.eachSparse(w, func(s *Scratch, n, from, to int) {
		image := in.image(n)
		planes, out := image.planes(s, &w.set, slotPlane, from, to), y.image(n, c.output())[from*plane:to*plane]
		for i := range out {
			v := p.sum(planes[i/plane*pixels:][:pixels], i%plane) * inverse[i%plane]
			if y.Add {
				v += out[i]
			}
			out[i] = v
		}
		if moments != nil {
			describe(&w.set, moments[2*(n*p.C+from):], out, plane)
		}
	})
}

// sum returns the sum over window number i of a plane.
func (p *Pool) sum(x []float32, i int) (sum float32) {
	top, bottom := p.window(i/p.OW, p.H)
	left, right := p.window(i%p.OW, p.W)
	for row := top; row < bottom; row++ {
		across := float32(0)
		for _, v := range x[row*p.W:][left:right] {
			across += v
		}
		sum += across
	}
	return sum
}

// spreadSparse computes dx.
func (p *Pool) spreadSparse(w *Workers, dx Target, dy View) {
	c := p.conv()
	inverse, _ := p.inverseAreas(w, 1)
	gradient, pixels, plane := input{View: dy, channels: c.output()}, p.H*p.W, p.OH*p.OW
	p.eachSparse(w, func(s *Scratch, n, from, to int) {
		image := gradient.image(n)
		planes, out := image.planes(s, &w.set, slotPlane, from, to), dx.image(n, c.input())[from*pixels:to*pixels]
		if !dx.Add {
			clear(out)
		}
		for i, g := range planes {
			p.spread(out[i/plane*pixels:][:pixels], i%plane, g*inverse[i%plane])
		}
	})
}

// spread adds v to the pixels of window number i of a plane.
func (p *Pool) spread(dx []float32, i int, v float32) {
	top, bottom := p.window(i/p.OW, p.H)
	left, right := p.window(i%p.OW, p.W)
	for row := top; row < bottom; row++ {
		across := dx[row*p.W:][left:right]
		for j := range across {
			across[j] += v
		}
	}
}
