package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
)

// sampleFile gives an image of the embedded sample as a file of a format, with a border to make it width × height.
func sampleFile(t *testing.T, i int, format string, width, height int) []byte {
	t.Helper()
	canvas := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(canvas, canvas.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(canvas, image.Rect(0, 0, 32, 32), embedded().Test.asPicture(i), image.Point{}, draw.Src)
	var file bytes.Buffer
	encode := map[string]func(w io.Writer, m image.Image) error{
		"png": png.Encode, "bmp": bmp.Encode,
		"jpg": func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) },
	}[format]
	if err := encode(&file, canvas); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// put writes a file, and the folders it is in.
func put(t *testing.T, content []byte, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// putClass writes n different images, 32 × 32, of mixed formats.
func putClass(t *testing.T, n int, folder ...string) {
	t.Helper()
	start := int(sha256.Sum256([]byte(filepath.Join(folder...)))[0])
	for i := range n {
		format := []string{"png", "jpg", "bmp"}[i%3]
		put(t, sampleFile(t, start+i, format, 32, 32), append(slices.Clone(folder), fmt.Sprintf("%d.%s", i, format))...)
	}
}

func openFolderAt(t *testing.T, root string, o FolderOptions) *Set {
	t.Helper()
	set, err := Open(t.Context(), OpenOptions{Data: root, Cache: t.TempDir(), Folder: o})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// isCanonical tells whether images are in the order of their hashes.
func isCanonical(m *Images) bool {
	return slices.IsSortedFunc(m.digests, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
}

func TestFolderOfClasses(t *testing.T) {
	root := filepath.Join(t.TempDir(), "animals")
	for class, n := range map[string]int{"dog": 10, "cat": 7, "bird": 2} {
		putClass(t, n, root, class)
	}
	put(t, nil, root, "cat", ".DS_Store")
	put(t, nil, root, ".hidden", "x")
	put(t, []byte("notes"), root, "README")
	set := openFolderAt(t, root, FolderOptions{})
	if set.Name != "animals" || !slices.Equal(set.Train.Classes, []string{"bird", "cat", "dog"}) || set.Train.Height != 32 {
		t.Errorf("%s of %v, %d pixels high", set.Name, set.Train.Classes, set.Train.Height)
	}
	if set.Train.Len() != 8+6+1 || set.Test.Len() != 2+1+1 || set.Validation != nil {
		t.Errorf("%d training and %d test images", set.Train.Len(), set.Test.Len())
	}
	if !isCanonical(set.Train) || !isCanonical(set.Test) || len(set.Remarks) != 0 {
		t.Errorf("order or remarks: %v", set.Remarks)
	}
	checkNormalisation(t, set.Train)

	// The hash is the class's name, a NUL byte and the file's bytes (spec 10).
	file := append([]byte("bird\x00"), sampleFile(t, int(sha256.Sum256([]byte(filepath.Join(root, "bird")))[0]), "png", 32, 32)...)
	if want := digest(sha256.Sum256(file)); !slices.Contains(set.Train.digests, want) && !slices.Contains(set.Test.digests, want) {
		t.Error("no image has the digest of bird/0.png")
	}
	// Held out are the first of each class in canonical order, so more images of another class change nothing.
	putClass(t, 4, root, "fish")
	if more := openFolderAt(t, root, FolderOptions{Classes: []string{"bird", "cat", "dog"}}); more.Test.Fingerprint() != set.Test.Fingerprint() {
		t.Error("the test images depend on other classes")
	}
	turned := openFolderAt(t, root, FolderOptions{Classes: []string{"dog", "bird"}})
	if turned.Train.Len() != 9 || !slices.Equal(turned.Train.Classes, []string{"dog", "bird"}) || slices.Max(turned.Train.Labels) != 1 {
		t.Errorf("two classes: %v of %d images", turned.Train.Classes, turned.Train.Len())
	}
}

// checkNormalisation checks that the images have mean 0 and standard deviation 1 in each channel once normalised.
func checkNormalisation(t *testing.T, m *Images) {
	t.Helper()
	var sum, squares [3]float64
	values := 0.0
	l := NewLoader(m, LoaderOptions{BatchSize: 4})
	for _, b := range l.Epoch(t.Context(), 0, 0) {
		for i, v := range b.Images {
			c := i / (b.Height * b.Width) % 3
			sum[c] += float64(v)
			squares[c] += float64(v) * float64(v)
		}
		values += float64(b.N * b.Height * b.Width)
	}
	for c := range sum {
		if mean, std := sum[c]/values, math.Sqrt(squares[c]/values); math.Abs(mean) > 1e-4 || math.Abs(std-1) > 1e-4 {
			t.Errorf("channel %d has mean %v and standard deviation %v", c, mean, std)
		}
	}
	if err := l.Err(); err != nil {
		t.Error(err)
	}
}

func TestFolderOfParts(t *testing.T) {
	root := t.TempDir()
	for _, class := range []string{"a", "b"} {
		putClass(t, 4, root, "train", class)
		putClass(t, 2, root, "valid", class)
	}
	set := openFolderAt(t, root, FolderOptions{})
	if set.Train.Len() != 8 || set.Test.Len() != 4 || set.Validation != nil {
		t.Errorf("train and valid: %d, %d", set.Train.Len(), set.Test.Len())
	}
	putClass(t, 3, root, "test", "b")
	set = openFolderAt(t, root, FolderOptions{})
	if set.Test.Len() != 3 || set.Test.Labels[0] != 1 || set.Validation == nil || set.Validation.Len() != 4 || !isCanonical(set.Validation) {
		t.Errorf("train, valid and test: test images %v, validation %v", set.Test.Labels, set.Validation)
	}
	chosen, warning, err := set.Selection(SelectionRequest{Seed: 1, Portion: 0.4, Images: 3})
	if err != nil || warning != "" || chosen.Fingerprint() != set.Validation.First(3).Fingerprint() {
		t.Errorf("selection is not the validation images: %v, %v, %v", chosen.Labels, warning, err)
	}
}

func TestNormalisedBy(t *testing.T) {
	root := t.TempDir()
	for _, part := range []string{"train", "val", "test"} {
		putTwo(t, root, part)
	}
	set := openFolderAt(t, root, FolderOptions{})
	own := set.Train.Mean[0]
	mean, std := []float64{0.1, 0.2, 0.3}, []float64{1, 2, 3}
	other := set.NormalisedBy(mean, std)
	for _, m := range []*Images{other.Train, other.Test, other.Validation} {
		if !slices.Equal(m.Mean, mean) || !slices.Equal(m.Std, std) || m.Len() != 4 {
			t.Errorf("%d images have mean %v and standard deviation %v", m.Len(), m.Mean, m.Std)
		}
	}
	if set.Train.Mean[0] != own || set.NormalisedBy(mean[:1], std[:1]) != set || set.NormalisedBy(nil, nil) != set {
		t.Error("the set itself has changed, or numbers that don't fit are taken")
	}
}

func TestFlatValidation(t *testing.T) {
	write := func(t *testing.T, list string, path ...string) string {
		root := t.TempDir()
		for _, synset := range []string{"n01440764", "n02102040"} {
			putClass(t, 2, root, "train", synset)
		}
		for i := range 3 {
			put(t, sampleFile(t, i, "jpg", 40, 36), root, "val", fmt.Sprintf("ILSVRC2012_val_%08d.JPEG", i+1))
		}
		put(t, sampleFile(t, 1, "jpg", 40, 36), root, "test", "ILSVRC2012_test_00000001.JPEG")
		if list != "" {
			put(t, []byte(list), append([]string{root}, path...)...)
		}
		return root
	}
	for name, c := range map[string]struct {
		list string
		path []string
	}{
		"a synset a line": {"n02102040\nn01440764\nn02102040\n", []string{"imagenet_2012_validation_synset_labels.txt"}},
		"Kaggle's": {"ImageId,PredictionString\nILSVRC2012_val_00000003,n02102040 85 1 499 272 \nILSVRC2012_val_00000001,n02102040 1 2 3 4\n" +
			"ILSVRC2012_val_00000002,n01440764 1 2 3 4\n", []string{"LOC_val_solution.csv"}},
		"in the folder": {"ILSVRC2012_val_00000001.JPEG n02102040\nval/ILSVRC2012_val_00000002.JPEG n01440764\nILSVRC2012_val_00000003.JPEG\tn02102040\n",
			[]string{"val", "val.txt"}},
	} {
		t.Run(name, func(t *testing.T) {
			set := openFolderAt(t, write(t, c.list, c.path...), FolderOptions{ImageSize: 64})
			counts := [2]int{}
			for _, label := range set.Test.Labels {
				counts[label]++
			}
			if counts != [2]int{1, 2} || len(set.Remarks) != 1 || !strings.Contains(set.Remarks[0], "left aside") {
				t.Errorf("labels %v, remarks %v", set.Test.Labels, set.Remarks)
			}
			if set.Train.Mean[0] != 0.485 {
				t.Errorf("mean %v is not ImageNet's", set.Train.Mean)
			}
		})
	}
	for name, c := range map[string]struct{ list, want string }{
		"no list":          {"", "holds files, but no folder for each class"},
		"too few":          {"n02102040\nn01440764\n", "2 lines of one word for 3 files"},
		"unknown class":    {"n02102040\nn01440764\nn00000000\n", `ILSVRC2012_val_00000003.JPEG is of class "n00000000"`},
		"unknown file":     {"\nx.JPEG n02102040\n", "line 2: no file x.JPEG"},
		"a file left out":  {"ILSVRC2012_val_00000001 n02102040\n", "the class of ILSVRC2012_val_00000002.JPEG"},
		"numbers of class": {"1\n2\n1\n", `is of class "1"`},
	} {
		_, err := Open(t.Context(), OpenOptions{Data: write(t, c.list, "val.txt"), Cache: t.TempDir(), Folder: FolderOptions{ImageSize: 64}})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestImageNetSizeIsKnown(t *testing.T) {
	root := t.TempDir()
	for i, synset := range []string{"n01440764", "n02102040"} {
		for j := range 3 {
			put(t, sampleFile(t, 3*i+j, "jpg", 260+j, 230), root, synset, fmt.Sprintf("%d.JPEG", j))
		}
	}
	set := openFolderAt(t, root, FolderOptions{})
	if set.Train.Height != 224 || set.Train.Pixels != nil {
		t.Fatalf("images of %d×%d, held: %v", set.Train.Height, set.Train.Width, set.Train.Pixels != nil)
	}
	checkLazySet(t, set)
}

// checkLazySet checks that images which are read from files when they are needed are the same as if they were held.
func checkLazySet(t *testing.T, set *Set) {
	t.Helper()
	order := []int{2, 0}
	some := set.Train.Select(order)
	if some.First(1).Fingerprint() != set.Train.Select(order[:1]).Fingerprint() {
		t.Error("Select and First disagree")
	}
	for _, a := range []Augmentation{{}, {Padding: 8, Flip: true}, CropFromPicture()} {
		l := NewLoader(set.Train, LoaderOptions{BatchSize: 2, Augmentation: a, Shuffle: true})
		whole := epochSums(l, 1, 0)
		if rest := epochSums(l, 1, 1); l.Err() != nil || len(whole) != 2 || !slices.Equal(rest, whole[1:]) {
			t.Errorf("%+v: %v, then %v, %v", a, whole, rest, l.Err())
		}
	}
	// The middle of the picture resized to 256, which is white but for the sample's image in a corner.
	pixels, err := set.Train.prepared(0)
	if err != nil || len(pixels) != 3*224*224 || pixels[224*224-1] != 255 {
		t.Errorf("prepared: %d bytes, %v", len(pixels), err)
	}
	if err := os.Remove(filepath.Join(set.Train.folder, set.Train.files[1])); err != nil {
		t.Fatal(err)
	}
	l := NewLoader(set.Train, LoaderOptions{BatchSize: 1})
	if batches := epochSums(l, 0, 0); len(batches) != 1 || l.Err() == nil || !strings.Contains(l.Err().Error(), set.Train.files[1]) {
		t.Errorf("an image that is gone: %d batches, %v", len(batches), l.Err())
	}
}

func TestPicturesThatCantBeRead(t *testing.T) {
	root := t.TempDir()
	putClass(t, 6, root, "a")
	putClass(t, 6, root, "b")
	whole := sampleFile(t, 9, "jpg", 32, 32)
	put(t, whole[:len(whole)-99], root, "a", "cut.jpg")
	put(t, []byte("<html>"), root, "b", "page.jpg")
	put(t, nil, root, "b", "empty.png")
	if err := os.Symlink("nowhere", filepath.Join(root, "a", "link.png")); err != nil {
		t.Skip(err)
	}
	set := openFolderAt(t, root, FolderOptions{})
	if set.Train.Len()+set.Test.Len() != 12 || len(set.Remarks) != 1 {
		t.Fatalf("%d images, %v", set.Train.Len()+set.Test.Len(), set.Remarks)
	}
	for _, want := range []string{"4 of 16 images can't be read", "cut.jpg (", "page.jpg (it is no JPEG, PNG, WebP or BMP)", "empty.png (", "link.png (no such file"} {
		if !strings.Contains(set.Remarks[0], want) {
			t.Errorf("the remark doesn't say %q: %s", want, set.Remarks[0])
		}
	}
	if _, err := Open(t.Context(), OpenOptions{Data: root, Folder: FolderOptions{Strict: true}}); err == nil || !strings.Contains(err.Error(), "cut.jpg can't be read") {
		t.Errorf("strict: %v", err)
	}
	for i := range 9 {
		put(t, []byte{byte(i)}, root, "b", fmt.Sprintf("many%d.jpg", i))
	}
	if set = openFolderAt(t, root, FolderOptions{}); !strings.Contains(set.Remarks[0], "13 of 25") || !strings.Contains(set.Remarks[0], "and 8 more") {
		t.Errorf("many: %s", set.Remarks)
	}
}

func TestFoldersThatAreNoDataSet(t *testing.T) {
	for name, c := range map[string]struct {
		make func(root string)
		o    FolderOptions
		want string
	}{
		"nothing":         {func(string) {}, FolderOptions{}, "expected a folder of images for each class, or CIFAR-10 or CIFAR-100 (cifar-10-batches-bin, "},
		"no classes":      {func(root string) { putClass(t, 3, root) }, FolderOptions{}, "holds files, but no folder for each class: put them into"},
		"one class":       {func(root string) { putClass(t, 3, root, "all") }, FolderOptions{}, "has one folder, all: classes are told apart"},
		"empty class":     {func(root string) { putClass(t, 3, root, "a"); put(t, nil, root, "b", ".x") }, FolderOptions{}, "b, the folder of a class, is empty"},
		"a level more":    {func(root string) { putClass(t, 3, root, "x", "a"); putClass(t, 3, root, "y", "b") }, FolderOptions{}, "a is a folder within that of a class"},
		"no train":        {func(root string) { putClass(t, 3, root, "val", "a") }, FolderOptions{}, "has a folder val, but no folder train beside it"},
		"another class":   {func(root string) { putTwo(t, root, "train"); putClass(t, 1, root, "val", "c") }, FolderOptions{}, "c is no class of the training images: those are a, b"},
		"different sizes": {func(root string) { putTwo(t, root); put(t, sampleFile(t, 0, "png", 40, 32), root, "b", "w.png") }, FolderOptions{}, "w.png 40×32: say which size to bring them to (--image-size N)"},
		"oblong": {func(root string) {
			for i, class := range []string{"a", "a", "b"} {
				put(t, sampleFile(t, i, "png", 40, 32), root, class, fmt.Sprint(i))
			}
		}, FolderOptions{}, "have 40×32 pixels"},
		"a class without images": {func(root string) { putTwo(t, root); put(t, []byte("x"), root, "c", "x") }, FolderOptions{}, "has no image of the class c that can be read"},
		"nothing but junk":       {func(root string) { put(t, []byte("x"), root, "b", "x"); put(t, []byte("x"), root, "c", "x") }, FolderOptions{}, "has no image that can be read"},
		"one image each":         {func(root string) { putClass(t, 1, root, "a"); putClass(t, 1, root, "b") }, FolderOptions{}, "has no image to test on"},
		"too small":              {func(root string) { putTwo(t, root) }, FolderOptions{ImageSize: 2}, "images of 2×2 pixels can't be"},
		"unknown class":          {func(root string) { putTwo(t, root) }, FolderOptions{Classes: []string{"a", "z"}}, `has no folder of the class "z": it has a, b`},
		"class named twice":      {func(root string) { putTwo(t, root) }, FolderOptions{Classes: []string{"a", "a"}}, `"a" is named twice`},
	} {
		root := t.TempDir()
		c.make(root)
		_, err := Open(t.Context(), OpenOptions{Data: root, Cache: t.TempDir(), Folder: c.o})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func putTwo(t *testing.T, folder ...string) {
	t.Helper()
	putClass(t, 2, append(slices.Clone(folder), "a")...)
	putClass(t, 2, append(slices.Clone(folder), "b")...)
}

func TestOpeningAFolderCanBeInterrupted(t *testing.T) {
	root := t.TempDir()
	putTwo(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Open(ctx, OpenOptions{Data: root, Folder: FolderOptions{Progress: func(done, total int64) { cancel() }}})
	if err == nil || ctx.Err() == nil {
		t.Errorf("opened in spite of it: %v", err)
	}
}
