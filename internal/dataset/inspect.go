package dataset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"nat/internal/picture"
)

// facts are what is known of a file of an image folder once it has been looked into.
type facts struct {
	digest digest // SHA-256 of the class name, a NUL byte and the file's bytes (spec 10)
	sums   sums
	fault  string // why it can't be read; empty where it can
}

// sums are what mean and standard deviation follow from: of each channel of the prepared image, the sum of its bytes and of
// their squares. They are whole numbers, so the order in which images are added changes nothing.
type sums struct{ Levels, Squares [3]uint64 }

func (s *sums) add(o sums) {
	for c := range s.Levels {
		s.Levels[c] += o.Levels[c]
		s.Squares[c] += o.Squares[c]
	}
}

func sumsOf(planes []byte) (s sums) {
	n := len(planes) / 3
	for c := range s.Levels {
		for _, v := range planes[c*n:][:n] {
			s.Levels[c] += uint64(v)
			s.Squares[c] += uint64(v) * uint64(v)
		}
	}
	return s
}

// normalisation gives mean and standard deviation of each channel, with levels from 0 to 1, of so many pixels.
func (s *sums) normalisation(pixels int) (mean, std []float64) {
	values := 255 * float64(pixels)
	for c := range s.Levels {
		m := float64(s.Levels[c]) / values
		variance := float64(s.Squares[c])/(255*values) - m*m
		mean = append(mean, m)
		std = append(std, math.Sqrt(max(variance, 1./(255*255)))) // a channel that is all alike is not divided by 0
	}
	return mean, std
}

// measure sets mean and standard deviation of images of three channels that are held as bytes.
func (m *Images) measure() {
	var total sums
	for i := range m.Len() {
		total.add(sumsOf(m.Image(i)))
	}
	m.Mean, m.Std = total.normalisation(m.Len() * m.Height * m.Width)
}

// An inspection looks into the files of an image folder, each once: what a store knows from before isn't read again.
type inspection struct {
	tree     *tree
	size     int  // of the prepared images
	keep     bool // whether their pixels are wanted
	progress func(done, total int64)

	files  []treeFile // of all parts, one after the other
	known  []bool     // of which facts are there
	facts  []facts    // by file
	pixels []byte     // where they are kept: [len(files), 3, size, size], nothing of files with a fault
}

func newInspection(t *tree, size int, progress func(done, total int64)) *inspection {
	files := slices.Concat(t.files[:]...)
	n := &inspection{
		tree: t, size: size, progress: progress,
		files: files, known: make([]bool, len(files)), facts: make([]facts, len(files)),
	}
	if n.keep = size < LargeImage && len(files) <= heldBytes/n.bytes(); n.keep {
		n.pixels = make([]byte, len(files)*n.bytes())
	}
	return n
}

// run finds out the facts of all files. It stores them, also what there is of them where the context ends.
func (n *inspection) run(ctx context.Context, s store) error {
	before := s.load(n)
	done := before
	var report sync.Mutex
	err := inParallel(len(n.files), func(i int) error {
		if n.known[i] {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n.look(i)
		report.Lock()
		defer report.Unlock()
		done++
		n.progress(int64(done), int64(len(n.files)))
		return nil
	})
	if before < len(n.files) {
		if failed := s.save(n); failed != nil {
			n.tree.remarks = append(n.tree.remarks, fmt.Sprintf("what was measured of the images can't be stored, and will be measured anew: %v", failed))
		}
	}
	return err
}

// image gives the place of the prepared image of a file, where they are kept.
func (n *inspection) image(i int) []byte { return n.pixels[i*n.bytes():][:n.bytes()] }

// bytes is the number of bytes of a prepared image.
func (n *inspection) bytes() int { return 3 * n.size * n.size }

// path is where a file is.
func (n *inspection) path(i int) string {
	return filepath.Join(n.tree.root, filepath.FromSlash(n.files[i].path))
}

// look reads a file.
func (n *inspection) look(i int) {
	n.known[i] = true
	found := &n.facts[i]
	*found = facts{}
	file, err := readPicture(n.path(i))
	if err != nil {
		found.fault = plain(err)
		return
	}
	h := sha256.New()
	h.Write(append([]byte(n.tree.classes[n.files[i].class]), 0))
	h.Write(file)
	found.digest = digest(h.Sum(nil))
	whole, err := picture.Decode(file)
	if err != nil {
		found.fault = plain(err)
		return
	}
	image := prepare(whole, n.size)
	found.sums = sumsOf(image)
	if n.keep {
		copy(n.image(i), image)
	}
}

// plain is an error's message without the path, which is said beside it.
func plain(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err.Error()
	}
	return err.Error()
}
