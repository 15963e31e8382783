package genotype

import (
	"fmt"
	"slices"
	"strings"

	"nat/internal/primitive"
)

// builder makes a genotype of literals and collects what the user should know about how they were read.
type builder struct {
	reader   *reader // for errors with a place
	warnings []string
}

func (b *builder) warn(format string, args ...any) {
	b.warnings = append(b.warnings, fmt.Sprintf(format, args...))
}

// The fields of a genotype. Each has the names under which it is read.
var fieldNames = map[string]string{
	"normal": "normal", "normal_concat": "normal_concat", "reduce": "reduce", "reduce_concat": "reduce_concat",
	"reduction": "reduce", "reduction_concat": "reduce_concat",
}

// otherCells begin the names of fields that make an architecture of another kind.
var otherCells = []string{"normal", "reduc", "upsampl", "downsampl", "recurrent", "cell", "stem", "expan"}

// genotype makes a genotype of the fields of l, a call or dictionary.
func (b *builder) genotype(l literal, fields []field) (Genotype, error) {
	var g Genotype
	values := map[string]field{}
	for _, f := range fields {
		known, ok := fieldNames[f.name]
		if !ok {
			if err := b.extra(l, f); err != nil {
				return g, err
			}
			continue
		}
		if _, twice := values[known]; twice {
			return g, b.reader.fail(f.at, "the field %s is given twice: leave one out", f.name)
		}
		values[known] = f
	}
	for _, c := range []struct {
		kind string
		cell *Cell
	}{{"normal", &g.Normal}, {"reduce", &g.Reduce}} {
		edges, concat := values[c.kind], values[c.kind+"_concat"]
		if err := b.present(l.at, c.kind, edges); err != nil {
			return g, err
		}
		if err := b.present(l.at, c.kind+"_concat", concat); err != nil {
			return g, err
		}
		var err error
		if c.cell.Edges, err = b.edges(c.kind, edges.value); err != nil {
			return g, err
		}
		if c.cell.Concat, err = b.concat(c.kind, concat.value); err != nil {
			return g, err
		}
		if err := c.cell.Validate(); err != nil {
			return g, b.reader.fail(concat.value.at, "%s cell: %w", c.kind, err)
		}
		b.warnUnused(c.kind, *c.cell)
	}
	if err := g.Validate(); err != nil {
		return g, b.reader.fail(l.at, "%w", err)
	}
	return g, nil
}

// present refuses a field that is missing or empty.
func (b *builder) present(at int, name string, f field) error {
	if f.name == "" {
		return b.reader.fail(at, "the genotype has no %s: an architecture needs a normal and a reduce cell, each with its concat list", name)
	}
	if v := f.value; v.isNone() || v.kind == list && len(v.items) == 0 {
		return b.reader.fail(v.at, "the field %s is empty: an architecture needs a normal and a reduce cell, each with its concat list", name)
	}
	return nil
}

func (l literal) isNone() bool {
	return l.kind == name && slices.Contains([]string{"None", "null"}, l.word)
}

// extra ignores a field of l that doesn't change the cells, with a warning, and refuses one that may.
func (b *builder) extra(l literal, f field) error {
	single := f.value.kind == text || f.value.kind == integer || f.value.kind == decimal || f.value.kind == name
	other := slices.ContainsFunc(otherCells, func(p string) bool { return strings.HasPrefix(f.name, p) })
	switch {
	case single && (!other || l.kind == mapping && !f.value.isNone()):
	case l.kind == mapping && !other && !f.value.holdsEdges(): // a record of a search, with the genotype in it
	default:
		return b.reader.fail(f.at, "the field %s belongs to another kind of architecture: a genotype has normal, normal_concat, reduce and reduce_concat", shortened(f.name))
	}
	b.warn("the field %s was ignored: it doesn't change the cells", shortened(f.name))
	return nil
}

// holdsEdges tells whether somewhere in a value is a list of a name and a number.
func (l literal) holdsEdges() bool {
	if l.kind == list && len(l.items) > 1 && l.items[0].kind == text && l.items[1].kind == integer {
		return true
	}
	return slices.ContainsFunc(l.items, literal.holdsEdges) || slices.ContainsFunc(l.fields, func(f field) bool { return f.value.holdsEdges() })
}

// positional gives the arguments of a call without names the names of the fields, in the published order.
func (b *builder) positional(l literal) ([]field, error) {
	if len(l.items) == 0 {
		return l.fields, nil
	}
	order := []string{"normal", "normal_concat", "reduce", "reduce_concat"}
	if len(l.items) > len(order) {
		return nil, b.reader.fail(l.at, "%s has %d arguments, where normal, normal_concat, reduce and reduce_concat should stand", shortened(l.word), len(l.items))
	}
	var fields []field
	for i, v := range l.items {
		fields = append(fields, field{order[i], v.at, v})
	}
	return append(fields, l.fields...), nil
}

// concat reads a concat list: numbers, or a range of them.
func (b *builder) concat(kind string, l literal) ([]int, error) {
	if l.kind == call && l.word == "range" {
		return b.numberRange(kind, l)
	}
	if l.kind != list {
		return nil, b.reader.fail(l.at, "%s_concat is %s, where a list of nodes such as [2, 3, 4, 5] should stand", kind, l)
	}
	var nodes []int
	for _, n := range l.items {
		if n.kind != integer {
			return nil, b.reader.fail(n.at, "%s_concat holds %s, where the number of a node should stand", kind, n)
		}
		nodes = append(nodes, n.number)
	}
	return nodes, nil
}

func (b *builder) numberRange(kind string, l literal) ([]int, error) {
	bounds := []int{0, 0, 1}
	for i, n := range l.items {
		if n.kind != integer || i > 2 || len(l.fields) > 0 {
			return nil, b.reader.fail(l.at, "%s_concat is a range of something else than two numbers: write range(2, 6) or the nodes themselves", kind)
		}
		bounds[i] = n.number
	}
	if len(l.items) == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	var nodes []int
	for n := bounds[0]; bounds[2] > 0 && n < bounds[1]; n += bounds[2] {
		if nodes = append(nodes, n); len(nodes) > MaxNodes+2 {
			return nil, b.reader.fail(l.at, "%s_concat is a range of more nodes than the %d that a cell may have", kind, MaxNodes)
		}
	}
	if len(nodes) == 0 {
		return nil, b.reader.fail(l.at, "%s_concat is an empty range: name the nodes that make the cell's output", kind)
	}
	return nodes, nil
}

// edges reads the edges of a cell in any of the forms that leave no doubt.
func (b *builder) edges(kind string, l literal) ([]Edge, error) {
	switch {
	case l.kind == computed && l.word == "*" || l.kind == computed && l.word == "+":
		return nil, b.reader.fail(l.at, "%s is put together of several lists, one for each cell of a network: a genotype has one normal and one reduce cell", kind)
	case l.kind == mapping:
		return nil, b.reader.fail(l.at, "%s is a dictionary, where a list of edges should stand: this form is not known", kind)
	case l.kind != list:
		return nil, b.reader.fail(l.at, "%s is %s, where a list of edges such as [('sep_conv_3x3', 0, 2), …] should stand", kind, l)
	}
	if !slices.ContainsFunc(l.items, literal.isGroup) {
		return b.flat(kind, l)
	}
	var edges []Edge
	var written []literal
	for i, group := range l.items {
		if !group.isGroup() {
			return nil, b.reader.fail(group.at, "%s holds %s beside lists of edges: write all edges in one list, or a list for each node", kind, group)
		}
		if slices.ContainsFunc(group.items, literal.isGroup) {
			return nil, b.reader.fail(group.at, "%s is a list for every cell of a network: a genotype has one normal and one reduce cell", kind)
		}
		if len(group.items) != 2 {
			return nil, b.reader.fail(group.at, "node %d of the %s cell has %d edges: every node needs exactly two", i+2, kind, len(group.items))
		}
		written = append(written, group.items...)
	}
	edges, err := b.flat(kind, literal{kind: list, at: l.at, items: written})
	return edges, err
}

// isGroup tells whether a literal is a list whose items are lists themselves: the edges of a node, or even more.
func (l literal) isGroup() bool {
	return l.kind == list && len(l.items) > 0 && !slices.ContainsFunc(l.items, func(i literal) bool { return i.kind != list })
}

// columns is what the numbers of an edge mean. It is decided once for a cell: for a single edge it can't be known.
type columns uint8

const (
	pairs      columns = iota // operation and source; the targets follow from the order
	sourceLast                // operation, target, source
	targetLast                // operation, source, target: the published form
	weighted                  // operation, source, a weight of a search
)

// flat reads the edges of a cell from one list.
func (b *builder) flat(kind string, l literal) ([]Edge, error) {
	form, err := b.columns(kind, l)
	if err != nil {
		return nil, err
	}
	var edges []Edge
	for i, e := range l.items {
		op, err := b.operation(e.items[0])
		if err != nil {
			return nil, err
		}
		edge := Edge{Op: op, From: e.items[1].number, To: 2 + i/2}
		switch form {
		case targetLast:
			edge.To = e.items[2].number
		case sourceLast:
			edge.From, edge.To = e.items[2].number, e.items[1].number
		}
		if edge.From < 0 || edge.From >= edge.To {
			return nil, b.reader.fail(e.at, "this edge of the %s cell leads from node %d to node %d: a node is fed from earlier ones only", kind, edge.From, edge.To)
		}
		edges = append(edges, edge)
	}
	switch form {
	case weighted:
		b.warn("the third number of each edge of the %s cell, a weight, was dropped", kind)
	case sourceLast:
		b.warn("the edges of the %s cell are written (operation, to, from) and were read so", kind)
	}
	return b.ordered(kind, l, edges)
}

// columns finds out what the numbers of a cell's edges mean, and refuses whatever leaves doubt.
func (b *builder) columns(kind string, l literal) (columns, error) {
	counts, ups, downs, weights := map[int]int{}, 0, 0, 0
	for _, e := range l.items {
		if err := b.edgeShape(kind, e); err != nil {
			return 0, err
		}
		counts[len(e.items)]++
		if len(e.items) == 3 {
			switch from, to := e.items[1], e.items[2]; {
			case to.kind == decimal:
				weights++
			case from.number < to.number:
				ups++
			case from.number > to.number:
				downs++
			}
		}
	}
	switch n := len(l.items); {
	case counts[2] == n:
		if n%2 != 0 {
			return 0, b.reader.fail(l.at, "the %s cell has %d edges, an odd number: every node needs exactly two", kind, n)
		}
		return pairs, nil
	case counts[2] > 0:
		return 0, b.reader.fail(l.at, "some edges of the %s cell have two columns and some three: write all alike", kind)
	case ups == n:
		return targetLast, nil
	case downs == n:
		return sourceLast, nil
	case weights == n && n%2 == 0:
		return weighted, nil
	case weights == n:
		return 0, b.reader.fail(l.at, "the %s cell has %d edges, an odd number: every node needs exactly two", kind, n)
	}
	return 0, b.reader.fail(l.at, "the edges of the %s cell don't agree in which number is the source and which the target: write ('operation', from, to) with from below to", kind)
}

// edgeShape refuses what is no edge, naming the form that it is.
func (b *builder) edgeShape(kind string, e literal) error {
	if e.kind != list {
		switch e.kind {
		case integer, decimal:
			return b.reader.fail(e.at, "%s is a list of numbers: operations must be named, numbers mean other operations in every project", kind)
		}
		return b.reader.fail(e.at, "found %s in %s, where an edge such as ('sep_conv_3x3', 0, 2) should stand", e, kind)
	}
	for _, item := range e.items {
		if item.kind == mapping {
			return b.reader.fail(e.at, "an edge with settings in a dictionary can't be read: name one of the known operations")
		}
	}
	allNumbers := len(e.items) > 0 && !slices.ContainsFunc(e.items, func(i literal) bool { return i.kind != integer && i.kind != decimal })
	if allNumbers && slices.ContainsFunc(e.items, func(i literal) bool { return i.kind == decimal }) {
		return b.reader.fail(e.at, "%s holds rows of weights, the state of a search, not the edges of a cell", kind)
	}
	if allNumbers {
		return b.reader.fail(e.at, "an edge is written as numbers: operations must be named, since their numbers differ from project to project")
	}
	if n := len(e.items); n < 2 || n > 3 {
		return b.reader.fail(e.at, "an edge of %d columns, where ('sep_conv_3x3', 0) or ('sep_conv_3x3', 0, 2) should stand", n)
	}
	if e.items[0].kind != text {
		return b.reader.fail(e.items[0].at, "found %s where the name of an operation should stand", e.items[0])
	}
	for i, n := range e.items[1:] {
		if n.kind != integer && !(i == 1 && n.kind == decimal) {
			return b.reader.fail(n.at, "found %s where the number of a node should stand", n)
		}
	}
	return nil
}

func (b *builder) operation(l literal) (primitive.ID, error) {
	if id, ok := primitive.ByName(l.word); ok {
		return id, nil
	}
	if near := SuggestPrimitive(l.word); near != "" {
		return 0, b.reader.fail(l.at, "unknown operation %q: did you mean %s? (nat ops lists all)", shortened(l.word), near)
	}
	return 0, b.reader.fail(l.at, "unknown operation %q: nat ops lists the known ones", shortened(l.word))
}

// ordered puts edges in the order of their targets, two for each, and refuses cells whose nodes have more or fewer.
func (b *builder) ordered(kind string, l literal, edges []Edge) ([]Edge, error) {
	if len(edges) > 2*MaxNodes {
		return nil, b.reader.fail(l.at, "the %s cell has %d edges: a cell has two for each of 1 to %d nodes", kind, len(edges), MaxNodes)
	}
	count, last := map[int]int{}, 0
	for _, e := range edges {
		count[e.To]++
		last = max(last, e.To)
	}
	for node := 2; node <= last; node++ {
		if count[node] != 2 {
			return nil, b.reader.fail(l.at, "node %d of the %s cell has %d edges: every node needs exactly two", node, kind, count[node])
		}
	}
	byTarget := func(a, b Edge) int { return a.To - b.To }
	if !slices.IsSortedFunc(edges, byTarget) {
		slices.SortStableFunc(edges, byTarget)
		b.warn("the edges of the %s cell were put in the order of their targets", kind)
	}
	return edges, nil
}

// warnUnused tells of nodes at a cell's end that feed nothing: what the list of a whole graph without targets looks like
// when it is read as pairs.
func (b *builder) warnUnused(kind string, c Cell) {
	used := c.Sources()
	var dead []string
	for node := c.Nodes() + 1; node >= 2 && !used[node] && !slices.Contains(c.Concat, node); node-- {
		dead = append(dead, fmt.Sprint(node))
	}
	if len(dead) > 0 {
		slices.Reverse(dead)
		b.warn("of the %s cell, what node %s computes is used nowhere: is this the list of all edges of a graph, without targets?", kind, strings.Join(dead, ", "))
	}
}
