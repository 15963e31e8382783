package draw

import (
	"fmt"
	"slices"
	"strings"

	"nat/internal/primitive"
)

// reader says whom a DOT text is for.
type reader int

const (
	forLayout  reader = iota // Graphviz, here: boxes of exactly our size, lines without arrowheads, which we draw
	forReading               // the user's Graphviz, whose fonts are its own: boxes may grow
)

const millimetresPerInch = 25.4

// graphText wraps statements into a directed graph with that title, empty for none.
func graphText(title string, r reader, statements []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", quote(title))
	for _, s := range slices.Concat([]string{
		fmt.Sprintf("graph [rankdir=LR, nodesep=%.3f, ranksep=%.3f]", rowGap/millimetresPerInch, columnGap/millimetresPerInch),
		fmt.Sprintf("graph [label=%s, labelloc=t, bgcolor=white, fontname=Helvetica, fontsize=12]", quote(title)),
		fmt.Sprintf(`node [shape=box, fixedsize=%t, margin="0.06,0.02", fontname=Helvetica, fontsize=9]`, r == forLayout),
		"edge [arrowsize=0.6]",
	}, statements) {
		fmt.Fprintf(&b, "\t%s;\n", s)
	}
	b.WriteString("}\n")
	return b.String()
}

// statements returns the diagram in the DOT language, with prefix before every node's name.
func (d *diagram) statements(prefix string, r reader) []string {
	s := []string{
		terminalStatement(prefix+stateID(0), "c_{k-2}"),
		terminalStatement(prefix+stateID(1), "c_{k-1}"),
		fmt.Sprintf("{ rank=same; %s -> %s [style=invis] }", prefix+stateID(0), prefix+stateID(1)), // in this order
	}
	for t := inputs; t < len(d.states); t++ {
		s = append(s, stateStatement(prefix+stateID(t), t, d.states[t]))
	}
	s = append(s,
		terminalStatement(prefix+outputID, "c_{k}"),
		fmt.Sprintf("{ rank=max; %s }", prefix+outputID)) // right of nodes that lead nowhere, too
	arrow := ""
	if r == forLayout {
		arrow = ", arrowhead=none"
	}
	for i, o := range d.operations {
		id, look := prefix+operationID(i), fmt.Sprintf(`color="%s", weight=4`, o.Op.Get().Family.Color())
		if o.Op == primitive.NullOp {
			look = fmt.Sprintf(`color="%s", style=dotted`, o.Op.Get().Family.Color())
		}
		s = append(s,
			operationStatement(id, o),
			fmt.Sprintf(`%s -> %s:w [%s, arrowhead=none]`, prefix+stateID(o.From), id, look),
			fmt.Sprintf(`%s:e -> %s [%s%s]`, id, prefix+stateID(o.To), look, arrow))
	}
	for _, t := range d.concat {
		s = append(s, fmt.Sprintf(`%s -> %s [color="%s"%s]`, prefix+stateID(t), prefix+outputID, faint, arrow))
	}
	return s
}

func terminalStatement(id, label string) string {
	return fmt.Sprintf(`%s [label=%s, style="rounded,filled", color="%s", fillcolor="%s", width=%.3f, height=%.3f]`,
		id, quote(label), ink, terminalFill, terminalWidth/millimetresPerInch, terminalHeight/millimetresPerInch)
}

func stateStatement(id string, number int, s state) string {
	style, color := "filled", ink
	if !s.output {
		style = "dashed"
	}
	if s.idle {
		color = faint
	}
	return fmt.Sprintf(`%s [label=%d, shape=circle, style=%s, color="%s", fontcolor="%s", fillcolor="%s", width=%.3f]`,
		id, number, style, color, color, stateFill, stateSize/millimetresPerInch)
}

func operationStatement(id string, o operation) string {
	color := o.Op.Get().Family.Color()
	style, label := "rounded,filled", o.Op.String()
	switch {
	case o.Op == primitive.NullOp:
		style += ",dotted"
	case o.changed:
		style += ",bold"
	}
	if o.was != "" {
		label += "\n" + o.was
	}
	return fmt.Sprintf(`%s [label=%s, style="%s", color="%s", fillcolor="%s", width=%.3f, height=%.3f]`,
		id, quote(label), style, color, tint(color), o.width/millimetresPerInch, o.height/millimetresPerInch)
}

// quote returns s as a string of the DOT language. Backslashes are doubled, for they start escapes in labels.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
