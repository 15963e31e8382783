package checkpoint

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// want holds the tensors of testdata/make.py.
var want = []Tensor{
	{"stem.0.weight", []int{2, 3, 2}, []float32{-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75}},
	{"classifier.bias", []int{3}, []float32{0.5, -2, 65280}},
	{"scale", []int{}, []float32{3}},
}

func read(t *testing.T, name string) *File {
	t.Helper()
	f, err := Read(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadFilesOfPyTorchAndSafetensors(t *testing.T) {
	var names []string
	for protocol := 2; protocol <= 5; protocol++ {
		names = append(names, fmt.Sprintf("zip_p%d.pt", protocol))
	}
	for protocol := 1; protocol <= 5; protocol++ {
		names = append(names, fmt.Sprintf("legacy_p%d.pt", protocol))
	}
	for _, kind := range []string{"float16", "bfloat16", "float64", "views", "nested", "model", "parameters"} {
		names = append(names, kind+"_zip.pt", kind+"_legacy.pt")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f := read(t, name)
			if !reflect.DeepEqual(f.Tensors, want) || len(f.Metadata) != 0 {
				t.Errorf("tensors %v, metadata %v", f.Tensors, f.Metadata)
			}
		})
	}
	for _, name := range []string{"float32", "float16", "bfloat16", "float64"} {
		t.Run(name+".safetensors", func(t *testing.T) {
			f := read(t, name+".safetensors")
			got := f.ByName() // the library sorts them
			if len(got) != len(want) {
				t.Fatalf("%d tensors, want %d", len(got), len(want))
			}
			for _, w := range want {
				if !reflect.DeepEqual(got[w.Name], w) {
					t.Errorf("%v, want %v", got[w.Name], w)
				}
			}
			if name == "float32" && !reflect.DeepEqual(f.Metadata, map[string]string{"steps": "4", "op_type": "fully-concat"}) {
				t.Errorf("metadata %v", f.Metadata)
			}
		})
	}
}

func TestWhatPyTorchKeepsBesideParameters(t *testing.T) {
	tests := []struct {
		file string
		want []string
	}{
		{"supernet.pt", []string{"arch_transformer.gc1.weight"}},
		{"network.pt", []string{"cells.0._ops.0.op.2.running_mean", "cells.0._ops.0.op.2.running_var"}},
	}
	for _, test := range tests {
		var names []string
		for _, tensor := range read(t, test.file).Tensors {
			names = append(names, tensor.Name)
		}
		if !reflect.DeepEqual(names, test.want) {
			t.Errorf("%s has %v, want %v", test.file, names, test.want)
		}
	}
}

func TestTiedTensorsAreCopies(t *testing.T) {
	for _, name := range []string{"tied_zip.pt", "tied_legacy.pt"} {
		f := read(t, name)
		f.Tensors[0].Data[1] = 5
		wanted := []Tensor{{"a", []int{2}, []float32{1, 5}}, {"b", []int{2}, []float32{1, 2}}, {"c", []int{1}, []float32{2}}}
		if !reflect.DeepEqual(f.Tensors, wanted) {
			t.Errorf("%s: %v, want %v", name, f.Tensors, wanted)
		}
	}
}

func TestIntegers(t *testing.T) {
	got := read(t, "integers.pt").Tensors
	wanted := []Tensor{
		{"flags", []int{2}, []float32{1, 0}},
		{"bytes", []int{2}, []float32{0, 255}},
		{"ints", []int{2}, []float32{-7, 1 << 24}},
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%v, want %v", got, wanted)
	}
}

// TestBadFiles has the files that users bring by mistake, or enemies on purpose.
func TestBadFiles(t *testing.T) {
	var tape bytes.Buffer
	old := tar.NewWriter(&tape)
	if err := errors.Join(old.WriteHeader(&tar.Header{Name: "pickle", Format: tar.FormatUSTAR}), old.Close()); err != nil {
		t.Fatal(err)
	}
	contents := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	zipped, legacy, safe := contents("zip_p2.pt"), contents("legacy_p2.pt"), contents("float32.safetensors")
	tests := []struct{ name, contents, fails string }{
		{"empty", "", "the file is empty"},
		{"one byte", "x", "neither safetensors nor written by torch.save"},
		{"web page", "\n<!DOCTYPE html><html><body>404</body></html>", "a web page"},
		{"pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"},
		{"gzip", "\x1f\x8b\x08\x00", "unpack it first"},
		{"tar", tape.String(), "a tar archive"},
		{"zip", contents("bad_nothing_zip.pt"), `its keys are ["epoch" "accuracy"]`},
		{"no tensors, legacy", contents("bad_nothing_legacy.pt"), `its keys are ["epoch" "accuracy"]`},
		{"module", contents("bad_module.pt"), `"torch.nn.modules.linear.Linear", which would have to be run`},
		{"tensor", contents("bad_tensor_zip.pt"), "a single tensor in place of a state dict"},
		{"tensor, legacy", contents("bad_tensor_legacy.pt"), "a single tensor in place of a state dict"},
		{"script", contents("bad_script.pt"), "a TorchScript program"},
		{"large int", contents("bad_large.pt"), `tensor "a": element 0, of type I64, does not fit into a float32`},
		{"large double", contents("bad_double.pt"), `tensor "a": element 0, of type F64, does not fit into a float32`},
		{"complex", contents("bad_complex.pt"), `"torch.ComplexFloatStorage"`},
		{"command", contents("bad_command_zip.pt"), `"posix.system"`},
		{"command, legacy", contents("bad_command_legacy.pt"), `"posix.system"`},
		{"eval", contents("bad_eval_zip.pt"), `"__builtin__.eval"`},
		{"eval, legacy", contents("bad_eval_legacy.pt"), `"__builtin__.eval"`},
		{"zip cut short", zipped[:len(zipped)/2], "no readable directory"},
		{"zip damaged", strings.Replace(zipped, "\x00\x00\x80\xbf", "\x00\x00\x80\x3f", 1), "checksum error"},
		{"zip, pickle damaged", strings.Replace(zipped, "stem.0", "stem.1", 1), "data.pkl in the archive is damaged"},
		{"legacy cut short in a pickle", legacy[:100], "the file is cut short or damaged"},
		{"legacy cut short in the numbers", legacy[:len(legacy)-1], "cut short within storage"},
		{"legacy cut short before the numbers", legacy[:len(legacy)-80], "the file is cut short"},
		{"another pickle", "\x80\x02}q\x00.", "a pickle, but not one of torch.save"},
		{"safetensors cut short", safe[:len(safe)-4], "cut short or damaged"},
		{"safetensors cut short in the header", safe[:50], "it ends within its safetensors header"},
		{"safetensors with more behind", safe + "more", "4 bytes follow the last tensor"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file.pt")
			if err := os.WriteFile(path, []byte(test.contents), 0o644); err != nil {
				t.Fatal(err)
			}
			checkRefused(t, path, test.fails)
		})
	}
	if _, err := os.Stat("hostile"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a hostile pickle was run")
	}
	checkRefused(t, t.TempDir(), "is a folder or device")
	checkRefused(t, filepath.Join("testdata", "absent.pt"), "no such file")
}

// checkRefused checks that Read fails, in one line that names the file and says why.
func checkRefused(t *testing.T, path, fails string) {
	t.Helper()
	f, err := Read(path)
	if err == nil {
		t.Fatalf("it was read: %v", f.Tensors)
	}
	text := err.Error()
	if !strings.Contains(text, fails) || !strings.Contains(text, path) || strings.Contains(text, "\n") {
		t.Errorf("error %q, want one line with the file's name and %q", text, fails)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func parse(contents string) (*File, error) {
	return Parse(strings.NewReader(contents), int64(len(contents)))
}

func TestHalves(t *testing.T) {
	tests := []struct {
		value, rounded float32
	}{
		{1, 1},
		{1 + 1.0/2048, 1},            // halfway: to even
		{1 + 3.0/2048, 1 + 2.0/1024}, // halfway: to even
		{1 + 1.0/2048 + 1e-6, 1 + 1.0/1024},
		{65519, 65504},     // the largest that does not round to infinity
		{0x1p-24, 0x1p-24}, // the smallest
		{0x1p-25, 0},       // halfway to it
		{0x1.8p-25, 0x1p-24},
		{-0x1p-15, -0x1p-15}, // subnormal
		{float32(math.Inf(-1)), float32(math.Inf(-1))},
	}
	for _, test := range tests {
		var out bytes.Buffer
		if err := writeElements(&out, []float32{test.value}, F16); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 1)
		if err := readElements(got, &out, elements["F16"]); err != nil {
			t.Fatal(err)
		}
		if got[0] != test.rounded {
			t.Errorf("%g became %g, want %g", test.value, got[0], test.rounded)
		}
	}
	err := writeElements(&bytes.Buffer{}, []float32{0, 65520}, F16)
	if err == nil || !strings.Contains(err.Error(), "element 1, 65520, is too large") {
		t.Errorf("65520 as a half: %v", err)
	}
}
