package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"nat/internal/genotype"
	"nat/internal/primitive"
)

// opResult is one row of nat ops.
type opResult struct {
	Name        string   `json:"name"`
	Family      string   `json:"family"`
	Kernel      int      `json:"kernel,omitempty"`
	Searchable  bool     `json:"searchable"`
	Parameters  int      `json:"parameters"`
	MAdds       int      `json:"madds"`
	Transitions []string `json:"transitions"`
}

// opsCommand makes nat ops.
func (p *program) opsCommand() *cobra.Command {
	var json bool
	c := &cobra.Command{
		Use:   "ops [OPERATION…]",
		Short: "List the operations of cells with their costs and what each may turn into",
		Long: `List the operations (primitives) that cells are made of: family, kernel, cost, and what each may turn into. Costs are
those of one operation on 128 channels of 32×32 pixels. Architectures are searched among the first 13 operations; the
others, marked *, are read and kept, but never chosen anew.`,
		Example: "  nat ops sep_conv_5x5",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return names(primitive.All()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			ids, err := primitives(args)
			if err != nil {
				return err
			}
			var results []opResult
			for _, id := range ids {
				results = append(results, describe(id))
			}
			if json {
				return p.printJSON(map[string][]opResult{"operations": results})
			}
			p.printOps(results)
			return nil
		},
	}
	jsonFlag(c.Flags(), &json)
	return c
}

// primitives returns the primitives of those names, or all if there are none.
func primitives(names []string) ([]primitive.ID, error) {
	if len(names) == 0 {
		return primitive.All(), nil
	}
	var ids []primitive.ID
	for _, name := range names {
		id, ok := primitive.ByName(name)
		if !ok {
			return nil, fmt.Errorf("no operation %q, nat ops lists them%s", name, didYouMean(genotype.SuggestPrimitive(name)))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func names(ids []primitive.ID) []string {
	list := []string{}
	for _, id := range ids {
		list = append(list, id.String())
	}
	return list
}

func describe(id primitive.ID) opResult {
	const channels, stride = 128, 1 // the size of primitive's reference costs
	row := id.Get()
	return opResult{
		row.Name, row.Family.String(), row.Kernel, id.Searchable(),
		id.Parameters(channels, stride, false), id.ReferenceMAdds(), names(id.Transitions()),
	}
}

func (p *program) printOps(results []opResult) {
	rows := [][]string{{"operation", "family", "kernel", "parameters", "multiply-adds", "may turn into"}}
	for _, r := range results {
		name, kernel := r.Name, ""
		if !r.Searchable {
			name += " *"
		}
		if r.Kernel > 0 {
			kernel = fmt.Sprint(r.Kernel)
		}
		rows = append(rows, []string{
			name, r.Family, kernel, fmt.Sprintf("%10s", grouped(r.Parameters)), millions(r.MAdds, 1),
			strings.Join(r.Transitions, ", "),
		})
	}
	p.printTable(rows)
	p.print("\nCosts of one operation on 128 channels of 32×32 pixels. * read and kept, never chosen anew\n")
}
