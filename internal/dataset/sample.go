package dataset

import (
	"bytes"
	"fmt"
	"image"
	"image/png"

	"nat/data"
)

// What the embedded sample was taken from (spec 8): the θ part of CIFAR-10's training set under the default seed and
// portion.
const (
	sampleSeed    = 1234
	samplePortion = 0.4
	sampleImages  = 512
	// cifar10Fingerprint is that of all of CIFAR-10's training images.
	cifar10Fingerprint = "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260"
)

// storedSelection is the sample's Selection, for a checkpoint that was not trained on the sample itself.
func (s *Set) storedSelection(r SelectionRequest) (images *Images, warning string, err error) {
	if r.Images > s.selection.Len() {
		return nil, "", fmt.Errorf("the sample has %d selection images, not %d: take fewer, or all of CIFAR-10 "+
			"(nat download, then --data DIR)", s.selection.Len(), r.Images)
	}
	switch {
	case r.TrainedOn != "" && r.TrainedOn != cifar10Fingerprint:
		warning = "the checkpoint was trained on other images than all of CIFAR-10's: the sample's may be among them " +
			"(--data DIR gives the images it held out)"
	case r.Seed != sampleSeed || r.Portion != samplePortion:
		warning = fmt.Sprintf("the sample is held out under seed %d and portion %v; with seed %d and portion %v "+
			"the checkpoint may have been trained on it (--data DIR gives the images it held out)",
			sampleSeed, samplePortion, r.Seed, r.Portion)
	}
	return s.selection.First(r.Images), warning, nil
}

// Sample gives the embedded sample as a data set: its selection images, in canonical order, to train on and its test
// images to test on. Its Selection gives the images that all of CIFAR-10 gives under the default seed.
func Sample() (*Set, error) {
	selection, err := decodeSample(data.Selection())
	if err != nil {
		return nil, fmt.Errorf("embedded selection images: %w", err)
	}
	test, err := decodeSample(data.Test())
	if err != nil {
		return nil, fmt.Errorf("embedded test images: %w", err)
	}
	train := selection.Select(ascending(selection.Len()))
	train.sortCanonically()
	return &Set{Name: SampleName, Train: train, Test: test, selection: selection}, nil
}

// decodeSample cuts a picture of the sample into its images.
func decodeSample(part data.Part) (*Images, error) {
	decoded, err := png.Decode(bytes.NewReader(part.Picture))
	if err != nil {
		return nil, err
	}
	picture, ok := decoded.(*image.RGBA)
	if !ok {
		return nil, fmt.Errorf("the picture is a %T, expected an opaque one of 8 bits", decoded)
	}
	m := cifar10().empty()
	m.Name = SampleName
	for _, digit := range bytes.Fields(part.Labels) {
		for _, d := range digit {
			m.Labels = append(m.Labels, uint16(d-'0'))
		}
	}
	if rows := m.Len() / data.Columns; picture.Rect.Dx() != data.Columns*m.Width || picture.Rect.Dy() != rows*m.Height {
		return nil, fmt.Errorf("%d labels don't fit a picture of %v", m.Len(), picture.Rect.Size())
	}
	m.Pixels = make([]byte, m.Len()*m.size())
	for i := range m.Len() {
		left, top := i%data.Columns*m.Width, i/data.Columns*m.Height
		pixels := m.Image(i)
		for p := range m.Height * m.Width {
			c := picture.RGBAAt(left+p%m.Width, top+p/m.Width)
			pixels[p], pixels[m.Height*m.Width+p], pixels[2*m.Height*m.Width+p] = c.R, c.G, c.B
		}
	}
	m.digests = m.hashes()
	return m, nil
}

// SampleOf takes from all of CIFAR-10 the images that the embedded sample consists of.
func SampleOf(all *Set) (selection, test *Images, err error) {
	selection, _, err = all.Selection(SelectionRequest{Seed: sampleSeed, Portion: samplePortion, Images: sampleImages})
	return selection, all.Test.First(sampleImages), err
}
