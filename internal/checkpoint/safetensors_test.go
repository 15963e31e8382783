package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// safetensors returns a file of that header and as many zero bytes.
func safetensors(header string, bytes int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("\x00", bytes)
}

func TestOddSafetensors(t *testing.T) {
	const scalar = `"dtype":"F32","shape":[],"data_offsets":[0,4]`
	tests := []struct {
		name, header string
		bytes        int
		fails        string
	}{
		{"nothing", `{}`, 0, ""},
		{"spaces", `{ "a" : {` + scalar + `} }   `, 4, ""},
		{"no metadata", `{"__metadata__":null,"a":{` + scalar + `}}`, 4, ""},
		{"empty tensor", `{"a":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},"b":{` + scalar + `}}`, 4, ""},
		{"other order of bytes", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"b":{` + scalar + `}}`, 8, ""},
		{"unfinished", `{"a":{` + scalar + `}`, 4, "no valid JSON"},
		{"more behind", `{"a":{` + scalar + `}}{}`, 4, "goes on behind the JSON object"},
		{"no comma", `{"a":{` + scalar + `}"b":{` + scalar + `}}`, 4, "no valid JSON"},
		{"twice", `{"a":{` + scalar + `},"a":{` + scalar + `}}`, 4, `has "a" twice`},
		{"metadata of numbers", `{"__metadata__":{"steps":4}}`, 0, "no JSON object of strings"},
		{"description of another kind", `{"a":[1]}`, 0, `tensor "a" is not described`},
		{"more in the description", `{"a":{` + scalar + `,"device":"cpu"}}`, 4, `tensor "a" is not described`},
		{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4, `tensor "a" is not described`},
		{"one offset", `{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}`, 4, `tensor "a" is not described`},
		{"fraction", `{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4, `tensor "a" is not described`},
		{"other type", `{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}`, 4, `of type "F8_E4M3", which is not read`},
		{"negative offset", `{"a":{"dtype":"F32","shape":[],"data_offsets":[-4,0]}}`, 4, "at bytes -4 to 0 of 4"},
		{"backwards", `{"a":{"dtype":"F32","shape":[],"data_offsets":[4,0]}}`, 4, "at bytes 4 to 0 of 4"},
		{"beyond the end", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 4, "cut short"},
		{"negative size", `{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 4, "do not fit its shape"},
		{"overflow", `{"a":{"dtype":"F32","shape":[4294967296,4294967296,1],"data_offsets":[0,4]}}`, 4, "do not fit its shape"},
		{"overflow behind a zero", `{"a":{"dtype":"F32","shape":[0,-1],"data_offsets":[0,0]}}`, 0, "do not fit its shape"},
		{"half a number", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}}`, 5, "do not fit its shape"},
		{"overlap", `{"a":{` + scalar + `},"b":{` + scalar + `}}`, 4, `tensor "b" starts at byte 0 where 4 is due`},
		{"gap", `{"a":{` + scalar + `},"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}`, 12, "at byte 8 where 4 is due"},
		{"deep", `{"a":` + strings.Repeat("[", 100_000) + `}`, 0, `tensor "a" is not described`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := parse(safetensors(test.header, test.bytes))
			if test.fails == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatalf("it was read: %v", f.Tensors)
			}
			if !strings.Contains(err.Error(), test.fails) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, test.fails)
			}
		})
	}
}

func TestShortFilesTakeLittleMemory(t *testing.T) {
	tests := []struct{ name, contents string }{
		{"header of 100 MB", "\x00\xe1\xf5\x05\x00\x00\x00\x00{"},
		{"header of 2^63 bytes", "\xff\xff\xff\xff\xff\xff\xff\x7f{"},
		{"tensor of 4 GiB", safetensors(`{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}`, 100)},
		{"tensor of 4 GiB in 4 bytes", safetensors(`{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4]}}`, 4)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var err error
			if took := allocated(func() { _, err = parse(test.contents) }); took > 1<<16 {
				t.Errorf("%d bytes were allocated for a file of %d", took, len(test.contents))
			}
			if err == nil {
				t.Error("it was read")
			}
		})
	}
}

func TestWriteThenRead(t *testing.T) {
	long := make([]float32, 3*pieceBytes/4+5)
	for i := range long {
		long[i] = float32(i%1024) / 16
	}
	f := &File{
		Tensors: []Tensor{
			{"z.first", []int{2, 2}, []float32{1, -2, 0.5, 65504}},
			{"momentum/z.first", []int{len(long)}, long},
			{"a \"quoted\" <name> ü\n", []int{}, []float32{float32(math.Inf(1))}},
			{"empty", []int{0, 3}, []float32{}},
		},
		Metadata: map[string]string{"steps": "4", "op_type": "fully-concat", "note": "line\nline", "": ""},
	}
	for _, precision := range []Precision{F32, F16} {
		t.Run(precision.String(), func(t *testing.T) {
			dir := t.TempDir()
			first, second := filepath.Join(dir, "1.safetensors"), filepath.Join(dir, "2.safetensors")
			if err := errors.Join(Write(first, f, precision), Write(second, f, precision)); err != nil {
				t.Fatal(err)
			}
			got, err := Read(first)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, f) {
				t.Error("what was read is not what was written")
			}
			a, err := os.ReadFile(first)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(second)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Error("the same tensors gave two files")
			}
			if start := 8 + binary.LittleEndian.Uint64(a); start%8 != 0 {
				t.Errorf("the tensors start at byte %d, not at a multiple of 8", start)
			}
		})
	}
}

func TestEveryBitPatternSurvives(t *testing.T) {
	patterns := []uint32{0, 1 << 31, 1, 0x7f800001, 0xffc01234, 0x7f7fffff, 0x00800000}
	data := make([]float32, len(patterns))
	for i, bits := range patterns {
		data[i] = math.Float32frombits(bits)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, &File{Tensors: []Tensor{{"a", []int{len(data)}, data}}}, F32); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range f.Tensors[0].Data {
		if math.Float32bits(v) != patterns[i] {
			t.Errorf("%#x became %#x", patterns[i], math.Float32bits(v))
		}
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	one := []float32{1}
	tests := []struct {
		name  string
		file  File
		fails string
	}{
		{"same name", File{Tensors: []Tensor{{"a", nil, one}, {"a", nil, one}}}, `two tensors are named "a"`},
		{"no name", File{Tensors: []Tensor{{"", nil, one}}}, `"" cannot be the name`},
		{"reserved name", File{Tensors: []Tensor{{"__metadata__", nil, one}}}, "cannot be the name"},
		{"name that is no text", File{Tensors: []Tensor{{"\xff", nil, one}}}, "cannot be the name"},
		{"wrong shape", File{Tensors: []Tensor{{"a", []int{2}, one}}}, `tensor "a" of shape [2] has 1 elements`},
		{"metadata that is no text", File{Metadata: map[string]string{"a": "\xff"}}, `metadata "a" is not text`},
		{"too large for halves", File{Tensors: []Tensor{{"a", nil, []float32{1e5}}}}, "too large for half precision"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.safetensors")
			err := Write(path, &test.file, F16)
			if err == nil || !strings.Contains(err.Error(), test.fails) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %q", err, test.fails)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%v was left behind", left)
			}
		})
	}
	err := Write(filepath.Join(t.TempDir(), "absent", "x"), &File{}, F32)
	if err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("into a folder that is absent: %v", err)
	}
}

func TestWritingTakesLittleMemory(t *testing.T) {
	f := &File{Tensors: []Tensor{{"a", []int{4 << 20}, make([]float32, 4<<20)}}}
	for _, write := range []func(string) error{
		func(path string) error { return Write(path, f, F32) },
		func(path string) error { return WritePyTorch(path, f) },
	} {
		var err error
		path := filepath.Join(t.TempDir(), "x")
		if took := allocated(func() { err = write(path) }); took > 3<<20 || err != nil {
			t.Errorf("%d bytes were allocated to write 16 MiB: %v", took, err)
		}
		var back *File
		took := allocated(func() { back, err = Read(path) })
		if took > 17<<20 || err != nil || len(back.Tensors[0].Data) != 4<<20 {
			t.Errorf("%d bytes were allocated to read 16 MiB: %v", took, err)
		}
	}
}

func FuzzSafetensors(f *testing.F) {
	addFiles(f, "testdata/*.safetensors")
	f.Add([]byte(safetensors(`{"__metadata__":{"a":"b"},"a":{"dtype":"BOOL","shape":[2,0],"data_offsets":[0,0]}}`, 0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkParse(t, data)
	})
}
