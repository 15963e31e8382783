package kernel

// ConvResult is what a convolution of an x computes, as ConvForward has it.
type ConvResult struct {
	Conv
	Y       Target
	Moments []float32
	K       []float32
}

// ConvGradient is what the gradients of a convolution of an x are computed from and where they go, as ConvBackward has it.
type ConvGradient struct {
	Conv
	Dx Target
	Dk []float32
	Dy View
	K  []float32
}

// ConvForwardAll is ConvForward of several convolutions of one x, which do one after the other what they do to an image while that
// is in the cache. The convolutions are without padding.
func ConvForwardAll(w *Workers, x View, all []ConvResult) {
	for i := range all {
		if c := &all[i]; w.winograd(c.Conv) || c.coversInput() || pieceWidth(c.N, c.Co, w.set.rows) < c.Co {
			for _, c := range all {
				ConvForward(w, c.Y, c.Moments, x, c.K, c.Conv)
			}
			return
		}
	}
	plans, inputs := make([]plan, len(all)), make([]input, len(all))
	for i := range all {
		c := all[i].flattened()
		inputs[i] = input{x, c.input(), c.ReLU}
		plans[i] = c.planForward(w, i, all[i].K, pieceWidth(c.N, c.Co, w.set.rows), inputs[i].asIs())
	}
	w.Run(all[0].N, func(n int, s *Scratch) {
		for i := range all {
			c := &all[i]
			out := c.output()
			image := c.Y.image(n, out)
			plans[i].compute(s, image, c.Y.Add, inputs[i].image(n), source{}, 0, out.count)
			if c.Moments != nil {
				describe(&w.set, c.Moments[n*out.count*2:], image, out.pixels)
			}
		}
	})
}

// ConvBackwardAll is ConvBackward of several convolutions of one x. They may have one dx, which all but the first add to. What they
// do to an image is done while that is in the cache; those that keep the pixels and have one dx are computed as one that has all
// of their output channels.
func ConvBackwardAll(w *Workers, x View, all []ConvGradient) {
	parts, ok := partsOfAll(w, all)
	if !ok {
		for _, c := range all {
			ConvBackward(w, c.Dx, c.Dk, c.Dy, x, c.K, c.Conv)
		}
		return
	}
	units := gradientUnits(w, all)
	number := 0
	for i := range units {
		u := &units[i]
		u.number, u.backward = number, u.planBackward(w, number+1, u.k, u.Ci, true)
		number += 1 + u.StrideH*u.StrideW
	}
	byParts(w, units, input{x, units[0].input(), units[0].ReLU}, parts)
}

// partsOfAll returns how many parts of the batch the gradients are summed over, and whether the convolutions can be computed
// together.
func partsOfAll(w *Workers, all []ConvGradient) (parts int, ok bool) {
	for i := range all {
		c := &all[i]
		if w.winograd(c.Conv) || c.coversInput() || c.Depthwise || c.ReLU != all[0].ReLU || c.Dx.Data == nil || c.Dk == nil {
			return 0, false
		}
		parts = max(parts, c.parts())
	}
	return parts, parts >= minPieces
}

// gradientUnit is a convolution whose gradients are computed, or several as one.
type gradientUnit struct {
	Conv
	members  []ConvGradient
	dx       Target
	k        []float32
	number   int  // of its correlation forward
	backward plan // nil: dx isn't computed
	batch    batch
	sums     int // where its sums lie among those of a part
}

// gradientUnits returns the convolutions as they are computed, where they have one dx first those that keep the pixels, as one.
func gradientUnits(w *Workers, all []ConvGradient) (units []gradientUnit) {
	dx, one := all[0].Dx, true
	for i := range all[1:] {
		other := &all[1+i].Dx
		one = one && &other.Data[0] == &dx.Data[0] && other.Stride == dx.Stride && other.Add
	}
	var stacked, rest []ConvGradient
	for _, c := range all {
		c.Conv = c.flattened()
		if one && c.keepsPixels() {
			stacked = append(stacked, c)
		} else {
			rest = append(rest, c)
		}
	}
	if len(stacked) > 0 {
		units = append(units, stack(w, stacked))
	}
	for _, c := range rest {
		units = append(units, stack(w, []ConvGradient{c}))
	}
	if one {
		for i := range units {
			units[i].dx.Add = i > 0 || dx.Add
		}
	}
	return units
}

// stack returns several convolutions as one, whose output channels are those of the first, those of the second, and so on.
func stack(w *Workers, members []ConvGradient) gradientUnit {
	u := gradientUnit{Conv: members[0].Conv, members: members, dx: members[0].Dx, k: members[0].K}
	if len(members) == 1 {
		return u
	}
	u.k, u.Co = nil, 0
	for _, m := range members {
		u.Co += m.Co
	}
	u.k = w.Floats(slotStacked, u.Co*u.Ci)[:0]
	for _, m := range members {
		u.k = append(u.k, m.K...)
	}
	return u
}

// held returns the gradients by y of count images from number n on, in memory as they are.
func (u *gradientUnit) held(s *Scratch, n, count int) input {
	if len(u.members) == 1 {
		dy := input{View: u.members[0].Dy, channels: u.output()}
		return dy.held(s, u.batch.set, slotHeldDy, n, count)
	}
	out := u.output()
	size := out.count * out.pixels
	h := input{View: Plain(s.Floats(slotHeldDy, count*size), out.count, out.pixels), channels: out}
	for i := range count {
		to := h.Data[i*size:][:size]
		for _, m := range u.members {
			dy := input{View: m.Dy, channels: m.output()}
			image := dy.image(n + i)
			image.readAll(u.batch.set, to[:m.Co*out.pixels])
			to = to[m.Co*out.pixels:]
		}
	}
	return h
}

// byParts computes the gradients by the weights part by part of the batch, and dx of every image after having read it.
func byParts(w *Workers, units []gradientUnit, x input, parts int) {
	size, images, by := 0, 1, false
	for i := range units {
		u := &units[i]
		u.batch = u.Conv.batch(w, u.number, (u.N+parts-1)/parts)
		u.sums = size
		size += len(u.batch.terms) * u.Co
		images = max(images, u.batch.images)
		by = by || u.backward != nil && u.ReLU
	}
	partial, count := w.Floats(slotPartial, parts*size), units[0].N
	w.Run(parts, func(part int, s *Scratch) {
		sums := partial[part*size:][:size]
		clear(sums)
		end := (part + 1) * count / parts
		for n := part * count / parts; n < end; n += images {
			some, in := min(images, end-n), x.from(n)
			if by {
				in = x.held(s, &w.set, slotHeldX, n, some)
			}
			for i := range units {
				u := &units[i]
				g := u.held(s, n, some)
				u.batch.addAll(s, sums[u.sums:][:len(u.batch.terms)*u.Co], g, in, some)
				if u.backward != nil {
					u.gradients(s, u.dx, g, in, n, some, u.backward)
				}
			}
		}
	})
	for i := range units {
		at := units[i].sums
		for _, m := range units[i].members {
			addParts(w, m.Dk, partial[at:], size, parts)
			at += len(m.Dk)
		}
	}
}
