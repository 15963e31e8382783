// Package dataset has the images that everything else learns from and is measured on: what a data set is, how it is
// read, downloaded and split, and how its images become batches of numbers. The flow is one way:
//
//	Open (a folder, an archive, the cache, the embedded sample) → Set of Images → Split → Loader → Batch
//
// Number of classes, channels and image size belong to the data set; only the CIFAR readers know their own. It stands low
// in the program: it knows nothing of networks, flags or progress bars.
package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"slices"
	"sync"
)

// Images are labelled images of one size. They are held as bytes, or else read from picture files whenever they are needed.
type Images struct {
	Name                    string    // what messages and logs call the set
	Classes                 []string  // name of each class
	Channels, Height, Width int       // of every image
	Mean, Std               []float64 // of each channel, with pixels from 0 to 1: what normalising subtracts and divides by
	Pixels                  []byte    // [N, Channels, Height, Width]; nil where they are read from files
	Labels                  []uint16  // [N], below len(Classes)

	digests []digest // [N], where the set's reader has computed them
	folder  string   // that holds files
	files   []string // [N], in folder; nil where the images are held
}

// A digest is the SHA-256 of an image's record.
type digest = [sha256.Size]byte

// Len is the number of images.
func (m *Images) Len() int { return len(m.Labels) }

// size is the number of bytes of an image.
func (m *Images) size() int { return m.Channels * m.Height * m.Width }

// Image gives the pixels of image i of a set that is held as bytes, [Channels, Height, Width], not copied.
func (m *Images) Image(i int) []byte {
	return m.Pixels[i*m.size():][:m.size():m.size()]
}

// Fingerprint is the SHA-256, in hex, over the images' hashes in their order (spec 10). A set read by this package is in
// canonical order, so the same images have the same fingerprint wherever and in whatever layout they came.
func (m *Images) Fingerprint() string {
	h := sha256.New()
	for _, d := range m.hashes() {
		h.Write(d[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Select copies the images with those indices, in that order.
func (m *Images) Select(indices []int) *Images {
	hashes := m.hashes()
	out := *m
	out.Pixels, out.files = nil, nil
	if m.files == nil {
		out.Pixels = make([]byte, 0, len(indices)*m.size())
	}
	out.Labels = make([]uint16, 0, len(indices))
	out.digests = make([]digest, 0, len(indices))
	for _, i := range indices {
		if m.files == nil {
			out.Pixels = append(out.Pixels, m.Image(i)...)
		} else {
			out.files = append(out.files, m.files[i])
		}
		out.Labels = append(out.Labels, m.Labels[i])
		out.digests = append(out.digests, hashes[i])
	}
	return &out
}

// First gives the first n images without copying them, or all of them where n is 0 or more than there are.
func (m *Images) First(n int) *Images {
	if n <= 0 || n > m.Len() {
		return m
	}
	out := *m
	if m.files == nil {
		out.Pixels = m.Pixels[:n*m.size()]
	} else {
		out.files = m.files[:n]
	}
	out.Labels = m.Labels[:n]
	if m.digests != nil {
		out.digests = m.digests[:n]
	}
	return &out
}

// ascending gives the indices of n images in order.
func ascending(n int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// hashes gives each image's digest: those of the set's reader, or else of the label's byte followed by the pixels,
// which is CIFAR-10's record.
func (m *Images) hashes() []digest {
	if m.digests != nil {
		return m.digests
	}
	digests := make([]digest, m.Len())
	workers := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			record := make([]byte, 1+m.size())
			for i := worker; i < m.Len(); i += workers {
				record[0] = byte(m.Labels[i])
				copy(record[1:], m.Image(i))
				digests[i] = sha256.Sum256(record)
			}
		})
	}
	wait.Wait()
	return digests
}

// sortCanonically puts the images into canonical order, ascending by hash (spec 7), without holding them twice.
func (m *Images) sortCanonically() {
	digests := m.hashes()
	m.digests = digests
	source := ascending(m.Len()) // which image comes to place i
	m.sortIndices(source)

	sorted := make([]digest, m.Len())
	for i, from := range source {
		sorted[i] = digests[from]
	}
	m.permute(source)
	m.digests = sorted
}

// sortIndices puts indices of images, whose digests are known, into canonical order.
func (m *Images) sortIndices(indices []int) {
	slices.SortFunc(indices, func(a, b int) int { return bytes.Compare(m.digests[a][:], m.digests[b][:]) })
}

// permute moves image source[i] to place i, cycle by cycle. It uses source up.
func (m *Images) permute(source []int) {
	first := make([]byte, m.size())
	for start := range source {
		if source[start] == start {
			continue
		}
		label := m.Labels[start]
		copy(first, m.Image(start))
		place := start
		for source[place] != start {
			from := source[place]
			copy(m.Image(place), m.Image(from))
			m.Labels[place] = m.Labels[from]
			source[place] = place
			place = from
		}
		copy(m.Image(place), first)
		m.Labels[place] = label
		source[place] = place
	}
}
