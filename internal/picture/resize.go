package picture

import (
	"image"
	"math"
)

// precision is the number of fractional bits of a filter's weights, as in Pillow: a sum of weights times bytes fits 31 bits.
const precision = 22

// taps are the weights by which pixels of a line make a pixel of the resized line.
type taps struct {
	first   int // of the pixels that count
	weights []int32
}

// bilinear gives the weights by which a line of in pixels becomes one of out pixels, for count of those, from the given one
// on: a triangle that is widened where the picture shrinks, so that no pixel is passed over (Pillow's antialiased BILINEAR,
// in its fixed-point arithmetic).
func bilinear(in, out, from, count int) []taps {
	scale := float64(in) / float64(out)
	support := max(scale, 1)
	lines := make([]taps, count)
	for i := range lines {
		center := (float64(from+i) + 0.5) * scale
		first := max(0, int(center-support+0.5))
		last := min(in, int(center+support+0.5))
		weights, total := make([]float64, last-first), 0.0
		for k := range weights {
			weights[k] = max(0, 1-math.Abs((float64(k+first)-center+0.5)/support))
			total += weights[k]
		}
		lines[i] = taps{first, make([]int32, len(weights))}
		for k, w := range weights {
			lines[i].weights[k] = int32(0.5 + w/total*(1<<precision))
		}
	}
	return lines
}

// rounded turns a sum in fixed point into a byte.
func rounded(sum int32) byte {
	return byte(min(255, max(0, (sum+1<<(precision-1))>>precision)))
}

// Resize gives what lies in a box of a picture in another size, as planes [3, height, width]. To the byte it is what Pillow
// gives: crop, then resize with BILINEAR. An empty box or size, and a box that leaves the picture, are programming errors.
func Resize(m *image.RGBA, box image.Rectangle, width, height int) []byte {
	if box.Empty() || !box.In(m.Rect) || width < 1 || height < 1 {
		panic("picture.Resize of nothing, to nothing, or beyond the picture")
	}
	return resample(m, box, bilinear(box.Dx(), width, 0, width), bilinear(box.Dy(), height, 0, height))
}

// Centre gives the middle of a picture, side × side pixels, after its shorter side has been resized to short, which is no
// less: planes [3, side, side]. That is how pictures are prepared that aren't changed at random (torchvision's Resize and
// CenterCrop).
func Centre(m *image.RGBA, short, side int) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	width, height := short, short
	if w < h {
		height = short * h / w
	} else {
		width = short * w / h
	}
	left, top := half(width-side), half(height-side)
	return resample(m, m.Rect, bilinear(w, width, left, side), bilinear(h, height, top, side))
}

// half is half of a number, where that lies between two whole ones the even one of them, as Python rounds.
func half(n int) int { return int(math.RoundToEven(float64(n) / 2)) }

// resample makes planes [3, len(down), len(across)] of a box: first its rows, as far as they count, then the columns.
func resample(m *image.RGBA, box image.Rectangle, across, down []taps) []byte {
	last := down[len(down)-1]
	box.Min.Y, box.Max.Y = box.Min.Y+down[0].first, box.Min.Y+last.first+len(last.weights)
	narrow := resampleRows(m, box, across)
	width := len(across)
	out := make([]byte, 3*len(down)*width)
	sums := make([]int32, width)
	for c := range 3 {
		plane := narrow[c*box.Dy()*width:]
		for y, line := range down {
			clear(sums)
			for k, w := range line.weights {
				for x, v := range plane[(line.first-down[0].first+k)*width:][:width] {
					sums[x] += w * int32(v)
				}
			}
			row := out[(c*len(down)+y)*width:][:width]
			for x, sum := range sums {
				row[x] = rounded(sum)
			}
		}
	}
	return out
}

// resampleRows makes planes [3, height of the box, len(across)] of a box.
func resampleRows(m *image.RGBA, box image.Rectangle, across []taps) []byte {
	width := len(across)
	size := box.Dy() * width
	out := make([]byte, 3*size)
	for y := range box.Dy() {
		row := m.Pix[m.PixOffset(box.Min.X, box.Min.Y+y):][:4*box.Dx()]
		for x, line := range across {
			var red, green, blue int32
			pixels := row[4*line.first:]
			for k, w := range line.weights {
				pixel := pixels[4*k:][:3]
				red += w * int32(pixel[0])
				green += w * int32(pixel[1])
				blue += w * int32(pixel[2])
			}
			at := y*width + x
			out[at], out[size+at], out[2*size+at] = rounded(red), rounded(green), rounded(blue)
		}
	}
	return out
}
