package dot

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Point is a place on the page in millimetres, y upwards.
type Point struct{ X, Y float64 }

// Box is a node: its centre, width and height in millimetres.
type Box struct {
	Center        Point
	Width, Height float64
}

// Edge is the way from one node's border to another's: Bézier curves of degree 3 joined end to end, so 3·k + 1 points.
type Edge struct {
	Tail, Head string
	Curve      []Point
}

// Layout is where everything in a graph lies.
type Layout struct {
	Width, Height float64
	Nodes         map[string]Box
	Edges         []Edge
}

const perInch = 25.4

// parse reads Graphviz's format "plain": a line each for the graph, every node and every edge, lengths in inches. What
// follows the lengths (labels, colours) is left alone. Node names must be free of spaces.
func parse(plain string) (*Layout, error) {
	l := &Layout{Nodes: map[string]Box{}}
	for line := range strings.Lines(plain) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "stop" {
			continue
		}
		if err := l.add(fields); err != nil {
			return nil, fmt.Errorf("reading Graphviz's layout, line %q: %w", strings.TrimSpace(line), err)
		}
	}
	return l, nil
}

func (l *Layout) add(fields []string) error {
	switch fields[0] {
	case "graph": // graph scale width height
		n, err := lengths(fields, 2, 2)
		if err != nil {
			return err
		}
		l.Width, l.Height = n[0], n[1]
	case "node": // node name x y width height …
		n, err := lengths(fields, 2, 4)
		if err != nil {
			return err
		}
		l.Nodes[fields[1]] = Box{Point{n[0], n[1]}, n[2], n[3]}
	case "edge": // edge tail head count x1 y1 … xcount ycount …
		if len(fields) < 4 {
			return errShort
		}
		count, err := strconv.Atoi(fields[3])
		if err != nil || count < 4 || count%3 != 1 {
			return fmt.Errorf("%s points make no curve", fields[3])
		}
		n, err := lengths(fields, 4, 2*count)
		if err != nil {
			return err
		}
		e := Edge{Tail: fields[1], Head: fields[2]}
		for pair := range slices.Chunk(n, 2) {
			e.Curve = append(e.Curve, Point{pair[0], pair[1]})
		}
		l.Edges = append(l.Edges, e)
	default:
		return errors.New("unknown line")
	}
	return nil
}

var errShort = errors.New("too short")

// lengths reads count numbers from fields[from:], in millimetres.
func lengths(fields []string, from, count int) ([]float64, error) {
	if count > len(fields)-from {
		return nil, errShort
	}
	n := make([]float64, count)
	for i := range n {
		value, err := strconv.ParseFloat(fields[from+i], 64)
		if err != nil {
			return nil, err
		}
		n[i] = value * perInch
	}
	return n, nil
}
