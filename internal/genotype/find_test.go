package genotype

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// other is two with one more expensive operation, other still one with another.
var (
	other      = strings.Replace(two, "conv_1x1", "conv_5x5", 1)
	otherStill = strings.Replace(two, "conv_1x1", "conv_3x3", 1)
)

// asJSON writes two as programs write it.
const asJSON = `{"normal": [["sep_conv_3x3", 0], ["skip_connect", 1], ["conv_1x1", 2], ["none", 1]], "normal_concat": [2, 3],
	"reduce": [["max_pool_3x3", 0], ["max_pool_3x3", 0], ["skip_connect", 1], ["dil_conv_3x3", 2]], "reduce_concat": [3]}`

// derived is what nat derive prints as JSON for one architecture, the policy included.
const derived = `{"input":{"name":"A","genotype":"` + two + `","parameters":2},"output":{"name":"NAT_A","genotype":"%s","parameters":1},"images":512,` +
	`"policy":{"normal":[{"op":"conv_1x1","from":0,"to":2,"chosen":"null","probabilities":{"null":0.5}}],"reduce":[{"op":"conv_1x1","from":0,"to":2}]},"seed":1}`

func quoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always can
	}
	return string(b)
}

// TestTextRoundGenotypes takes the only genotype, or the last of a log, out of whatever may stand round it.
func TestTextRoundGenotypes(t *testing.T) {
	units := utf16.Encode([]rune("\ufeffX = " + other))
	wide := make([]byte, 0, 2*len(units))
	for _, u := range units {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, c := range map[string]struct {
		text, name string // whose genotype is other, under that name
	}{
		"annotated":                {"X: Genotype = " + other, "X"},
		"annotated, module":        {"X: gt.Genotype = gt." + other, "X"},
		"walrus":                   {"(X := " + other + ")", "X"},
		"letters of all languages": {"α = " + other, "α"},
		"item":                     {"archs['X'] = " + other, "X"},
		"returned":                 {"def f():\n    return " + other, ""},
		"printed":                  {"print(" + other + ")", ""},
		"argument":                 {"train(genotype=" + other + ", seed=1)", "genotype"},
		"program beside it":        {"def genotype(self):\n    genotype = Genotype(normal=gene, normal_concat=concat,\n      reduce=gene, reduce_concat=concat)\n\nX = " + other, "X"},
		"named in prose":           {"Call Genotype(...) as in X = " + other, "X"},
		"commented list":           {"# OLD = [" + two + ", " + two + "]\nX = " + other, "X"},
		"commented lines":          {"# OLD = " + strings.ReplaceAll(two, "reduce=", "\n#  reduce=") + "\nX = " + other, "X"},
		"behind code":              {"a = 1; X = " + other, "X"},
		"a string":                 {"X = \"" + other + "\"", "X"},
		"a string over lines":      {"X = '''" + other + "'''", "X"},
		"a string with a name":     {"'X = " + strings.ReplaceAll(other, "'", `\'`) + "'", "X"},
		"only in a docstring":      {"\"\"\"The best is:\nX = " + other + "\n\"\"\"", "X"},
		"a docstring of old ones":  {"\"\"\"\n07/16 01:48:03 PM genotype = " + two + "\nX = " + two + "\n\"\"\"\nX = " + other, "X"},
		"a shell argument":         {"python train.py --arch=\"" + other + "\"", "arch"},
		"UTF-16":                   {string(wide), "X"},
		"terminal colours":         {"\x1b[32m13:48:03\x1b[0m genotype = \x1b[1m" + other + "\x1b[0m", "genotype"},
		"counted with a #":         {"[Epoch #12] genotype = " + other, "genotype"},
		"apostrophes":              {"07/16 it's 'done', don't stop: genotype = " + other, "genotype"},
		"a lone apostrophe":        {"5 o' clock: ' genotype = " + other, "genotype"},
		"printed and logged":       {"07/16 01:48:03 PM gpu 0\ngenotype = " + two + "\n07/16 01:50:00 PM genotype = " + other + "\n07/16 01:51:00 PM done", "genotype"},
		"logged and printed":       {"07/16 01:48:03 PM genotype = " + two + "\n07/16 01:50:00 PM next\n" + other + "\n", ""},
		"printed among log lines":  {"epoch 1 lr 0.025\n" + two + "\nepoch 2 lr 0.024\n" + other + "\n", ""},
		"other names in a log":     {"13:48:03 genotype = " + two + "\n13:49:03 best_genotype = " + other + "\n", "best_genotype"},
		"repeated in a log":        {"13:48:03\narch = " + two + "\n13:49:03\narch = " + other, "arch"},
		"dictionary in a log":      {"13:48:03 genotype = " + strings.Replace(asJSON, "conv_1x1", "conv_5x5", 1), "genotype"},
		"arguments in a log":       {"13:48:03 args: {'lr': 0.1, 'f': <function>} genotype = " + other, "genotype"},
		"a notebook":               {`{"cells": [{"outputs": [{"text": [` + quoteJSON("07/16 12:00 genotype = "+two+"\n") + ",\n" + quoteJSON("07/16 12:10 genotype = "+other+"\n") + "]}]}]}", "genotype"},
		"Markdown and its heading": {"# Genotype(s)\n\nThe result is `X = " + other + "`, which is good.", "X"},
		"a fenced block":           {"```python\nX = " + other + "\n```\n", "X"},
		"JSON among settings":      {`{"epoch": 50, "args": {"normal": 3}, "spec": ` + strings.Replace(asJSON, "conv_1x1", "conv_5x5", 1) + "}", ""},
		"JSON, named string":       {`{"genotype": "X = ` + other + `", "parameters": 3}`, "X"},
		"JSON, broken lines":       {`{"name": "X", "genotype": ` + quoteJSON(strings.ReplaceAll(other, ", ", ",\n\t")) + "}", "X"},
		"JSON in a string":         {`{"arch": ` + quoteJSON(strings.Replace(asJSON, "conv_1x1", "conv_5x5", 1)) + "}", ""},
		"JSON, calls":              {`{'X': ` + other + ", 'seed': 1}", "X"},
		"what derive prints":       {fmt.Sprintf(derived, other), "NAT_A"},
	} {
		f, err := Parse("test", c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if g, _, err := f.Only(); err != nil || g.String() != other || g.Name != c.name {
			t.Errorf("%s: %q = %s, error %v, want %q = %s", name, g.Name, g, err, c.name, other)
		}
	}
}

// TestObjectsOfOtherPrograms reads what describes cells in keys of its own.
func TestObjectsOfOtherPrograms(t *testing.T) {
	const small = "Genotype(normal=[('sep_conv_3x3', 0, 2), ('skip_connect', 1, 2)], normal_concat=[2], reduce=[('max_pool_3x3', 1, 2), ('null', 0, 2)], reduce_concat=[2])"
	const flat = `"normal/op_2_0": "sep_conv_3x3", "normal/input_2_0": [0], "normal/op_2_1": "skip_connect", "normal/input_2_1": [1],
		"reduce/op_2_0": "max_pool_3x3", "reduce/input_2_0": [1], "reduce/op_2_1": "none", "reduce/input_2_1": [0]`
	for name, c := range map[string]struct {
		text     string
		warnings int
	}{
		"NNI, with the network's size": {`{"width": 36, "depth": 20, ` + flat + "}", 3},
		"NNI, within a result":         {`{"result": {"score": 0.9, "arch": {` + flat + "}}}", 1},
		"Vega": {`{"super_network": {"cells": ["normal", "reduce"], "normal": {"genotype": [["sep_conv_3x3", 2, 0], ["skip_connect", 2, 1]], "concat": [2]},
			"reduce": {"genotype": [["max_pool_3x3", 2, 1], ["none", 2, 0]], "concat": [2]}}}`, 2},
		"a record": {`{"normal": [["sep_conv_3x3", 0], ["skip_connect", 1]], "normal_concat": [2], "reduce": [["max_pool_3x3", 1], ["none", 0]],
			"reduce_concat": [2], "history": [[0, 0.1], [1, 0.2]], "accuracy": 0.97, "settings": {"lr": 0.1}}`, 3},
	} {
		f, err := Parse("test", c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if g, warnings, err := f.Only(); err != nil || g.String() != small || len(warnings) != c.warnings {
			t.Errorf("%s: %s with %q, error %v", name, g, warnings, err)
		}
	}
}

// TestDoubtfulTexts asks, or refuses with the place, wherever a genotype could be taken that is not the one meant.
func TestDoubtfulTexts(t *testing.T) {
	cut := two[:60]
	for name, c := range map[string]struct{ text, want string }{
		"items":                   {"archs['A'] = " + two + "\narchs['B'] = " + other, "there are A, B"},
		"lines of dictionaries":   {"A = " + asJSON + "\nB = " + asJSON, "there are A, B"},
		"values of a dictionary":  {"archs = {\n'A': " + two + ",\n'B': " + other + ",\n}", "there are A, B"},
		"strings of a dictionary": {"archs = {\n'A': \"" + two + "\",\n'B': \"" + other + "\",\n}", "there are A, B"},
		"items of a list":         {"1. `" + two + "`\n2. `" + other + "`\n", "there are 1, 2"},
		"lines of JSON":           {`{"genotype": "` + two + "\"}\n{\"genotype\": \"" + other + "\"}", "there are 1, 2"},
		"lines of derive":         {fmt.Sprintf(derived, other) + "\n" + strings.Replace(fmt.Sprintf(derived, two), "NAT_A", "NAT_B", 1), "there are NAT_A, NAT_B"},
		"code and a log's line":   {"A = " + two + "\nB = " + other + "\nand then: C = " + otherStill, "there are A, B, C"},
		"dated notes":             {"2019-07-16\nA = " + two + "\n2019-07-17\nB = " + other, "there are A, B"},
		"a log cut off":           {"13:48:03 genotype = " + two + "\n13:49:03 genotype = " + cut, "test:2:62: the bracket '('"},
		"a log cut off in a name": {"13:48:03 genotype = " + two + "\n13:49:03 genotype = " + two[:24], "test:2:39: the string that begins here is never closed"},
		"JSON cut off":            {`{"spec": ` + asJSON[:150], "test:2:35: the string that begins here is never closed"},
		"derive's JSON cut off":   {fmt.Sprintf(derived, other)[:300], "never closed"},
		"an item of a genotype":   {"X = " + two + "[0]", "changed by code"},
		"a lost bracket in a list": {strings.Replace(two, "('null', 1, 3)]", "('null', 1, 3)", 1),
			`found '=' where a comma or the closing ']' should stand, for the '[' of line 1, column 17 is still open`},
		"a lost bracket before another": {"A = Genotype(normal=[('null', 0), ('null', 1)]\nB = " + two, "there are A, B"},
		"typographic quotes":            {strings.Replace(two, "'sep_conv_3x3'", "‘sep_conv_3x3’", 1), "test:1:19: found the typographic quote '‘'"},
		"an f-string":                   {strings.Replace(two, "'sep_conv_3x3'", "f'sep_conv_{k}'", 1), "test:1:20: found"},
		"adjacent names":                {strings.Replace(two, "'sep_conv_3x3'", "'sep_' 'conv_3x3'", 1), "a string follows a string"},
		"a source behind its target":    {strings.Replace(genotypeOf(normalPairs), "'conv_1x1', 2", "'conv_1x1', 3", 1), "test:1:60: this edge of the normal cell leads from node 3 to node 3"},
		"a field that may change it":    {strings.Replace(two, "reduce=", "connects=[[0, 1]], reduce=", 1), "test:1:125: the field connects belongs to"},
		"other fields in JSON":          {strings.Replace(asJSON, `"reduce"`, `"upsample": [["conv_3x3", 0]], "reduce"`, 1), "test:2:2: the field upsample belongs to"},
		"edges elsewhere in JSON":       {strings.Replace(asJSON, `"reduce"`, `"decoder": {"a": [["conv_3x3", 0]]}, "reduce"`, 1), "test:2:2: the field decoder belongs to"},
		"no text":                       {"\x00\x01Genotype\x00", "test:1:1: this is not text"},
		"fields without a call":         {"normal=" + normalPairs + ", " + reducePart, "without Genotype( in front"},
		"a comment":                     {"x = 1\n# A = " + two, "test:2:1: the genotype is in a comment"},
		"small letters":                 {strings.ToLower(two), "spelt with a capital"},
		"another class":                 {"DenseRobGenotype(normal=[])", "another class than Genotype"},
		"YAML":                          {"spec:\n  normal:\n    - [sep_conv_3x3, 0]\n", "test:2:1: this is YAML"},
		"pairs of numbers":              {"([(0, 6), (1, 4)], [(0, 6), (1, 4)])", "bare numbers"},
		"a list of cells":               {"[[('conv_3x3', 0), ('conv_3x3', 1)]] * 6", "a list of cells"},
		"an endless array":              {"Genotype(normal=[" + strings.Repeat("0,", maxValues), "values: this is no genotype"},
	} {
		f, err := Parse("test", c.text)
		if err == nil {
			var g Genotype
			if g, _, err = f.Only(); err == nil {
				t.Errorf("%s: was read as %s", name, g)
				continue
			}
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\n\twant one line with %q", name, err, c.want)
		}
	}
}

// TestFind asks for names and numbers.
func TestFind(t *testing.T) {
	for name, c := range map[string]struct{ text, ask, want string }{
		"second name of a chain":  {"A = B = " + two + "\nC = " + other, "B", two},
		"attribute as written":    {"self.best = " + two + "\nC = " + other, "self.best", two},
		"number of a named one":   {"A = " + two + "\nB = " + other, "2", other},
		"number too high":         {"A = " + two + "\nB = " + other, "3", "has no genotype 3"},
		"alias of an annotated":   {"V2: Genotype = " + other + "\nDARTS = V2\n", "DARTS", other},
		"chain of aliases":        {"V1 = " + two + "\nV2 = " + other + "\nDARTS = BEST = V2\r\n", "DARTS", other},
		"alias and definition":    {"V1 = " + two + "\nDARTS = V1\nDARTS = " + other, "DARTS", "more than once"},
		"alias among the nearest": {"V1 = " + two + "\nDARTS = V1\n", "DRTS", "did you mean DARTS?"},
		"key of an item":          {"archs['A'] = " + two + "\narchs['B'] = " + other, "B", other},
		"key that is no name":     {`{"PC-DARTS": ` + asJSON + "}", "PC-DARTS", two},
		"program":                 {"A = Genotype(normal=gene, normal_concat=c, reduce=gene, reduce_concat=c)\nB = " + other, "A", "test:1:21: normal is gene"},
		"last of the name in log": {"13:48:03 a = " + two + "\n13:49:03 a = " + other + "\n13:50:03 b = " + two, "a", other},
	} {
		f, err := Parse("test", c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g, _, err := f.Find(c.ask)
		if got := g.String(); err == nil && got != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s, error %v, want %q", name, got, err, c.want)
		}
	}
}

// TestDefineIsPython prints names that are none in Python so that they can be read back.
func TestDefineIsPython(t *testing.T) {
	f, err := Parse("test", two)
	if err != nil {
		t.Fatal(err)
	}
	g, _, err := f.Only()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"PC-DARTS": "PC_DARTS", "2nd best": "_2nd_best", "a.b": "a_b", "α": "α", "A_1": "A_1"} {
		g.Name = name
		back, err := Parse("test", g.Define())
		if err != nil {
			t.Fatal(err)
		}
		if h, _, err := back.Only(); err != nil || h.Name != want || !h.Equal(g) {
			t.Errorf("%s was read back as %q, error %v, want %q", g.Define(), h.Name, err, want)
		}
	}
}

// TestHostileTexts reads long texts made to take long: tries in tries, brackets and quotes that never close.
func TestHostileTexts(t *testing.T) {
	const size, longest = 1 << 18, 20 * time.Second
	for _, part := range []string{
		"Genotype(", "Genotype(1,", "Genotype('", "{", `{"a":`, `{"a":1,`, `{"normal":`, `{"normal":[],"a":{"normal":[1]}} `, "'", `"`, `\"`, "'''", "'''\"\"\"", "''' \"\" '' ",
		"\n", "a=b\n", "a=a=", two + " ", "X = " + two + "\n", `{"genotype":"` + two + `"},`, `"\"Genotype(\"" `, `"{'normal': [1]}" `, "#", " ", "\\", "\x1b[0m", "a.b.", "a.Genotype(", "[1, ", "0 1 ", "==",
	} {
		start := time.Now()
		text := strings.Repeat(part, size/len(part))
		if f, err := Parse("test", text); err == nil {
			_, _, _ = f.Only()
			_, _, _ = f.Find("nobody")
		}
		if took := time.Since(start); took > longest {
			t.Errorf("%q again and again took %v", part, took)
		}
	}
}
