package kernel

// View is a tensor [N, C, pixels] as kernels read it: channel c of image n is
//
//	Scale[c]·Data + OtherScale[c]·Other + Shift[c]
//
// pixel by pixel. So what would only scale, shift or add needs no pass over memory of its own.
type View struct {
	Data         []float32 // channel c of image n begins at n·Stride + c·pixels
	Stride       int       // floats from image to image
	Scale, Shift []float32 // [C]; nil: 1, and 0
	Other        []float32 // nil: none. Laid out as Data, with OtherStride
	OtherStride  int
	OtherScale   []float32 // [C]; nil: 1
	// PerImage is how much further on the coefficients of the next image lie, [N, C] in all; 0: all images have the same.
	PerImage int
}

// Plain returns the view of a contiguous tensor as it is.
func Plain(data []float32, channels, pixels int) View {
	return View{Data: data, Stride: channels * pixels}
}

// Scaled returns the view of v·scale + shift, both [C]. Its coefficients, up to 3·C floats, go to k. v has none per image.
func (v View) Scaled(scale, shift, k []float32) View {
	channels := len(scale)
	product := func(to []float32, old []float32) []float32 {
		for c := range channels {
			to[c] = of(old, c, 1) * scale[c]
		}
		return to[:channels]
	}
	total := k[channels : 2*channels]
	for c := range channels {
		total[c] = of(v.Shift, c, 0)*scale[c] + shift[c]
	}
	v.Scale, v.Shift = product(k, v.Scale), total
	if v.Other != nil {
		v.OtherScale = product(k[2*channels:], v.OtherScale)
	}
	return v
}

// Target is where a kernel writes a tensor [N, C, pixels], laid out as the Data of a View. The result overwrites what is
// there, or is added to it. A target without Data is one that nobody wants.
type Target struct {
	Data   []float32
	Stride int
	Add    bool
}

// Whole returns the contiguous target of that many channels, which is overwritten.
func Whole(data []float32, channels, pixels int) Target {
	return Target{Data: data, Stride: channels * pixels}
}

// image returns channels of image n.
func (t *Target) image(n int, c channels) []float32 { return t.Data[n*t.Stride:][:c.count*c.pixels] }

// channels is how many channels an image has, and their size.
type channels struct{ count, pixels int }

// input is a view as a kernel reads it: with its shape, and rectified if relu.
type input struct {
	View
	channels
	relu bool
}

// direct tells whether the view's values are those in memory.
func (v *View) direct() bool { return v.Scale == nil && v.Shift == nil && v.Other == nil }

// asIs tells whether what the kernel reads is what is in memory.
func (in *input) asIs() bool { return in.direct() && !in.relu }

// from returns the images from number n on.
func (in input) from(n int) input {
	in.Scale, in.Shift, in.OtherScale = in.coefficients(n)
	in.Data = in.Data[n*in.Stride:]
	if in.Other != nil {
		in.Other = in.Other[n*in.OtherStride:]
	}
	return in
}

// coefficients returns those of the images from number n on.
func (v *View) coefficients(n int) (scale, shift, otherScale []float32) {
	skip := func(all []float32) []float32 {
		if all == nil {
			return nil
		}
		return all[n*v.PerImage:]
	}
	return skip(v.Scale), skip(v.Shift), skip(v.OtherScale)
}

// image returns image n.
func (in *input) image(n int) source {
	size := in.count * in.pixels
	s := source{data: in.Data[n*in.Stride:][:size], pixels: in.pixels, relu: in.relu}
	s.scale, s.shift, s.otherScale = in.coefficients(n)
	if in.Other != nil {
		s.other = in.Other[n*in.OtherStride:][:size]
	}
	return s
}

// held returns count images from number n on so that they can be read several times: in scratch memory, unless what is in
// memory needs no more than rectifying.
func (in *input) held(s *Scratch, set *set, slot, n, count int) input {
	if in.direct() {
		return in.from(n)
	}
	return in.values(s, set, slot, n, count)
}

// values returns count images from number n on as they are read: in scratch memory, unless that is what is in memory.
func (in *input) values(s *Scratch, set *set, slot, n, count int) input {
	if in.asIs() {
		return in.from(n)
	}
	size := in.count * in.pixels
	v := input{View: Plain(s.Floats(slot, count*size), in.count, in.pixels), channels: in.channels}
	for i := range count {
		image := in.image(n + i)
		image.readAll(set, v.Data[i*size:][:size])
	}
	return v
}

// source is an image of a view. The zero source is none.
type source struct {
	data, other              []float32
	scale, shift, otherScale []float32
	pixels                   int
	relu                     bool
}

// read computes pixels of channel c from the one numbered at on.
func (p *source) read(s *set, dst []float32, c, at int) {
	x := p.data[c*p.pixels+at:][:len(dst)]
	if p.other == nil && p.scale == nil && p.shift == nil {
		if p.relu {
			s.rectify(dst, x)
		} else {
			copy(dst, x)
		}
		return
	}
	scale, shift := of(p.scale, c, 1), of(p.shift, c, 0)
	if p.other == nil {
		pass := s.scaleAndShift
		if p.relu {
			pass = s.scaleShiftRectify
		}
		pass(dst, x, scale, shift)
		return
	}
	pass := s.combine
	if p.relu {
		pass = s.combineRectify
	}
	pass(dst, x, p.other[c*p.pixels+at:][:len(dst)], scale, of(p.otherScale, c, 1), shift)
}

// readAll computes all channels.
func (p *source) readAll(s *set, dst []float32) { p.readFrom(s, dst, 0) }

// readFrom computes the channels from the one numbered first on.
func (p *source) readFrom(s *set, dst []float32, first int) {
	at := first * p.pixels
	switch {
	case p.scale == nil || p.shift == nil || p.other != nil && p.otherScale == nil:
	case p.other == nil:
		pass := s.scaleRows
		if p.relu {
			pass = s.scaleRowsRectify
		}
		pass(dst, p.data[at:], p.pixels, p.scale[first:], p.shift[first:])
		return
	default:
		pass := s.combineRows
		if p.relu {
			pass = s.combineRowsRectify
		}
		pass(dst, p.data[at:], p.other[at:], p.pixels, p.scale[first:], p.otherScale[first:], p.shift[first:])
		return
	}
	for c := 0; c*p.pixels < len(dst); c++ {
		p.read(s, dst[c*p.pixels:][:p.pixels], first+c, 0)
	}
}

// direct tells whether the values, before rectifying, are those in memory.
func (p *source) direct() bool { return p.other == nil && p.scale == nil && p.shift == nil }

// plane returns the pixels of channel c, rectified if relu, in a slot of scratch memory if they aren't in memory as they
// are; raw tells that relu is left to do.
func (p *source) plane(s *Scratch, set *set, slot, c int) (x []float32, raw bool) {
	if p.direct() {
		return p.data[c*p.pixels:][:p.pixels], p.relu
	}
	x = s.Floats(slot, p.pixels)
	p.read(set, x, c, 0)
	return x, false
}

// planes returns the pixels of channels from to to, in a slot of scratch memory if they aren't in memory as they are.
func (p *source) planes(s *Scratch, set *set, slot, from, to int) []float32 {
	if p.direct() {
		return p.data[from*p.pixels : to*p.pixels]
	}
	x := s.Floats(slot, (to-from)*p.pixels)
	p.readFrom(set, x, from)
	return x
}

// positive returns numbers that are positive where the source is: count pixels of channel c from the one numbered at on.
// There are none of no source.
func (p *source) positive(s *Scratch, set *set, c, at, count int) []float32 {
	switch {
	case p.data == nil:
		return nil
	case p.direct():
		return p.data[c*p.pixels+at:][:count]
	}
	x := s.Floats(slotPositive, count)
	p.read(set, x, c, at)
	return x
}

// positiveAll returns such numbers for all pixels.
func (p *source) positiveAll(s *Scratch, set *set, c channels) []float32 {
	if p.data == nil || p.direct() {
		return p.data
	}
	x := s.Floats(slotPositive, c.count*c.pixels)
	p.readAll(set, x)
	return x
}

// of returns the coefficient of channel c, or otherwise where there are none.
func of(coefficients []float32, c int, otherwise float32) float32 {
	if coefficients == nil {
		return otherwise
	}
	return coefficients[c]
}
