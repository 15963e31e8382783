package cli

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/image/bmp"

	"nat/internal/dataset"
)

// writeImages writes images of the embedded sample into folders of classes, 20 of each, as files of mixed formats and,
// where mixed is given, sizes.
func writeImages(root string, mixed bool, classes ...string) error {
	set, err := dataset.Sample()
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for i := range set.Test.Len() {
		label := int(set.Test.Labels[i])
		if label >= len(classes) || counts[classes[label]] == 20 {
			continue
		}
		class := classes[label]
		n := counts[class]
		counts[class]++
		side := 32
		if mixed {
			side += n
		}
		if err := writeImage(filepath.Join(root, class, fmt.Sprintf("%02d", n)), n, pictureOf(set.Test.Image(i), side)); err != nil {
			return err
		}
	}
	return nil
}

// pictureOf makes a picture, side × side pixels, of planes of 32 × 32.
func pictureOf(planes []byte, side int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			at := y*32/side*32 + x*32/side
			m.SetRGBA(x, y, color.RGBA{R: planes[at], G: planes[1024+at], B: planes[2048+at], A: 255})
		}
	}
	return m
}

// writeImage writes a picture as a file of the kind that a number stands for: PNG, JPEG, grey JPEG, BMP, and PNG that is named
// like a JPEG.
func writeImage(path string, kind int, m image.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	encode, extension := png.Encode, ".png"
	switch kind % 5 {
	case 1, 2:
		encode, extension = func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }, ".JPEG"
	case 3:
		encode, extension = bmp.Encode, ".bmp"
	case 4:
		extension = ".jpg"
	}
	if kind%5 == 2 {
		grey := image.NewGray(m.Bounds())
		for i := range grey.Pix {
			grey.Set(i%grey.Stride, i/grey.Stride, m.At(i%grey.Stride, i/grey.Stride))
		}
		m = grey
	}
	var file bytes.Buffer
	if err := encode(&file, m); err != nil {
		return err
	}
	return os.WriteFile(path+extension, file.Bytes(), 0o644)
}

// TestImageScripts runs the scripts of testdata/images, which find folders of images in theirs: photos, of three classes and
// mixed sizes; cifar, of CIFAR-10's classes.
func TestImageScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/images",
		RequireExplicitExec: true,
		Cmds:                scriptCommands(),
		Setup: func(e *testscript.Env) error {
			if err := writeImages(filepath.Join(e.WorkDir, "photos"), true, "plane", "car", "bird"); err != nil {
				return err
			}
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			return writeImages(filepath.Join(e.WorkDir, "cifar"), false, dataset.Published(dataset.CIFAR10).Classes...)
		},
	})
}
