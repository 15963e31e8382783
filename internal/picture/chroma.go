package picture

import "image"

// interpolated gives a picture whose chroma has been stored at half the width, or half the width and height, with as much
// chroma as luma: by a triangle, three parts of the nearest sample and one of the next, as libjpeg and libwebp do it. Other
// pictures are given as they are.
func interpolated(m *image.YCbCr) *image.YCbCr {
	if r := m.SubsampleRatio; r != image.YCbCrSubsampleRatio420 && r != image.YCbCrSubsampleRatio422 || m.Rect.Min != (image.Point{}) {
		return m
	}
	width, height := m.Rect.Dx(), m.Rect.Dy()
	out := &image.YCbCr{
		Y: m.Y, YStride: m.YStride, Cb: make([]byte, width*height), Cr: make([]byte, width*height), CStride: width,
		SubsampleRatio: image.YCbCrSubsampleRatio444, Rect: m.Rect,
	}
	columns := (width + 1) / 2
	sums := make([]int32, columns) // of a row of samples and its neighbour, times 4
	for _, plane := range [2]struct{ from, to []byte }{{m.Cb, out.Cb}, {m.Cr, out.Cr}} {
		for y := range height {
			near, next := y, y
			if m.SubsampleRatio == image.YCbCrSubsampleRatio420 {
				near = y / 2
				next = min(max(0, near+2*(y%2)-1), (height-1)/2)
			}
			nearRow, nextRow := plane.from[near*m.CStride:][:columns], plane.from[next*m.CStride:][:columns]
			for i := range sums {
				sums[i] = 3*int32(nearRow[i]) + int32(nextRow[i])
			}
			widen(plane.to[y*width:][:width], sums)
		}
	}
	return out
}

// widen interpolates a row from samples at half its width, times 4. It rounds up and down in turns, so that a plane doesn't
// grow brighter.
func widen(row []byte, sums []int32) {
	last := sums[0]
	for i, sum := range sums[:len(row)/2] {
		next := sum
		if i+1 < len(sums) {
			next = sums[i+1]
		}
		pair := row[2*i:][:2]
		pair[0], pair[1] = byte((3*sum+last+8)>>4), byte((3*sum+next+7)>>4)
		last = sum
	}
	if len(row)%2 == 1 {
		row[len(row)-1] = byte((3*sums[len(sums)-1] + last + 8) >> 4)
	}
}
