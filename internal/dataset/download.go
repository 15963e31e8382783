package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"nat/internal/atomicfile"
)

// URLVariable is the environment variable that names a mirror of CIFAR-10's archive.
const URLVariable = "NAT_CIFAR10_URL"

// An Archive is what a file that is downloaded must be.
type Archive struct {
	Size   int64  // in bytes
	SHA256 string // in hex
}

// A release is the archive of a published set that is downloaded.
type release struct {
	layout   layout
	url      string // its home
	variable string // the environment variable that names a mirror
	archive  Archive
}

// releaseOf gives the release of a published set by its name, which is CIFAR10 where it is empty.
func releaseOf(set string) (release, error) {
	switch set {
	case "", CIFAR10: // spec 10
		return release{
			cifar10Binary(), "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", URLVariable,
			Archive{170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
		}, nil
	case CIFAR100: // its sum is the one that TensorFlow Datasets and others check
		return release{
			cifar100Binary(), "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "NAT_CIFAR100_URL",
			Archive{168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
		}, nil
	}
	return release{}, fmt.Errorf("no data set %q is to be downloaded: there are %s and %s", set, CIFAR10, CIFAR100)
}

// DownloadOptions say what to fetch, and whence. The zero value fetches CIFAR-10 into the user's cache.
type DownloadOptions struct {
	Set      string                  // CIFAR10 or CIFAR100; empty means CIFAR10
	URL      string                  // empty means what the set's variable names, or else its home
	Folder   string                  // where to keep it; empty means CacheFolder
	Expect   Archive                 // what must come; zero means the set's, and anything else serves tests
	Progress func(done, total int64) // told of bytes as they come; may be nil
}

// withDefaults fills in what isn't given, of the release.
func (o DownloadOptions) withDefaults(r release) (DownloadOptions, error) {
	if o.URL == "" {
		o.URL = os.Getenv(r.variable)
	}
	if o.URL == "" {
		o.URL = r.url
	}
	if err := checkAddress(o.URL); err != nil {
		return o, err
	}
	if o.Expect == (Archive{}) {
		o.Expect = r.archive
	}
	if o.Progress == nil {
		o.Progress = func(done, total int64) {}
	}
	if o.Folder != "" {
		return o, nil
	}
	var err error
	o.Folder, err = CacheFolder()
	return o, err
}

// Download fetches a published set, checks its size and SHA-256, unpacks it and gives the path of what Open reads. What is
// already there and whole is not fetched again. An interrupted download is kept, and the next one goes on from it; the
// unpacked set appears when it is whole.
func Download(ctx context.Context, o DownloadOptions) (path string, err error) {
	r, err := releaseOf(o.Set)
	if err != nil {
		return "", err
	}
	o, err = o.withDefaults(r)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(o.Folder, 0o755); err != nil {
		return "", fmt.Errorf("no folder for %s: %w", r.layout.of.title, err)
	}
	lock := flock.New(filepath.Join(o.Folder, ".download.lock"))
	if locked, err := lock.TryLock(); err != nil {
		return "", fmt.Errorf("no lock for a download: %w", err)
	} else if !locked {
		return "", fmt.Errorf("another process downloads into %s: wait for it, or end it", o.Folder)
	}
	defer lock.Unlock()

	if found, ok := locateSet(o.Folder, r.layout.of.name); ok {
		if _, err := found.read(ctx); err == nil {
			return found.path, nil
		}
	}
	part := filepath.Join(o.Folder, r.layout.archive+".part")
	if err := newFetch(o, r, part).run(ctx); err != nil {
		return "", err
	}
	if err := verify(ctx, part, o, r); err != nil {
		return "", err
	}
	folder := filepath.Join(o.Folder, r.layout.folder)
	if err := unpack(ctx, part, folder, r.layout); err != nil {
		return "", fmt.Errorf("unpack %s: %w", part, err)
	}
	return folder, os.Remove(part)
}

// verify checks the SHA-256 of a download and removes it where it is wrong, so that the next one starts afresh.
func verify(ctx context.Context, part string, o DownloadOptions, r release) error {
	got, err := hashFile(ctx, part)
	if err != nil || got == o.Expect.SHA256 {
		return err
	}
	if err := os.Remove(part); err != nil {
		return fmt.Errorf("%s has the wrong SHA-256, %s, and can't be removed: %w", part, got, err)
	}
	return fmt.Errorf("%s: SHA-256 %s, expected %s; the file is removed: try again, or another mirror (%s)",
		redacted(o.URL), got, o.Expect.SHA256, r.variable)
}

// hashFile gives the SHA-256 of a file, in hex.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, interruptible{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// unpack unpacks the archive into folder, which appears or changes only when all files are there and read well.
func unpack(ctx context.Context, archive, folder string, l layout) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	unpacked := folder + ".unpacking" // what an interrupted process left there is of no use
	if err := os.RemoveAll(unpacked); err != nil {
		return err
	}
	defer os.RemoveAll(unpacked)
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		return err
	}
	err = walkArchive(ctx, f, func(_ layout, name string, size int64, r io.Reader) error {
		return atomicfile.Write(filepath.Join(unpacked, name), func(w io.Writer) error {
			_, err := io.CopyN(w, r, size)
			return err
		})
	})
	if err != nil {
		return err
	}
	if _, err := readFolder(ctx, unpacked, l); err != nil {
		return err
	}
	return replaceFolder(folder, unpacked)
}

// replaceFolder puts the folder with, whole, in the place of folder. Where a damaged set stands there, its files give way
// one by one and whatever else is there stays.
func replaceFolder(folder, with string) error {
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return os.Rename(with, folder)
	}
	files, err := os.ReadDir(with)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Rename(filepath.Join(with, file.Name()), filepath.Join(folder, file.Name())); err != nil {
			return err
		}
	}
	return nil
}
