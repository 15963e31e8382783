package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nat/internal/atomicfile"
	"nat/internal/checkpoint"
	"nat/internal/model"
	"nat/internal/network"
	"nat/internal/onnx"
	"nat/internal/policy"
	"nat/internal/runfolder"
)

// The formats of nat export.
const (
	formatONNX        = "onnx"
	formatSafetensors = "safetensors"
	formatPyTorch     = "pt"
	formatGenotype    = "genotype"
)

// exportSettings are the flags of nat export.
type exportSettings struct {
	trainedFlags
	out, format string
	fold        bool
}

func (p *program) exportCommand() *cobra.Command {
	var s exportSettings
	c := &cobra.Command{
		Use:   "export RUN --out FILE",
		Short: "Write a trained network for other programs",
		Long: `Write the network of a run folder of nat train, or of a checkpoint file, for other programs:

  onnx         a model of operator set 17 for ONNX runtimes, in evaluation mode, with any batch size; its input is called
               images, its output logits, and its metadata say how images are normalised and what the outputs stand for
  safetensors  parameters and running statistics under the names of the published network classes
  pt           the same, as torch.load reads it
  genotype     the architecture, as users write it

The checkpoint of a search can be written as safetensors and pt. The format follows from the name of FILE, if it ends in .onnx,
.safetensors, .pt or .txt. The file is there when it is whole.`,
		Example: `  nat export runs/train-1 --out network.onnx
  nat export runs/train-1 --best --out network.pt
  nat export runs/train-1 --out network.txt --format genotype`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef(c, "name one run folder or checkpoint, as in %s runs/train-1 --out network.onnx", c.CommandPath())
			}
			return nil
		},
	}
	s.trainedFlags.define(c)
	flags := c.Flags()
	flags.StringVar(&s.out, "out", "", "`file` to write, replaced if it is there")
	choice(flags, &s.format, "format", "", "how to write it", formatONNX, formatSafetensors, formatPyTorch, formatGenotype)
	flags.BoolVar(&s.fold, "fold", true, "of onnx: fold batch normalisations into the convolutions before them")
	c.RunE = func(c *cobra.Command, args []string) error {
		if s.out == "" {
			return usagef(c, "name the file to write (--out FILE)")
		}
		if s.format == "" {
			if s.format = formatOf(s.out); s.format == "" {
				return usagef(c, "%s does not say by its ending how to write it: give --format", s.out)
			}
		}
		if err := p.export(s, args[0]); err != nil {
			return err
		}
		p.print("%s\n", s.out)
		return c.Context().Err()
	}
	return c
}

// formatOf returns the format that a file's name asks for.
func formatOf(file string) string {
	switch ending := strings.TrimPrefix(strings.ToLower(filepath.Ext(file)), "."); ending {
	case formatONNX, formatSafetensors, formatPyTorch:
		return ending
	case "pth":
		return formatPyTorch
	case "txt":
		return formatGenotype
	}
	return ""
}

// export writes what nat export is asked for.
func (p *program) export(s exportSettings, path string) error {
	if found, err := p.exportSearch(s, path); found || err != nil {
		return err
	}
	t, _, err := p.loadTrained(path, s.trainedFlags)
	if err != nil {
		return err
	}
	switch s.format {
	case formatONNX:
		return p.exportONNX(s, t)
	case formatGenotype:
		return atomicfile.WriteBytes(s.out, []byte(t.Architecture().Define()+"\n"))
	}
	f, err := t.File()
	if err != nil {
		return err
	}
	return writeAs(s, f)
}

func (p *program) exportONNX(s exportSettings, t network.Trained) error {
	return atomicfile.Write(s.out, func(w io.Writer) error {
		return onnx.Write(w, t, onnx.Options{Fold: s.fold, Version: buildVersion().Version})
	})
}

// writeAs writes tensors in one of the formats for those.
func writeAs(s exportSettings, f *checkpoint.File) error {
	if s.format == formatPyTorch {
		return checkpoint.WritePyTorch(s.out, f)
	}
	return checkpoint.Write(s.out, f, checkpoint.F32)
}

// bankName matches the names of parameters that only a supernet has.
var bankName = regexp.MustCompile(`^(?:module\.)?cells\.\d+\._ops\.\d+\._ops\.`)

// exportSearch writes the checkpoint of a search, if path is one.
func (p *program) exportSearch(s exportSettings, path string) (found bool, err error) {
	file := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file = filepath.Join(path, runfolder.LatestName)
		if s.best {
			file = filepath.Join(path, runfolder.BestName)
		}
	}
	f, err := checkpoint.Read(file)
	if err != nil {
		return false, nil // which reading it as a network will tell
	}
	if !slices.ContainsFunc(f.Tensors, func(t checkpoint.Tensor) bool {
		return bankName.MatchString(t.Name) || strings.HasPrefix(strings.TrimPrefix(t.Name, "module."), policy.Prefix)
	}) {
		return false, nil
	}
	if s.format != formatSafetensors && s.format != formatPyTorch {
		return true, fmt.Errorf("%s is of a search, not of a network with one architecture: it can be written as %s or %s", path, formatSafetensors, formatPyTorch)
	}
	m, err := model.FromFile(f, "")
	if err != nil {
		return true, fmt.Errorf("checkpoint %s: %w", file, err)
	}
	return true, writeAs(s, m.File())
}
