// Package primitive holds the table of operations that cells are made of: name, family, kernel, cost, colour, and the
// rule that says what each may turn into. Everything that needs to know an operation reads it here. It imports nothing
// of this program.
package primitive

import "slices"

// Family orders the operations by cost (spec section 4): an operation may turn into one of the same or a lower family.
type Family uint8

// The families, from the cheapest to the dearest.
const (
	Null Family = iota
	Skip
	Pool
	Dilated
	Separable
	Conv
)

// String returns the family's name as the program prints it.
func (f Family) String() string {
	return [...]string{"null", "skip", "pool", "dilated", "separable", "convolution"}[f]
}

// Color returns the family's colour in drawings, as #rrggbb: the palette of Okabe and Ito, which stays distinguishable
// to colour-blind eyes.
func (f Family) Color() string {
	return [...]string{"#8c8c8c", "#444444", "#56b4e9", "#009e73", "#e69f00", "#d55e00"}[f]
}

// ID names a primitive: its position in the table. The first Searchable IDs are the search space in the published
// order, and the numbers of the operation embedding and of the supernet's banks (spec section 11).
type ID uint8

// Searchable is the size of the search space: IDs below it may be drawn, learned and chosen.
const Searchable = 13

// The primitives. NullOp is the last of the search space; those behind it are read, drawn and trained, but never drawn
// at random or chosen.
const (
	MaxPool3x3 ID = iota
	MaxPool5x5
	AvgPool3x3
	AvgPool5x5
	SkipConnect
	SepConv3x3
	SepConv5x5
	DilConv3x3
	DilConv5x5
	Conv1x1
	Conv3x3
	Conv5x5
	NullOp
	AvgPool2x2
	MaxPool2x2
	Conv1x3x3x1
	Conv1x7x7x1
	Conv7x1x1x7
	SepConv1x1
	SepConv7x7
	DilConv1x1
)

// Primitive is one operation of a cell (spec section 3).
type Primitive struct {
	Name   string
	Family Family
	Kernel int  // its width and height, 0 where there is none
	Max    bool // of a pool: maximum, else average
	Pair   bool // of a convolution: a 1×Kernel and a Kernel×1 one in sequence
}

var table = [...]Primitive{
	MaxPool3x3:  {Name: "max_pool_3x3", Family: Pool, Kernel: 3, Max: true},
	MaxPool5x5:  {Name: "max_pool_5x5", Family: Pool, Kernel: 5, Max: true},
	AvgPool3x3:  {Name: "avg_pool_3x3", Family: Pool, Kernel: 3},
	AvgPool5x5:  {Name: "avg_pool_5x5", Family: Pool, Kernel: 5},
	SkipConnect: {Name: "skip_connect", Family: Skip},
	SepConv3x3:  {Name: "sep_conv_3x3", Family: Separable, Kernel: 3},
	SepConv5x5:  {Name: "sep_conv_5x5", Family: Separable, Kernel: 5},
	DilConv3x3:  {Name: "dil_conv_3x3", Family: Dilated, Kernel: 3},
	DilConv5x5:  {Name: "dil_conv_5x5", Family: Dilated, Kernel: 5},
	Conv1x1:     {Name: "conv_1x1", Family: Conv, Kernel: 1},
	Conv3x3:     {Name: "conv_3x3", Family: Conv, Kernel: 3},
	Conv5x5:     {Name: "conv_5x5", Family: Conv, Kernel: 5},
	NullOp:      {Name: "null", Family: Null},
	AvgPool2x2:  {Name: "avg_pool_2x2", Family: Pool, Kernel: 2},
	MaxPool2x2:  {Name: "max_pool_2x2", Family: Pool, Kernel: 2, Max: true},
	Conv1x3x3x1: {Name: "conv_1x3_3x1", Family: Conv, Kernel: 3, Pair: true},
	Conv1x7x7x1: {Name: "conv_1x7_7x1", Family: Conv, Kernel: 7, Pair: true},
	Conv7x1x1x7: {Name: "conv_7x1_1x7", Family: Conv, Kernel: 7, Pair: true},
	SepConv1x1:  {Name: "sep_conv_1x1", Family: Separable, Kernel: 1},
	SepConv7x7:  {Name: "sep_conv_7x7", Family: Separable, Kernel: 7},
	DilConv1x1:  {Name: "dil_conv_1x1", Family: Dilated, Kernel: 1},
}

// All returns every primitive, the search space first.
func All() []ID {
	ids := make([]ID, len(table))
	for i := range ids {
		ids[i] = ID(i)
	}
	return ids
}

// ByName returns the primitive of that name; "none" is another name of null.
func ByName(name string) (ID, bool) {
	if name == "none" {
		return NullOp, true
	}
	i := slices.IndexFunc(table[:], func(p Primitive) bool { return p.Name == name })
	return ID(max(i, 0)), i >= 0
}

// Get returns the primitive's row of the table.
func (id ID) Get() Primitive { return table[id] }

// String returns the primitive's published name.
func (id ID) String() string { return table[id].Name }

// Searchable tells whether the primitive is one of the 13 of the search space.
func (id ID) Searchable() bool { return id < Searchable }

// StandIn returns the primitive of the search space that policy and supernet see in place of id (spec section 8): of the
// same family, and of pools the same kind, with the nearest kernel, the smaller one in a tie. A member of the search
// space stands for itself.
func (id ID) StandIn() ID {
	p, best := table[id], id
	if id.Searchable() {
		return id
	}
	for candidate := range ID(Searchable) {
		c := table[candidate]
		if c.Family != p.Family || c.Max != p.Max {
			continue
		}
		if best == id || distance(c, p) < distance(table[best], p) ||
			distance(c, p) == distance(table[best], p) && c.Kernel < table[best].Kernel {
			best = candidate
		}
	}
	return best
}

func distance(a, b Primitive) int { return max(a.Kernel-b.Kernel, b.Kernel-a.Kernel) }

// Transitions returns what an operation may turn into, itself included, in the order of the table (spec section 4): the
// same or a lower family with the same or a smaller kernel. A 1×1 convolution has no cheaper relative but skip_connect
// and null, which also turn into one another. A primitive outside the search space may stay what it is, or become a
// member of the search space that its own family and kernel allow and that costs no more (spec section 8).
func (id ID) Transitions() []ID {
	var allowed []ID
	for to := range ID(Searchable) {
		if turns(table[id], table[to]) && (id.Searchable() || to.MAdds(referenceChannels, referenceSize, 1) <= id.MAdds(referenceChannels, referenceSize, 1)) {
			allowed = append(allowed, to)
		}
	}
	if !id.Searchable() {
		allowed = append(allowed, id)
	}
	return allowed
}

// Allows tells whether id may turn into to.
func (id ID) Allows(to ID) bool { return slices.Contains(id.Transitions(), to) }

func turns(from, to Primitive) bool {
	switch {
	case to.Family <= Skip: // dropping an operation is always allowed, and null may become a skip
		return true
	case from.Family < to.Family:
		return false
	case from.Family > to.Family && from.Kernel == 1:
		return false // the smallest kernel of the lower families is 3
	default:
		return to.Kernel <= from.Kernel
	}
}

// The size at which the paper's figure (b), and so section 4, compares costs.
const (
	referenceChannels = 128
	referenceSize     = 32
)

// ReferenceMAdds returns the multiply-adds of figure (b): 128 channels, 32×32, stride 1.
func (id ID) ReferenceMAdds() int { return id.MAdds(referenceChannels, referenceSize, 1) }

// MAdds returns the multiply-adds of the operation's convolutions for an image of size×size pixels with that many
// channels in and out. With stride 2 the output has half the size, rounded up. Pools cost nothing by this count, nor does
// skip_connect with stride 1; with stride 2 it is a factorized reduce.
func (id ID) MAdds(channels, size, stride int) int {
	p, c := table[id], channels
	out := (size + stride - 1) / stride
	pixels, square := out*out, c*c
	switch p.Family {
	case Conv:
		if p.Pair { // the first convolution halves the width only
			return square * p.Kernel * (size*out + pixels)
		}
		return square * p.Kernel * p.Kernel * pixels
	case Separable: // twice depthwise and 1×1, the first pass with the stride
		return 2 * (c*p.Kernel*p.Kernel + square) * pixels
	case Dilated:
		return (c*p.Kernel*p.Kernel + square) * pixels
	case Skip:
		if stride > 1 { // two 1×1 convolutions to half of the channels each
			return square * pixels
		}
	}
	return 0
}

// Parameters returns the number of weights of the operation's convolutions for that many channels in and out. With
// affine, the scale and shift of its batch normalisations are counted too; pools have none there (spec section 9).
func (id ID) Parameters(channels, stride int, affine bool) int {
	p, c := table[id], channels
	norm := 0
	if affine {
		norm = 2 * c
	}
	square := c * c
	switch p.Family {
	case Conv:
		if p.Pair {
			return 2*square*p.Kernel + norm
		}
		return square*p.Kernel*p.Kernel + norm
	case Separable:
		return 2 * (c*p.Kernel*p.Kernel + square + norm)
	case Dilated:
		return c*p.Kernel*p.Kernel + square + norm
	case Skip:
		if stride > 1 {
			return square + norm
		}
	}
	return 0
}

// OutputSize returns the height or width of the operation's output for an input of that size, or false where it does not
// fit: a 2x2 pool needs stride 2 and an even input (spec section 3).
func (id ID) OutputSize(size, stride int) (int, bool) {
	if table[id].Family == Pool && table[id].Kernel%2 == 0 {
		return size / 2, stride == 2 && size%2 == 0
	}
	return (size + stride - 1) / stride, true
}
