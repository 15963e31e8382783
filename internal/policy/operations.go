package policy

import (
	"math"

	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/primitive"
)

// The operations that only the policy has. They are small: plain loops on one thread.

// addFeatures makes the rows of a cell's nodes, [nodes + 2, 2E]: both rows of the inputs' embedding [2, 2E], then for each
// intermediate node the embeddings [13, E] of its two edges' operations, side by side.
func addFeatures(g *graph.Graph, inputs, operations *graph.Node, c genotype.Cell) *graph.Node {
	width := operations.Shape()[1]
	row := func(table []float32, e genotype.Edge) []float32 { return table[int(e.Op.StandIn())*width:][:width] }
	return g.Apply(graph.Operation{
		Name:  "features",
		Shape: []int{c.Nodes() + 2, 2 * width},
		Forward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			n := copy(out[0], in[0])
			for _, e := range c.Edges {
				n += copy(out[0][n:], row(in[1], e))
			}
		}),
		Backward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			rest := in[0][copy(out[0], in[0]):]
			clear(out[1])
			for i, e := range c.Edges {
				sum := row(out[1], e)
				for j, d := range rest[i*width:][:width] {
					sum[j] += d
				}
			}
		}),
	}, inputs, operations)
}

// addWithoutInputs drops the rows of the cell's two inputs from x [nodes + 2, width].
func addWithoutInputs(g *graph.Graph, x *graph.Node) *graph.Node {
	rows, width := x.Shape()[0], x.Shape()[1]
	return g.Apply(graph.Operation{
		Name:  "without-inputs",
		Shape: []int{rows - 2, width},
		Forward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			copy(out[0], in[0][2*width:])
		}),
		Backward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			clear(out[0][:2*width])
			copy(out[0][2*width:], in[0])
		}),
	}, x)
}

// addScale multiplies x element by element with given numbers.
func addScale(g *graph.Graph, x *graph.Node, by []float32) *graph.Node {
	multiply := graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
		for i, v := range by {
			out[0][i] = in[0][i] * v
		}
	})
	return g.Apply(graph.Operation{Name: "scale", Shape: x.Shape().Clone(), Forward: multiply, Backward: multiply}, x)
}

// addNormaliseRows divides each row of x by the sum of its magnitudes; a row of zeros stays.
func addNormaliseRows(g *graph.Graph, x *graph.Node) *graph.Node {
	width := x.Shape()[1]
	magnitude := func(row []float32) float64 {
		sum := 0.0
		for _, v := range row {
			sum += math.Abs(float64(v))
		}
		return max(sum, math.SmallestNonzeroFloat32)
	}
	return g.Apply(graph.Operation{
		Name:  "normalise-rows",
		Shape: x.Shape().Clone(),
		Forward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			for at := 0; at < len(in[0]); at += width {
				sum := magnitude(in[0][at:][:width])
				for i, v := range in[0][at:][:width] {
					out[0][at+i] = float32(float64(v) / sum)
				}
			}
		}),
		Reads:      []int{0},
		ReadsValue: true,
		Backward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			x, y, dy := in[0], in[1], in[2]
			for at := 0; at < len(x); at += width {
				sum, dot := magnitude(x[at:][:width]), 0.0
				for i, d := range dy[at:][:width] {
					dot += float64(d) * float64(y[at+i])
				}
				for i, d := range dy[at:][:width] {
					out[0][at+i] = float32((float64(d) - dot*sign(x[at+i])) / sum)
				}
			}
		}),
	}, x)
}

func sign(x float32) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// addReinforce is the loss of one decision by the logits [nodes, 26]: see Gradients. When the graph has run, distribution
// holds the probabilities.
func addReinforce(g *graph.Graph, logits *graph.Node, d Decision, entropyWeight float64, distribution *Distribution) *graph.Node {
	return g.Apply(graph.Operation{
		Name: "reinforce",
		Forward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			*distribution = newDistribution(d.Cell, in[0])
			out[0][0] = float32(-d.Advantage*distribution.LogProbability(d.Chosen) - entropyWeight*distribution.Entropy())
		}),
		Backward: graph.Kernel(func(_ *graph.Device, in, out [][]float32) {
			for i, c := range *distribution {
				dlogits := out[0][i*primitive.Searchable:][:primitive.Searchable]
				c.gradient(dlogits, d.Chosen[i], d.Advantage, entropyWeight, float64(in[0][0]))
			}
		}),
	}, logits)
}
