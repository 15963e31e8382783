package genotypes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPublished(t *testing.T) {
	names := Names()
	if len(names) != 18 || names[0] != "DARTS" {
		t.Fatalf("the published architectures are %v", names)
	}
	for _, name := range names {
		g, ok := Lookup(name)
		if !ok || g.Name != name || g.Validate() != nil {
			t.Errorf("%s: found %v, name %s, valid: %v", name, ok, g.Name, g.Validate())
		}
		if !strings.Contains(published, "\n"+g.Define()+"\n") {
			t.Errorf("%s is not printed as it is written:\n%s", name, g.Define())
		}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	darts, _ := Lookup("DARTS")
	vgg, _ := Lookup("VGG")
	one, two := write("mine.py", darts.String()), write("two.py", "A = "+darts.String()+"\nB = "+vgg.String()+"\nC = B\n")
	write("VGG", darts.String())
	write("other.py", "DARTS = "+vgg.String())
	if err := os.Mkdir(filepath.Join(dir, "DARTS"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for arg, want := range map[string]struct {
		name string
		same bool // as DARTS, else as VGG
	}{
		"DARTS": {"DARTS", true}, one: {"mine", true}, two + ":A": {"A", true}, two + ":C": {"C", false}, "-": {"VGG", false},
		"X = " + darts.String(): {"X", true}, vgg.String(): {"", false}, "VGG": {"VGG", true},
		two + ":2": {"B", false}, "-:VGG": {"VGG", false}, "other.py": {"DARTS", false}, "other.py:DARTS": {"DARTS", false},
	} {
		g, warnings, err := Resolve(arg, strings.NewReader("VGG = "+vgg.String()))
		if err != nil {
			t.Errorf("%s: %v", arg, err)
			continue
		}
		if g.Name != want.name || g.Equal(darts) != want.same || g.Equal(vgg) == want.same {
			t.Errorf("%s gives %q: %s", arg, g.Name, g)
		}
		if fromUser := arg == "VGG" || strings.HasPrefix(arg, "other.py"); fromUser != (len(warnings) > 0) {
			t.Errorf("%s: warnings %v", arg, warnings)
		}
	}
	for arg, want := range map[string]string{
		two: "say which", "DART": "did you mean DARTS", "Mobilenetv2x": "did you mean Mobilenetv2", two + ":D": "has no genotype D",
		"nothing like it": "nat genotypes lists", "darts": "did you mean DARTS", "MobileNetv2": "did you mean Mobilenetv2", "2": "bare numbers",
		"|nor_conv_3x3~0|+|none~0|skip_connect~1|": "NAS-Bench-201", "normal=[('conv_3x3', 0)]": "without Genotype(", `C:\nets.py`: "no architecture or file", "": "empty", dir: "is a folder", filepath.Join(dir, "none.py"): "no architecture or file",
	} {
		_, _, err := Resolve(arg, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error %v, want one line with %q", arg, err, want)
		}
	}
}
