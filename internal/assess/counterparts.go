package assess

import (
	"slices"
	"strings"

	"nat/internal/genotype"
)

// Counterpart is what another transformer made of an architecture, beside the policy's choice for it.
type Counterpart struct {
	Input, Output string  // names
	Agreeing      int     // edges on which both have one operation
	Edges         int     // of both cells
	Ours, Theirs  float64 // gains in accuracy with shared weights over the input, on the images of gains
}

// Counterparts finds among the architectures those that are called prefix and the name of another one, in whatever case, and
// have its edges.
func (g Group) Counterparts(prefix string) []Counterpart {
	var all []Counterpart
	for _, input := range g.Trials {
		i := slices.IndexFunc(g.Trials, func(t Trial) bool { return strings.EqualFold(t.Input.Name, prefix+input.Input.Name) })
		if i < 0 {
			continue
		}
		output, choice := g.Trials[i], input.Choices[0]
		agreeing, edges, ok := agreement(choice.Genotype, output.Input)
		if !ok {
			continue
		}
		all = append(all, Counterpart{
			input.Input.Name, output.Input.Name, agreeing, edges, choice.Gain, output.Accuracy - input.Accuracy,
		})
	}
	return all
}

// agreement counts the edges of two architectures, and those with one operation in both; ok tells whether the edges are the same.
func agreement(a, b genotype.Genotype) (agreeing, edges int, ok bool) {
	for _, cells := range [2][2]genotype.Cell{{a.Normal, b.Normal}, {a.Reduce, b.Reduce}} {
		if len(cells[0].Edges) != len(cells[1].Edges) {
			return 0, 0, false
		}
		for i, e := range cells[0].Edges {
			other := cells[1].Edges[i]
			if e.From != other.From || e.To != other.To {
				return 0, 0, false
			}
			edges++
			if e.Op == other.Op {
				agreeing++
			}
		}
	}
	return agreeing, edges, true
}
