package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"nat/internal/dataset"
	"nat/internal/model"
	"nat/internal/runfolder"
	"nat/internal/supernet"
	"nat/pretrained"
)

// modelSettings are the flags that name a checkpoint.
type modelSettings struct {
	modelPath string
	opType    supernet.OpType
}

func (s *modelSettings) define(flags *pflag.FlagSet, opTypeUsage string) {
	flags.StringVar(&s.modelPath, "model-path", "", "checkpoint `file`, also one of the published program, or run folder")
	opTypeFlag(flags, &s.opType, opTypeUsage)
}

// modelsFor finds checkpoints, and reads each once.
type modelsFor struct {
	settings modelSettings
	note     func(format string, values ...any)
	given    *model.Model // of --model-path
	shipped  map[pretrained.Name]*model.Model
}

func (p *program) newModels(s modelSettings) *modelsFor {
	return &modelsFor{settings: s, note: p.note, shipped: map[pretrained.Name]*model.Model{}}
}

// nodes returns how many nodes architectures drawn at random get.
func (f *modelsFor) nodes() (int, error) {
	if f.settings.modelPath == "" {
		return f.settings.opType.DefaultNodes(), nil
	}
	m, err := f.forNodes(0)
	if err != nil || m.Supernet == nil {
		return f.settings.opType.DefaultNodes(), err
	}
	return m.Supernet.Config().Nodes, nil
}

// forNodes returns the model for architectures of so many nodes: that of --model-path, else the shipped one.
func (f *modelsFor) forNodes(nodes int) (m *model.Model, err error) {
	s := f.settings
	if f.given != nil {
		return f.given, nil
	}
	if s.modelPath != "" {
		f.given, err = f.load(s.modelPath)
		return f.given, err
	}
	name, err := pretrained.ForNodes(nodes)
	if err != nil {
		return nil, err
	}
	return f.open(name)
}

// load reads the checkpoint that --model-path names: a file, a run folder's latest, or a shipped one.
func (f *modelsFor) load(path string) (*model.Model, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, runfolder.LatestName)
	}
	if name, ok := pretrained.Named(path); ok && errors.Is(err, fs.ErrNotExist) {
		return f.open(name)
	}
	m, err := model.Load(path, f.settings.opType)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w (give a checkpoint or a run folder)", err)
	}
	return m, err
}

// open reads a shipped checkpoint, and says that it is taken.
func (f *modelsFor) open(name pretrained.Name) (*model.Model, error) {
	if m := f.shipped[name]; m != nil {
		return m, nil
	}
	file, err := pretrained.Open(name)
	if err != nil {
		return nil, err
	}
	m, err := model.FromFile(file, f.settings.opType)
	if err != nil {
		return nil, fmt.Errorf("shipped checkpoint %s: %w", name, err)
	}
	m.Source = "pretrained/" + string(name) + ".safetensors"
	f.shipped[name] = m
	f.note("taking the shipped checkpoint %s: %s", m.Source, describeModel(m))
	return m, nil
}

// describeModel says in a few words what a model is.
func describeModel(m *model.Model) string {
	c := m.Supernet.Config()
	return fmt.Sprintf("%s, %d nodes, %d init channels, %d layers, %d epochs",
		c.OpType, c.Nodes, c.Channels, c.Layers, m.Training.Epochs)
}

// imagesOf finds the images that a model is evaluated on.
type imagesOf struct {
	program         *program
	set             *dataset.Set // nil where nothing is to be evaluated
	settings        deriveSettings
	last            *model.Model // for which selection was made
	selection, test *dataset.Images
}

// of finds the images to choose on and to test on. There are none where nothing is to be evaluated, or nothing can be.
func (f *imagesOf) of(m *model.Model) (selection, test *dataset.Images, err error) {
	if f.set == nil || m == f.last {
		return f.selection, f.test, nil
	}
	f.last, f.selection, f.test = m, nil, nil
	if reason := strange(m, f.set); reason != "" && f.settings.modelPath != "" {
		return nil, nil, errors.New(reason + ": give the data that it was trained on (--data), or --no-eval")
	} else if reason != "" {
		f.program.warn("%s: nothing is evaluated, and the policy's most probable transformation taken (for accuracies on these images: nat search --data %s, then --model-path)",
			reason, f.settings.data)
		return nil, nil, nil
	}
	set, n := asTrained(f.set, m), f.settings.images
	if there := set.Test.Len(); n > there && f.settings.imagesGiven {
		return nil, nil, fmt.Errorf("%s has %d test images, not %d: give fewer with --images, or 0 for all", set.Name, there, n)
	}
	f.test = set.Test.First(n)
	if f.settings.selectOn == selectTest {
		f.selection = f.test
		return f.selection, f.test, nil
	}
	f.selection, err = f.program.heldOut(set, m, n)
	return f.selection, f.test, err
}

// heldOut returns the first n images that a model's supernet was not trained on, or all of them where n is 0, and warns
// where that isn't sure.
func (p *program) heldOut(set *dataset.Set, m *model.Model, n int) (*dataset.Images, error) {
	if !m.Training.Known {
		p.warn("%s doesn't say which images it was trained on: those chosen on may be among them", m.Source)
	}
	images, warning, err := set.Selection(dataset.SelectionRequest{
		Seed: m.Training.Seed, Portion: m.Training.TrainPortion, Images: n, TrainedOn: m.Training.Fingerprint,
	})
	if warning != "" {
		p.warn("%s", warning)
	}
	return images, err
}

// asTrained gives a set normalised as the images were that a model was trained on.
func asTrained(set *dataset.Set, m *model.Model) *dataset.Set {
	t := m.Training
	if known := dataset.Published(t.Dataset); t.Mean == nil && known != nil {
		return set.NormalisedBy(known.Mean, known.Std)
	}
	return set.NormalisedBy(t.Mean, t.Std)
}

// strange says why a model's supernet can't tell the classes of the images apart; it is empty where it can.
func strange(m *model.Model, set *dataset.Set) string {
	own, theirs := m.Training.Classes, set.Train.Classes
	if known := dataset.Published(m.Training.Dataset); own == nil && known != nil {
		own = known.Classes
	}
	size := m.Supernet.Config().ImageSize
	switch {
	case own != nil && !slices.Equal(own, theirs):
		return fmt.Sprintf("%s was trained on %s, %d×%d pixels, to tell %s; those of %s are %s", m.Source, m.Training.Dataset, size, size,
			named(own), set.Name, named(theirs))
	case m.Supernet.Config().Classes != len(theirs):
		return fmt.Sprintf("%s tells %d classes apart; %s has %d", m.Source, m.Supernet.Config().Classes, set.Name, len(theirs))
	}
	return ""
}

// named counts classes and names a few.
func named(classes []string) string {
	const most = 3
	if len(classes) <= most {
		return fmt.Sprintf("%d classes (%s)", len(classes), strings.Join(classes, ", "))
	}
	return fmt.Sprintf("%d classes (%s, …)", len(classes), strings.Join(classes[:most], ", "))
}
