package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// acceptPublished lets a command be called as the published program is: those of its flags that have no meaning here are
// read, hidden from --help, and named in one warning.
func (p *program) acceptPublished(c *cobra.Command) {
	ignored := pflag.NewFlagSet("published", pflag.ContinueOnError)
	for _, name := range []string{
		"prefix", "gpu", "controller-hid", "controller-start-training", "scheduler", "store", "report-freq",
	} {
		ignored.String(name, "", "a flag of the published program, without a meaning here")
	}
	ignored.VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	c.Flags().AddFlagSet(ignored)
	c.PreRun = func(*cobra.Command, []string) {
		var given []string
		ignored.VisitAll(func(f *pflag.Flag) {
			if f.Changed {
				given = append(given, "--"+f.Name)
			}
		})
		if len(given) > 0 {
			p.warn("ignored, without a meaning here: %s", strings.Join(given, " "))
		}
	}
}
