// Package picture turns the bytes of picture files into pixels, and pixels into pixels of another size or colour, in the
// way that Pillow and torchvision do it, with which published networks are trained (spec sections 9 and 10). It knows
// nothing of classes, batches or networks: package dataset does the rest. It is a leaf of the program.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

// MaxPixels bounds what a picture unpacks to: a file of a few bytes can name any size. ImageNet's largest has 61 million.
const MaxPixels = 1 << 26

// errUnknown says that a file is none of the pictures that Decode knows.
var errUnknown = errors.New("it is no JPEG, PNG, WebP or BMP")

// A format is a kind of picture file, told by how it begins.
type format struct {
	begins  string // ? stands for any byte
	decode  func(io.Reader) (image.Image, error)
	inspect func(io.Reader) (image.Config, error)
}

func formats() []format {
	return []format{
		{"\xff\xd8\xff", jpeg.Decode, jpeg.DecodeConfig},
		{"\x89PNG\r\n\x1a\n", png.Decode, png.DecodeConfig},
		{"RIFF????WEBP", decodeWebP, webp.DecodeConfig},
		{"BM", bmp.Decode, bmp.DecodeConfig},
	}
}

// formatOf tells the format of a file by its content, since many a PNG is named .JPEG.
func formatOf(file []byte) (format, error) {
	for _, f := range formats() {
		if len(file) < len(f.begins) {
			continue
		}
		same := true
		for i := range len(f.begins) {
			same = same && (f.begins[i] == '?' || f.begins[i] == file[i])
		}
		if same {
			return f, nil
		}
	}
	return format{}, errUnknown
}

// Size gives width and height of a picture from the beginning of its file. Sizes beyond MaxPixels are an error.
func Size(file []byte) (width, height int, err error) {
	f, err := formatOf(file)
	if err != nil {
		return 0, 0, err
	}
	c, err := f.inspect(bytes.NewReader(file))
	if err != nil {
		return 0, 0, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > MaxPixels/c.Height {
		return 0, 0, fmt.Errorf("it has %d×%d pixels, and may have 1 to %d", c.Width, c.Height, MaxPixels)
	}
	return c.Width, c.Height, nil
}

// Decode reads a picture, of whatever format and colour model, as opaque red, green and blue. Transparency is dropped, not
// blended with anything: Pillow's convert("RGB").
func Decode(file []byte) (*image.RGBA, error) {
	if _, _, err := Size(file); err != nil {
		return nil, err
	}
	f, err := formatOf(file)
	if err != nil {
		return nil, err
	}
	m, err := f.decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return opaque(m), nil
}

// decodeWebP reads a WebP. The library hands the planes of a lossy one on as if they were a JPEG's; but theirs is the narrow
// range of ITU-R 601, in which black is 16 and white 235.
func decodeWebP(r io.Reader) (image.Image, error) {
	m, err := webp.Decode(r)
	switch m := m.(type) {
	case *image.YCbCr:
		return narrowRange(m), err
	case *image.NYCbCrA:
		return narrowRange(&m.YCbCr), err
	}
	return m, err
}

func narrowRange(m *image.YCbCr) *image.RGBA {
	m = interpolated(m)
	out := image.NewRGBA(m.Rect)
	level := func(v float32) byte { return byte(min(255, max(0, v+0.5))) }
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			c := m.YCbCrAt(x, y)
			luma, blue, red := 255./219*(float32(c.Y)-16), float32(c.Cb)-128, float32(c.Cr)-128
			out.SetRGBA(x, y, color.RGBA{
				R: level(luma + 1.596027*red), G: level(luma - 0.391762*blue - 0.812968*red), B: level(luma + 2.017232*blue), A: 255,
			})
		}
	}
	return out
}

// opaque gives the colours of a picture without its transparency, from (0, 0) on.
func opaque(m image.Image) *image.RGBA {
	bounds := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	at := func(x, y int) color.NRGBA { return color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA) }
	if planes, ok := m.(*image.YCbCr); ok {
		m = interpolated(planes)
	}
	switch m := m.(type) {
	case *image.YCbCr, *image.Gray, *image.CMYK, *image.RGBA: // the last is what decoders make of colours without transparency
		draw.Draw(out, out.Rect, m, bounds.Min, draw.Src)
		return out
	case *image.NRGBA:
		at = m.NRGBAAt
	case *image.NRGBA64:
		at = func(x, y int) color.NRGBA {
			c := m.NRGBA64At(x, y)
			return color.NRGBA{R: uint8(c.R >> 8), G: uint8(c.G >> 8), B: uint8(c.B >> 8)}
		}
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			c := at(bounds.Min.X+x, bounds.Min.Y+y)
			out.SetRGBA(x, y, color.RGBA{R: c.R, G: c.G, B: c.B, A: 255})
		}
	}
	return out
}
