package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nat/internal/checkpoint"
	"nat/internal/dataset"
	"nat/internal/derive"
	"nat/internal/draw"
	"nat/internal/network"
	"nat/internal/runfolder"
	"nat/internal/train"
)

// trainedFlags say which trained network is meant.
type trainedFlags struct {
	best         bool
	architecture string
}

func (f *trainedFlags) define(c *cobra.Command) {
	c.Flags().BoolVar(&f.best, "best", false, "take the run's best checkpoint instead of the latest")
	c.Flags().StringVar(&f.architecture, "arch", "", "`architecture` of a checkpoint that doesn't name it, as those of PyTorch")
}

// loadTrained reads the network of a run folder or of a checkpoint file. config is nil for a file.
func (p *program) loadTrained(path string, f trainedFlags) (t network.Trained, config *train.Config, err error) {
	file := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		c, err := train.ReadConfig(path)
		if err != nil {
			return t, nil, err
		}
		config = &c
		name := runfolder.LatestName
		if f.best {
			name = runfolder.BestName
		}
		file = filepath.Join(path, name)
		if _, err := os.Stat(file); err != nil {
			return t, nil, fmt.Errorf("%s has no checkpoint %s yet: let it train for an epoch (nat train --resume %s)", path, name, path)
		}
	} else if f.best {
		return t, nil, fmt.Errorf("%s is not the folder of a run, which would hold a best checkpoint: leave --best out", path)
	}
	if f.architecture == "" {
		t, err = network.Load(file, nil)
		return t, config, err
	}
	all, err := p.architectures([]string{f.architecture})
	if err != nil {
		return t, nil, err
	}
	t, err = network.Load(file, &all[0])
	return t, config, err
}

// evalSettings are the flags of nat eval.
type evalSettings struct {
	trainedFlags
	dataFlags
	deviceFlags
	images, batchSize int
	logits, out       string
	formats           []draw.Format
	noDraw, json      bool
}

func (p *program) evalCommand() *cobra.Command {
	var s evalSettings
	c := &cobra.Command{
		Use:   "eval RUN",
		Short: "Measure a trained network on test images",
		Long: `Measure the network of a run folder of nat train, or of a checkpoint file, on the test images of its data set: accuracy, top-5
accuracy, loss, and which classes it takes for which, as a picture and with --json as numbers. Batch normalisation uses its
running statistics. --logits writes what the network was fed with and what it gave.`,
		Example: `  nat eval runs/train-1
  nat eval runs/train-1 --best --json
  nat eval network.pt --arch DARTS --data ~/cifar-10 --logits logits.safetensors`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef(c, "name one run folder or checkpoint, as in %s runs/train-1", c.CommandPath())
			}
			return nil
		},
	}
	s.trainedFlags.define(c)
	flags := c.Flags()
	s.dataFlags.define(flags)
	wholeNumber(flags, &s.images, "images", 0, 0, 10_000_000, "test images to take, the first ones; 0 takes all")
	batchSizeFlag(flags, &s.batchSize)
	s.deviceFlags.define(flags)
	flags.StringVar(&s.logits, "logits", "", "safetensors `file` to write images, as fed to the network, and logits to")
	flags.StringVar(&s.out, "out", ".", "`folder` for the picture")
	formatFlag(flags, &s.formats)
	flags.BoolVar(&s.noDraw, "no-draw", false, "make no picture")
	jsonFlag(flags, &s.json)
	c.RunE = func(c *cobra.Command, args []string) error { return p.eval(c, s, args[0]) }
	return c
}

// eval does what nat eval is asked for.
func (p *program) eval(c *cobra.Command, s evalSettings, path string) error {
	ctx := c.Context()
	trained, config, err := p.loadTrained(path, s.trainedFlags)
	if err != nil {
		return err
	}
	images, err := p.testImages(c, s.dataFlags, trained, config)
	if err != nil {
		return err
	}
	images = images.First(s.images)
	if !s.noDraw {
		if err := checkWritable(s.out); err != nil {
			return err
		}
	}
	device, err := s.device()
	if err != nil {
		return err
	}
	defer device.Close()
	bar := p.newProgress("evaluating", false)
	defer bar.close()
	record := &fed{file: s.logits, images: images, classes: trained.Size().Classes}
	if err := record.check(); err != nil {
		return err
	}
	e, err := train.Evaluate(ctx, device, trained.Network, images, train.Evaluating{
		BatchSize: s.batchSize, Seen: record.add, Progress: func(done, total int) { bar.report(int64(done), int64(total)) },
	})
	bar.close()
	if err != nil {
		return err
	}
	if err := record.write(path); err != nil {
		return err
	}
	if err := p.drawConfusion(ctx, s, trained, e); err != nil {
		return err
	}
	return p.printEvaluation(e, trained, s, path, images.Name)
}

// testImages opens the test images for a network: of the data that its run was begun with, where no other are named, and
// normalised as in training.
func (p *program) testImages(c *cobra.Command, d dataFlags, t network.Trained, config *train.Config) (*dataset.Images, error) {
	d.size = t.Size().ImageSize
	if config != nil {
		if err := d.resumed(c, config.Provenance, t.Size().ImageSize); err != nil {
			return nil, err
		}
	}
	set, err := p.openData(c.Context(), d)
	if err != nil {
		return nil, err
	}
	images := *set.Test
	if s := t.Size(); s.Classes != len(images.Classes) || s.ImageSize != images.Height || s.ImageSize != images.Width {
		return nil, fmt.Errorf("the network tells %d classes apart in images of %d×%d pixels, %s has %d of %d×%d: give the data that it was trained on (--data)",
			s.Classes, s.ImageSize, s.ImageSize, set.Name, len(images.Classes), images.Height, images.Width)
	}
	if len(t.Classes) > 0 && !slices.Equal(t.Classes, images.Classes) {
		return nil, fmt.Errorf("the network's classes (%s) are not those of %s (%s): give the data that it was trained on (--data)",
			classNames(t.Classes), set.Name, classNames(images.Classes))
	}
	if t.Fingerprint != "" && t.Fingerprint != set.Train.Fingerprint() {
		p.warn("the network was trained on %s, not on the training images of %s: that it has not seen these test images is for you to know",
			t.Dataset, set.Name)
	}
	if len(t.Mean) == images.Channels && len(t.Std) == images.Channels {
		images.Mean, images.Std = t.Mean, t.Std
	}
	return &images, nil
}

// classNames lists the first few names of classes.
func classNames(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", …"
}

// fed is what a network was fed with and what it gave, to be written to a file.
type fed struct {
	file           string // nothing is kept where it is empty
	images         *dataset.Images
	classes        int
	pixels, logits []float32
	labels         []float32
}

// maxFed bounds what is held to be written, in numbers.
const maxFed = 1 << 29

func (f *fed) check() error {
	if perImage := f.images.Channels * f.images.Height * f.images.Width; f.file != "" && perImage*f.images.Len() > maxFed {
		return fmt.Errorf("%d images of %d numbers are too many for %s: take at most %d (--images)", f.images.Len(), perImage, f.file, maxFed/perImage)
	}
	return nil
}

func (f *fed) add(b dataset.Batch, logits []float32) error {
	if f.file == "" {
		return nil
	}
	f.pixels, f.logits = append(f.pixels, b.Images...), append(f.logits, logits...)
	for _, label := range b.Labels {
		f.labels = append(f.labels, float32(label))
	}
	return nil
}

func (f *fed) write(network string) error {
	if f.file == "" {
		return nil
	}
	n := f.images.Len()
	return checkpoint.Write(f.file, &checkpoint.File{
		Tensors: []checkpoint.Tensor{
			{Name: "images", Shape: []int{n, f.images.Channels, f.images.Height, f.images.Width}, Data: f.pixels},
			{Name: "labels", Shape: []int{n}, Data: f.labels},
			{Name: "logits", Shape: []int{n, f.classes}, Data: f.logits},
		},
		Metadata: map[string]string{"network": network, "dataset": f.images.Name},
	}, checkpoint.F32)
}

// drawConfusion draws which classes were taken for which.
func (p *program) drawConfusion(ctx context.Context, s evalSettings, t network.Trained, e train.Evaluation) (err error) {
	if s.noDraw {
		return nil
	}
	painter, err := newPainter()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, painter.Close()) }()
	name := nameOf(t.Architecture())
	files, err := painter.SaveConfusion(ctx, s.out, name+"-confusion", draw.Confusion{
		Title: name, Rest: fmt.Sprintf("%s of %s images right", inPercent(e.Accuracy()), grouped(e.Images)),
		Classes: classesOf(t), Counts: e.Confusion,
	}, s.formats)
	if err == nil {
		p.note("drawn: %s", strings.Join(files, " "))
	}
	return err
}

// classesOf returns the names of a network's classes, or numbers where it has none.
func classesOf(t network.Trained) []string {
	if len(t.Classes) == t.Size().Classes {
		return t.Classes
	}
	names := make([]string, t.Size().Classes)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names
}

// evalResult is the JSON of nat eval.
type evalResult struct {
	Run       string     `json:"run"`
	Name      string     `json:"name,omitempty"`
	Genotype  string     `json:"genotype"`
	Dataset   string     `json:"dataset"`
	Epochs    int        `json:"epochs"` // of training
	Images    int        `json:"images"`
	Accuracy  float64    `json:"accuracy"`
	Interval  [2]float64 `json:"interval"` // of 95 %
	Top5      float64    `json:"top5"`
	Loss      float64    `json:"loss"`
	Classes   []string   `json:"classes"`
	Confusion [][]int    `json:"confusion"` // [class][what it was taken for]
}

func (p *program) printEvaluation(e train.Evaluation, t network.Trained, s evalSettings, path, images string) error {
	share := derive.Accuracy{Correct: e.Correct, Images: e.Images}
	low, high := share.Interval()
	g := t.Architecture()
	r := evalResult{
		path, g.Name, g.String(), images, t.Epochs, e.Images, e.Accuracy(), [2]float64{low, high}, e.TopAccuracy(), e.Loss,
		classesOf(t), e.Confusion,
	}
	if s.json {
		return p.printJSON(r)
	}
	p.print("%s: %s, %d epochs, on %s test images of %s\n", path, nameOf(g), t.Epochs, grouped(e.Images), images)
	p.print("  accuracy   %s\n", percent(share))
	if t.Size().Classes > train.TopOf {
		p.print("  top-5      %.2f %%\n", 100*e.TopAccuracy())
	}
	p.print("  loss       %.4f\n", e.Loss)
	for _, c := range confusions(e.Confusion, r.Classes) {
		p.print("  %s\n", c)
	}
	return nil
}

// confusions says which classes were taken for which most often.
func confusions(counts [][]int, classes []string) (lines []string) {
	type pair struct{ label, taken int }
	var pairs []pair
	for i, row := range counts {
		for j, n := range row {
			if i != j && n > 0 {
				pairs = append(pairs, pair{i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return counts[b.label][b.taken] - counts[a.label][a.taken] })
	const most = 3
	for _, c := range pairs[:min(most, len(pairs))] {
		lines = append(lines, fmt.Sprintf("%s taken for %s %d times", classes[c.label], classes[c.taken], counts[c.label][c.taken]))
	}
	return lines
}
