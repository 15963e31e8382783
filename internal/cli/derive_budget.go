package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"nat/internal/derive"
	"nat/internal/draw"
	"nat/internal/report"
)

// budgetSettings are the flags of nat derive that say what the output may cost.
type budgetSettings struct {
	derive.Budget
	pareto bool
}

func (s *budgetSettings) define(flags *pflag.FlagSet) {
	quantity(flags, &s.MAdds, "max-madds", "multiply-adds that the output may take as a network of its own, such as 400M")
	quantity(flags, &s.Parameters, "max-parameters", "parameters that it may have, such as 2.5M")
	flags.Var(&setting[time.Duration]{&s.Latency, readLatency, "time", ""}, "max-latency",
		"what it may take for one image on this machine, such as 3ms; being measured, it varies")
	flags.BoolVar(&s.pareto, "pareto", false, "list and draw the front of accuracy and multiply-adds")
}

// given tells whether anything is asked for that many candidates are raced for.
func (s *budgetSettings) given() bool { return s.pareto || s.Budget != derive.Budget{} }

// racedCandidates is how many transformations are drawn for a budget or a front without --n-archs.
const racedCandidates = 200

// quantity defines a flag for a positive number that may have a suffix: k, M or G.
func quantity(flags *pflag.FlagSet, value *int, name, usage string) {
	read := func(text string) (int, error) {
		factor := 1.0
		for suffix, f := range map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9} {
			if rest, ok := strings.CutSuffix(strings.ToLower(text), suffix); ok {
				text, factor = rest, f
				break
			}
		}
		x, err := strconv.ParseFloat(text, 64)
		if x *= factor; err != nil || !(x >= 1 && x <= 1e18) {
			return 0, errors.New("give a number above 0, such as 2500000, 2.5M or 1.2G")
		}
		return int(math.Round(x)), nil
	}
	flags.Var(&setting[int]{value, read, "n", ""}, name, usage)
}

func readLatency(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("give a time above 0 with its unit, such as 3ms or 800us")
	}
	return d, nil
}

// describeBudget says a budget in words.
func describeBudget(b derive.Budget) string {
	var parts []string
	if b.MAdds > 0 {
		parts = append(parts, grouped(b.MAdds)+" multiply-adds")
	}
	if b.Parameters > 0 {
		parts = append(parts, grouped(b.Parameters)+" parameters")
	}
	if b.Latency > 0 {
		parts = append(parts, milliseconds(b.Latency)+" an image")
	}
	return strings.Join(parts, " and ")
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// unmet is the error that a budget isn't met, or nil where it is: what the closest transformation costs, and what of that
// can't be saved.
func unmet(r derive.Result, b derive.Budget) error {
	if r.Unmet == nil {
		return nil
	}
	out := r.Output
	takes := fmt.Sprintf("%s multiply-adds and %s parameters", grouped(out.Cost.MAdds), grouped(out.Cost.Parameters))
	if out.Latency > 0 {
		takes += " and " + milliseconds(out.Latency)
	}
	text := fmt.Sprintf("%s: no transformation was found within %s: the closest takes %s, of which %s and %s are of stem, preprocessing and classifier",
		r.Input.Name, describeBudget(b), takes, grouped(r.Unmet.Fixed.MAdds), grouped(r.Unmet.Fixed.Parameters))
	if len(r.Unmet.Edges) == 0 {
		return errors.New(text + ", and nothing of its edges")
	}
	e := r.Unmet.Edges[0]
	kind := draw.Normal
	if e.Reduce {
		kind = draw.Reduce
	}
	return fmt.Errorf("%s; most in the way stands edge %d → %d of the %s cell, %s, with %s and %s", text, e.From, e.To, kind, e.Op,
		grouped(e.Cost.MAdds), grouped(e.Cost.Parameters))
}

// derivedBudget is the JSON of a budget.
type derivedBudget struct {
	MAdds      int     `json:"max_madds,omitempty"`
	Parameters int     `json:"max_parameters,omitempty"`
	Latency    float64 `json:"max_latency_ms,omitempty"`
	Met        bool    `json:"met"`
	// where it is not met: what nothing can save, and the dearest edge that is left
	FixedMAdds      int           `json:"fixed_madds,omitempty"`
	FixedParameters int           `json:"fixed_parameters,omitempty"`
	InTheWay        *derivedInWay `json:"in_the_way,omitempty"`
}

type derivedInWay struct {
	Cell       draw.Kind `json:"cell"`
	Op         string    `json:"op"`
	From       int       `json:"from"`
	To         int       `json:"to"`
	MAdds      int       `json:"madds"`
	Parameters int       `json:"parameters"`
}

// newDerivedBudget returns nil where there is no budget.
func newDerivedBudget(r derive.Result, b derive.Budget) *derivedBudget {
	if b == (derive.Budget{}) {
		return nil
	}
	d := &derivedBudget{MAdds: b.MAdds, Parameters: b.Parameters, Latency: inMilliseconds(b.Latency), Met: r.Unmet == nil}
	if u := r.Unmet; u != nil {
		d.FixedMAdds, d.FixedParameters = u.Fixed.MAdds, u.Fixed.Parameters
		if len(u.Edges) > 0 {
			e := u.Edges[0]
			d.InTheWay = &derivedInWay{draw.Normal, e.Op.String(), e.From, e.To, e.Cost.MAdds, e.Cost.Parameters}
			if e.Reduce {
				d.InTheWay.Cell = draw.Reduce
			}
		}
	}
	return d
}

func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// frontOf returns the members of a front under names of their own.
func frontOf(r derive.Result) []derive.Architecture {
	var all []derive.Architecture
	for i, a := range r.Front {
		if !a.Equal(r.Input.Genotype) {
			a.Name = fmt.Sprintf("%s_front_%d", r.Input.Name, i+1)
		}
		all = append(all, a)
	}
	return all
}

// printFront prints the front as a table, and the genotypes of its members.
func (p *program) printFront(r derive.Result) {
	rows := [][]string{{"front", "accuracy, selection", "multiply-adds", "parameters", ""}}
	all := frontOf(r)
	for _, a := range all {
		chosen := ""
		if a.Equal(r.Output.Genotype) {
			chosen = "chosen"
		}
		rows = append(rows, []string{a.Name, percent(a.Selection), grouped(a.Cost.MAdds), grouped(a.Cost.Parameters), chosen})
	}
	p.printTable(rows)
	p.print("\n")
	for _, a := range all {
		p.print("%s\n", a.Define())
	}
	p.print("\n")
}

// front draws the front, where there is one.
func (s *sketches) front(ctx context.Context, r derive.Result) error {
	if s.painter == nil || len(r.Front) == 0 {
		return nil
	}
	files, err := draw.SaveChart(ctx, s.folder, nameOf(r.Input.Genotype)+"-front", report.FrontChart(r), s.formats)
	if err != nil {
		return err
	}
	s.note("drawn: %s", strings.Join(files, " "))
	return nil
}

// derivedFront is the JSON of a front.
func derivedFront(r derive.Result) []derivedArchitecture {
	var all []derivedArchitecture
	for _, a := range frontOf(r) {
		all = append(all, newDerivedArchitecture(a))
	}
	return all
}
