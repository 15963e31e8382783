package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"nat/internal/compare"
	"nat/internal/dataset"
	"nat/internal/draw"
	"nat/internal/genotype"
	"nat/internal/train"
)

// compareSettings are the flags of nat compare.
type compareSettings struct {
	runFlags
	trainFlags
	seeds int
}

// maxSeeds bounds --seeds.
const maxSeeds = 1000

func (p *program) compareCommand() *cobra.Command {
	var s compareSettings
	c := &cobra.Command{
		Use:   "compare ARCH ARCH…",
		Short: "Train architectures from scratch, several times each, and compare them",
		Long: `Train each architecture from scratch with several seeds under the same budget, measure every network on the test images, and
print a table: costs, mean accuracy with its 95 % interval over seeds, and the differences between any two, seed by seed. The
run folder gets the report (report.json, and accuracy against multiply-adds as accuracy.svg) and a run folder for each
training. The settings are those of nat train; a difference under a small budget need not be one under a large.

It stops and resumes as nat train does; trainings that are done are not repeated.`,
		Example: `  nat compare DARTS NATv2_DARTS --layers 8 --init-channels 16 --epochs 20 --seeds 3 --save runs/compared
  nat compare --resume runs/compared`,
		ValidArgsFunction: completeArchitecture,
	}
	s.trainFlags.define(c.Flags())
	wholeNumber(c.Flags(), &s.seeds, "seeds", 3, 1, maxSeeds, "how often each is trained: with --seed, and the numbers after it")
	s.runFlags.define(c.Flags(), "compare")
	p.acceptPublished(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := exclusive(c, "save", "resume"); err != nil {
			return err
		}
		if s.resume != "" {
			return p.resumeComparison(c, s, args)
		}
		all, err := p.architectures(args)
		if err != nil {
			return err
		}
		if len(all) < 2 {
			return usagef(c, "name two architectures or more, as in %s DARTS NATv2_DARTS", c.CommandPath())
		}
		return p.startComparison(c, s, all)
	}
	return c
}

// startComparison begins a comparison in a new folder.
func (p *program) startComparison(c *cobra.Command, s compareSettings, all []genotype.Genotype) error {
	set, err := p.openData(c.Context(), s.dataFlags)
	if err != nil {
		return err
	}
	all = distinctNames(all)
	o, err := s.optionsFor(all[0], set)
	if err != nil {
		return err
	}
	settings := compare.Settings{Training: o}
	for _, g := range all {
		settings.Names, settings.Architectures = append(settings.Names, g.Name), append(settings.Architectures, g)
	}
	for i := range s.seeds {
		settings.Seeds = append(settings.Seeds, o.Seed+uint64(i))
	}
	if err := settings.Validate(); err != nil {
		return usagef(c, "%s", err)
	}
	return p.compare(c, s, set, func(r train.Resources, v *compareView) (*compare.Comparison, error) {
		return compare.Start(s.save, settings, r, v)
	})
}

// resumeComparison continues the comparison in a folder, whose settings stay as they are.
func (p *program) resumeComparison(c *cobra.Command, s compareSettings, args []string) error {
	if len(args) > 0 {
		return usagef(c, "%s has its own architectures: leave %q out, or start a comparison of its own", s.resume, args[0])
	}
	config, err := compare.ReadConfig(s.resume)
	if err != nil {
		return err
	}
	stored := config.Settings
	epochs, err := agreeTraining(c, stored.Training)
	if err != nil {
		return err
	}
	if epochs != stored.Training.Epochs || c.Flags().Changed("seeds") && s.seeds != len(stored.Seeds) {
		return usagef(c, "%s was begun with %d seeds and %d epochs: leave the flags out, or start a comparison of its own",
			s.resume, len(stored.Seeds), stored.Training.Epochs)
	}
	if err := s.resumed(c, config.Provenance, stored.Training.Size.ImageSize); err != nil {
		return err
	}
	s.resumedDevice(c, config.Convolution, config.Precision)
	set, err := p.openData(c.Context(), s.dataFlags)
	if err != nil {
		return err
	}
	return p.compare(c, s, set, func(r train.Resources, v *compareView) (*compare.Comparison, error) {
		return compare.Resume(s.resume, r, v)
	})
}

// compareView shows how a comparison goes on: it is the observer of its trainings.
type compareView struct {
	*trainView
	training string // which is under way
}

// Begins says which training goes on.
func (v *compareView) Begins(number, total int, t *train.Training) {
	v.training = fmt.Sprintf("%d of %d", number, total)
	v.line("training %s", v.training)
	v.begin(t)
}

// Measured prints a result.
func (v *compareView) Measured(r compare.Result) {
	v.line("%s with seed %d: %s of %s test images right", r.Name, r.Seed, inPercent(r.Accuracy), grouped(r.Images))
}

// compare runs a comparison that begin starts or resumes, and reports what it has found.
func (p *program) compare(
	c *cobra.Command, s compareSettings, set *dataset.Set, begin func(train.Resources, *compareView) (*compare.Comparison, error),
) (err error) {
	defer spareMemory()()
	device, err := s.device()
	if err != nil {
		return err
	}
	defer device.Close()
	view := &compareView{trainView: p.newTrainView("comparing")}
	defer view.close()
	comparison, err := begin(train.Resources{
		Data: set, Device: device, SaveEvery: s.saveEvery(), Provenance: s.provenance(),
	}, view)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, comparison.Close()) }()
	return view.carryOut(c.Context(), comparison, s.maxHours, "compare", func() error { return p.reportComparison(c, s, comparison) })
}

// comparisonResult is the JSON of nat compare.
type comparisonResult struct {
	Folder   string `json:"folder"`
	Complete bool   `json:"complete"`
	compare.Report
}

// reportComparison writes and prints what a comparison has found so far.
func (p *program) reportComparison(c *cobra.Command, s compareSettings, comparison *compare.Comparison) error {
	r, err := comparison.Report()
	if err != nil {
		return err
	}
	settings := comparison.Settings()
	complete := true
	for _, row := range r.Rows {
		complete = complete && len(row.Runs) == len(settings.Seeds)
	}
	result := comparisonResult{comparison.Folder(), complete, r}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	if err := comparison.WriteReport(string(text) + "\n"); err != nil {
		return err
	}
	if err := p.plotComparison(c, comparison.Folder(), r, settings); err != nil {
		return err
	}
	if s.json {
		return p.printJSON(result)
	}
	p.printRows(r)
	p.print("\nTrained %d epochs each with %d channels and %d cells, measured on the test images; 95 %% intervals over seeds, of\n"+
		"differences seed by seed. In %s: report.json, accuracy.svg.\n",
		settings.Training.Epochs, settings.Training.Size.Channels, settings.Training.Size.Layers, comparison.Folder())
	return nil
}

func (p *program) printRows(r compare.Report) {
	rows := [][]string{{"architecture", "parameters", "multiply-adds", "accuracy", "seeds"}}
	for _, row := range r.Rows {
		rows = append(rows, []string{
			row.Name, grouped(row.Parameters), grouped(row.MAdds), estimated(row.Accuracy, false), strconv.Itoa(row.Accuracy.N),
		})
	}
	p.printTable(rows)
	p.print("\n")
	rows = [][]string{{"difference", "points"}}
	for _, d := range r.Differences {
		rows = append(rows, []string{d.To + " − " + d.From, estimated(d.Accuracy, true)})
	}
	p.printTable(rows)
}

// estimated writes an estimate in percent, or in points with a sign.
func estimated(e compare.Estimate, points bool) string {
	number, unit := "%.2f", " %%"
	if points {
		number, unit = "%+.2f", ""
	}
	switch e.N {
	case 0:
		return "not known yet"
	case 1:
		return fmt.Sprintf(number+unit, 100*e.Mean)
	}
	return fmt.Sprintf(number+unit+" ("+number+" to "+number+")", 100*e.Mean, 100*e.Low, 100*e.High)
}

// plotComparison draws accuracy against multiply-adds into the folder, as far as there are any.
func (p *program) plotComparison(c *cobra.Command, folder string, r compare.Report, s compare.Settings) error {
	var points []draw.Point
	for _, row := range r.Rows {
		if row.Accuracy.N == 0 {
			continue
		}
		point := draw.Point{Name: row.Name, X: float64(row.MAdds) / 1e6, Y: 100 * row.Accuracy.Mean}
		point.Low, point.High = point.Y, point.Y
		if row.Accuracy.N > 1 {
			point.Low, point.High = math.Max(0, 100*row.Accuracy.Low), math.Min(100, 100*row.Accuracy.High)
		}
		points = append(points, point)
	}
	if len(points) == 0 {
		return nil
	}
	chart := draw.Chart{
		Title: fmt.Sprintf("Accuracy and cost: %d epochs, %d channels, %d cells, means of %d seeds",
			s.Training.Epochs, s.Training.Size.Channels, s.Training.Size.Layers, len(s.Seeds)),
		X: "million multiply-adds", Y: "test accuracy in %, with 95 % intervals over seeds",
		Series: []draw.Series{{Points: points, Marks: true}},
	}
	_, err := draw.SaveChart(context.WithoutCancel(c.Context()), folder, "accuracy", chart, []draw.Format{draw.SVG})
	return err
}
