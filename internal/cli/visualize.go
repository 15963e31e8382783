package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/internal/draw"
	"nat/internal/genotype"
)

func (p *program) visualizeCommand() *cobra.Command {
	var (
		formats     []draw.Format
		folder      string
		transitions bool
	)
	c := &cobra.Command{
		Use:   "visualize ARCH [ARCH2]",
		Short: "Draw an architecture, or two side by side with what differs marked",
		Long: `Draw the normal and the reduce cell of an architecture, and print the names of the files. With two architectures, each
drawing shows the first as input beside the second as output, with the changed operations marked. With --transitions, draw
which operation may turn into which, and what each costs. Nothing needs to be installed for it.`,
		Example: `  nat visualize DARTS --format svg,pdf --out drawings
  nat visualize DARTS NAT_DARTS
  nat visualize --transitions`,
		ValidArgsFunction: completeArchitecture,
	}
	formatFlag(c.Flags(), &formats)
	c.Flags().StringVar(&folder, "out", ".", "`folder` to draw into, made if it isn't there")
	c.Flags().BoolVar(&transitions, "transitions", false, "draw the scheme of transitions")
	c.Args = func(c *cobra.Command, args []string) error {
		if transitions && len(args) == 0 {
			return nil
		}
		return someArchitectures(2)(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		all, err := p.architectures(args)
		if err != nil {
			return err
		}
		return p.visualize(c.Context(), all, transitions, folder, formats)
	}
	return c
}

// formatFlag defines --format, which means the same in every command that draws.
func formatFlag(flags *pflag.FlagSet, formats *[]draw.Format) {
	*formats = []draw.Format{draw.SVG, draw.PNG}
	flags.Var(&setting[[]draw.Format]{formats, draw.ParseFormats, "list", "svg,png"},
		"format", "kinds of files: svg, png, pdf, dot")
}

// visualize draws what is asked for and prints the names of the files, those of before an error too.
func (p *program) visualize(
	ctx context.Context, all []genotype.Genotype, transitions bool, folder string, formats []draw.Format,
) (err error) {
	painter, err := newPainter()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, painter.Close()) }()
	var files []string
	switch len(all) {
	case 1:
		files, err = painter.SaveCells(ctx, folder, all[0], formats)
	case 2:
		files, err = painter.SavePair(ctx, folder, all[0], all[1], formats)
	}
	if err == nil && transitions {
		var scheme []string
		scheme, err = painter.SaveTransitions(ctx, folder, formats)
		files = append(files, scheme...)
	}
	for _, file := range files {
		p.print("%s\n", file)
	}
	return err
}
