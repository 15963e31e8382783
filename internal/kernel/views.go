package kernel

// Materialise computes y = x.
func Materialise(w *Workers, y Target, x View, n Norm) {
	in := input{View: x, channels: n.channels()}
	eachPlane(w, n, func(s *Scratch, i, c int) {
		image := in.image(i)
		to := y.image(i, in.channels)[c*n.Pixels:][:n.Pixels]
		if y.Add {
			x, _ := image.plane(s, &w.set, slotPlane, c)
			w.set.sum(to, to, x)
			return
		}
		image.read(&w.set, to, c, 0)
	})
}

// Sum computes y = a + b. y may lie where the Data of a or b does, if the strides agree.
func Sum(w *Workers, y Target, a, b View, n Norm) {
	first, second := input{View: a, channels: n.channels()}, input{View: b, channels: n.channels()}
	simple := !y.Add && a.Other == nil && b.Other == nil
	eachPlane(w, n, func(s *Scratch, i, c int) {
		u, v := first.image(i), second.image(i)
		to := y.image(i, first.channels)[c*n.Pixels:][:n.Pixels]
		if simple && !(u.direct() && v.direct()) {
			w.set.combine(to, u.data[c*n.Pixels:][:n.Pixels], v.data[c*n.Pixels:][:n.Pixels],
				of(u.scale, c, 1), of(v.scale, c, 1), of(u.shift, c, 0)+of(v.shift, c, 0))
			return
		}
		x, _ := u.plane(s, &w.set, slotPlane, c)
		other, _ := v.plane(s, &w.set, slotOtherPlane, c)
		if y.Add {
			w.set.sum(to, to, x)
			x = to
		}
		w.set.sum(to, x, other)
	})
}

func (n *Norm) channels() channels { return channels{n.C, n.Pixels} }

// eachPlane calls do for every image and channel, in pieces of about elementChunk floats.
func eachPlane(w *Workers, n Norm, do func(s *Scratch, i, c int)) {
	groups, width := n.pieces()
	w.Run(n.N*groups, func(piece int, s *Scratch) {
		i, from := piece/groups, piece%groups*width
		for c := from; c < min(from+width, n.C); c++ {
			do(s, i, c)
		}
	})
}

// pieces returns into how many groups of channels an image is cut, and how many channels make one: about elementChunk floats.
func (n *Norm) pieces() (groups, width int) {
	width = min(n.C, max(1, elementChunk/n.Pixels))
	return (n.C + width - 1) / width, width
}
