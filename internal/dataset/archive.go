package dataset

import (
	"archive/tar"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
)

// maxUnpacked bounds what an archive may unpack to, in bytes; those published unpack to some 185 million.
const maxUnpacked = 256 << 20

// A visitor reads a file of a published set, size bytes long.
type visitor func(l layout, name string, size int64, r io.Reader) error

// walkArchive visits the files of a published set in a .tar.gz, of whichever layout comes first, by their names without
// folders; it passes over everything else. No file is longer than the largest of its set.
func walkArchive(ctx context.Context, archive io.Reader, visit visitor) error {
	unzipped, err := gzip.NewReader(interruptible{ctx, archive})
	if err != nil {
		return archiveError(ctx, err)
	}
	unpacked := io.LimitReader(unzipped, maxUnpacked)
	in := tar.NewReader(unpacked)
	var found *layout
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) && found != nil {
			_, err := io.Copy(io.Discard, unpacked) // to the checksum at its end
			return archiveError(ctx, err)
		}
		if err != nil {
			return archiveError(ctx, err)
		}
		name := path.Base(header.Name)
		if header.Typeflag != tar.TypeReg {
			continue
		}
		for _, l := range layouts() {
			if found == nil && slices.Contains(l.files(), name) {
				found = &l
			}
		}
		if found == nil || !slices.Contains(found.files(), name) {
			continue
		}
		if of := found.of; header.Size > of.largest {
			return damaged("%s: %d bytes, expected about %d", name, header.Size, of.perFile*of.record())
		}
		if err := visit(*found, name, header.Size, in); err != nil {
			return archiveError(ctx, err)
		}
	}
}

// archiveError says in one line what an error means that comes up while an archive is read.
func archiveError(ctx context.Context, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, tar.ErrHeader), errors.Is(err, io.EOF):
		return fmt.Errorf("not an archive of CIFAR-10 or CIFAR-100 (%s, %s)", cifar10Binary().archive, cifar100Binary().archive)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return damaged("the archive is cut short or damaged")
	default:
		return err
	}
}

// readArchive reads a set from an archive as published.
func readArchive(ctx context.Context, file string) (*Set, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var a *assembly
	err = walkArchive(ctx, f, func(l layout, name string, size int64, r io.Reader) error {
		if a == nil {
			a = newAssembly(l)
		}
		return a.add(name, size, r)
	})
	if err != nil {
		return nil, err
	}
	return a.finish()
}

// interruptible is a reader that ends with the context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
