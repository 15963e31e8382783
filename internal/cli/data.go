package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/pflag"

	"nat/internal/dataset"
)

// dataFlags are the flags that say which images a run is about. They mean the same in every command that has them.
type dataFlags struct {
	data, url string
}

func (d *dataFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&d.data, "data", "", "`folder` or archive of CIFAR-10, or sample for the embedded sample, instead of the user's cache")
	flags.StringVar(&d.url, "url", "", "`address` to download CIFAR-10 from where the cache lacks it; so does "+dataset.URLVariable)
}

// resumed takes the data that a run was begun with, where no other are named.
func (d *dataFlags) resumed(given bool, source string) {
	if !given {
		d.data = source
	}
}

// source returns the data as they are named, a path as a whole, so that a run can be resumed from anywhere.
func (d *dataFlags) source() string {
	if d.data == "" || d.data == dataset.SampleName {
		return d.data
	}
	whole, err := filepath.Abs(d.data)
	if err != nil {
		return d.data
	}
	return whole
}

// openData opens the data set, which is downloaded where it is asked for by no name and the cache lacks it.
func (p *program) openData(ctx context.Context, d dataFlags) (*dataset.Set, error) {
	bar := p.newProgress("downloading CIFAR-10", true)
	defer bar.close()
	return dataset.Open(ctx, dataset.OpenOptions{Data: d.data, Download: &dataset.DownloadOptions{URL: d.url, Progress: bar.report}})
}
