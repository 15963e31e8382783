package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"nat/internal/checkpoint"
	"nat/internal/model"
	"nat/internal/policy"
	"nat/internal/supernet"
)

// writeCheckpoints writes small checkpoints of random weights into a folder: full.safetensors and loose.safetensors, both
// op types; other-seed.safetensors, split otherwise; published.safetensors without metadata; policy.safetensors, which has
// no supernet; large.safetensors, for larger images.
func writeCheckpoints(folder string) error {
	for _, c := range []struct {
		name   string
		opType supernet.OpType
		change func(c *supernet.Config, m *model.Training)
		strip  func(f *checkpoint.File)
	}{
		{name: "full", opType: supernet.FullyConcat},
		{name: "loose", opType: supernet.LooseEnd},
		{name: "other-seed", opType: supernet.FullyConcat, change: func(_ *supernet.Config, t *model.Training) { t.Seed = 7 }},
		{name: "large", opType: supernet.FullyConcat, change: func(c *supernet.Config, _ *model.Training) { c.ImageSize = 64 }},
		{name: "published", opType: supernet.FullyConcat, strip: func(f *checkpoint.File) { f.Metadata = nil }},
		{name: "policy", opType: supernet.FullyConcat, strip: func(f *checkpoint.File) {
			f.Tensors = slices.DeleteFunc(f.Tensors, func(t checkpoint.Tensor) bool { return !strings.HasPrefix(t.Name, policy.Prefix) })
		}},
	} {
		config := supernet.Default(c.opType)
		config.Channels, config.Layers = 2, 3
		training := model.Training{Known: true, Seed: model.DefaultSeed, TrainPortion: model.DefaultTrainPortion, Epochs: 1}
		if c.change != nil {
			c.change(&config, &training)
		}
		m, err := model.New(config, policy.Config{Embedding: 4, Features: 8, Hidden: 6})
		if err != nil {
			return err
		}
		m.Training = training
		m.Supernet.Initialise(2)
		m.Policy.Initialise(2)
		f := m.File()
		if c.strip != nil {
			c.strip(f)
		}
		if err := checkpoint.Write(filepath.Join(folder, c.name+".safetensors"), f, checkpoint.F16); err != nil {
			return err
		}
	}
	return nil
}

// TestDeriveScripts runs the scripts of testdata/derive, which find the checkpoints of writeCheckpoints in their folder.
func TestDeriveScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/derive",
		RequireExplicitExec: true,
		Setup:               func(e *testscript.Env) error { return writeCheckpoints(e.WorkDir) },
	})
}

// TestDeriveJSON checks the keys that programs rely on, and what their values must be.
func TestDeriveJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := writeCheckpoints("."); err != nil {
		t.Fatal(err)
	}
	type edge struct {
		Op, Chosen    string
		From, To      *int
		Probabilities map[string]float64
	}
	type architecture struct {
		Name, Genotype string
		Accuracy       *float64
		TestAccuracy   *float64 `json:"test_accuracy"`
		Parameters     int
		Madds          int
	}
	var result struct {
		Input, Output architecture
		Images        int
		Policy        struct{ Normal, Reduce []edge }
		Checkpoint    string
		Seed          *uint64
	}
	code, stdout, stderr := run("", strings.Fields("derive DARTS --json --no-draw --model-path full.safetensors --images 48 --batch-size 16 --seed 5")...)
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d, error %q", code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatal(err)
	}
	in, out := result.Input, result.Output
	if in.Name != "DARTS" || !strings.Contains(in.Genotype, "Genotype(normal=[('sep_conv_3x3', 0, 2)") || in.Parameters != 3_349_342 || in.Madds != 528_359_040 {
		t.Errorf("input is %+v", in)
	}
	if in.Accuracy == nil || out.Accuracy == nil || in.TestAccuracy == nil || out.TestAccuracy == nil || *out.Accuracy < *in.Accuracy {
		t.Errorf("accuracies are missing or have fallen: %+v, %+v", in, out)
	}
	if out.Parameters > in.Parameters || out.Madds > in.Madds {
		t.Errorf("%+v costs more than %+v", out, in)
	}
	if result.Images != 48 || result.Checkpoint != "full.safetensors" || result.Seed == nil || *result.Seed != 5 {
		t.Errorf("images %d, checkpoint %q, seed %v", result.Images, result.Checkpoint, result.Seed)
	}
	for _, edges := range [][]edge{result.Policy.Normal, result.Policy.Reduce} {
		if len(edges) != 8 {
			t.Errorf("%d edges, want 8", len(edges))
		}
		for _, e := range edges {
			sum := 0.0
			for _, p := range e.Probabilities {
				sum += p
			}
			if len(e.Probabilities) != 13 || sum < 0.999999 || sum > 1.000001 || e.Probabilities[e.Chosen] == 0 || e.From == nil || e.To == nil {
				t.Errorf("edge %+v: %d probabilities, with sum %g", e, len(e.Probabilities), sum)
			}
			if !strings.Contains(out.Genotype, fmt.Sprintf("('%s', %d, %d)", e.Chosen, *e.From, *e.To)) {
				t.Errorf("the output %s lacks %+v", out.Genotype, e)
			}
		}
	}
}

// TestDeriveJSONOutsideTheSearchSpace gives NAONet's own operations the 13 probabilities that all edges have.
func TestDeriveJSONOutsideTheSearchSpace(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := writeCheckpoints("."); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run("", strings.Fields("derive NAONet --json --no-draw --no-eval --model-path loose.safetensors")...)
	if code != exitDone {
		t.Fatalf("exit code %d, error %q", code, stderr)
	}
	var result struct {
		Policy map[string][]struct {
			Op            string
			Probabilities map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatal(err)
	}
	for kind, edges := range result.Policy {
		for i, e := range edges {
			sum := 0.0
			for _, p := range e.Probabilities {
				sum += p
			}
			if len(e.Probabilities) != 13 || math.Abs(sum-1) > 1e-6 {
				t.Errorf("%s edge %d, %s: %d probabilities, with sum %g", kind, i, e.Op, len(e.Probabilities), sum)
			}
		}
	}
}

// TestDeriveRepeatsTheTrial derives from the checkpoint of a search what its last trial derived: the accuracies that were
// logged come out again to the last digit, also from a copied folder.
func TestDeriveRepeatsTheTrial(t *testing.T) {
	t.Chdir(t.TempDir())
	_, stdout, stderr := run("", strings.Fields("search --data sample --epochs 1 --init-channels 2 --layers 3 --images 64 --save run --json")...)
	var search searchResult
	if err := json.Unmarshal([]byte(stdout), &search); err != nil {
		t.Fatal(err, stderr)
	}
	if err := os.CopyFS("copy", os.DirFS("run")); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"run", "copy"} {
		_, stdout, stderr := run("", strings.Fields(
			"derive run/genotypes/epoch-0001.txt:epoch_1 --images 64 --no-draw --json --model-path "+folder)...)
		var derived derivedResult
		if err := json.Unmarshal([]byte(stdout), &derived); err != nil || stderr != "" {
			t.Fatal(err, stderr)
		}
		want := search.Trial
		if *derived.Input.Accuracy != want.InputAccuracy || *derived.Output.Accuracy != want.OutputAccuracy ||
			derived.Output.Genotype != want.OutputText {
			t.Errorf("%s: derived %+v, the trial was %+v", folder, derived, want)
		}
	}
}

// TestBadDerive is the table of what can be wrong with a derivation.
func TestBadDerive(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := writeCheckpoints("."); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"empty.pt": "", "page.pt": "<!DOCTYPE html><html>", "file": "x"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const full = "--model-path full.safetensors --no-draw "
	for _, c := range []struct {
		args string // separated by blanks, behind derive
		code int
		want string
	}{
		{"", exitUsage, "name an architecture"},
		{"DARTS --n-archs 0", exitUsage, `--n-archs "0": give a whole number from 1 to 100000`},
		{"DARTS --n_archs NaN", exitUsage, `--n-archs "NaN": give a whole number`},
		{"DARTS --images -1", exitUsage, `--images "-1": give a whole number`},
		{"DARTS --batch-size 0", exitUsage, `--batch-size "0": give a whole number`},
		{"DARTS --threads 0", exitUsage, `--threads "0": give a whole number`},
		{"DARTS --select valid", exitUsage, `--select "valid": choose validation, test`},
		{"DARTS --op-type dense", exitUsage, `--op-type "dense": op type "dense" is unknown`},
		{"DARTS --format gif", exitUsage, `--format "gif": `},
		{"DARTS --model_pth x", exitUsage, "no flag --model_pth: did you mean --model-path?"},
		{"DRTS " + full, exitFailed, "DRTS"},
		{"ENAS " + full, exitFailed, "ENAS: full.safetensors: a genotype of 5 nodes does not fit a supernet of 4 (fully-concat)"},
		{"DARTS ENAS " + full, exitFailed, "ENAS: full.safetensors: a genotype of 5 nodes"},
		{"DARTS --model-path missing.pt", exitFailed, "missing.pt: no such file or directory (give a checkpoint or a run folder)"},
		{"DARTS --model-path empty.pt", exitFailed, "empty.pt: the file is empty"},
		{"DARTS --model-path page.pt", exitFailed, "page.pt: the file is a web page"},
		{"DARTS --model-path .", exitFailed, "latest.safetensors"},
		{"DARTS --model-path policy.safetensors", exitFailed, "holds a policy alone, which evaluates nothing: give --no-eval"},
		{"DARTS --op-type loose-end " + full, exitFailed, "it was trained as fully-concat, not loose-end"},
		{"DARTS --images 513 " + full, exitFailed, "has 512 test images, not 513"},
		{"DARTS --data missing " + full, exitFailed, "missing"},
		{"DARTS --no-draw --model-path large.safetensors", exitFailed, "images of 64×64 pixels, but sample has 10 classes and 32×32 pixels"},
		{"DARTS --model-path full.safetensors --out file", exitFailed, "no drawings can be written to file"},
	} {
		code, stdout, stderr := run("", append([]string{"derive"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.HasPrefix(stderr, "nat: ") || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("nat derive %s: exit code %d, want %d; error %q, want one line with %q", c.args, code, c.code, stderr, c.want)
		}
		if stdout != "" {
			t.Errorf("nat derive %s: prints %q in spite of the error", c.args, stdout)
		}
	}
}
