package dataset

import (
	"context"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"nat/internal/picture"
)

// FolderOptions say how to read a folder of picture files.
type FolderOptions struct {
	ImageSize int      // height and width that pictures are brought to; 0 takes theirs, where they all have the same
	Classes   []string // which to take, in the order of their labels; nil means all, in alphabetical order
	Strict    bool     // a picture that can't be read is an error; else it is left out
	// Progress, where given, is told how many files have been looked into.
	Progress func(done, total int64)
}

// The bounds of an image size.
const (
	minImageSize = 4
	maxImageSize = 1024
)

// heldBytes is how many bytes of pixels a set of small images may hold; beyond, they are read from their files.
const heldBytes = 256 << 20

// testShare is the part of each class's images, one in so many, that is held out for the test where a folder has none.
const testShare = 5

// openFolder reads an image folder. What was found out before is taken from its store; cache is the user's.
func openFolder(ctx context.Context, root, cache string, o FolderOptions) (*Set, error) {
	if o.Progress == nil {
		o.Progress = func(done, total int64) {}
	}
	t, err := readTree(root, o.Classes)
	if err != nil {
		return nil, err
	}
	size, err := t.imageSize(ctx, o.ImageSize)
	if err != nil {
		return nil, err
	}
	s, err := newStore(root, cache, size)
	if err != nil {
		return nil, err
	}
	n := newInspection(t, size, o.Progress)
	if err := n.run(ctx, s); err != nil {
		return nil, err
	}
	if err := n.admit(o.Strict); err != nil {
		return nil, err
	}
	return n.assemble()
}

// imageSize decides the size of the images: the one asked for, or that of all pictures, or ImageNet's.
func (t *tree) imageSize(ctx context.Context, asked int) (int, error) {
	if asked != 0 && (asked < minImageSize || asked > maxImageSize) {
		return 0, fmt.Errorf("images of %d×%d pixels can't be: their size may be %d to %d", asked, asked, minImageSize, maxImageSize)
	}
	if asked != 0 {
		return asked, nil
	}
	var size image.Point
	var first string
	for _, f := range t.files[trainPart] {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		path := filepath.Join(t.root, filepath.FromSlash(f.path))
		switch own, err := sizeOf(path); {
		case err != nil: // its fault is found again, and told, when it is read
		case first == "":
			size, first = own, path
		case own != size && t.isImageNet():
			return imageNetSize, nil
		case own != size:
			return 0, fmt.Errorf("the images have different sizes, such as %s %d×%d and %s %d×%d: say which size to bring them to (--image-size N)",
				first, size.X, size.Y, path, own.X, own.Y)
		}
	}
	switch {
	case first == "":
		return 0, fmt.Errorf("%s has no image that can be read", t.root)
	case size.X != size.Y || size.X < minImageSize || size.X > maxImageSize:
		return 0, fmt.Errorf("the images of %s have %d×%d pixels, not as many down as across or out of %d to %d: say which size to bring them to (--image-size N)",
			t.root, size.X, size.Y, minImageSize, maxImageSize)
	}
	return size.X, nil
}

// headBytes is as much of a file as its size is looked for in first.
const headBytes = 1 << 12

// sizeOf gives the size of a picture, from the beginning of its file if it is said there.
func sizeOf(path string) (image.Point, error) {
	f, err := os.Open(path)
	if err != nil {
		return image.Point{}, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, headBytes))
	if err != nil {
		return image.Point{}, err
	}
	width, height, err := picture.Size(head)
	if err != nil {
		var rest []byte
		if rest, err = io.ReadAll(io.LimitReader(f, maxFile)); err == nil {
			width, height, err = picture.Size(append(head, rest...))
		}
	}
	return image.Pt(width, height), err
}

// isImageNet tells whether the classes are ImageNet's synsets.
func (t *tree) isImageNet() bool {
	synset := regexp.MustCompile(`^n\d{8}$`)
	return !slices.ContainsFunc(t.classes, func(class string) bool { return !synset.MatchString(class) })
}

// faultsNamed is how many pictures that can't be read are named.
const faultsNamed = 5

// admit names and counts the pictures that can't be read, which is all that is wrong with them where they may be left out.
func (n *inspection) admit(strict bool) error {
	var named []string
	count := 0
	for i, f := range n.facts {
		if f.fault == "" {
			continue
		}
		if strict {
			return fmt.Errorf("%s can't be read: %s (without --strict it is left out)", n.path(i), f.fault)
		}
		if count++; count <= faultsNamed {
			named = append(named, fmt.Sprintf("%s (%s)", n.path(i), f.fault))
		}
	}
	if count > faultsNamed {
		named = append(named, fmt.Sprintf("and %d more", count-faultsNamed))
	}
	if count > 0 {
		n.tree.remarks = append(n.tree.remarks,
			fmt.Sprintf("%d of %d images can't be read and are left out: %s", count, len(n.files), strings.Join(named, ", ")))
	}
	return nil
}

// assemble makes the set of the files without a fault: each part in canonical order, normalised by the training images.
func (n *inspection) assemble() (*Set, error) {
	t := n.tree
	whole, err := filepath.Abs(t.root)
	if err != nil {
		return nil, err
	}
	all := &Images{
		Name: filepath.Base(whole), Classes: t.classes, Channels: 3, Height: n.size, Width: n.size, Pixels: n.pixels, folder: t.root,
	}
	for i, f := range n.files {
		all.Labels = append(all.Labels, uint16(f.class))
		all.digests = append(all.digests, n.facts[i].digest)
		if !n.keep {
			all.files = append(all.files, filepath.FromSlash(f.path))
		}
	}
	good := n.good(all)
	switch {
	case len(t.files[testPart]) > 0:
	case len(t.files[validationPart]) > 0:
		good[testPart], good[validationPart] = good[validationPart], nil
	default:
		good[trainPart], good[testPart] = all.holdOut(good[trainPart])
	}
	if err := t.complete(all, good); err != nil {
		return nil, err
	}
	all.Mean, all.Std = n.normalisation(good[trainPart])
	set := &Set{Name: all.Name, Train: all.Select(good[trainPart]), Test: all.Select(good[testPart]), Remarks: t.remarks}
	if good[validationPart] != nil {
		set.Validation = all.Select(good[validationPart])
	}
	return set, nil
}

// good gives the files of each part that have no fault, in canonical order.
func (n *inspection) good(all *Images) (good [parts][]int) {
	at := 0
	for p, files := range n.tree.files {
		for range files {
			if n.facts[at].fault == "" {
				good[p] = append(good[p], at)
			}
			at++
		}
		all.sortIndices(good[p])
	}
	return good
}

// holdOut takes the first fifth of each class's images, of indices in canonical order, for the test, and at least one.
func (m *Images) holdOut(indices []int) (train, test []int) {
	total, taken := make([]int, len(m.Classes)), make([]int, len(m.Classes))
	for _, i := range indices {
		total[m.Labels[i]]++
	}
	for _, i := range indices {
		class := m.Labels[i]
		if taken[class] < max(1, total[class]/testShare) && total[class] > 1 {
			taken[class]++
			test = append(test, i)
		} else {
			train = append(train, i)
		}
	}
	return train, test
}

// complete checks that there are images of every class to train on, and images to test on.
func (t *tree) complete(all *Images, good [parts][]int) error {
	counts := make([]int, len(t.classes))
	for _, i := range good[trainPart] {
		counts[all.Labels[i]]++
	}
	if class := slices.Index(counts, 0); class >= 0 {
		return fmt.Errorf("%s has no image of the class %s that can be read", t.root, t.classes[class])
	}
	if len(good[testPart]) == 0 {
		return fmt.Errorf("%s has no image to test on: each class needs two or more", t.root)
	}
	return nil
}

// normalisation gives mean and standard deviation of each channel of the training images; of ImageNet, those that
// published networks are trained with (spec 9).
func (n *inspection) normalisation(train []int) (mean, std []float64) {
	if n.tree.isImageNet() {
		return []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	}
	var total sums
	for _, i := range train {
		total.add(n.facts[i].sums)
	}
	return total.normalisation(len(train) * n.size * n.size)
}
