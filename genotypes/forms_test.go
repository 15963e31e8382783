package genotypes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"nat/internal/genotype"
)

// written is a way to write the edges of a cell.
type written func(c genotype.Cell) string

// each writes every edge in a way of its own, and joins them.
func each(write func(e genotype.Edge) string) written {
	return func(c genotype.Cell) string {
		var edges []string
		for _, e := range c.Edges {
			edges = append(edges, write(e))
		}
		return "[" + strings.Join(edges, ", ") + "]"
	}
}

// byNode writes two edges of two columns for each node, between an opening and a closing bracket.
func byNode(opening, closing string) written {
	return func(c genotype.Cell) string {
		var nodes []string
		for i := 0; i < len(c.Edges); i += 2 {
			a, b := c.Edges[i], c.Edges[i+1]
			nodes = append(nodes, fmt.Sprintf("%s('%s', %d), ('%s', %d)%s", opening, a.Op, a.From, b.Op, b.From, closing))
		}
		return "[" + strings.Join(nodes, ",\n    ") + "]"
	}
}

// TestPublishedInOtherForms writes every published architecture as other projects would, and reads it back as it is.
func TestPublishedInOtherForms(t *testing.T) {
	call := func(g genotype.Genotype, edges written) string {
		return fmt.Sprintf("Genotype(\r\n    normal=%s,\r\n    normal_concat=%s,\r\n    reduce=%s,\r\n    reduce_concat=%s,\r\n)",
			edges(g.Normal), list(g.Normal.Concat), edges(g.Reduce), list(g.Reduce.Concat))
	}
	two := each(func(e genotype.Edge) string { return fmt.Sprintf("('%s', %d)", e.Op, e.From) })
	quoted := each(func(e genotype.Edge) string { return fmt.Sprintf(`["%s",%d]`, e.Op, e.From) })
	for name, write := range map[string]func(g genotype.Genotype) string{
		"two columns":      func(g genotype.Genotype) string { return call(g, two) },
		"none":             func(g genotype.Genotype) string { return strings.ReplaceAll(g.String(), "'null'", `"none"`) },
		"pairs in lists":   func(g genotype.Genotype) string { return call(g, byNode("[", "]")) },
		"pairs in tuples":  func(g genotype.Genotype) string { return call(g, byNode("(", ")")) },
		"op, to, from":     func(g genotype.Genotype) string { return call(g, each(swapped)) },
		"weights":          func(g genotype.Genotype) string { return call(g, each(weighted)) },
		"alias and others": func(g genotype.Genotype) string { return "X = " + g.String() + "\n# X = " + g.String() + "\nY = X\n" },
		"log": func(g genotype.Genotype) string {
			return "07/16 01:48:03 PM genotype = " + genotype.Genotype{Normal: g.Reduce, Reduce: g.Normal}.String() + "\n07/16 01:50:03 PM genotype = " + g.String() + "\n07/16 done\n"
		},
		"string": func(g genotype.Genotype) string {
			text, err := json.Marshal(map[string]any{"best": map[string]string{"genotype": call(g, two)}})
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		},
		"JSON": func(g genotype.Genotype) string {
			return fmt.Sprintf(`{"spec": {"normal": %s, "normal_concat": %s, "reduction": %s, "reduction_concat": %s}}`,
				quoted(g.Normal), list(g.Normal.Concat), quoted(g.Reduce), list(g.Reduce.Concat))
		},
	} {
		for _, published := range Names() {
			g, _ := Lookup(published)
			back, _, err := Resolve("-", strings.NewReader(write(g)))
			if err != nil || !back.Equal(g) {
				t.Errorf("%s, %s: %s was read as %s, error %v", published, name, write(g), back, err)
			}
		}
	}
}

func swapped(e genotype.Edge) string { return fmt.Sprintf("('%s', %d, %d)", e.Op, e.To, e.From) }

func weighted(e genotype.Edge) string {
	return fmt.Sprintf("('%s', %d, %.3f)", e.Op, e.From, 0.1/float64(e.To))
}

// list writes a list of numbers.
func list(numbers []int) string { return strings.ReplaceAll(fmt.Sprint(numbers), " ", ", ") }
