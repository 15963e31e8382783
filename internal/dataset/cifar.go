package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// CIFAR-10 and CIFAR-100 as published (spec 10). Both have images of 32 × 32 pixels in three planes.
const (
	cifarSide   = 32
	cifarPixels = 3 * cifarSide * cifarSide
)

// The names of the published sets, by which --data may ask for the one in the user's cache.
const (
	CIFAR10  = "cifar10"
	CIFAR100 = "cifar100"
)

// A publication is CIFAR-10 or CIFAR-100.
type publication struct {
	name, title string
	classes     []string  // nil where only the files say them
	classCount  int       // how many there are
	mean, std   []float64 // of the training images; nil where they are measured
	labelBytes  int       // of a record in the binary layout, before the pixels; the last one is the label
	labels      string    // key of the labels in a pickle
	classNames  string    // key of the class names in theirs
	perFile     int       // records of a file of training images; smaller sets serve tests
	testRecords int       // of the file of test images
	largest     int64     // bound of a file in either layout, in bytes
}

func cifar10() publication {
	return publication{
		name: CIFAR10, title: "CIFAR-10", classes: cifar10Classes(), classCount: 10,
		mean: []float64{0.49139968, 0.48215827, 0.44653124}, std: []float64{0.24703233, 0.24348505, 0.26158768}, // spec 7
		labelBytes: 1, labels: "labels", classNames: "label_names", perFile: 10000, testRecords: 10000, largest: 32 << 20,
	}
}

// cifar100 has a byte for one of 20 coarse classes before the one for one of 100 fine classes, which are taken.
func cifar100() publication {
	return publication{
		name: CIFAR100, title: "CIFAR-100", classCount: 100,
		labelBytes: 2, labels: "fine_labels", classNames: "fine_label_names", perFile: 50000, testRecords: 10000, largest: 160 << 20,
	}
}

// record is the number of bytes of a record in the binary layout.
func (p publication) record() int { return p.labelBytes + cifarPixels }

// empty gives a set of the publication's kind without images.
func (p publication) empty() *Images {
	classes := p.classes
	if classes == nil {
		classes = make([]string, p.classCount)
	}
	return &Images{Name: p.name, Classes: classes, Channels: 3, Height: cifarSide, Width: cifarSide, Mean: p.mean, Std: p.std}
}

// cifar10Classes are the names of the ten classes, which the files beside the images repeat.
func cifar10Classes() []string {
	return []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
}

// Published gives what is known of a published set by its name, without its files: an empty set of its kind. It is nil for
// any other name, and for CIFAR-100, whose classes only the files say. Checkpoints may say no more than the name.
func Published(set string) *Images {
	if set == CIFAR10 {
		return cifar10().empty()
	}
	return nil
}

// A layout is one of the forms that a set is published in: files of records, or pickles.
type layout struct {
	of              publication
	folder, archive string   // their published names
	training        []string // files of training images
	test            string   // file of test images
	classes         string   // file of the class names
	pickled         bool
	telling         int // how many of the files must be in a folder to tell that it is this layout
}

func cifar10Binary() layout {
	return layout{
		of: cifar10(), folder: "cifar-10-batches-bin", archive: "cifar-10-binary.tar.gz", telling: 1,
		training: numbered("data_batch_%d.bin", 5), test: "test_batch.bin", classes: "batches.meta.txt",
	}
}

func cifar10Python() layout {
	return layout{
		of: cifar10(), folder: "cifar-10-batches-py", archive: "cifar-10-python.tar.gz", pickled: true, telling: 1,
		training: numbered("data_batch_%d", 5), test: "test_batch", classes: "batches.meta",
	}
}

func cifar100Binary() layout {
	return layout{
		of: cifar100(), folder: "cifar-100-binary", archive: "cifar-100-binary.tar.gz", telling: 2,
		training: []string{"train.bin"}, test: "test.bin", classes: "fine_label_names.txt",
	}
}

func cifar100Python() layout {
	return layout{
		of: cifar100(), folder: "cifar-100-python", archive: "cifar-100-python.tar.gz", pickled: true, telling: 2,
		training: []string{"train"}, test: "test", classes: "meta",
	}
}

func layouts() []layout {
	return []layout{cifar10Binary(), cifar10Python(), cifar100Binary(), cifar100Python()}
}

func numbered(format string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i+1)
	}
	return names
}

// publishedFolders are the names of the folders that CIFAR-10 and CIFAR-100 are published in.
func publishedFolders() (names []string) {
	for _, l := range layouts() {
		names = append(names, l.folder)
	}
	return names
}

// files are the names of all files that a set in this layout consists of.
func (l layout) files() []string { return append([]string{l.test, l.classes}, l.training...) }

// damaged is the error of a file that is not what was published.
func damaged(format string, a ...any) error {
	return fmt.Errorf(format+"; fetch it again (nat download)", a...)
}

// readImages appends the images of a file, size bytes long.
func (l layout) readImages(m *Images, r io.Reader, size int64) error {
	if l.pickled {
		return readPickledImages(l.of, m, r, size)
	}
	return readBinary(l.of, m, r, size)
}

// readClasses reads the file of the class names.
func (l layout) readClasses(r io.Reader) ([]string, error) {
	if l.pickled {
		return readPickledClasses(l.of, r)
	}
	return readClassLines(r)
}

// readBinary appends the records of a file in the binary layout, size bytes long.
func readBinary(p publication, m *Images, r io.Reader, size int64) error {
	length := int64(p.record())
	published := int64(p.perFile) * length
	if size <= 0 || size > published || size%length != 0 {
		return damaged("%d bytes, expected %d (%d records of %d)", size, published, p.perFile, length)
	}
	in := bufio.NewReaderSize(io.LimitReader(r, size), 1<<18)
	record := make([]byte, length)
	for i := range size / length {
		if _, err := io.ReadFull(in, record); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return damaged("it ends within image %d of %d", i+1, size/length)
		} else if err != nil {
			return err
		}
		label := record[p.labelBytes-1]
		if int(label) >= p.classCount {
			return damaged("image %d has label %d, expected 0 to %d", i+1, label, p.classCount-1)
		}
		m.Labels = append(m.Labels, uint16(label))
		m.Pixels = append(m.Pixels, record[p.labelBytes:]...)
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
