package dataset

import (
	"image"
	"math"
	"math/rand/v2"

	"nat/internal/picture"
)

// An Augmentation is how a training image is changed at random. The zero value changes nothing.
type Augmentation struct {
	Padding int  // black pixels on each side; the crop, as large as the image was, lies anywhere in that
	Flip    bool // whether half of the images are mirrored
	// RandomCrop takes a box of the whole picture, of random size and shape, in place of its middle (torchvision's
	// RandomResizedCrop with its defaults).
	RandomCrop bool
	Colours    Jitter
	Cutout     int // side of a square of zeros, which is the mean colour, with its centre anywhere; 0 for none
}

// A Jitter is by how much colours are changed at most (torchvision's ColorJitter): brightness, contrast and saturation by
// a factor within 1 ± that, the hue by turns within ± that.
type Jitter struct{ Brightness, Contrast, Saturation, Hue float64 }

// CropAndFlip is the augmentation of search and training on CIFAR-10 (spec 7).
func CropAndFlip() Augmentation { return Augmentation{Padding: 4, Flip: true} }

// CropFromPicture is the augmentation of training on ImageNet (spec 9).
func CropFromPicture() Augmentation {
	return Augmentation{
		RandomCrop: true, Flip: true, Colours: Jitter{Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.2},
	}
}

// AugmentationFor is the augmentation of a search on images of any size: CropAndFlip's, with padding in proportion, and
// for images of LargeImage on a random crop of the picture.
func AugmentationFor(m *Images) Augmentation {
	if m.Height >= LargeImage {
		return Augmentation{RandomCrop: true, Flip: true}
	}
	a := CropAndFlip()
	a.Padding = a.Padding * m.Height / cifarSide
	return a
}

// ofPictures tells whether an augmentation needs whole pictures, or changes their colours: work that is worth sharing out.
func (a Augmentation) ofPictures() bool { return a.RandomCrop || a.Colours != Jitter{} }

// A placement is what an augmentation makes of one image: pixel (y, x) of the result is pixel (y + down, x + right) of
// the image, or black outside it, before it is mirrored.
type placement struct {
	down, right int
	mirrored    bool
	hole        image.Rectangle // of the result, set to zero at last
	pictures    *rand.Rand      // draws what depends on the picture, where anything does
}

// draw draws the placement of an image of height × width. It takes the same three numbers from the stream whatever the
// augmentation, and then what cutout and pictures need.
func (a Augmentation) draw(r *rand.Rand, height, width int) placement {
	p := placement{down: r.IntN(2*a.Padding+1) - a.Padding, right: r.IntN(2*a.Padding+1) - a.Padding}
	p.mirrored = r.IntN(2) == 1 && a.Flip
	if a.Cutout > 0 {
		y, x, half := r.IntN(height), r.IntN(width), a.Cutout/2
		p.hole = image.Rect(x-half, y-half, x+half, y+half).Intersect(image.Rect(0, 0, width, height))
	}
	if a.ofPictures() {
		p.pictures = rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
	}
	return p
}

// The boxes of RandomCrop: their share of the picture's area, and their width by height.
const (
	leastArea = 0.08
	leastWide = 3. / 4
	mostWide  = 4. / 3
	boxTries  = 10 // after which it is the largest box in the middle that has such a shape
)

// randomBox draws the box of a RandomCrop.
func randomBox(r *rand.Rand, within image.Rectangle) image.Rectangle {
	w, h := within.Dx(), within.Dy()
	for range boxTries {
		area := float64(w*h) * (leastArea + (1-leastArea)*r.Float64())
		wide := math.Exp(math.Log(leastWide) + (math.Log(mostWide)-math.Log(leastWide))*r.Float64())
		across, down := int(math.Round(math.Sqrt(area*wide))), int(math.Round(math.Sqrt(area/wide)))
		if across > 0 && across <= w && down > 0 && down <= h {
			top, left := r.IntN(h-down+1), r.IntN(w-across+1)
			return image.Rect(left, top, left+across, top+down).Add(within.Min)
		}
	}
	across, down := w, h
	switch wide := float64(w) / float64(h); {
	case wide < leastWide:
		down = max(1, int(math.Round(float64(w)/leastWide)))
	case wide > mostWide:
		across = max(1, int(math.Round(float64(h)*mostWide)))
	}
	left, top := (w-across)/2, (h-down)/2
	return image.Rect(left, top, left+across, top+down).Add(within.Min)
}

// draw draws how the colours of a picture are changed.
func (j Jitter) draw(r *rand.Rand) picture.Colours {
	c := picture.Colours{Order: [4]picture.Change{picture.Brightness, picture.Contrast, picture.Saturation, picture.Hue}}
	r.Shuffle(len(c.Order), func(a, b int) { c.Order[a], c.Order[b] = c.Order[b], c.Order[a] })
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	c.Brightness = between(max(0, 1-j.Brightness), 1+j.Brightness)
	c.Contrast = between(max(0, 1-j.Contrast), 1+j.Contrast)
	c.Saturation = between(max(0, 1-j.Saturation), 1+j.Saturation)
	c.Hue = between(-j.Hue, j.Hue)
	return c
}
