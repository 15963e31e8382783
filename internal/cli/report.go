package cli

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/genotypes"
	"nat/internal/atomicfile"
	"nat/internal/derive"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/random"
	"nat/internal/report"
)

// reportSettings are the flags of nat report.
type reportSettings struct {
	dataFlags
	deviceFlags
	folder, out        string
	architecture       string
	noEval             bool
	candidates, images int
	seed               uint64
	batchSize          int
}

func (p *program) reportCommand() *cobra.Command {
	var s reportSettings
	c := &cobra.Command{
		Use:   "report RUN",
		Short: "Make one HTML page of a run",
		Long: `Make one HTML page of the run in a folder, also of one that goes on, and print its name: how far it has come, its curves,
settings and machine, architectures drawn; of a search also what its policy makes of every operation, and the front of accuracy
and multiply-adds among transformations of an architecture. The page needs no network and no other file.`,
		Example: "  nat report runs/search-1\n  nat report runs/train-1 --out train.html",
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef(c, "name one run folder, as in %s runs/search-1", c.CommandPath())
		}
		return nil
	}
	s.define(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		s.folder = args[0]
		return p.writeReport(c.Context(), s)
	}
	return c
}

func (s *reportSettings) define(flags *pflag.FlagSet) {
	flags.StringVar(&s.out, "out", "", "`file` to write, instead of report.html in the run folder")
	flags.StringVar(&s.architecture, "arch", "", "`architecture` whose transformations a search's front is of, instead of a published one that fits")
	flags.BoolVar(&s.noEval, "no-eval", false, "evaluate nothing: leave the front out")
	wholeNumber(flags, &s.candidates, "n-archs", racedCandidates, 1, 100_000, "transformations to race for the front")
	wholeNumber(flags, &s.images, "images", 512, 1, 10_000_000, "held-out images to evaluate on")
	seedFlag(flags, &s.seed)
	s.defineOffline(flags)
	batchSizeFlag(flags, &s.batchSize)
	s.deviceFlags.define(flags)
}

// writeReport does what nat report is asked for.
func (p *program) writeReport(ctx context.Context, s reportSettings) (err error) {
	painter, err := newPainter()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, painter.Close()) }()
	device, err := s.device()
	if err != nil {
		return err
	}
	defer device.Close()
	o := report.Options{Folder: s.folder, Version: buildVersion().Version, Painter: painter, Device: device}
	if !s.noEval {
		o.Front = func(m *model.Model) (*derive.Result, error) { return p.reportFront(ctx, device, m, s) }
	}
	page, err := report.Of(ctx, o)
	if err != nil {
		return err
	}
	out := s.out
	if out == "" {
		out = filepath.Join(s.folder, "report.html")
	}
	if err := atomicfile.Write(out, func(w io.Writer) error { return page.Write(w) }); err != nil {
		return err
	}
	p.print("%s\n", out)
	return nil
}

// reportFront finds the front of a model's transformations. There is none where nothing can be evaluated, which a warning
// says.
func (p *program) reportFront(ctx context.Context, device *graph.Device, m *model.Model, s reportSettings) (*derive.Result, error) {
	if m.Supernet == nil {
		return nil, nil
	}
	s.size = m.Supernet.Config().ImageSize
	set, err := p.openData(ctx, s.dataFlags)
	if err != nil {
		return nil, err
	}
	if reason := strange(m, set); reason != "" {
		p.warn("%s: the report is without a front (--data names the data that it was trained on)", reason)
		return nil, nil
	}
	input, err := p.reportArchitecture(m, s)
	if err != nil {
		return nil, err
	}
	images, err := p.heldOut(set, m, s.images)
	if err != nil {
		return nil, err
	}
	r, err := p.deriveOne(ctx, device, derivable{input, m}, derive.Options{
		Candidates: s.candidates, WithMode: true, Front: true, Seed: s.seed, Selection: images, BatchSize: s.batchSize,
	})
	return &r, err
}

// reportArchitecture returns the architecture that is asked for, or a published one that fits, or a random one.
func (p *program) reportArchitecture(m *model.Model, s reportSettings) (genotype.Genotype, error) {
	if s.architecture != "" {
		all, err := p.architectures([]string{s.architecture})
		if err != nil {
			return genotype.Genotype{}, err
		}
		return distinctNames(all)[0], fits(all[0], m, false)
	}
	for _, name := range []string{"DARTS", "ENAS"} {
		if g, _, err := genotypes.Resolve(name, nil); err != nil || m.Fits(g) == nil {
			return g, err
		}
	}
	g := genotype.Random(random.New(s.seed, "genotypes", 0), m.Supernet.Config().Nodes)
	g.Name = "random_1"
	return g, nil
}
