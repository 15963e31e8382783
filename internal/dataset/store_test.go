package dataset

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// looked opens a folder and says how many files were looked into.
func looked(t *testing.T, root, cache string, size int) (*Set, int64) {
	t.Helper()
	var count int64
	set, err := Open(t.Context(), OpenOptions{Data: root, Cache: cache, Folder: FolderOptions{
		ImageSize: size, Progress: func(done, total int64) { count++ },
	}})
	if err != nil {
		t.Fatal(err)
	}
	return set, count
}

func TestPicturesAreMeasuredOnce(t *testing.T) {
	for name, size := range map[string]int{"held": 16, "in files": 128} {
		t.Run(name, func(t *testing.T) {
			root, cache := t.TempDir(), t.TempDir()
			putTwo(t, root)
			put(t, []byte("x"), root, "a", "broken.png")
			first, n := looked(t, root, cache, size)
			if n != 5 {
				t.Fatalf("%d files looked into, want 5", n)
			}
			again, n := looked(t, root, cache, size)
			same(t, first, again)
			if n != 0 || len(again.Remarks) != 1 || again.Remarks[0] != first.Remarks[0] {
				t.Errorf("at the second time, %d files are looked into, %v", n, again.Remarks)
			}
			stored, err := filepath.Glob(filepath.Join(root, ".nat-images-*"))
			if err != nil || len(stored) != 1 {
				t.Fatalf("stored are %v", stored)
			}

			put(t, sampleFile(t, 300, "png", 32, 32), root, "a", "new.png")
			put(t, sampleFile(t, 301, "png", 32, 32), root, "b", "0.png")
			old := filepath.Join(root, "b", "0.png")
			if err := os.Chtimes(old, time.Time{}, time.Unix(1e9, 0)); err != nil {
				t.Fatal(err)
			}
			changed, n := looked(t, root, cache, size)
			if n != 2 || changed.Train.Fingerprint() == first.Train.Fingerprint() && changed.Test.Fingerprint() == first.Test.Fingerprint() {
				t.Errorf("one new file and one changed: %d looked into", n)
			}
			if err := os.Remove(old); err != nil {
				t.Fatal(err)
			}
			if _, n := looked(t, root, cache, size); n != 0 {
				t.Errorf("one file gone: %d looked into", n)
			}

			// Cut short, it is of use as far as it goes, and what comes of it is right.
			content, err := os.ReadFile(stored[0])
			if err != nil {
				t.Fatal(err)
			}
			want, _ := looked(t, root, cache, size)
			for _, length := range []int{0, 10, len(content) / 2, len(content) - 1} {
				put(t, content[:length], stored[0])
				got, n := looked(t, root, cache, size)
				same(t, want, got)
				if n == 0 {
					t.Errorf("a store of %d bytes, of %d, is taken for whole", length, len(content))
				}
			}
		})
	}
}

// same checks that two sets have the same images.
func same(t *testing.T, want, got *Set) {
	t.Helper()
	for _, pair := range [][2]*Images{{want.Train, got.Train}, {want.Test, got.Test}} {
		if !slices.Equal(pair[0].Pixels, pair[1].Pixels) || !slices.Equal(pair[0].Labels, pair[1].Labels) ||
			pair[0].Fingerprint() != pair[1].Fingerprint() || !slices.Equal(pair[0].Mean, pair[1].Mean) || !slices.Equal(pair[0].Std, pair[1].Std) {
			t.Errorf("%d images differ from %d", pair[0].Len(), pair[1].Len())
		}
	}
}

func TestStoreOfAFolderThatCantBeWritten(t *testing.T) {
	root, cache := t.TempDir(), t.TempDir()
	putTwo(t, root)
	put(t, nil, root, ".nat-images-32", "in the way")
	first, n := looked(t, root, cache, 0)
	again, m := looked(t, root, cache, 0)
	if same(t, first, again); n != 4 || m != 0 || len(first.Remarks) > 0 {
		t.Errorf("%d, then %d files looked into; %v", n, m, first.Remarks)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	put(t, nil, blocked)
	set, n := looked(t, root, blocked, 0)
	if same(t, first, set); n != 4 || len(set.Remarks) != 1 || !strings.Contains(set.Remarks[0], "can't be stored") {
		t.Errorf("with nowhere to store, %d files are looked into; %v", n, set.Remarks)
	}
}

func FuzzReadStore(f *testing.F) {
	// two gives an inspection of two files, of images of 2×2 pixels.
	two := func(keep bool) *inspection {
		return &inspection{
			tree: &tree{classes: []string{"a", "b"}}, size: 2, keep: keep,
			files: []treeFile{{path: "a/1", size: 3, modified: 4}, {path: "b/2", class: 1, size: 5, modified: 6}},
			known: make([]bool, 2), facts: make([]facts, 2), pixels: make([]byte, 24),
		}
	}
	for _, keep := range []bool{true, false} {
		n := two(keep)
		n.facts = []facts{{digest: digest{1}, sums: sums{Levels: [3]uint64{1, 2, 3}}}, {digest: digest{2}, fault: "broken"}}
		var content bytes.Buffer
		if err := writeStore(&content, n, []int{0, 1}); err != nil {
			f.Fatal(err)
		}
		f.Add(keep, content.Bytes())
	}
	f.Fuzz(func(t *testing.T, keep bool, content []byte) {
		n := two(keep)
		count, err := readStore(bytes.NewReader(content), n)
		said := 0
		for i, k := range n.known {
			if k {
				said++
			}
			if k && n.facts[i].sums.Levels[0] > 4*255 {
				t.Fatalf("levels of %d", n.facts[i].sums.Levels[0])
			}
		}
		if said != count {
			t.Fatalf("%d known, %d counted, %v", said, count, err)
		}
	})
}

func FuzzReadClassList(f *testing.F) {
	f.Add("n1\nn2\n")
	f.Add("ImageId,PredictionString\nx,n1 2 3\nval/y.jpg\tn2\n")
	f.Fuzz(func(t *testing.T, list string) {
		classes, err := readClassList(strings.NewReader(list), []string{"x.jpg", "y.jpg"})
		if err == nil && (len(classes) != 2 || classes[0] == "" || classes[1] == "") {
			t.Fatalf("classes %q", classes)
		}
	})
}
