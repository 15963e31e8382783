package genotype

import (
	"fmt"
	"slices"
	"strings"
)

// fromLiteral makes a genotype of a call or a dictionary.
func (b *builder) fromLiteral(l literal) (Genotype, error) {
	if l.isFlat() {
		return b.flatKeys(l)
	}
	if fields, ok := l.cellObjects(); ok {
		return b.genotype(l, fields)
	}
	fields, err := b.positional(l)
	if err != nil {
		return Genotype{}, err
	}
	return b.genotype(l, fields)
}

// isGenotype tells whether a dictionary is meant as a genotype in one of the ways in which dictionaries are.
func (l literal) isGenotype() bool {
	if _, ok := l.cellObjects(); ok || l.isFlat() {
		return true
	}
	return slices.ContainsFunc(l.fields, func(f field) bool {
		known, ok := fieldNames[f.name]
		cells := f.value.kind == list || f.value.kind == call || f.value.kind == computed
		return ok && (cells || strings.HasSuffix(known, "_concat"))
	})
}

// isFlat tells whether a dictionary has NNI's form, with a key for every operation and source.
func (l literal) isFlat() bool {
	return slices.ContainsFunc(l.fields, func(f field) bool { return isFlatKey(f.name) })
}

func isFlatKey(key string) bool {
	return strings.HasPrefix(key, "normal/") || strings.HasPrefix(key, "reduce/")
}

// cellObjects returns the fields of a genotype of Vega's form: {"normal": {"genotype": […], "concat": […]}, "reduce": …}.
func (l literal) cellObjects() (fields []field, ok bool) {
	for _, f := range l.fields {
		known := fieldNames[f.name]
		edges, isCell := f.value.field("genotype")
		if f.value.kind != mapping || !isCell || edges.kind != list || strings.HasSuffix(known, "_concat") || known == "" {
			continue
		}
		fields = append(fields, field{known, f.at, edges})
		for _, inner := range f.value.fields {
			if inner.name == "concat" {
				fields = append(fields, field{known + "_concat", inner.at, inner.value})
			}
		}
	}
	return fields, len(fields) > 0
}

// flatKeys reads NNI's form, 'normal/op_2_0': 'skip_connect', 'normal/input_2_0': [0]: the first number is the node, the
// second counts its edges. All nodes are concatenated.
func (b *builder) flatKeys(l literal) (Genotype, error) {
	var g Genotype
	values := map[string]field{}
	for _, f := range l.fields {
		if _, twice := values[f.name]; twice {
			return g, b.reader.fail(f.at, "the key %s is given twice: leave one out", shortened(f.name))
		}
		if isFlatKey(f.name) {
			values[f.name] = f
		} else if err := b.extra(l, f); err != nil {
			return g, err
		}
	}
	for _, c := range []struct {
		kind string
		cell *Cell
	}{{"normal", &g.Normal}, {"reduce", &g.Reduce}} {
		for node := 2; node < MaxNodes+2; node++ {
			if _, ok := values[fmt.Sprintf("%s/op_%d_0", c.kind, node)]; !ok {
				break
			}
			for i := range 2 {
				e, err := b.flatKeyEdge(l, values, fmt.Sprintf("%s/%%s_%d_%d", c.kind, node, i))
				if err != nil {
					return g, err
				}
				e.To = node
				c.cell.Edges = append(c.cell.Edges, e)
			}
			c.cell.Concat = append(c.cell.Concat, node)
		}
	}
	for _, f := range l.fields {
		if _, left := values[f.name]; left {
			return g, b.reader.fail(f.at, "the key %s doesn't fit: each node from 2 on has an op and an input for its edges 0 and 1", shortened(f.name))
		}
	}
	b.warn("no concat list is given: all nodes are concatenated")
	if err := g.Validate(); err != nil {
		return g, b.reader.fail(l.at, "%w", err)
	}
	return g, nil
}

// flatKeyEdge takes the operation and the source of an edge out of values.
func (b *builder) flatKeyEdge(l literal, values map[string]field, pattern string) (Edge, error) {
	op, input := values[fmt.Sprintf(pattern, "op")], values[fmt.Sprintf(pattern, "input")]
	for _, f := range []struct {
		field
		what string
	}{{op, "op"}, {input, "input"}} {
		if f.name == "" {
			return Edge{}, b.reader.fail(l.at, "the key %s is missing: every node needs exactly two edges", fmt.Sprintf(pattern, f.what))
		}
		delete(values, f.name)
	}
	from := input.value
	if from.kind == list && len(from.items) == 1 {
		from = from.items[0]
	}
	if op.value.kind != text || from.kind != integer {
		return Edge{}, b.reader.fail(op.at, "%s is %s with input %s, where an operation and the number of a node should stand", shortened(op.name), op.value, from)
	}
	id, err := b.operation(op.value)
	return Edge{Op: id, From: from.number}, err
}
