package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// archive returns a zip file of entries given as name, contents, name, contents, …
func archive(t testing.TB, method uint16, entries ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(entries); i += 2 {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entry, entries[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// stored returns an archive as torch.save writes it, of a pickle and the numbers of storage "0".
func stored(t testing.TB, object, numbers string) string {
	return archive(t, zip.Store, "a/data.pkl", object, "a/data/0", numbers)
}

// tensorA is a state dict of one tensor, "a".
type tensorA struct {
	class          string // of its storage
	count          int    // of numbers in its storage
	part           string // which part of its storage it is of, as a piece of a pickle
	offset         int
	shape, strides []int
}

// vector is a tensor that is all of a storage of four numbers.
var vector = tensorA{class: "FloatStorage", count: 4, shape: []int{4}, strides: []int{1}}

// pickle returns the state dict as a pickle.
func (a tensorA) pickle() string {
	p := &pickler{}
	p.WriteString("\x80\x02}")
	p.text("a")
	p.global("torch._utils", "_rebuild_tensor")
	p.WriteString("((")
	p.text("storage")
	p.global("torch", a.class)
	p.text("0")
	p.text("cpu")
	p.integer(a.count)
	p.WriteString(a.part + "tQ")
	p.integer(a.offset)
	p.tuple(a.shape)
	p.tuple(a.strides)
	p.WriteString("tRs.")
	return p.String()
}

// legacyFile returns a file in the layout before zip archives, of two pickles and what follows them.
func legacyFile(object, keys, numbers string) string {
	return "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}U\rlittle_endian\x88s." + object + keys + numbers
}

const fourNumbers = "\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40" // 1, 2, 3, 4

func TestPyTorchTensors(t *testing.T) {
	const misfit = "wants storage, offset, shape and strides"
	wide := make([]int, maxRank+1)
	tests := []struct {
		name   string
		tensor tensorA
		fails  string
		want   []float32
	}{
		{"plain", vector, "", []float32{1, 2, 3, 4}},
		{"steps and repeats", tensorA{"FloatStorage", 4, "", 1, []int{2, 2}, []int{0, 2}}, "", []float32{2, 4, 2, 4}},
		{"nothing in it", tensorA{"FloatStorage", 4, "", 4, []int{0, 2}, []int{9, 9}}, "", []float32{}},
		{"part", tensorA{"FloatStorage", 4, "(U\x011K\x01K\x03t", 1, []int{2}, []int{1}}, "", []float32{3, 4}},
		{"part beyond", tensorA{"FloatStorage", 4, "(U\x011K\x05K\x03t", 1, []int{2}, []int{1}}, "lies outside of it", nil},
		{"part of another form", tensorA{"FloatStorage", 4, "K\x01", 1, []int{2}, []int{1}}, "is not (key, first, count)", nil},
		{"unknown class", tensorA{"QInt8Storage", 4, "", 0, []int{4}, []int{1}}, `"torch.QInt8Storage"`, nil},
		{"class that is no storage", tensorA{"Size", 4, "", 0, []int{4}, []int{1}}, "description of a storage", nil},
		{"negative storage", tensorA{"FloatStorage", -4, "", 0, []int{4}, []int{1}}, "description of a storage", nil},
		{"offset outside", tensorA{"FloatStorage", 4, "", 5, []int{0}, []int{1}}, "starts outside of its storage", nil},
		{"negative offset", tensorA{"FloatStorage", 4, "", -1, []int{4}, []int{1}}, "starts outside of its storage", nil},
		{"end outside", tensorA{"FloatStorage", 4, "", 1, []int{4}, []int{1}}, "reaches beyond its storage", nil},
		{"huge stride", tensorA{"FloatStorage", 4, "", 0, []int{3}, []int{1 << 62}}, "reaches beyond its storage", nil},
		{"negative stride", tensorA{"FloatStorage", 4, "", 3, []int{3}, []int{-1}}, misfit, nil},
		{"shape without strides", tensorA{"FloatStorage", 4, "", 0, []int{4}, nil}, misfit, nil},
		{"too many dimensions", tensorA{"FloatStorage", 4, "", 0, wide, wide}, misfit, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkNumbers(t, stored(t, test.tensor.pickle(), fourNumbers), test.fails, test.want)
		})
	}
}

func TestPyTorchArchives(t *testing.T) {
	object := vector.pickle()
	tests := []struct {
		name    string
		method  uint16
		entries []string
		fails   string
	}{
		{"any name of the folder", zip.Store, []string{"x y/data.pkl", object, "x y/data/0", fourNumbers}, ""},
		{"little-endian", zip.Store, []string{"a/data.pkl", object, "a/data/0", fourNumbers, "a/byteorder", "little"}, ""},
		{"big-endian", zip.Store, []string{"a/data.pkl", object, "a/byteorder", "big"}, "big-endian"},
		{"no storage", zip.Store, []string{"a/data.pkl", object}, `the archive has no "a/data/0"`},
		{"short storage", zip.Store, []string{"a/data.pkl", object, "a/data/0", "1234"}, "has 4 bytes where 16 are due"},
		{"compressed", zip.Deflate, []string{"a/data.pkl", object}, "is compressed"},
		{"twice", zip.Store, []string{"a/data.pkl", object, "a/data.pkl", object}, `has "a/data.pkl" twice`},
		{"other archive", zip.Store, []string{"word/document.xml", "<a/>"}, "no data.pkl in it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkNumbers(t, archive(t, test.method, test.entries...), test.fails, []float32{1, 2, 3, 4})
		})
	}
}

func TestPyTorchLegacy(t *testing.T) {
	object := vector.pickle()
	const keys = "\x80\x02]U\x010a."
	const numbers = "\x04\x00\x00\x00\x00\x00\x00\x00" + fourNumbers
	good := legacyFile(object, keys, numbers)
	tests := []struct{ name, contents, fails string }{
		{"plain", good, ""},
		{"other layout", strings.Replace(good, "M\xe9\x03", "M\xea\x03", 1), "its layout is not version 1001"},
		{"big-endian", strings.Replace(good, "\x88s.", "\x89s.", 1), "big-endian"},
		{"no list of keys", legacyFile(object, "\x80\x02N.", numbers), "list of its storages is missing"},
		{"key of no tensor", legacyFile(object, "\x80\x02]U\x017a.", numbers), `storage "7" is listed but belongs to no tensor`},
		{"storage not listed", legacyFile(object, "\x80\x02].", numbers), `storage "0" is not in the file`},
		{"other length", legacyFile(object, keys, "\x05"+numbers[1:]), "has 5 numbers where 4 are due"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkNumbers(t, test.contents, test.fails, []float32{1, 2, 3, 4}) })
	}
}

// checkNumbers checks that contents is a file of one tensor of those numbers, or fails.
func checkNumbers(t *testing.T, contents, fails string, want []float32) {
	t.Helper()
	f, err := parse(contents)
	if fails == "" {
		if err != nil || len(f.Tensors) != 1 || !reflect.DeepEqual(f.Tensors[0].Data, want) {
			t.Errorf("%v, error %v; want %v", f, err, want)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), fails) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line with %q", err, fails)
	}
}

func TestHostileTensorsTakeLittleMemory(t *testing.T) {
	const large = 1 << 30
	many := &pickler{}
	many.WriteString("\x80\x02}(")
	for i := range 1000 {
		many.text(strings.Repeat("a", i+1))
		many.tensor(0, Tensor{Shape: []int{1 << 18}, Data: make([]float32, 1<<18)})
	}
	many.WriteString("u.")
	keys := "\x80\x02]U\x010a."
	claimed := string(binary.LittleEndian.AppendUint64(nil, large))
	whole := tensorA{class: "FloatStorage", count: large, shape: []int{large}, strides: []int{1}}
	repeated := tensorA{class: "FloatStorage", count: 1, shape: []int{large}, strides: []int{0}}
	tests := []struct{ name, contents, fails string }{
		{"4 GiB in an archive", stored(t, whole.pickle(), ""), "more than the file"},
		{"4 GiB in the old layout", legacyFile(whole.pickle(), keys, claimed), "cut short within storage"},
		{"one number shown a billion times", stored(t, repeated.pickle(), fourNumbers[:4]), "more elements than the file has bytes"},
		{"a thousand tensors of the same MiB", stored(t, many.String(), strings.Repeat("\x00", 1<<20)),
			"more elements than the file has bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var err error
			if took := allocated(func() { _, err = parse(test.contents) }); took > uint64(1<<20+10*len(test.contents)) {
				t.Errorf("%d bytes were allocated for a file of %d", took, len(test.contents))
			}
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("error %v, want %q", err, test.fails)
			}
		})
	}
}

func TestWritePyTorch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.pt")
	f := &File{Tensors: append([]Tensor{{"empty", []int{2, 0}, []float32{}}}, want...)}
	if err := WritePyTorch(path, f); err != nil {
		t.Fatal(err)
	}
	back, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Tensors, f.Tensors) {
		t.Errorf("%v was written, %v read", f.Tensors, back.Tensors)
	}
	file, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, entry := range file.File {
		start, err := entry.DataOffset()
		if err != nil || strings.HasPrefix(entry.Name, "archive/data/") && start%torchAlignment != 0 {
			t.Errorf("%s starts at byte %d, error %v", entry.Name, start, err)
		}
	}
}

// TestPyTorchReadsWhatIsWritten runs PyTorch where it is installed.
func TestPyTorchReadsWhatIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.pt")
	if err := WritePyTorch(path, &File{Tensors: want}); err != nil {
		t.Fatal(err)
	}
	const script = `import sys
try:
    import torch
except ImportError:
    sys.exit("no PyTorch")
for weights_only in False, True:
    d = torch.load(sys.argv[1], weights_only=weights_only)
    for name, v in d.items():
        print(type(d).__name__, name, v.dtype, list(v.shape), v.is_contiguous(), v.requires_grad, v.flatten().tolist())`
	out, err := exec.Command("/usr/bin/python3", "-c", script, path).CombinedOutput()
	if errors.Is(err, fs.ErrNotExist) || string(out) == "no PyTorch\n" {
		t.Skip("PyTorch is not installed")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	once := `OrderedDict stem.0.weight torch.float32 [2, 3, 2] True False ` +
		`[-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
OrderedDict classifier.bias torch.float32 [3] True False [0.5, -2.0, 65280.0]
OrderedDict scale torch.float32 [] True False [3.0]
`
	if string(out) != once+once {
		t.Errorf("PyTorch has\n%s", out)
	}
}

// addFiles adds the files of a pattern as seeds.
func addFiles(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// checkParse parses data, whatever it is: what comes out must fit together, can be written, and comes back the same.
func checkParse(t *testing.T, data []byte) {
	t.Helper()
	f, err := Parse(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("error of two lines: %q", err)
		}
		return
	}
	total := 0
	for _, tensor := range f.Tensors {
		if elementsOf(tensor.Shape, int64(len(tensor.Data))) != int64(len(tensor.Data)) {
			t.Errorf("tensor %q of shape %v has %d elements", tensor.Name, tensor.Shape, len(tensor.Data))
		}
		total += len(tensor.Data)
	}
	if total > len(data) {
		t.Errorf("%d elements from %d bytes", total, len(data))
	}
	if f.check() != nil {
		return
	}
	var out bytes.Buffer
	if err := f.writeSafetensors(&out, F32); err != nil {
		t.Fatal(err)
	}
	again, err := Parse(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(again.Tensors) != len(f.Tensors) || len(again.Metadata) != len(f.Metadata) {
		t.Errorf("%v came back as %v, error %v", f, again, err)
	}
}

func FuzzPyTorch(f *testing.F) {
	addFiles(f, "testdata/*.pt")
	f.Add([]byte(stored(f, vector.pickle(), fourNumbers)))
	for _, name := range []string{"views_zip.pt", "nested_zip.pt", "parameters_zip.pt", "tied_zip.pt"} {
		file, err := zip.OpenReader(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		object, err := fs.ReadFile(file, strings.TrimSuffix(name, ".pt")+"/data.pkl")
		if err := errors.Join(err, file.Close()); err != nil {
			f.Fatal(err)
		}
		f.Add(object)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkParse(t, data)
		// A mutated archive seldom has right checksums, so the bytes are taken for the pickle within one as well.
		checkParse(t, []byte(stored(t, string(data), fourNumbers)))
	})
}
