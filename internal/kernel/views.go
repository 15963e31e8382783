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
		Materialise(w, y, a.plus(b, w.Floats(slotCoefficients, 3*n.C)), n)
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

// plus returns the view of a + b, neither of which has an Other, with its coefficients in k.
func (v View) plus(b View, k []float32) View {
	channels := len(k) / 3
	sum := View{
		Data: v.Data, Stride: v.Stride, Scale: k[:channels], Shift: k[channels : 2*channels],
		Other: b.Data, OtherStride: b.Stride, OtherScale: k[2*channels:],
	}
	for c := range channels {
		sum.Scale[c], sum.OtherScale[c] = of(v.Scale, c, 1), of(b.Scale, c, 1)
		sum.Shift[c] = of(v.Shift, c, 0) + of(b.Shift, c, 0)
	}
	return sum
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
