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
	"strings"
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

// writeImageNet writes a folder of ImageNet's shape: training images in folders of synsets, validation images in one folder,
// with a list of their synsets beside it.
func writeImageNet(root string) error {
	synsets := []string{"n02690373", "n02958343", "n01503061"}
	if err := writeImages(filepath.Join(root, "train"), true, synsets...); err != nil {
		return err
	}
	set, err := dataset.Sample()
	if err != nil {
		return err
	}
	list := ""
	for i := range set.Train.Len() {
		label := int(set.Train.Labels[i])
		if label >= len(synsets) || strings.Count(list, "\n") == 12 {
			continue
		}
		name := fmt.Sprintf("ILSVRC2012_val_%08d", i)
		if err := writeImage(filepath.Join(root, "val", name), 1, pictureOf(set.Train.Image(i), 240)); err != nil {
			return err
		}
		list += name + ".JPEG " + synsets[label] + "\n"
	}
	return os.WriteFile(filepath.Join(root, "val.txt"), []byte(list), 0o644)
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
// mixed sizes; cifar, of CIFAR-10's classes; imagenet, of ImageNet's shape.
func TestImageScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/images",
		RequireExplicitExec: true,
		Cmds:                scriptCommands(),
		Setup: func(e *testscript.Env) error {
			if err := writeImages(filepath.Join(e.WorkDir, "photos"), true, "plane", "car", "bird"); err != nil {
				return err
			}
			if err := writeImageNet(filepath.Join(e.WorkDir, "imagenet")); err != nil {
				return err
			}
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			return writeImages(filepath.Join(e.WorkDir, "cifar"), false, dataset.Published(dataset.CIFAR10).Classes...)
		},
	})
}
