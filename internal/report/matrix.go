package report

import (
	"context"
	"fmt"
	"html/template"

	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/policy"
	"nat/internal/primitive"
	"nat/internal/random"
)

// Matrix says with which probability a policy has an operation become another: means over the edges of random
// architectures.
type Matrix struct {
	Architectures int
	To            []string
	Rows          []MatrixRow
}

// MatrixRow is what becomes of one operation.
type MatrixRow struct {
	From  string
	Cells []MatrixCell
}

// MatrixCell is a probability. It is empty where the transition is not allowed.
type MatrixCell struct {
	Text  string
	Style template.CSS // shades it
}

// matrixArchitectures is how many architectures a matrix averages over.
const matrixArchitectures = 100

// newMatrix asks a model's policy about random architectures, with null in place of some operations, which random ones
// never have.
func newMatrix(ctx context.Context, d *graph.Device, m *model.Model) (*Matrix, error) {
	const nodes = 4
	n := nodes
	if m.Supernet != nil {
		n = m.Supernet.Config().Nodes
	}
	var sums [primitive.Searchable][primitive.Searchable]float64
	var counts [primitive.Searchable]int
	for i := range matrixArchitectures {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		stream := random.New(model.DefaultSeed, "transition matrix", i)
		g := genotype.Random(stream, n)
		for _, c := range []genotype.Cell{g.Normal, g.Reduce} {
			for e := range c.Edges {
				if stream.IntN(primitive.Searchable) == 0 {
					c.Edges[e].Op = primitive.NullOp
				}
			}
			p, err := m.Policy.Distribution(d, c)
			if err != nil {
				return nil, err
			}
			for e, choice := range p {
				from := c.Edges[e].Op
				counts[from]++
				addChoice(&sums[from], choice)
			}
		}
	}
	matrix := &Matrix{Architectures: matrixArchitectures}
	for from := range primitive.ID(primitive.Searchable) {
		matrix.To = append(matrix.To, from.String())
		row := MatrixRow{From: from.String()}
		for to := range primitive.ID(primitive.Searchable) {
			cell := MatrixCell{}
			if from.Allows(to) && counts[from] > 0 {
				share := sums[from][to] / float64(counts[from])
				cell.Text = fmt.Sprintf("%.0f", 100*share)
				cell.Style = template.CSS(fmt.Sprintf("--share:%.3f", share))
			}
			row.Cells = append(row.Cells, cell)
		}
		matrix.Rows = append(matrix.Rows, row)
	}
	return matrix, nil
}

func addChoice(sums *[primitive.Searchable]float64, c policy.Choice) {
	for i, p := range c.Normalised() {
		sums[c.Allowed[i]] += p
	}
}
