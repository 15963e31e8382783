package kernel

// Materialise computes y = x.
func Materialise(w *Workers, y Target, x View, n Norm) {
	in := input{View: x, channels: n.channels()}
	n.eachGroup(w, func(s *Scratch, i, from, to int) {
		image, out := in.image(i), y.image(i, in.channels)[from*n.Pixels:to*n.Pixels]
		if y.Add {
			w.set.sum(out, out, image.planes(s, &w.set, slotPlane, from, to))
		} else {
			image.readFrom(&w.set, out, from)
		}
	})
}

// Sum computes y = a + b. y may lie where the Data of a or b does, if the strides agree.
func Sum(w *Workers, y Target, a, b View, n Norm) {
	if !y.Add && a.Other == nil && b.Other == nil && !(a.direct() && b.direct()) {
		size := n.C
		if a.PerImage+b.PerImage > 0 {
			size *= n.N
		}
		Materialise(w, y, a.plus(b, n.C, w.Floats(slotCoefficients, 3*size)), n)
		return
	}
	first, second := input{View: a, channels: n.channels()}, input{View: b, channels: n.channels()}
	n.eachGroup(w, func(s *Scratch, i, from, to int) {
		u, v := first.image(i), second.image(i)
		out := y.image(i, first.channels)[from*n.Pixels : to*n.Pixels]
		x, other := u.planes(s, &w.set, slotPlane, from, to), v.planes(s, &w.set, slotOtherPlane, from, to)
		if y.Add {
			w.set.sum(out, out, x)
			x = out
		}
		w.set.sum(out, x, other)
	})
}

// plus returns the view of a + b, neither of which has an Other, with its coefficients in k: 3·C floats, or as many for each
// image.
func (v View) plus(b View, channels int, k []float32) View {
	size := len(k) / 3
	sum := View{
		Data: v.Data, Stride: v.Stride, Scale: k[:size], Shift: k[size : 2*size],
		Other: b.Data, OtherStride: b.Stride, OtherScale: k[2*size:],
	}
	if size > channels {
		sum.PerImage = channels
	}
	for i := range size {
		n, c := i/channels, i%channels
		first, second := n*v.PerImage+c, n*b.PerImage+c
		sum.Scale[i], sum.OtherScale[i] = of(v.Scale, first, 1), of(b.Scale, second, 1)
		sum.Shift[i] = of(v.Shift, first, 0) + of(b.Shift, second, 0)
	}
	return sum
}

// ByImage returns the view of v with each image of so many channels multiplied by a factor of its own. Its coefficients, 3·C
// floats for each image, go to k.
func (v View) ByImage(factors []float32, channels int, k []float32) View {
	size := len(factors) * channels
	scaled := v
	scaled.PerImage, scaled.Scale = channels, k[:size]
	if v.Shift != nil {
		scaled.Shift = k[size : 2*size]
	}
	if v.Other != nil {
		scaled.OtherScale = k[2*size : 3*size]
	}
	for n, factor := range factors {
		for c := range channels {
			to, from := n*channels+c, n*v.PerImage+c
			scaled.Scale[to] = factor * of(v.Scale, from, 1)
			if v.Shift != nil {
				scaled.Shift[to] = factor * v.Shift[from]
			}
			if v.Other != nil {
				scaled.OtherScale[to] = factor * of(v.OtherScale, from, 1)
			}
		}
	}
	return scaled
}

func (n *Norm) channels() channels { return channels{n.C, n.Pixels} }

// eachGroup calls do for every image and group of channels, from one number to another: pieces of about elementChunk floats.
func (n *Norm) eachGroup(w *Workers, do func(s *Scratch, i, from, to int)) {
	width := min(n.C, max(1, elementChunk/n.Pixels))
	groups := (n.C + width - 1) / width
	w.Run(n.N*groups, func(piece int, s *Scratch) {
		from := piece % groups * width
		do(s, piece/groups, from, min(from+width, n.C))
	})
}
