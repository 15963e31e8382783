package gpu

import "math"

// View is a tensor [N, C, pixels] as kernels read it: kernel.View, of a device's memory.
type View struct {
	Data         Memory // channel c of image n begins at n·Stride + c·pixels
	Stride       int    // numbers from image to image
	Scale, Shift Memory // [C]; none: 1, and 0
	Other        Memory // none: none. Laid out as Data, with OtherStride
	OtherStride  int
	OtherScale   Memory // [C]; none: 1
	PerImage     int    // of the processor's memory alone; a card's kernels expect 0
}

// Plain returns the view of a contiguous tensor as it is.
func Plain(data Memory, channels, pixels int) View {
	return View{Data: data, Stride: channels * pixels}
}

// Target is where a kernel writes a tensor: kernel.Target, of a device's memory. One without Data is one that nobody wants.
type Target struct {
	Data   Memory
	Stride int
	Add    bool
}

// Whole returns the contiguous target of that many channels, which is overwritten.
func Whole(data Memory, channels, pixels int) Target {
	return Target{Data: data, Stride: channels * pixels}
}

// read returns the view of what was written there.
func (t *Target) read() View { return View{Data: t.Data, Stride: t.Stride} }

// view adds a view to the arguments. The zero View is none.
func (a *arguments) view(v View) {
	for _, m := range []Memory{v.Data, v.Scale, v.Shift, v.Other, v.OtherScale} {
		a.memory(m.handle())
	}
	a.ints(v.Data.at, v.Stride, v.Scale.at, v.Shift.at, v.Other.at, v.OtherStride, v.OtherScale.at)
}

// target adds a target to the arguments.
func (a *arguments) target(t Target) {
	a.memory(t.Data.handle())
	add := 0
	if t.Add {
		add = 1
	}
	a.ints(t.Data.at, t.Stride, add)
}

// at adds memory and where it begins in its buffer.
func (a *arguments) at(all ...Memory) {
	for _, m := range all {
		a.memory(m.handle())
		a.ints(m.at)
	}
}

// number adds a number.
func (a *arguments) number(v float64) { a.ints(int(int32(math.Float32bits(float32(v))))) }
