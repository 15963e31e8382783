package block

import "nat/internal/graph"

// Builder adds the layers of blocks to what a network is made of: a graph that is run, or a model that is exported. V is what
// it knows a tensor [N, C, H, W] by. Names are those within a block.
type Builder[V any] interface {
	// Size returns the height and width of x.
	Size(x V) (height, width int)
	// Conv convolves x with the weights of a layer.
	Conv(x V, layer string, c graph.Convolution) V
	// Separable is a depthwise convolution followed by a pointwise one.
	Separable(x V, depthwise, pointwise string, c graph.Convolution) V
	// Pool pools x.
	Pool(x V, p graph.Pooling) V
	// ReLU rectifies x.
	ReLU(x V) V
	// Concat joins tensors along their channels.
	Concat(parts ...V) V
	// Normalise adds the batch normalisation of a name; without affine it neither scales nor shifts, and may have no name.
	Normalise(x V, name string, affine bool) V
}

// Build adds a block to what the builder makes, and returns its output for x.
func Build[V any](b Block, to Builder[V], x V) V {
	if b.pool != nil {
		x = buildPool(b, to, x)
	}
	if len(b.branches) > 0 {
		return buildReduce(b, to, x)
	}
	for i := 0; i < len(b.layers); i++ {
		l := b.layers[i]
		c := l.over(to.Size(x))
		if l.depthwise {
			i++ // what mixes the channels follows
			x = to.Separable(x, l.name, b.layers[i].name, c)
		} else {
			x = to.Conv(x, l.name, c)
		}
		if norm := b.layers[i].norm; norm != "" {
			x = to.Normalise(x, norm, b.style.Affine)
		}
	}
	return x
}

func buildPool[V any](b Block, to Builder[V], x V) V {
	if b.pool.relu {
		x = to.ReLU(x)
	}
	x = to.Pool(x, b.pool.over(to.Size(x)))
	if b.style.NormalisePools {
		x = to.Normalise(x, "", false)
	}
	return x
}

// buildReduce adds the two branches of a factorized reduce.
func buildReduce[V any](b Block, to Builder[V], x V) V {
	first, second := b.branches[0], b.branches[1]
	h, w := to.Size(x)
	if h%2 == 1 { // a row and a column of zeros at the top and left, so the first begins on them
		first.padH, first.padW = 1, 1
	} else {
		second.padH, second.padW = -1, -1
	}
	oh, ow := (h+1)/2, (w+1)/2
	halves := to.Concat(to.Conv(x, first.name, first.convolution(oh, ow)), to.Conv(x, second.name, second.convolution(oh, ow)))
	return to.Normalise(halves, b.branchNorm, b.style.Affine)
}

// inGraph builds blocks in a graph, from parameters of a set.
type inGraph struct {
	*graph.Graph
	from Source
}

// In returns what builds blocks in a graph from these parameters.
func (f Source) In(g *graph.Graph) Builder[*graph.Node] { return inGraph{g, f} }

func (b inGraph) Size(x *graph.Node) (height, width int) { return x.Shape()[2], x.Shape()[3] }

func (b inGraph) Conv(x *graph.Node, layer string, c graph.Convolution) *graph.Node {
	return b.Graph.Conv(x, b.weight(layer), c)
}

func (b inGraph) Separable(x *graph.Node, depthwise, pointwise string, c graph.Convolution) *graph.Node {
	return b.Graph.Separable(x, b.weight(depthwise), b.weight(pointwise), c)
}

func (b inGraph) weight(layer string) *graph.Node { return b.from.Parameter(b.Graph, layer+".weight") }

func (b inGraph) Normalise(x *graph.Node, name string, affine bool) *graph.Node {
	if b.from.mode == Evaluation {
		return b.from.statistics(name).apply(b.Graph, x, b.from.set)
	}
	var also graph.Normalisation
	if b.from.mode == Training {
		also.Mean, also.Variance = b.from.statistics(name).track(x.Shape().TotalSize())
	}
	if affine {
		also.Scale, also.Shift = b.weight(name), b.from.Parameter(b.Graph, name+".bias")
	}
	return b.Norm(x, also)
}
