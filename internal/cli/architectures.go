package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"nat/genotypes"
	"nat/internal/genotype"
)

// architectures reads the ARCH arguments of a command, and passes on what a reader should know about them.
func (p *program) architectures(args []string) ([]genotype.Genotype, error) {
	if first := slices.Index(args, "-"); first >= 0 && slices.Contains(args[first+1:], "-") {
		return nil, errors.New("- is given twice: standard input can be read once")
	}
	var all []genotype.Genotype
	for _, arg := range args {
		g, warnings, err := genotypes.Resolve(arg, p.stdin)
		if err != nil {
			return nil, err
		}
		for _, w := range warnings {
			p.warn("%s", w)
		}
		all = append(all, g)
	}
	return all, nil
}

// someArchitectures is the argument check of commands that take from one to most architectures.
func someArchitectures(most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < 1 {
			return usagef(c, "name an architecture, as in %s DARTS; nat genotypes lists the published ones", c.CommandPath())
		}
		if len(args) > most {
			return usagef(c, "%d arguments are more than the %d architectures that %s takes: quote names with blanks",
				len(args), most, c.CommandPath())
		}
		return nil
	}
}

// completeArchitecture completes an ARCH argument in a shell: published names, and files.
func completeArchitecture(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return genotypes.Names(), cobra.ShellCompDirectiveDefault
}
