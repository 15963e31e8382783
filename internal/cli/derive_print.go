package cli

import (
	"fmt"
	"slices"
	"strings"

	"nat/internal/derive"
	"nat/internal/model"
	"nat/internal/primitive"
)

// derivedResult is the JSON of nat derive, of one architecture.
type derivedResult struct {
	Input      derivedArchitecture   `json:"input"`
	Output     derivedArchitecture   `json:"output"`
	Images     int                   `json:"images,omitempty"`      // to choose on; as many, or all, to test on
	SelectedOn string                `json:"selected_on,omitempty"` // which images those are
	Policy     derivedPolicy         `json:"policy"`
	StandIns   map[string]string     `json:"stand_ins"` // of primitives that the supernet doesn't have, by name
	Budget     *derivedBudget        `json:"budget,omitempty"`
	Raced      int                   `json:"raced,omitempty"` // candidates for a budget or a front
	Front      []derivedArchitecture `json:"front,omitempty"` // by multiply-adds
	Checkpoint string                `json:"checkpoint"`
	Seed       uint64                `json:"seed"`
}

type derivedArchitecture struct {
	Name              string   `json:"name"`
	Genotype          string   `json:"genotype"`
	Accuracy          *float64 `json:"accuracy,omitempty"`
	TestAccuracy      *float64 `json:"test_accuracy,omitempty"`
	Parameters        int      `json:"parameters"`
	MAdds             int      `json:"madds"`
	Latency           float64  `json:"latency_ms,omitempty"`
	WithoutParameters []string `json:"cells_without_parameters"`
}

type derivedPolicy struct {
	Normal []derivedEdge `json:"normal"`
	Reduce []derivedEdge `json:"reduce"`
}

type derivedEdge struct {
	Op            string             `json:"op"`
	From          int                `json:"from"`
	To            int                `json:"to"`
	Chosen        string             `json:"chosen"`
	Probabilities map[string]float64 `json:"probabilities"`
}

// newDerivedResult puts the JSON together.
func newDerivedResult(r derive.Result, m *model.Model, s deriveSettings) derivedResult {
	result := derivedResult{
		Input: newDerivedArchitecture(r.Input), Output: newDerivedArchitecture(r.Output), Images: r.Input.Selection.Images,
		Policy: derivedPolicy{newDerivedEdges(r.Normal), newDerivedEdges(r.Reduce)}, StandIns: map[string]string{},
		Budget: newDerivedBudget(r, s.Budget), Raced: r.Raced, Front: derivedFront(r), Checkpoint: m.Source, Seed: s.seed,
	}
	if !s.noEval {
		result.SelectedOn = s.selectOn
	}
	for _, x := range r.StandIns {
		result.StandIns[x.Own.String()] = x.Seen.String()
	}
	return result
}

func newDerivedArchitecture(a derive.Architecture) derivedArchitecture {
	return derivedArchitecture{
		a.Name, a.String(), share(a.Selection), share(a.Test), a.Cost.Parameters, a.Cost.MAdds, inMilliseconds(a.Latency),
		append([]string{}, a.WithoutParameters...),
	}
}

// share returns the share of correct images, or nil where none were looked at.
func share(a derive.Accuracy) *float64 {
	if a.Images == 0 {
		return nil
	}
	value := a.Value()
	return &value
}

// newDerivedEdges gives every edge the probabilities of the primitives of the search space, which are all that the policy
// knows: keeping one that isn't among them counts for its stand-in.
func newDerivedEdges(choices []derive.Choice) []derivedEdge {
	edges := []derivedEdge{}
	for _, c := range choices {
		e := derivedEdge{c.Op.String(), c.From, c.To, c.Chosen.String(), map[string]float64{}}
		for id := range primitive.ID(primitive.Searchable) {
			e.Probabilities[id.String()] = 0
		}
		for i, probability := range c.Policy.Normalised() {
			e.Probabilities[c.Policy.Allowed[i].StandIn().String()] += probability
		}
		edges = append(edges, e)
	}
	return edges
}

// printDerivation prints a result as one object, or as text that begins with an empty line where it isn't the first.
func (p *program) printDerivation(r derive.Result, m *model.Model, s deriveSettings, first bool) error {
	if s.json {
		return p.printJSON(newDerivedResult(r, m, s))
	}
	if s.table {
		p.printDerivedRow(r, s, first)
		return p.stdout.err
	}
	if !first {
		p.print("\n")
	}
	architectures := []derive.Architecture{r.Input, r.Output}
	if r.Output.Equal(r.Input.Genotype) {
		architectures = architectures[:1]
	}
	for _, a := range architectures {
		p.print("%s\n", a.Define())
	}
	p.print("\n")
	p.printComparison(architectures)
	p.print("\n")
	for _, remark := range remarks(r, architectures, s) {
		p.print("%s\n", remark)
	}
	p.print("\n")
	if len(r.Front) > 0 {
		p.printFront(r)
	}
	p.printChoices(r)
	return p.stdout.err // the next architecture would be derived in vain
}

// printDerivedRow prints a row of a Markdown table, after its header where it is the first.
func (p *program) printDerivedRow(r derive.Result, s deriveSettings, first bool) {
	header := []string{"architecture", "accuracy", "transformed", "multiply-adds", "transformed", "parameters", "transformed"}
	row := []string{
		r.Input.Name, percent(r.Input.Test), percent(r.Output.Test), inMillions(r.Input.Cost.MAdds), inMillions(r.Output.Cost.MAdds),
		inMillions(r.Input.Cost.Parameters), inMillions(r.Output.Cost.Parameters),
	}
	if s.noEval {
		header, row = slices.Delete(header, 1, 3), slices.Delete(row, 1, 3)
	}
	if first {
		p.print("| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	}
	p.print("| %s |\n", strings.Join(row, " | "))
}

// inMillions writes a number in millions with three digits, or all before the point.
func inMillions(n int) string {
	digits := 2
	for x := n; x >= 10_000_000 && digits > 0; x /= 10 {
		digits--
	}
	return strings.TrimSpace(millions(n, digits))
}

// printComparison prints accuracies and costs side by side.
func (p *program) printComparison(architectures []derive.Architecture) {
	header, selection, test := []string{""}, []string{"accuracy, selection"}, []string{"accuracy, test"}
	parameters, madds := []string{"parameters"}, []string{"multiply-adds"}
	for _, a := range architectures {
		header = append(header, a.Name)
		selection = append(selection, percent(a.Selection))
		test = append(test, percent(a.Test))
		parameters = append(parameters, grouped(a.Cost.Parameters))
		madds = append(madds, grouped(a.Cost.MAdds))
	}
	rows := [][]string{header, selection, test, parameters, madds}
	if architectures[0].Selection.Images == 0 {
		rows = [][]string{header, parameters, madds}
	}
	if architectures[0].Latency > 0 {
		latency := []string{"time an image"}
		for _, a := range architectures {
			latency = append(latency, milliseconds(a.Latency))
		}
		rows = append(rows, latency)
	}
	p.printTable(rows)
}

// percent writes an accuracy with its 95 % interval; it is empty where nothing was measured.
func percent(a derive.Accuracy) string {
	if a.Images == 0 {
		return ""
	}
	low, high := a.Interval()
	return fmt.Sprintf("%.2f %% (%.1f to %.1f)", 100*a.Value(), 100*low, 100*high)
}

// remarks says what the numbers are, and what to mind about them.
func remarks(r derive.Result, architectures []derive.Architecture, s deriveSettings) []string {
	all := []string{measurement(r, s), "Costs are those of networks of 36 channels and 20 cells for CIFAR-10."}
	if r.Raced > 0 && !s.noEval {
		all = append(all, fmt.Sprintf("Of %d candidates these were the best on parts of the selection images.", r.Raced))
	}
	if r.Unmet != nil {
		all = append(all, fmt.Sprintf("The budget of %s is not met: this is the closest that was found.", describeBudget(s.Budget)))
	} else if len(architectures) == 1 {
		all = append(all, fmt.Sprintf("No better transformation was found: %s stays as it is.", r.Input.Name))
	}
	if len(r.StandIns) > 0 {
		var pairs []string
		for _, x := range r.StandIns {
			pairs = append(pairs, fmt.Sprintf("%s as %s", x.Own, x.Seen))
		}
		all = append(all, "Policy and supernet see stand-ins for what is not in the search space: "+strings.Join(pairs, ", ")+".")
	}
	for _, a := range architectures {
		for _, cell := range a.WithoutParameters {
			all = append(all, fmt.Sprintf("The %s cell of %s has no parameters: its operations learn nothing.", cell, a.Name))
		}
	}
	return all
}

// measurement says what was measured, and on which images.
func measurement(r derive.Result, s deriveSettings) string {
	const what = "Accuracies with shared weights, and 95 % intervals: of"
	switch {
	case s.noEval && s.allowCostlier:
		return "Nothing was evaluated: this is the most probable transformation."
	case s.noEval && r.Unmet == nil && s.Budget != derive.Budget{}:
		return "Nothing was evaluated: this is the most probable transformation within the budget."
	case s.noEval:
		return "Nothing was evaluated: this is the most probable transformation that costs no more."
	case s.selectOn == selectTest:
		return fmt.Sprintf("%s %d test images, on which %d architectures were compared to choose one.",
			what, r.Input.Test.Images, r.Evaluated)
	default:
		return fmt.Sprintf("%s %d images held out of training, on which %d architectures were compared, and of %d test images.",
			what, r.Input.Selection.Images, r.Evaluated, r.Input.Test.Images)
	}
}

// printChoices prints what the policy said of every edge.
func (p *program) printChoices(r derive.Result) {
	rows := [][]string{{"cell", "edge", "operation", "becomes", "probability", "most probable"}}
	for _, cell := range []struct {
		kind    string
		choices []derive.Choice
	}{{"normal", r.Normal}, {"reduce", r.Reduce}} {
		for _, c := range cell.choices {
			chosen, best := 0, 0
			probabilities := c.Policy.Normalised()
			for i, probability := range probabilities {
				if c.Policy.Allowed[i] == c.Chosen {
					chosen = i
				}
				if probability > probabilities[best] {
					best = i
				}
			}
			mode := fmt.Sprintf("%s %.3f", c.Policy.Allowed[best], probabilities[best])
			if best == chosen {
				mode = "the same"
			}
			rows = append(rows, []string{
				cell.kind, fmt.Sprintf("%d → %d", c.From, c.To), c.Op.String(), c.Chosen.String(),
				fmt.Sprintf("%.3f", probabilities[chosen]), mode,
			})
		}
	}
	p.printTable(rows)
}
