package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// embedded is the sample, decoded once for all tests, which leave it alone.
var embedded = sync.OnceValue(func() *Set {
	set, err := Sample()
	if err != nil {
		panic(err)
	}
	return set
})

// A fileSet is the files of a small CIFAR-10, by name.
type fileSet map[string][]byte

// smallCIFAR10 gives the embedded sample's first 5·perFile training and perFile test images as files, training images in
// the order of the seed.
func smallCIFAR10(l layout, perFile int, seed uint64) fileSet {
	sample := embedded()
	encode := encodeBinary
	if l.pickled {
		encode = encodePickle
	}
	order := rand.New(rand.NewPCG(seed, 0)).Perm(len(l.training) * perFile)
	files := fileSet{l.test: encode(sample.Test.First(perFile))}
	for i := range l.training {
		files[l.training[i]] = encode(sample.Train.Select(order[i*perFile:][:perFile]))
	}
	return files
}

func encodeBinary(m *Images) []byte {
	var out []byte
	for i := range m.Len() {
		out = append(append(out, byte(m.Labels[i])), m.Image(i)...)
	}
	return out
}

// encodePickle writes images as Python 2 wrote CIFAR-10's: a dict, protocol 2.
func encodePickle(m *Images) []byte {
	return pickled(m.Labels, [2]int{m.Len(), m.size()}, m.Pixels, false)
}

func pickled(labels []uint16, shape [2]int, pixels []byte, fortran bool) []byte {
	return pickledAs("labels", labels, shape, pixels, fortran)
}

// pickledAs is pickled, with labels under that key.
func pickledAs(key string, labels []uint16, shape [2]int, pixels []byte, fortran bool) []byte {
	var p bytes.Buffer
	number := func(n int) { p.Write(binary.LittleEndian.AppendUint32([]byte{'J'}, uint32(n))) }
	p.WriteString("\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01")
	number(shape[0])
	number(shape[1])
	p.WriteString("\x86cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb")
	p.WriteByte(map[bool]byte{false: 0x89, true: 0x88}[fortran])
	p.Write(binary.LittleEndian.AppendUint32([]byte{'T'}, uint32(len(pixels))))
	p.Write(pixels)
	p.WriteString("tbU" + string(rune(len(key))) + key + "](")
	for _, label := range labels {
		number(int(label))
	}
	p.WriteString("eu.")
	return p.Bytes()
}

func (f fileSet) write(t testing.TB, folder string) string {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range f {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// archive gives the files as a .tar.gz, in reverse order and with others around them.
func (f fileSet) archive(t testing.TB, folder string) []byte {
	t.Helper()
	var zipped bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	out := tar.NewWriter(gz)
	add := func(header tar.Header, content []byte) {
		header.Mode, header.Size = 0o644, int64(len(content))
		if err := out.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Name: folder + "/", Typeflag: tar.TypeDir}, nil)
	add(tar.Header{Name: folder + "/readme.html", Typeflag: tar.TypeReg}, []byte("<html>"))
	add(tar.Header{Name: "../../outside", Typeflag: tar.TypeReg}, []byte("x"))
	add(tar.Header{Name: folder + "/link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}, nil)
	names := slices.Sorted(maps.Keys(f))
	slices.Reverse(names)
	for _, name := range names {
		add(tar.Header{Name: path.Join(folder, name), Typeflag: tar.TypeReg}, f[name])
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped.Bytes()
}

func writeFile(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *Set {
	t.Helper()
	set, err := Open(t.Context(), OpenOptions{Data: path})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestEveryLayoutAndOrderGivesTheSameSet(t *testing.T) {
	bin, py := cifar10Binary(), cifar10Python()
	want := open(t, smallCIFAR10(bin, 20, 1).write(t, t.TempDir()))
	if want.Train.Len() != 100 || want.Test.Len() != 20 || want.Train.Channels*want.Train.Height*want.Train.Width != 3072 {
		t.Fatalf("%d training and %d test images", want.Train.Len(), want.Test.Len())
	}
	sample := embedded()
	if got := sample.Train.First(100); !slices.Equal(got.Pixels, want.Train.Pixels) || !slices.Equal(got.Labels, want.Train.Labels) {
		t.Fatal("not the images that were written")
	}
	parent := func(l layout) string {
		folder := t.TempDir()
		smallCIFAR10(l, 20, 3).write(t, filepath.Join(folder, l.folder))
		return folder
	}
	archive := func(l layout) string {
		return writeFile(t, filepath.Join(t.TempDir(), l.archive), smallCIFAR10(l, 20, 4).archive(t, l.folder))
	}
	fortran := smallCIFAR10(py, 20, 1)
	transposed := make([]byte, sample.Test.size()*20)
	for i := range 20 {
		for p, v := range sample.Test.Image(i) {
			transposed[p*20+i] = v
		}
	}
	fortran[py.test] = pickled(sample.Test.Labels[:20], [2]int{20, 3072}, transposed, true)

	for name, path := range map[string]string{
		"another order":          smallCIFAR10(bin, 20, 2).write(t, t.TempDir()),
		"pickles":                smallCIFAR10(py, 20, 1).write(t, t.TempDir()),
		"Fortran order":          fortran.write(t, t.TempDir()),
		"parent, binary":         parent(bin),
		"parent, pickles":        parent(py),
		"archive, binary":        archive(bin),
		"archive, pickles":       archive(py),
		"folder with an archive": filepath.Dir(archive(bin)),
	} {
		got := open(t, path)
		if got.Train.Fingerprint() != want.Train.Fingerprint() || got.Test.Fingerprint() != want.Test.Fingerprint() {
			t.Errorf("%s: another set", name)
		}
	}
}

func TestClassNames(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	bin := smallCIFAR10(cifar10Binary(), 2, 1)
	if got := open(t, bin.write(t, t.TempDir())).Train.Classes; !slices.Equal(got, cifar10Classes()) {
		t.Errorf("classes %v without their file", got)
	}
	bin["batches.meta.txt"] = []byte(strings.Join(names, "\n") + "\n\n")
	py := smallCIFAR10(cifar10Python(), 2, 1)
	py["batches.meta"] = []byte("\x80\x02}U\x0blabel_names](U\x01" + strings.Join(names, "U\x01") + "es.")
	for _, files := range []fileSet{bin, py} {
		set := open(t, files.write(t, t.TempDir()))
		if !slices.Equal(set.Train.Classes, names) || !slices.Equal(set.Test.Classes, names) {
			t.Errorf("classes %v and %v, want %v", set.Train.Classes, set.Test.Classes, names)
		}
	}
}

func TestBadFiles(t *testing.T) {
	bin, py := cifar10Binary(), cifar10Python()
	for _, c := range []struct {
		name   string
		layout layout
		spoil  func(f fileSet)
		want   string
	}{
		{"cut within a record", bin, func(f fileSet) { f["data_batch_2.bin"] = f["data_batch_2.bin"][:5000] },
			"data_batch_2.bin: 5000 bytes, expected 30730000 (10000 records of 3073); fetch it again"},
		{"cut between records", bin, func(f fileSet) { f["data_batch_2.bin"] = f["data_batch_2.bin"][:3073] },
			"data_batch_2.bin: 1 images, expected 4 as in the other files"},
		{"empty", bin, func(f fileSet) { f["test_batch.bin"] = nil }, "test_batch.bin: 0 bytes, expected 30730000"},
		{"too long", bin, func(f fileSet) { f["data_batch_1.bin"] = make([]byte, 10001*3073) }, "data_batch_1.bin: 30733073 bytes"},
		{"missing", bin, func(f fileSet) { delete(f, "data_batch_5.bin") }, "no data_batch_5.bin"},
		{"no test", bin, func(f fileSet) { delete(f, "test_batch.bin") }, "no test_batch.bin"},
		{"label", bin, func(f fileSet) { f["data_batch_1.bin"][3073] = 10 }, "data_batch_1.bin: image 2 has label 10, expected 0 to 9"},
		{"classes", bin, func(f fileSet) { f["batches.meta.txt"] = []byte("cat\ndog\n") }, "batches.meta.txt: 2 class names, expected 10"},
		{"pickle cut", py, func(f fileSet) { f["data_batch_2"] = f["data_batch_2"][:5000] }, "data_batch_2: not CIFAR-10's pickle"},
		{"pickle that runs something", py, func(f fileSet) { f["test_batch"] = []byte("cos\nsystem\n(S'true'\ntR.") }, "os.system"},
		{"pickle of a list", py, func(f fileSet) { f["test_batch"] = []byte("].") }, "expected a dict"},
		{"no data", py, func(f fileSet) { f["test_batch"] = []byte("}.") }, "uint8 array of shape (10000, 3072)"},
		{"width", py, func(f fileSet) { f["test_batch"] = pickled([]uint16{1}, [2]int{1, 4}, make([]byte, 4), false) }, "uint8 array"},
		{"labels", py, func(f fileSet) { f["test_batch"] = pickled(nil, [2]int{1, 3072}, make([]byte, 3072), false) },
			"1 images and 0 labels, expected 10000"},
		{"pickled label", py, func(f fileSet) { f["test_batch"] = pickled([]uint16{11}, [2]int{1, 3072}, make([]byte, 3072), false) },
			"image 1 has label 11"},
		{"pickled classes", py, func(f fileSet) { f["batches.meta"] = []byte("}.") }, "batches.meta: no list of label_names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := smallCIFAR10(c.layout, 4, 1)
			c.spoil(files)
			_, err := Open(t.Context(), OpenOptions{Data: files.write(t, t.TempDir())})
			checkError(t, "folder", err, c.want)
			_, err = Open(t.Context(), OpenOptions{Data: writeFile(t, filepath.Join(t.TempDir(), "x"), files.archive(t, "x"))})
			checkError(t, "archive", err, c.want)
		})
	}
}

// A test file cut at a whole record beside full training files would go unnoticed if its own length were all that counts.
func TestShortTestFileBesideFullTrainingFiles(t *testing.T) {
	a := newAssembly(cifar10Binary())
	for _, name := range a.layout.files() {
		a.counts[name] = cifar10().perFile
	}
	a.counts["test_batch.bin"] = 5000
	_, err := a.finish()
	checkError(t, "finish", err, "test_batch.bin: 5000 images, expected 10000")
}

func TestBadArchives(t *testing.T) {
	files := smallCIFAR10(cifar10Binary(), 4, 1)
	whole := files.archive(t, "cifar-10-batches-bin")
	flipped := slices.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	files["data_batch_1.bin"] = make([]byte, cifar10().largest+1)
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"cut":            {whole[:len(whole)/2], "cifar.tar.gz: data_batch_4.bin: it ends within image 4"},
		"cut at the end": {whole[:len(whole)-20], "cut short or damaged"},
		"wrong checksum": {flipped, "cut short or damaged"},
		"a web page":     {[]byte("<!DOCTYPE html><html>not found</html>"), "not an archive of CIFAR-10"},
		"empty":          {nil, "not an archive of CIFAR-10"},
		"other files":    {fileSet{"a": []byte("b")}.archive(t, "x"), "not an archive of CIFAR-10"},
		"a huge file":    {files.archive(t, "x"), "data_batch_1.bin: 33554433 bytes"},
	} {
		_, err := Open(t.Context(), OpenOptions{Data: writeFile(t, filepath.Join(t.TempDir(), "cifar.tar.gz"), c.content)})
		checkError(t, name, err, c.want)
	}
}

func TestOpenNothing(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		options OpenOptions
		want    string
	}{
		{OpenOptions{Data: filepath.Join(empty, "none")}, "no data set: stat"},
		{OpenOptions{Data: empty}, "(cifar-10-batches-bin, cifar-10-batches-py, cifar-100-binary, cifar-100-python; nat download fetches them)"},
		{OpenOptions{Cache: empty}, "nat download (NAT_CIFAR10_URL names a mirror), or give --data DIR, or --data sample"},
	} {
		_, err := Open(t.Context(), c.options)
		checkError(t, c.options.Data, err, c.want)
	}
}

func TestOpenStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	files := smallCIFAR10(cifar10Binary(), 2, 1)
	for _, path := range []string{
		files.write(t, t.TempDir()), writeFile(t, filepath.Join(t.TempDir(), "x"), files.archive(t, "x")),
	} {
		if _, err := Open(ctx, OpenOptions{Data: path}); err == nil || !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("error %v, want the context's", err)
		}
	}
}

// smallCIFAR100 gives images of the embedded sample as files of CIFAR-100: image i is of fine class i, and i/5 is its coarse
// class.
func smallCIFAR100(l layout, train, test int) fileSet {
	encode := func(m *Images) []byte {
		if l.pickled {
			return pickledAs("fine_labels", m.Labels, [2]int{m.Len(), m.size()}, m.Pixels, false)
		}
		var out []byte
		for i, label := range m.Labels {
			out = append(append(out, byte(label/5), byte(label)), m.Image(i)...)
		}
		return out
	}
	relabelled := func(m *Images) *Images {
		out := m.Select(ascending(m.Len()))
		for i := range out.Labels {
			out.Labels[i] = uint16(i)
		}
		return out
	}
	var names, list []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("class%02d", i))
		list = append(list, "U\x07"+names[i])
	}
	sample := embedded()
	files := fileSet{l.training[0]: encode(relabelled(sample.Train.First(train))), l.test: encode(relabelled(sample.Test.First(test)))}
	if l.pickled {
		files[l.classes] = []byte("\x80\x02}U\x10fine_label_names](" + strings.Join(list, "") + "es.")
	} else {
		files[l.classes] = []byte(strings.Join(names, "\n") + "\n")
	}
	return files
}

func TestCIFAR100(t *testing.T) {
	bin, py := cifar100Binary(), cifar100Python()
	want := open(t, smallCIFAR100(bin, 100, 30).write(t, t.TempDir()))
	if want.Name != CIFAR100 || want.Train.Len() != 100 || want.Test.Len() != 30 || len(want.Train.Classes) != 100 || want.Test.Classes[99] != "class99" {
		t.Fatalf("%s: %d training and %d test images of %d classes", want.Name, want.Train.Len(), want.Test.Len(), len(want.Train.Classes))
	}
	checkNormalisation(t, want.Train)
	if !slices.Equal(want.Train.Mean, want.Test.Mean) || !slices.Equal(want.Train.Std, want.Test.Std) {
		t.Error("test images are normalised otherwise")
	}
	labels := slices.Sorted(slices.Values(want.Train.Labels))
	if len(slices.Compact(labels)) != 100 {
		t.Errorf("labels %v, want each fine class once", labels)
	}
	for name, path := range map[string]string{
		"pickles":         smallCIFAR100(py, 100, 30).write(t, t.TempDir()),
		"archive":         writeFile(t, filepath.Join(t.TempDir(), "x"), smallCIFAR100(bin, 100, 30).archive(t, bin.folder)),
		"pickled archive": writeFile(t, filepath.Join(t.TempDir(), "x"), smallCIFAR100(py, 100, 30).archive(t, py.folder)),
		"parent":          filepath.Dir(smallCIFAR100(py, 100, 30).write(t, filepath.Join(t.TempDir(), py.folder))),
	} {
		if got := open(t, path); got.Train.Fingerprint() != want.Train.Fingerprint() || !slices.Equal(got.Train.Classes, want.Train.Classes) {
			t.Errorf("%s: another set", name)
		}
	}
	for name, c := range map[string]struct {
		spoil func(f fileSet)
		want  string
	}{
		"label":     {func(f fileSet) { f["train.bin"][1] = 100 }, "train.bin: image 1 has label 100, expected 0 to 99"},
		"no names":  {func(f fileSet) { delete(f, "fine_label_names.txt") }, "no fine_label_names.txt, which names the classes of CIFAR-100"},
		"cut":       {func(f fileSet) { f["train.bin"] = f["train.bin"][:4000] }, "4000 bytes, expected 153700000"},
		"few names": {func(f fileSet) { f["fine_label_names.txt"] = []byte("a b") }, "2 class names, expected 100"},
	} {
		files := smallCIFAR100(bin, 100, 30)
		c.spoil(files)
		_, err := Open(t.Context(), OpenOptions{Data: files.write(t, t.TempDir())})
		checkError(t, name, err, c.want)
	}
}

func TestPublishedSetsByName(t *testing.T) {
	t.Chdir(t.TempDir())
	cache := t.TempDir()
	smallCIFAR100(cifar100Binary(), 100, 30).write(t, filepath.Join(cache, "cifar-100-binary"))
	smallCIFAR10(cifar10Binary(), 2, 1).write(t, filepath.Join(cache, "cifar-10-batches-bin"))
	for name, want := range map[string]string{"": CIFAR10, CIFAR10: CIFAR10, CIFAR100: CIFAR100} {
		if set, err := Open(t.Context(), OpenOptions{Data: name, Cache: cache}); err != nil || set.Name != want {
			t.Errorf("%q: %v, %v", name, set, err)
		}
	}
	_, err := Open(t.Context(), OpenOptions{Data: CIFAR100, Cache: t.TempDir()})
	checkError(t, "nothing there", err, "no CIFAR-100 in")
	putTwo(t, CIFAR10)
	if set, err := Open(t.Context(), OpenOptions{Data: CIFAR10, Cache: cache}); err != nil || set.Train.Len() != 2 {
		t.Errorf("a folder of that name: %v, %v", set, err)
	}
}

func FuzzReadImages(f *testing.F) {
	record := make([]byte, cifar10().record())
	f.Add(record, int64(cifar10().record()))
	f.Add(append(record, 10), int64(cifar10().record()+1))
	f.Add(pickled([]uint16{3}, [2]int{1, 3072}, record[1:], false), int64(4000))
	f.Add(pickled([]uint16{3}, [2]int{1, 3072}, record[1:], true), int64(4000))
	f.Add(pickledAs("fine_labels", []uint16{99}, [2]int{1, 3072}, record[1:], true), int64(4000))
	f.Add(make([]byte, cifar100().record()), int64(cifar100().record()))
	f.Fuzz(func(t *testing.T, content []byte, size int64) {
		for _, l := range layouts() {
			m := l.of.empty()
			if err := l.readImages(m, bytes.NewReader(content), size); err != nil {
				checkError(t, l.folder, err, err.Error()[:1])
				continue
			}
			if m.Len() == 0 || len(m.Pixels) != m.Len()*m.size() || int(slices.Max(m.Labels)) >= len(m.Classes) {
				t.Errorf("%s: %d images in %d bytes, labels %v", l.folder, m.Len(), len(m.Pixels), m.Labels)
			}
		}
	})
}

func FuzzWalkArchive(f *testing.F) {
	f.Add(fileSet{"data_batch_1.bin": make([]byte, cifar10().record())}.archive(f, "x"))
	f.Add(fileSet{"batches.meta": []byte("}.")}.archive(f, "x"))
	f.Fuzz(func(t *testing.T, content []byte) {
		_ = walkArchive(t.Context(), bytes.NewReader(content), func(l layout, name string, size int64, r io.Reader) error {
			if !slices.Contains(l.files(), name) || size > l.of.largest {
				t.Errorf("visited %q of %d bytes", name, size)
			}
			_, err := io.Copy(io.Discard, r)
			return err
		})
	})
}
