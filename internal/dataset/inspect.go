package dataset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
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
}

// run gives the facts of the files and, where they are to be kept, their prepared images: [len(files), 3, size, size], of
// which those with a fault hold nothing. What was found out is stored, also where the context ends.
func (n inspection) run(ctx context.Context, s store, files []treeFile) (found []facts, pixels []byte, err error) {
	found = make([]facts, len(files))
	known := make([]bool, len(files))
	if n.keep {
		pixels = make([]byte, len(files)*n.bytes())
	}
	before := s.load(n, files, found, known, pixels)
	done := before
	var report sync.Mutex
	err = inParallel(len(files), func(i int) error {
		if known[i] {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var image []byte
		found[i], image = n.look(files[i])
		if n.keep {
			copy(pixels[i*n.bytes():], image)
		}
		known[i] = true
		report.Lock()
		defer report.Unlock()
		done++
		n.progress(int64(done), int64(len(files)))
		return nil
	})
	if before < len(files) {
		if failed := s.save(n, files, found, known, pixels); failed != nil {
			n.tree.remarks = append(n.tree.remarks, fmt.Sprintf("what was measured of the images can't be stored, and will be measured anew: %v", failed))
		}
	}
	return found, pixels, err
}

// bytes is the number of bytes of a prepared image.
func (n inspection) bytes() int { return 3 * n.size * n.size }

// look reads a file, and gives the prepared image too.
func (n inspection) look(f treeFile) (facts, []byte) {
	file, err := readPicture(filepath.Join(n.tree.root, filepath.FromSlash(f.path)))
	if err != nil {
		return facts{fault: plain(err)}, nil
	}
	h := sha256.New()
	h.Write(append([]byte(n.tree.classes[f.class]), 0))
	h.Write(file)
	found := facts{digest: digest(h.Sum(nil))}
	whole, err := picture.Decode(file)
	if err != nil {
		found.fault = plain(err)
		return found, nil
	}
	image := prepare(whole, n.size)
	found.sums = sumsOf(image)
	return found, image
}

// plain is an error's message without the path, which is said beside it.
func plain(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err.Error()
	}
	return err.Error()
}
