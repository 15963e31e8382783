// Package block turns the primitives of a cell, and the other pieces that networks are made of, into pieces of graph. One
// table of layers gives both the parameters of a block and its computation; a Set holds the parameters of all blocks of a
// network. It stands above graph and below supernet and network.
package block

import (
	"nat/internal/graph"
	"nat/internal/primitive"
)

// Style is how a network normalises.
type Style struct {
	// Affine has batch normalisation scale and shift its result, as in networks trained from scratch.
	Affine bool
	// NormalisePools has a batch normalisation follow every pool, as in the supernet.
	NormalisePools bool
}

// The styles of spec section 3.
var (
	Supernet = Style{NormalisePools: true}
	Scratch  = Style{Affine: true}
)

// Role is what a parameter is to its block, which decides how it starts.
type Role uint8

// The roles: weights start uniformly within ±1/√FanIn, scales at 1, shifts at 0 (spec section 5).
const (
	Weight Role = iota
	Scale
	Shift
)

// Parameter describes a parameter of a block: its name within it, as the published code has it (spec section 11).
type Parameter struct {
	Name  string
	Shape []int
	Role  Role
	FanIn int // of a weight: input channels of a group × kernel height × kernel width
}

// layer is a convolution, with what comes before and after it.
type layer struct {
	name       string // of the convolution
	norm       string // of the batch normalisation that follows; empty if none does
	in, out    int    // channels
	kh, kw     int
	sh, sw     int
	dilation   int
	depthwise  bool
	relu       bool // before it
	padH, padW int
}

// pool is how a pool moves its window.
type pool struct {
	kernel, stride, pad int
	max                 bool
	relu                bool // before it
}

// Block is a piece of a network from one tensor to one of the same batch.
type Block struct {
	style  Style
	pool   *pool   // before the layers; nil if none is
	layers []layer // one after the other
	// A factorized reduce has two layers side by side instead, and one normalisation of this name.
	branches   []layer
	branchNorm string
}

// Of returns the block of a primitive with that many channels in and out. It must not be null, which is no block: whoever
// builds a graph leaves null edges out.
func Of(id primitive.ID, channels, stride int, style Style) Block {
	p := id.Get()
	k := p.Kernel
	switch p.Family {
	case primitive.Null:
		panic("block: null is no block")
	case primitive.Skip:
		if stride == 1 {
			return Block{style: style}
		}
		return FactorizedReduce(channels, channels, style)
	case primitive.Pool:
		return Block{style: style, pool: &pool{kernel: k, stride: stride, pad: (k - 1) / 2, max: p.Max}}
	case primitive.Dilated:
		return Block{style: style, layers: depthwisePointwise("op.1", "op.2", "op.3", channels, k, stride, 2)}
	case primitive.Separable:
		first := depthwisePointwise("op.1", "op.2", "op.3", channels, k, stride, 1)
		return Block{style: style, layers: append(first, depthwisePointwise("op.5", "op.6", "op.7", channels, k, 1, 1)...)}
	}
	if p.Pair {
		wide := layer{name: "1", in: channels, out: channels, kh: 1, kw: k, sh: 1, sw: stride, dilation: 1, padW: k / 2, relu: true}
		high := layer{name: "2", norm: "3", in: channels, out: channels, kh: k, kw: 1, sh: stride, sw: 1, dilation: 1, padH: k / 2}
		return Block{style: style, layers: []layer{wide, high}}
	}
	return Block{style: style, layers: []layer{dense("op.1", "op.2", channels, channels, k, stride)}}
}

// ReLUConvNorm is ReLU, a 1×1 convolution and a batch normalisation: what precedes the nodes of a cell.
func ReLUConvNorm(in, out int, style Style) Block {
	return Block{style: style, layers: []layer{dense("op.1", "op.2", in, out, 1, 1)}}
}

// FactorizedReduce halves height and width with two 1×1 convolutions of stride 2, the second on what lies one pixel
// further down and right, to half of the output channels each (spec section 3).
func FactorizedReduce(in, out int, style Style) Block {
	first := dense("conv_1", "", in, out/2, 1, 2)
	second := dense("conv_2", "", in, out-out/2, 1, 2)
	return Block{style: style, branches: []layer{first, second}, branchNorm: "bn"}
}

// Stem is a 3×3 convolution from the image's channels and a batch normalisation with scale and shift. Its layers are
// numbered in sequence.
func Stem(in, out int) Block { return Block{style: Scratch, layers: []layer{firstLayer(in, out, 1)}} }

// LargeStem is what large images enter by, in two parts, stem0 and stem1: the first gives what the first cell takes for the
// output of the cell before the previous one, the second, a quarter of its pixels, that of the previous one. Three 3×3
// convolutions of stride 2, each with a batch normalisation, have ReLU between them (spec section 9). channels must be even.
func LargeStem(in, channels int) [2]Block {
	half := firstLayer(in, channels/2, 2)
	quarter, eighth := dense("3", "4", channels/2, channels, 3, 2), dense("1", "2", channels, channels, 3, 2)
	return [2]Block{{style: Scratch, layers: []layer{half, quarter}}, {style: Scratch, layers: []layer{eighth}}}
}

// firstLayer is the 3×3 convolution that reads images.
func firstLayer(in, out, stride int) layer {
	first := dense("0", "1", in, out, 3, stride)
	first.relu = false
	return first
}

// The auxiliary head's sizes (spec section 9): the window of its pool, and the channels of its two convolutions.
const (
	AuxiliaryPool   = 5
	AuxiliaryNarrow = 128
	AuxiliaryWide   = 768
)

// AuxiliaryHead is the features of the classifier in the middle of a network (spec section 9): ReLU, an average pool, a
// 1×1 convolution and, if normaliseLast, like the first, with a normalisation, a 2×2 convolution. The ReLU that ends it is
// the caller's to add. Its input must have AuxiliaryPool + poolStride pixels a side at least.
func AuxiliaryHead(in, poolStride int, normaliseLast bool) Block {
	narrow := dense("2", "3", in, AuxiliaryNarrow, 1, 1)
	narrow.relu = false
	wide := dense("5", "", AuxiliaryNarrow, AuxiliaryWide, 2, 1)
	wide.padH, wide.padW = 0, 0
	if normaliseLast {
		wide.norm = "6"
	}
	return Block{
		style: Scratch, pool: &pool{kernel: AuxiliaryPool, stride: poolStride, relu: true}, layers: []layer{narrow, wide},
	}
}

func dense(name, norm string, in, out, k, stride int) layer {
	return layer{
		name: name, norm: norm, in: in, out: out, kh: k, kw: k, sh: stride, sw: stride, dilation: 1, relu: true,
		padH: k / 2, padW: k / 2,
	}
}

func depthwisePointwise(depthwise, pointwise, norm string, channels, k, stride, dilation int) []layer {
	pad := dilation * (k - 1) / 2
	spatial := layer{
		name: depthwise, in: channels, out: channels, kh: k, kw: k, sh: stride, sw: stride, dilation: dilation,
		depthwise: true, relu: true, padH: pad, padW: pad,
	}
	mix := dense(pointwise, norm, channels, channels, 1, 1)
	mix.relu = false
	return []layer{spatial, mix}
}

// Parameters lists the block's parameters in the order of the published code.
func (b Block) Parameters() (list []Parameter) {
	for _, l := range b.layers {
		list = append(append(list, l.weight()), b.normParameters(l.norm, l.out)...)
	}
	channels := 0
	for _, l := range b.branches {
		list, channels = append(list, l.weight()), channels+l.out
	}
	return append(list, b.normParameters(b.branchNorm, channels)...)
}

func (l layer) weight() Parameter {
	in := l.in
	if l.depthwise {
		in = 1
	}
	return Parameter{Name: l.name + ".weight", Shape: []int{l.out, in, l.kh, l.kw}, Role: Weight, FanIn: in * l.kh * l.kw}
}

func (b Block) normParameters(name string, channels int) []Parameter {
	if name == "" || !b.style.Affine {
		return nil
	}
	return []Parameter{
		{Name: name + ".weight", Shape: []int{channels}, Role: Scale},
		{Name: name + ".bias", Shape: []int{channels}, Role: Shift},
	}
}

// Apply adds the block to a graph: the node of its output for x [N, C, H, W].
func (b Block) Apply(g *graph.Graph, x *graph.Node, from Source) *graph.Node {
	return Build(b, from.In(g), x)
}

// convolution returns how the layer moves over its input to give oh×ow pixels.
func (l layer) convolution(oh, ow int) graph.Convolution {
	return graph.Convolution{
		StrideH: l.sh, StrideW: l.sw, PadH: l.padH, PadW: l.padW, Dilation: l.dilation, OH: oh, OW: ow,
		Depthwise: l.depthwise, ReLU: l.relu,
	}
}

// over returns how the layer moves over h×w pixels.
func (l layer) over(h, w int) graph.Convolution {
	return l.convolution((h+2*l.padH-l.dilation*(l.kh-1)-1)/l.sh+1, (w+2*l.padW-l.dilation*(l.kw-1)-1)/l.sw+1)
}

// over returns how the pool moves over h×w pixels.
func (p pool) over(h, w int) graph.Pooling {
	out := func(size int) int { return (size+2*p.pad-p.kernel)/p.stride + 1 }
	return graph.Pooling{K: p.kernel, Stride: p.stride, Pad: p.pad, OH: out(h), OW: out(w), Max: p.max}
}
