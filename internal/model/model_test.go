package model

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nat/internal/checkpoint"
	"nat/internal/genotype"
	"nat/internal/policy"
	"nat/internal/random"
	"nat/internal/supernet"
)

// small returns a model of random weights.
func small(t testing.TB, opType supernet.OpType, layers int) *Model {
	t.Helper()
	m, err := New(
		supernet.Config{OpType: opType, Nodes: opType.DefaultNodes(), Channels: 2, Layers: layers, Classes: 7, ImageChannels: 3, ImageSize: defaultImageSize},
		policy.Config{Embedding: 3, Features: 6, Hidden: 5},
	)
	if err != nil {
		t.Fatal(err)
	}
	m.Supernet.Initialise(1)
	m.Policy.Initialise(1)
	m.Training = Training{Known: true, Seed: 7, TrainPortion: 0.25, Epochs: 3, Dataset: "letters", Fingerprint: "abc",
		Classes: []string{"a", "b", "c", "d", "e", "f", "the \"rest\""}, Mean: []float64{0.1, 0.25, 1e-9}, Std: []float64{0.1, 0.2, 0.3}}
	return m
}

// without returns the file without the tensors for which drop holds, and with no metadata.
func without(f *checkpoint.File, drop func(name string) bool) *checkpoint.File {
	tensors := slices.DeleteFunc(slices.Clone(f.Tensors), func(t checkpoint.Tensor) bool { return drop(t.Name) })
	return &checkpoint.File{Tensors: tensors}
}

func checkEqual(t *testing.T, got, want *Model) {
	t.Helper()
	if got.Supernet.Config() != want.Supernet.Config() || got.Policy.Config() != want.Policy.Config() {
		t.Errorf("read as %+v and %+v, want %+v and %+v", got.Supernet.Config(), got.Policy.Config(), want.Supernet.Config(), want.Policy.Config())
	}
	parameters := got.Parameters()
	for i, p := range want.Parameters() {
		if q := parameters[i]; q.Name != p.Name || !slices.Equal(q.Data, p.Data) {
			t.Errorf("parameter %s was read as %s, or with other values", p.Name, q.Name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.safetensors")
	for _, opType := range []supernet.OpType{supernet.FullyConcat, supernet.LooseEnd} {
		for _, layers := range []int{1, 2, 3, 6} {
			want := small(t, opType, layers)
			if err := checkpoint.Write(path, want.File(), checkpoint.F32); err != nil {
				t.Fatal(err)
			}
			got, err := Load(path, "")
			if err != nil {
				t.Fatal(err)
			}
			checkEqual(t, got, want)
			if !reflect.DeepEqual(got.Training, want.Training) || got.Source != path {
				t.Errorf("read %+v from %s, want %+v from %s", got.Training, got.Source, want.Training, path)
			}
		}
	}
}

// TestSizesFromShapes reads checkpoints without metadata, as the published program writes them.
func TestSizesFromShapes(t *testing.T) {
	for _, opType := range []supernet.OpType{supernet.FullyConcat, supernet.LooseEnd} {
		want := small(t, opType, 5)
		f := without(want.File(), func(string) bool { return false })
		f.Metadata = map[string]string{"image_size": "32", "written_by": "another program"}
		for _, name := range []string{"arch_normal_master.gc1.weight", "stem.1.running_mean", "stem.1.num_batches_tracked", checkpoint.StatePrefix + "x"} {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: name, Shape: []int{1}, Data: []float32{1}})
		}
		for i := range f.Tensors {
			f.Tensors[i].Name = "module." + f.Tensors[i].Name
		}
		got, err := FromFile(f, "")
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, got, want)
		if want := (Training{Seed: DefaultSeed, TrainPortion: DefaultTrainPortion}); !reflect.DeepEqual(got.Training, want) {
			t.Errorf("training is %+v, want the defaults %+v", got.Training, want)
		}
	}
}

// TestLargeStem reads a supernet for large images, with and without metadata.
func TestLargeStem(t *testing.T) {
	want, err := New(
		supernet.Config{OpType: supernet.FullyConcat, Nodes: 4, Channels: 4, Layers: 3, Classes: 7, ImageChannels: 3, ImageSize: 224},
		policy.Config{Embedding: 3, Features: 6, Hidden: 5},
	)
	if err != nil {
		t.Fatal(err)
	}
	want.Supernet.Initialise(1)
	want.Policy.Initialise(1)
	f := want.File()
	for _, meta := range []map[string]string{f.Metadata, nil} {
		f.Metadata = meta
		got, err := FromFile(f, "")
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, got, want)
	}
	f.Metadata = map[string]string{"image_size": "32"}
	if _, err := FromFile(f, ""); err == nil || !strings.Contains(err.Error(), "32×32 pixels, which its stem is not for") {
		t.Errorf("said to be for small images: %v", err)
	}
}

// TestPyTorchFile reads what the published program reads and writes: names and shapes alone.
func TestPyTorchFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.pt")
	want := small(t, supernet.LooseEnd, 3)
	if err := checkpoint.WritePyTorch(path, want.File()); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, "")
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, got, want)
}

func TestOpType(t *testing.T) {
	f := without(small(t, supernet.LooseEnd, 2).File(), func(string) bool { return false })
	for _, c := range []struct {
		meta  string
		named supernet.OpType
		want  supernet.OpType
		err   string
	}{
		{"", "", supernet.LooseEnd, ""},
		{"", supernet.FullyConcat, supernet.FullyConcat, ""},
		{"FULLY_CONCAT_PRIMITIVES", "", supernet.FullyConcat, ""},
		{"loose-end", supernet.FullyConcat, "", "trained as loose-end, not fully-concat"},
		{"loose", "", "", "op type \"loose\" is unknown"},
	} {
		f.Metadata = map[string]string{"op_type": c.meta}
		if c.meta == "" {
			f.Metadata = nil
		}
		m, err := FromFile(f, c.named)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("metadata %q, --op-type %q: error %v, want %q", c.meta, c.named, err, c.err)
			}
		} else if err != nil || m.Supernet.Config().OpType != c.want {
			t.Errorf("metadata %q, --op-type %q: %v, error %v, want %s", c.meta, c.named, m, err, c.want)
		}
	}
}

func TestPolicyAlone(t *testing.T) {
	f := without(small(t, supernet.FullyConcat, 2).File(), func(name string) bool { return !strings.HasPrefix(name, policy.Prefix) })
	m, err := FromFile(f, "")
	if err != nil {
		t.Fatal(err)
	}
	if m.Supernet != nil {
		t.Error("a file with a policy alone gave a supernet")
	}
	for n := 1; n <= genotype.MaxNodes; n++ {
		if err := m.Fits(genotype.Random(random.New(1, "test", n), n)); err != nil {
			t.Errorf("%d nodes: %v", n, err)
		}
	}
	whole := small(t, supernet.FullyConcat, 2)
	whole.Source = "a.pt"
	if err := whole.Fits(genotype.Random(random.New(1, "test"), 5)); err == nil || !strings.Contains(err.Error(), "a.pt: a genotype of 5 nodes") {
		t.Errorf("5 nodes in a supernet of 4: error %v", err)
	}
}

func TestBadCheckpoints(t *testing.T) {
	type edit func(f *checkpoint.File)
	reshape := func(name string, shape ...int) edit {
		return func(f *checkpoint.File) {
			i := slices.IndexFunc(f.Tensors, func(t checkpoint.Tensor) bool { return t.Name == name })
			size := 1
			for _, d := range shape {
				size *= d
			}
			f.Tensors[i] = checkpoint.Tensor{Name: name, Shape: shape, Data: make([]float32, size)}
		}
	}
	drop := func(name string) edit {
		return func(f *checkpoint.File) { *f = *without(f, func(n string) bool { return n == name }) }
	}
	add := func(name string) edit {
		return func(f *checkpoint.File) {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: name, Shape: []int{1}, Data: []float32{1}})
		}
	}
	say := func(key, value string) edit {
		return func(f *checkpoint.File) { f.Metadata[key] = value }
	}
	poison := func(name string, x float64) edit {
		return func(f *checkpoint.File) { f.ByName()[name].Data[1] = float32(x) }
	}
	bare := func(e edit) edit { // without metadata, which would contradict first
		return func(f *checkpoint.File) {
			e(f)
			f.Metadata = nil
		}
	}
	for name, c := range map[string]struct {
		edit edit
		want string
	}{
		"nothing":                {func(f *checkpoint.File) { f.Tensors = nil }, "no parameters of a search"},
		"no policy":              {drop("arch_transformer.op_hidden.weight"), "arch_transformer.op_hidden.weight is missing"},
		"no stem":                {drop("stem.0.weight"), "stem.0.weight is missing"},
		"no classifier":          {drop("classifier.weight"), "classifier.weight is missing"},
		"one missing":            {drop("cells.1.preprocess0.op.1.weight"), "cells.1.preprocess0.op.1.weight is missing"},
		"one surplus":            {add("cells.1.preprocess2.op.1.weight"), `"cells.1.preprocess2.op.1.weight" is surplus`},
		"a surplus edge":         {add("cells.1._ops.14._ops.9.op.1.weight"), "15 edges"},
		"a surplus cell":         {bare(add("cells.99._ops.1._ops.9.op.1.weight")), "too few for a supernet of 100 layers"},
		"NaN":                    {poison("cells.0.preprocess1.op.1.weight", math.NaN()), "preprocess1.op.1.weight holds NaN"},
		"infinite":               {poison("arch_transformer.fc.bias", math.Inf(-1)), "arch_transformer.fc.bias holds -Inf"},
		"misshapen":              {reshape("classifier.bias", 8), "classifier.bias has shape [8], where its place needs [7]"},
		"stem":                   {reshape("stem.0.weight", 7, 3, 3, 3), "stem.0.weight has shape [7 3 3 3]"},
		"wide stem":              {bare(reshape("stem.0.weight", 3*100, 3, 3, 3)), "too few for a supernet of 3 layers, 4 nodes and 100 init channels"},
		"wider stem":             {bare(reshape("stem.0.weight", 3*512, 3, 3, 3)), "more than 268435456 can't be"},
		"many classes":           {bare(reshape("classifier.weight", 60_000, 1)), "too few for a supernet of 3 layers, 4 nodes and 2 init channels"},
		"huge stem":              {bare(reshape("stem.0.weight", 3*100_000, 1, 1, 1)), "100000 init channels can't be"},
		"empty stem":             {reshape("stem.0.weight", 0, 3, 3, 3), "stem.0.weight has shape [0 3 3 3]"},
		"flat stem":              {reshape("stem.0.weight", 54), "should have 4 dimensions"},
		"policy dimensions":      {reshape("arch_transformer.gc1.weight", 30), "should have 2 dimensions"},
		"policy sizes":           {reshape("arch_transformer.gc1.weight", 1, 16_000), "don't fit one another"},
		"metadata contradict":    {say("layers", "8"), "layers \"8\", but its tensors are those of 3"},
		"image size":             {say("image_size", "big"), "image_size \"big\""},
		"huge images":            {say("image_size", "1000000"), "image size can't be"},
		"images of another stem": {say("image_size", "128"), "images have 128×128 pixels, which its stem is not for"},
		"classes":                {say("classes", "cat"), "classes \"cat\", which should be a JSON array of names"},
		"mean":                   {say("mean", "0.5"), "mean \"0.5\", which should be a JSON array of numbers"},
		"std":                    {say("std", "[0.5, 0, 1]"), "which should be a JSON array of numbers above 0"},
		"seed":                   {say("seed", "-1"), "seed \"-1\""},
		"train portion":          {say("train_portion", "NaN"), "train_portion \"NaN\""},
		"epochs":                 {say("epochs", "-3"), "epochs \"-3\""},
		"dropout":                {say("policy_dropout", "2"), "dropout of 2"},
		"flag":                   {say("policy_normalise_features", "maybe"), "\"maybe\", which should be true or false"},
	} {
		f := small(t, supernet.FullyConcat, 3).File()
		c.edit(f)
		_, err := FromFile(f, "")
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, c.want)
		}
	}
}
