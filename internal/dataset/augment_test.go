package dataset

import (
	"math"
	"testing"

	"nat/internal/random"
)

func TestPlacementsAreUniform(t *testing.T) {
	const draws = 81 * 400
	counts := map[[2]int]int{}
	mirrored := 0
	r := random.New(1, "test")
	for range draws {
		p := CropAndFlip().draw(r)
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
	if p := (Augmentation{Padding: 4}).draw(r); p.mirrored {
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
