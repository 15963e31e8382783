package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nat/internal/dataset"
	"nat/internal/runs"
)

// dataFlags are the flags that say which images a command is about. They mean the same in every command that has them.
type dataFlags struct {
	data     string
	download dataset.DownloadOptions
	offline  bool // nothing is downloaded
	folder   dataset.FolderOptions
	size     int // to bring the images of a folder to without --image-size; 0 where they must say it themselves
}

// define defines the flags of a command that takes CIFAR-10 without --data, and downloads it where need be.
func (d *dataFlags) define(flags *pflag.FlagSet) {
	d.defineImages(flags, "", " (default cifar10)")
	flags.StringVar(&d.download.URL, "url", "", "`address` to download CIFAR-10 or CIFAR-100 from where the cache lacks it; so does "+dataset.URLVariable+" or NAT_CIFAR100_URL")
}

// defineOffline defines the flags of a command that takes the embedded sample without --data, and downloads nothing.
func (d *dataFlags) defineOffline(flags *pflag.FlagSet) {
	d.offline = true
	d.defineImages(flags, dataset.SampleName, "")
}

func (d *dataFlags) defineImages(flags *pflag.FlagSet, standard, otherwise string) {
	flags.StringVar(&d.data, "data", standard,
		"`folder` of images (a folder for each class, also below train, val and test), folder or archive of CIFAR-10 or CIFAR-100, cifar10 or cifar100 in the user's cache, or sample for the embedded sample"+otherwise)
	wholeNumber(flags, &d.folder.ImageSize, "image-size", 0, 4, 1024, "height and width to bring the images of a folder to, where they differ in size")
	flags.StringSliceVar(&d.folder.Classes, "classes", nil, "`names` of the classes to take from a folder of images, separated by commas, in the order of their labels, instead of all")
	flags.BoolVar(&d.folder.Strict, "strict", false, "stop at an image that can't be read, instead of leaving it out")
}

// resumed takes what a run was begun with for what isn't given, and refuses what contradicts it.
func (d *dataFlags) resumed(c *cobra.Command, begun runs.Provenance, imageSize int) error {
	const differs = "--%s is not what the run was begun with: leave it out, or start a run of its own"
	if size := d.folder.ImageSize; size != 0 && size != imageSize {
		return usagef(c, differs, "image-size")
	}
	if c.Flags().Changed("classes") && !slices.Equal(d.folder.Classes, begun.Classes) {
		return usagef(c, differs, "classes")
	}
	d.size, d.folder.Classes = imageSize, begun.Classes
	if !c.Flags().Changed("data") {
		d.data = begun.Source
	}
	return nil
}

// source returns the data as they are named, a path as a whole, so that a run can be resumed from anywhere.
func (d *dataFlags) source() string {
	if _, err := os.Stat(d.data); d.data == dataset.SampleName || err != nil { // a name, or no name at all
		return d.data
	}
	whole, err := filepath.Abs(d.data)
	if err != nil {
		return d.data
	}
	return whole
}

// openData opens the data set, and says what is to be known of it.
func (p *program) openData(ctx context.Context, d dataFlags) (*dataset.Set, error) {
	reading := p.newProgress("reading images", false)
	defer reading.close()
	options := dataset.OpenOptions{Data: d.data, Folder: d.folder}
	options.Folder.Progress = reading.report
	if d.folder.ImageSize == 0 {
		options.Folder.ImageSize = d.size
	}
	if !d.offline {
		fetching := p.newProgress("downloading", true)
		defer fetching.close()
		options.Download = &d.download
		options.Download.Progress = fetching.report
	}
	set, err := dataset.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	reading.close()
	for _, remark := range set.Remarks {
		p.note("%s: %s", set.Name, remark)
	}
	return set, d.agree(set)
}

// agree refuses flags that are for folders of images where the data are something else.
func (d *dataFlags) agree(set *dataset.Set) error {
	if size := d.folder.ImageSize; size != 0 && size != set.Train.Height {
		return fmt.Errorf("the images of %s have %d×%d pixels: leave --image-size out", set.Name, set.Train.Height, set.Train.Width)
	}
	if names := d.folder.Classes; names != nil && !slices.Equal(names, set.Train.Classes) {
		return fmt.Errorf("the classes of %s can't be chosen: leave --classes out", set.Name)
	}
	return nil
}
