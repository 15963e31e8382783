package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// CIFAR-10 as published (spec 10).
const (
	cifarSide          = 32
	cifarPixels        = 3 * cifarSide * cifarSide
	cifarRecord        = 1 + cifarPixels // a label's byte, then the red, the green and the blue plane
	cifarPerFile       = 10000           // records of a published file; smaller sets serve tests
	cifarTrainingFiles = 5
)

// cifarClasses are the names of the ten classes, which the files beside the images repeat.
func cifarClasses() []string {
	return []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
}

// ClassesOf gives the class names of a published set by its name, or nil for any other set. Checkpoints that don't name
// their classes may name the set.
func ClassesOf(set string) []string {
	if set == cifar10Name {
		return cifarClasses()
	}
	return nil
}

// newCIFAR10 gives an empty set of CIFAR-10's kind, with the mean and standard deviation of its training images (spec 7).
func newCIFAR10(name string, classes []string) *Images {
	return &Images{
		Name: name, Classes: classes, Channels: 3, Height: cifarSide, Width: cifarSide,
		Mean: []float64{0.49139968, 0.48215827, 0.44653124},
		Std:  []float64{0.24703233, 0.24348505, 0.26158768},
	}
}

// A layout is one of the two forms that CIFAR-10 is published in.
type layout struct {
	folder, archive string // their published names
	suffix          string // of the files of images
	classes         string // file of the class names
	readImages      func(m *Images, r io.Reader, size int64) error
	readClasses     func(r io.Reader) ([]string, error)
}

func binaryLayout() layout {
	return layout{
		folder: "cifar-10-batches-bin", archive: "cifar-10-binary.tar.gz",
		suffix: ".bin", classes: "batches.meta.txt",
		readImages: readBinary, readClasses: readClassLines,
	}
}

func layouts() []layout { return []layout{binaryLayout(), pythonLayout()} }

// publishedNames are the names that folders and archives of CIFAR-10 are published by.
func publishedNames() (names []string) {
	for _, l := range layouts() {
		names = append(names, l.folder, l.archive)
	}
	return names
}

func (l layout) trainingFile(i int) string { return fmt.Sprintf("data_batch_%d%s", i+1, l.suffix) }

func (l layout) testFile() string { return "test_batch" + l.suffix }

// files are the names of all files that a set in this layout consists of; the one of the class names may be missing.
func (l layout) files() []string {
	names := []string{l.testFile(), l.classes}
	for i := range cifarTrainingFiles {
		names = append(names, l.trainingFile(i))
	}
	return names
}

// damaged is the error of a file that is not what was published.
func damaged(format string, a ...any) error {
	return fmt.Errorf(format+"; fetch it again (nat download)", a...)
}

// readBinary appends the records of a file in the binary layout, size bytes long.
func readBinary(m *Images, r io.Reader, size int64) error {
	const published = cifarPerFile * cifarRecord
	if size <= 0 || size > published || size%cifarRecord != 0 {
		return damaged("%d bytes, expected %d (%d records of %d)", size, published, cifarPerFile, cifarRecord)
	}
	in := bufio.NewReaderSize(io.LimitReader(r, size), 1<<18)
	var record [cifarRecord]byte
	for i := range size / cifarRecord {
		if _, err := io.ReadFull(in, record[:]); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return damaged("it ends within image %d of %d", i+1, size/cifarRecord)
		} else if err != nil {
			return err
		}
		if int(record[0]) >= len(m.Classes) {
			return damaged("image %d has label %d, expected 0 to %d", i+1, record[0], len(m.Classes)-1)
		}
		m.Labels = append(m.Labels, uint16(record[0]))
		m.Pixels = append(m.Pixels, record[1:]...)
	}
	return nil
}

// readClassLines reads class names, one a line.
func readClassLines(r io.Reader) ([]string, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(text)), nil
}

// An assembly puts a set together from its files, which come in any order.
type assembly struct {
	layout      layout
	train, test *Images
	counts      map[string]int // images of each file
}

func newAssembly(l layout) *assembly {
	return &assembly{
		layout: l, counts: map[string]int{},
		train: newCIFAR10(cifar10Name, cifarClasses()), test: newCIFAR10(cifar10Name, cifarClasses()),
	}
}

// add reads one file of the set, size bytes long.
func (a *assembly) add(name string, size int64, r io.Reader) error {
	err := a.read(name, size, r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (a *assembly) read(name string, size int64, r io.Reader) error {
	if name == a.layout.classes {
		classes, err := a.layout.readClasses(io.LimitReader(r, 1<<16))
		if err != nil {
			return err
		}
		if len(classes) != len(a.train.Classes) {
			return damaged("%d class names, expected %d", len(classes), len(a.train.Classes))
		}
		a.train.Classes, a.test.Classes = classes, classes
		return nil
	}
	if _, twice := a.counts[name]; twice {
		return errors.New("it is there twice")
	}
	m := a.train
	if name == a.layout.testFile() {
		m = a.test
	}
	before := m.Len()
	if err := a.layout.readImages(m, r, size); err != nil {
		return err
	}
	a.counts[name] = m.Len() - before
	return nil
}

// finish checks that all files were there and gives the set in canonical order.
func (a *assembly) finish() (*Set, error) {
	most := 0
	for i := range cifarTrainingFiles {
		most = max(most, a.counts[a.layout.trainingFile(i)])
	}
	for _, name := range slices.Sorted(slices.Values(a.layout.files())) {
		count, there := a.counts[name]
		switch {
		case name == a.layout.classes:
		case !there:
			return nil, damaged("no %s, which belongs to CIFAR-10", name)
		// A file cut between two records shows only beside the others. A small set, made for a test, may test on any number.
		case count != most && (name != a.layout.testFile() || most == cifarPerFile):
			return nil, damaged("%s: %d images, expected %d as in the other files", name, count, most)
		}
	}
	a.train.sortCanonically()
	a.test.sortCanonically()
	return &Set{Name: cifar10Name, Train: a.train, Test: a.test}, nil
}
