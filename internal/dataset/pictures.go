package dataset

import (
	"fmt"
	"image"
	"os"
	"path/filepath"

	"nat/internal/picture"
)

// LargeImage is the height and width from which on images are treated as ImageNet's are (spec 9): cut from the middle of
// a picture that was resized to a little more, read from their files whenever they are needed, and, in training, cropped
// from the whole picture.
const LargeImage = 128

// imageNetSize is the size of ImageNet's images. Pictures are resized to imageNetShort on their shorter side before.
const (
	imageNetSize  = 224
	imageNetShort = 256
)

// prepare makes an image, size × size, of a picture that isn't to be changed at random: planes [3, size, size].
func prepare(m *image.RGBA, size int) []byte {
	short := size
	if size >= LargeImage {
		short = size * imageNetShort / imageNetSize
	}
	return picture.Centre(m, short, size)
}

// maxFile bounds the files that are read, in bytes.
const maxFile = 1 << 28

// readPicture reads a file of an image folder.
func readPicture(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

// picture gives image i as the whole picture that it was made of, as far as that is there.
func (m *Images) picture(i int) (*image.RGBA, error) {
	if m.files == nil {
		return m.asPicture(i), nil
	}
	path := filepath.Join(m.folder, m.files[i])
	file, err := readPicture(path)
	if err != nil {
		return nil, err
	}
	whole, err := picture.Decode(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; it has changed since the data set was opened", path, err)
	}
	return whole, nil
}

// asPicture makes a picture of an image that is held as bytes. One of other than three channels is a programming error.
func (m *Images) asPicture(i int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, m.Width, m.Height))
	pixels, plane := m.Image(i), m.Height*m.Width
	for at := range plane {
		copy(out.Pix[4*at:], []byte{pixels[at], pixels[plane+at], pixels[2*plane+at], 255})
	}
	return out
}

// prepared gives the pixels of image i, [Channels, Height, Width]. They may be the set's own.
func (m *Images) prepared(i int) ([]byte, error) {
	if m.files == nil {
		return m.Image(i), nil
	}
	whole, err := m.picture(i)
	if err != nil {
		return nil, err
	}
	return prepare(whole, m.Height), nil
}
