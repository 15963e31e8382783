package dataset

import (
	"image"
	"math"
	"slices"
	"testing"

	"nat/internal/random"
)

func TestPlacementsAreUniform(t *testing.T) {
	const draws = 81 * 400
	counts := map[[2]int]int{}
	mirrored := 0
	r := random.New(1, "test")
	for range draws {
		p := CropAndFlip().draw(r, 32, 32)
		counts[[2]int{p.down, p.right}]++
		if p.mirrored {
			mirrored++
		}
	}
	square := 0.0
	for down := -4; down <= 4; down++ {
		for right := -4; right <= 4; right++ {
			difference := float64(counts[[2]int{down, right}]) - 400
			square += difference * difference / 400
		}
	}
	// χ² with 80 degrees of freedom is above 125 once in a thousand times.
	if len(counts) != 81 || square > 125 {
		t.Errorf("%d offsets with χ² = %.1f", len(counts), square)
	}
	if deviation := (float64(mirrored) - draws/2) / math.Sqrt(draws/4); math.Abs(deviation) > 4 {
		t.Errorf("%d of %d are mirrored", mirrored, draws)
	}
	if p := (Augmentation{Padding: 4}).draw(r, 32, 32); p.mirrored {
		t.Error("mirrored without Flip")
	}
}

func TestPlacedPixels(t *testing.T) {
	m := noise(1, 10, 2, 3, 5)
	n := newNormaliser(m)
	dst := make([]float32, 30)
	for _, p := range []placement{
		{}, {mirrored: true}, {down: 1, right: -2}, {down: -2, right: 1, mirrored: true}, {down: 3}, {right: -5}, {right: 7, down: -9},
	} {
		n.write(dst, m.Image(0), p)
		for i := range dst {
			c, y, x := i/15, i/5%3, i%5
			if p.mirrored {
				x = 4 - x
			}
			y, x = y+p.down, x+p.right
			v := 0.0 // black outside
			if y >= 0 && y < 3 && x >= 0 && x < 5 {
				v = float64(m.Pixels[c*15+y*5+x])
			}
			if want := (v/255 - m.Mean[c]) / m.Std[c]; math.Abs(float64(dst[i])-want) > 1e-6 {
				t.Fatalf("%+v: number %d is %v, want %v", p, i, dst[i], want)
			}
		}
	}
}

func TestCutout(t *testing.T) {
	a := Augmentation{Cutout: 4}
	m := noise(1, 10, 3, 6, 8)
	n := newNormaliser(m)
	r := random.New(2, "test")
	areas := map[int]int{}
	for range 400 {
		p := a.draw(r, m.Height, m.Width)
		dst := make([]float32, m.size())
		n.write(dst, m.Image(0), p)
		zeros := 0
		for i, v := range dst {
			at := image.Pt(i%m.Width, i/m.Width%m.Height)
			if (v == 0) != at.In(p.hole) {
				t.Fatalf("hole %v: the number at %v is %v", p.hole, at, v)
			}
			if v == 0 {
				zeros++
			}
		}
		areas[zeros/3]++
	}
	// The centre is anywhere, so the square is whole in the middle, down to a quarter of it in a corner.
	for _, area := range []int{4, 8, 12, 16} {
		if areas[area] == 0 {
			t.Errorf("no hole of %d pixels among %v", area, areas)
		}
	}
	if areas[0] > 0 {
		t.Errorf("%d images have no hole", areas[0])
	}
}

func TestRandomBoxes(t *testing.T) {
	r := random.New(3, "test")
	within := image.Rect(0, 0, 300, 200)
	shares := 0.0
	const draws = 2000
	for range draws {
		box := randomBox(r, within)
		share, wide := float64(box.Dx()*box.Dy())/60000, float64(box.Dx())/float64(box.Dy())
		if !box.In(within) || share < leastArea-0.01 || share > 1 || wide < leastWide-0.03 || wide > mostWide+0.03 {
			t.Fatalf("box %v", box)
		}
		shares += share
	}
	// Uniform from 0.08 to 1 would give 0.54; large boxes often don't fit, and are drawn again.
	if mean := shares / draws; mean < 0.37 || mean > 0.41 {
		t.Errorf("boxes have %.3f of the area on average", mean)
	}
	for _, c := range []struct{ within, want image.Rectangle }{
		{image.Rect(0, 0, 1000, 1), image.Rect(499, 0, 500, 1)}, {image.Rect(0, 0, 1, 1000), image.Rect(0, 499, 1, 500)},
	} {
		if box := randomBox(r, c.within); box != c.want {
			t.Errorf("in %v: %v, want %v", c.within, box, c.want)
		}
	}
}

func TestAugmentedPictures(t *testing.T) {
	m := noise(24, 10, 3, 16, 16)
	for name, a := range map[string]Augmentation{
		"random crop": {RandomCrop: true}, "colours": {Colours: Jitter{Brightness: 0.4, Hue: 0.2}}, "ImageNet's": CropFromPicture(),
	} {
		options := LoaderOptions{BatchSize: 8, Augmentation: a, Seed: 3}
		got := epochSums(NewLoader(m, options), 1, 0)
		if again := epochSums(NewLoader(m, options), 1, 1); !slices.Equal(again, got[1:]) {
			t.Errorf("%s: resumed at batch 1, the epoch goes on otherwise", name)
		}
		if plain := epochSums(NewLoader(m, LoaderOptions{BatchSize: 8}), 1, 0); slices.Equal(plain, got) {
			t.Errorf("%s: nothing is changed", name)
		}
		before := m.Fingerprint()
		if m.digests = nil; m.Fingerprint() != before {
			t.Errorf("%s: the set itself is changed", name)
		}
	}
	still := Augmentation{Colours: Jitter{Brightness: 1e-9}}
	if got, want := epochSums(NewLoader(m, LoaderOptions{BatchSize: 8, Augmentation: still}), 0, 0),
		epochSums(NewLoader(m, LoaderOptions{BatchSize: 8}), 0, 0); !slices.Equal(got, want) {
		t.Error("colours that are changed by nothing are changed")
	}
}

func TestAugmentationFor(t *testing.T) {
	if got := AugmentationFor(noise(1, 2, 3, 32, 32)); got != CropAndFlip() {
		t.Errorf("at 32: %+v", got)
	}
	if got := AugmentationFor(noise(1, 2, 3, 64, 64)); got != (Augmentation{Padding: 8, Flip: true}) {
		t.Errorf("at 64: %+v", got)
	}
	if got := AugmentationFor(noise(1, 2, 3, 128, 128)); got != (Augmentation{RandomCrop: true, Flip: true}) {
		t.Errorf("at 128: %+v", got)
	}
}
