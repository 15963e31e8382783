package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// SampleName names the embedded sample where a data set is asked for.
const SampleName = "sample"

// A Set is a data set: images to train on and images to test on, each in canonical order.
type Set struct {
	Name        string
	Train, Test *Images
	Validation  *Images  // held out beside Test, of image folders that have both; else nil
	Remarks     []string // what to know of how an image folder was read, a line each

	selection *Images // of the embedded sample only: what the set it was taken from selects, in split order
}

// NormalisedBy gives the set with images that are normalised by a mean and standard deviation of each channel, those that a
// network was trained with, in place of its own. Where there are not as many as channels, it gives the set as it is.
func (s *Set) NormalisedBy(mean, std []float64) *Set {
	if len(mean) != s.Train.Channels || len(std) != s.Train.Channels {
		return s
	}
	out := *s
	for _, m := range []**Images{&out.Train, &out.Test, &out.Validation, &out.selection} {
		if *m != nil {
			normalised := **m
			normalised.Mean, normalised.Std = mean, std
			*m = &normalised
		}
	}
	return &out
}

// OpenOptions say which data set to open.
type OpenOptions struct {
	// Data is a folder that holds CIFAR-10 or CIFAR-100 in either layout, that folder's parent, an archive as published, a
	// folder of picture files, or SampleName; or CIFAR10 or CIFAR100 for the one in the user's cache, unless there is a file
	// or folder of that name; or empty, for CIFAR-10 in the cache.
	Data string
	// Folder says how to read a folder of picture files; it means nothing to other sets.
	Folder FolderOptions
	// Cache is the folder of the user's cache; empty means CacheFolder.
	Cache string
	// Download, where given, fetches what the cache lacks, into the cache; its Set and Folder are ignored. Otherwise nothing
	// uses the network.
	Download *DownloadOptions
}

// Open reads a data set.
func Open(ctx context.Context, o OpenOptions) (*Set, error) {
	switch o.Data {
	case SampleName:
		return Sample()
	case "":
		return openCache(ctx, o, CIFAR10)
	case CIFAR10, CIFAR100:
		if _, err := os.Stat(o.Data); errors.Is(err, fs.ErrNotExist) {
			return openCache(ctx, o, o.Data)
		}
	}
	if _, published := locate(o.Data); published || !isFolder(o.Data) {
		return openPath(ctx, o.Data)
	}
	cache, err := o.cacheFolder()
	if err != nil {
		cache = "" // what is measured can be kept in the folder
	}
	return openFolder(ctx, o.Data, cache, o.Folder)
}

func (o OpenOptions) cacheFolder() (string, error) {
	if o.Cache != "" {
		return o.Cache, nil
	}
	return CacheFolder()
}

// CacheFolder is where downloads are kept: nat in the user's cache folder.
func CacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for data: %w; give --data DIR", err)
	}
	return filepath.Join(cache, "nat"), nil
}

// openCache reads a published set from the user's cache.
func openCache(ctx context.Context, o OpenOptions, set string) (*Set, error) {
	cache, err := o.cacheFolder()
	if err != nil {
		return nil, err
	}
	if found, ok := locateSet(cache, set); ok {
		return found.read(ctx)
	}
	if o.Download == nil {
		r, err := releaseOf(set)
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("no %s in %s: fetch it with nat download (%s names a mirror), "+
			"or give --data DIR, or --data %s for the built-in sample", r.layout.of.title, cache, r.variable, SampleName)
	}
	download := *o.Download
	download.Set, download.Folder = set, cache
	folder, err := Download(ctx, download)
	if err != nil {
		return nil, fmt.Errorf("%w (without the network: --data DIR, or --data %s for the built-in sample)", err, SampleName)
	}
	return openPath(ctx, folder)
}

func openPath(ctx context.Context, path string) (*Set, error) {
	if found, ok := locate(path); ok {
		return found.read(ctx)
	}
	_, err := os.Stat(path)
	if err == nil {
		err = fmt.Errorf("%s is neither a folder nor a file", path)
	}
	return nil, fmt.Errorf("no data set: %w (--data names a folder of images, a folder or archive of CIFAR-10 or CIFAR-100, or %s)", err, SampleName)
}

// A location is where a set's files were found: a folder of a known layout, or an archive.
type location struct {
	path   string
	layout *layout // nil for an archive
}

func (l location) read(ctx context.Context) (*Set, error) {
	var set *Set
	var err error
	if l.layout == nil {
		set, err = readArchive(ctx, l.path)
	} else {
		set, err = readFolder(ctx, l.path, *l.layout)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	return set, nil
}

// locate finds a published set at path: the folder of its files, a folder that holds that folder or an archive, or an
// archive.
func locate(path string) (location, bool) {
	if isFile(path) {
		return location{path: path}, true
	}
	return locateSet(path, "")
}

// locateSet finds a published set in a folder, the one of that name if it isn't empty.
func locateSet(path, set string) (location, bool) {
	of := slices.DeleteFunc(layouts(), func(l layout) bool { return set != "" && l.of.name != set })
	for _, l := range of {
		for _, folder := range []string{path, filepath.Join(path, l.folder)} {
			files := 0
			for _, name := range l.files() {
				if isFile(filepath.Join(folder, name)) {
					files++
				}
			}
			if files >= l.telling {
				return location{folder, &l}, true
			}
		}
	}
	for _, l := range of {
		if archive := filepath.Join(path, l.archive); isFile(archive) {
			return location{path: archive}, true
		}
	}
	return location{}, false
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// readFolder reads a set from the folder of its files.
func readFolder(ctx context.Context, folder string, l layout) (*Set, error) {
	a := newAssembly(l)
	// Room for all training images at once: a growing slice would hold them twice.
	if info, err := os.Stat(filepath.Join(folder, l.training[0])); err == nil && info.Size() <= l.of.largest {
		a.train.Pixels = make([]byte, 0, int64(len(l.training))*info.Size())
	}
	for _, name := range l.files() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := a.addFile(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return a.finish()
}

func (a *assembly) addFile(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", filepath.Base(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return a.add(filepath.Base(path), info.Size(), f)
}
