package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/genotypes"
	"nat/internal/dataset"
	"nat/internal/derive"
	"nat/internal/draw"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/model"
	"nat/internal/network"
	"nat/internal/random"
)

// The images that --select names.
const (
	selectValidation = "validation"
	selectTest       = "test"
)

// deriveSettings are the flags of nat derive.
type deriveSettings struct {
	dataFlags
	deviceFlags
	modelSettings
	budgetSettings
	architectures                   []string
	random                          int
	published                       bool
	candidates, images              int
	selectOn                        string
	withMode, allowCostlier, noEval bool
	seed                            uint64
	imagesGiven                     bool // --images
	batchSize                       int
	out                             string
	formats                         []draw.Format
	noDraw, json, table             bool
}

func (p *program) deriveCommand() *cobra.Command {
	var s deriveSettings
	c := &cobra.Command{
		Use:   "derive ARCH…",
		Short: "Turn architectures into more accurate ones that cost no more",
		Long: `Turn architectures into ones that are at least as accurate and cost no more: draw transformations of both cells from the
policy of a checkpoint, evaluate each with the supernet's shared weights on images held out of its training, and keep the
most accurate. With --max-madds, --max-parameters, --max-latency or --pareto, 200 are drawn, towards what is asked for, and
raced on growing subsets of the images; costs are those of networks of 36 channels and 20 cells. Print both genotypes, accuracies and costs, and what the policy said of every edge, and draw all four cells.

The accuracies are those of shared weights: they compare architectures, and are far below what a network trained from
scratch reaches. Without --model-path the shipped checkpoint for that many nodes is taken, and without --data the embedded
sample of real images, so that neither a network nor a disk is needed. The shipped checkpoints know CIFAR-10's classes alone:
for images of other classes they give the policy's most probable transformation, without accuracies.`,
		Example: `  nat derive DARTS
  nat derive VGG --max-madds 270M --pareto
  nat derive --published --table
  nat derive train.log --n-archs 30 --data ~/cifar-10
  nat derive --arch ENAS --model-path runs/search-1 --no-eval --json`,
		ValidArgsFunction: completeArchitecture,
	}
	s.define(c.Flags())
	p.acceptPublished(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		s.architectures = append(s.architectures, args...)
		if s.published {
			s.architectures = append(s.architectures, genotypes.Names()...)
		}
		if len(s.architectures) == 0 && s.random == 0 {
			return usagef(c, "name an architecture, as in %s DARTS; nat genotypes lists the published ones", c.CommandPath())
		}
		s.imagesGiven = c.Flags().Changed("images")
		if err := errors.Join(exclusive(c, "pareto", "no-eval"), exclusive(c, "table", "json")); err != nil {
			return err
		}
		s.noDraw = s.noDraw || s.table
		if s.given() && !c.Flags().Changed("n-archs") {
			s.candidates = racedCandidates
		}
		if s.selectOn == selectTest && !c.Flags().Changed("with-mode") {
			s.withMode = false // published numbers were chosen among draws alone
		}
		return p.derive(c.Context(), s)
	}
	return c
}

func (s *deriveSettings) define(flags *pflag.FlagSet) {
	flags.StringArrayVar(&s.architectures, "arch", nil, "`architecture` to transform, as the argument ARCH; also several times")
	wholeNumber(flags, &s.random, "random", 0, 1, maxRandom, "transform that many architectures drawn at random")
	flags.BoolVar(&s.published, "published", false, "transform all published architectures")
	s.modelSettings.define(flags, "kind of supernet, where the checkpoint doesn't say it")
	wholeNumber(flags, &s.candidates, "n-archs", 10, 1, 100_000, "transformations to choose from")
	wholeNumber(flags, &s.images, "images", 512, 0, 10_000_000, "images to choose on, and to test on; 0 takes all")
	choice(flags, &s.selectOn, "select", selectValidation, "images to choose on; test repeats published numbers",
		selectValidation, selectTest)
	flags.BoolVar(&s.withMode, "with-mode", true, "count the most probable transformation among them; off with --select test")
	flags.BoolVar(&s.allowCostlier, "allow-costlier", false, "accept transformations that cost more than the input")
	flags.BoolVar(&s.noEval, "no-eval", false, "evaluate nothing: take the most probable transformation that costs no more")
	seedFlag(flags, &s.seed)
	s.budgetSettings.define(flags)
	s.defineOffline(flags)
	batchSizeFlag(flags, &s.batchSize)
	s.deviceFlags.define(flags)
	flags.StringVar(&s.out, "out", ".", "`folder` for the drawings")
	formatFlag(flags, &s.formats)
	flags.BoolVar(&s.noDraw, "no-draw", false, "make no drawings")
	jsonFlag(flags, &s.json)
	flags.BoolVar(&s.table, "table", false, "print a row of a Markdown table for each architecture instead, and make no drawings")
}

// derivable is an architecture and the model to transform it with.
type derivable struct {
	genotype.Genotype
	model *model.Model
}

// derive does what nat derive is asked for. All that can be refused is refused before the first evaluation.
func (p *program) derive(ctx context.Context, s deriveSettings) error {
	all, err := p.derivables(s)
	if err != nil {
		return err
	}
	sketch, err := p.newSketches(s)
	if err != nil {
		return err
	}
	defer sketch.close()
	var set *dataset.Set
	if !s.noEval {
		s.size = all[0].model.Supernet.Config().ImageSize // the shipped ones have the same
		if set, err = p.openData(ctx, s.dataFlags); err != nil {
			return err
		}
	}
	device, err := s.device()
	if err != nil {
		return err
	}
	defer device.Close()
	var missed error // budgets that can't be met
	images := imagesOf{program: p, set: set, settings: s}
	for i, d := range all {
		selection, test, err := images.of(d.model)
		if err != nil {
			return err
		}
		s.noEval = selection == nil
		r, err := p.deriveOne(ctx, device, d, s.options(selection, test))
		if err != nil {
			return fmt.Errorf("%s: %w", nameOf(d.Genotype), err)
		}
		if err := p.printDerivation(r, d.model, s, i == 0); err != nil {
			return err
		}
		if err := errors.Join(sketch.cells(ctx, r), sketch.front(ctx, r)); err != nil {
			return err
		}
		missed = errors.Join(missed, unmet(r, s.Budget))
	}
	return missed
}

func (s deriveSettings) options(selection, test *dataset.Images) derive.Options {
	return derive.Options{
		Candidates: s.candidates, WithMode: s.withMode, AllowCostlier: s.allowCostlier, Seed: s.seed,
		Selection: selection, Test: test, BatchSize: s.batchSize, Budget: s.Budget, Front: s.pareto,
	}
}

// deriveOne transforms an architecture and shows how far it is.
func (p *program) deriveOne(ctx context.Context, device *graph.Device, d derivable, o derive.Options) (derive.Result, error) {
	bar := p.newProgress("deriving from "+nameOf(d.Genotype), false)
	defer bar.close()
	o.Progress = func(done, total int) { bar.report(int64(done), int64(total)) }
	return derive.Derive(ctx, device, d.model, d.Genotype, o)
}

// derivables reads the architectures and the checkpoints that fit them.
func (p *program) derivables(s deriveSettings) ([]derivable, error) {
	genotypes, err := p.architectures(s.architectures)
	if err != nil {
		return nil, err
	}
	models := p.newModels(s.modelSettings)
	if s.random > 0 {
		nodes, err := models.nodes()
		if err != nil {
			return nil, err
		}
		for i := range s.random {
			g := genotype.Random(random.New(s.seed, "genotypes", i), nodes)
			g.Name = fmt.Sprintf("random_%d", i+1)
			genotypes = append(genotypes, g)
		}
	}
	var all []derivable
	for _, g := range distinctNames(genotypes) {
		m, err := models.forNodes(g.Nodes())
		if err == nil {
			err = fits(g, m, s.noEval)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(g), err)
		}
		all = append(all, derivable{g, m})
	}
	return all, nil
}

// fits checks that an architecture can be transformed with a model.
func fits(g genotype.Genotype, m *model.Model, noEval bool) error {
	if err := m.Fits(g); err != nil {
		return err
	}
	if m.Supernet == nil && !noEval {
		return fmt.Errorf("%s holds a policy alone, which evaluates nothing: give --no-eval, or a checkpoint with a supernet",
			m.Source)
	}
	_, err := network.CostOf(g, network.CIFAR10())
	return err
}

// distinctNames names what has no name, and numbers names that are given twice: files are called by them.
func distinctNames(genotypes []genotype.Genotype) []genotype.Genotype {
	var names []string
	for i := range genotypes {
		g := &genotypes[i]
		if g.Name == "" {
			g.Name = "unnamed"
		}
		name := g.Name
		for n := 2; slices.Contains(names, g.Name); n++ {
			g.Name = fmt.Sprintf("%s_%d", name, n)
		}
		names = append(names, g.Name)
	}
	return genotypes
}

// sketches draws what was derived.
type sketches struct {
	painter *draw.Painter // nil where nothing is to be drawn
	folder  string
	formats []draw.Format
	note    func(format string, values ...any)
}

// newSketches checks the folder, since evaluating takes long and drawings come last.
func (p *program) newSketches(s deriveSettings) (*sketches, error) {
	if s.noDraw {
		return &sketches{}, nil
	}
	if err := checkWritable(s.out); err != nil {
		return nil, err
	}
	painter, err := newPainter()
	return &sketches{painter, s.out, s.formats, p.note}, err
}

// checkWritable makes a folder, if need be, and a file in it, which it removes.
func checkWritable(folder string) error {
	err := os.MkdirAll(folder, 0o755)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(folder, ".nat-*"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("no drawings can be written to %s: %w (--out names another folder, --no-draw does without)", folder, err)
	}
	return nil
}

// cells draws the cells of input and output.
func (s *sketches) cells(ctx context.Context, r derive.Result) error {
	if s.painter == nil {
		return nil
	}
	var files []string
	all := []genotype.Genotype{r.Input.Genotype, r.Output.Genotype}
	if r.Output.Equal(r.Input.Genotype) {
		all = all[:1]
	}
	for _, g := range all {
		saved, err := s.painter.SaveCells(ctx, s.folder, g, s.formats)
		if err != nil {
			return err
		}
		files = append(files, saved...)
	}
	s.note("drawn: %s", strings.Join(files, " "))
	return nil
}

func (s *sketches) close() {
	if s.painter != nil {
		_ = s.painter.Close() // nothing is lost if it fails
	}
}
