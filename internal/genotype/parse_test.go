package genotype

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"nat/internal/primitive"
)

// two is a genotype of two nodes, in the published form.
const two = `Genotype(normal=[('sep_conv_3x3', 0, 2), ('skip_connect', 1, 2), ('conv_1x1', 2, 3), ('null', 1, 3)], normal_concat=[2, 3], reduce=[('max_pool_3x3', 0, 2), ('max_pool_3x3', 0, 2), ('skip_connect', 1, 3), ('dil_conv_3x3', 2, 3)], reduce_concat=[3])`

const (
	normalPairs = `[('sep_conv_3x3', 0), ('skip_connect', 1), ('conv_1x1', 2), ('null', 1)]`
	reducePairs = `[('max_pool_3x3', 0), ('max_pool_3x3', 0), ('skip_connect', 1), ('dil_conv_3x3', 2)]`
	concats     = `normal_concat=[2, 3], reduce_concat=[3]`
	reducePart  = `reduce=` + reducePairs + `, ` + concats
)

func genotypeOf(normal string) string { return "Genotype(normal=" + normal + ", " + reducePart + ")" }

// TestFormsThatAreRead has every form that leaves no doubt; all of these write the genotype two.
func TestFormsThatAreRead(t *testing.T) {
	swapped := `[('sep_conv_3x3', 2, 0), ('skip_connect', 2, 1), ('conv_1x1', 3, 2), ('null', 3, 1)]`
	asJSON := `{"normal": [["sep_conv_3x3", 0], ["skip_connect", 1], ["conv_1x1", 2], ["none", 1]], "normal_concat": [2, 3],
		"reduce": [["max_pool_3x3", 0], ["max_pool_3x3", 0], ["skip_connect", 1], ["dil_conv_3x3", 2]], "reduce_concat": [3]}`
	for name, c := range map[string]struct {
		text, name string
		warnings   int
	}{
		"published form":              {"X = " + two, "X", 0},
		"bare":                        {two, "", 0},
		"two columns":                 {"X = " + genotypeOf(normalPairs), "X", 0},
		"operation, to, from":         {genotypeOf(swapped), "", 1},
		"weights in the third column": {genotypeOf(`[('sep_conv_3x3', 0, 0.5), ('skip_connect', 1, 0.126), ('conv_1x1', 2, 1e-3), ('null', 1, 1.)]`), "", 1},
		"a list for each node":        {genotypeOf(`[[('sep_conv_3x3', 0), ('skip_connect', 1)], [('conv_1x1', 2), ('null', 1)]]`), "", 0},
		"a tuple for each node":       {genotypeOf(`((('sep_conv_3x3', 0), ('skip_connect', 1)), (('conv_1x1', 2), ('null', 1)),)`), "", 0},
		"three columns by node":       {genotypeOf(`[[('sep_conv_3x3', 0, 2), ('skip_connect', 1, 2)], [('conv_1x1', 2, 3), ('null', 1, 3)]]`), "", 0},
		"targets out of order":        {genotypeOf(`[('conv_1x1', 2, 3), ('null', 1, 3), ('sep_conv_3x3', 0, 2), ('skip_connect', 1, 2)]`), "", 1},
		"range":                       {"Genotype(normal=" + normalPairs + ", normal_concat=range(2, 4), reduce=" + reducePairs + ", reduce_concat=range(3, 4))", "", 0},
		"list of a range, tuple":      {"Genotype(normal=" + normalPairs + ", normal_concat=list(range(2,4)), reduce=" + reducePairs + ", reduce_concat=(3,))", "", 0},
		"fields in another order":     {"Genotype(" + concats + ", reduce=" + reducePairs + ", normal=" + normalPairs + ")", "", 0},
		"without names":               {"Genotype(" + normalPairs + ", [2, 3], " + reducePairs + ", [3])", "", 0},
		"other key names":             {"{'normal': " + normalPairs + ", 'normal_concat': [2, 3], 'reduction': " + reducePairs + ", 'reduction_concat': [3]}", "", 0},
		"extra fields":                {"Genotype(normal=" + normalPairs + ", " + reducePart + ", connectN=None, connects=None, layout='cell')", "", 3},
		"none for null":               {strings.ReplaceAll(two, "'null'", "'none'"), "", 0},
		"double quotes, no blanks":    {strings.NewReplacer("'", `"`, ", ", ",").Replace(two), "", 0},
		"blanks, comments, CR LF":     {"X  =  Genotype (\r\n  normal = [ # first\r\n" + strings.Trim(normalPairs, "[]") + ", ], # ('x', 1)\r\n\r\n" + reducePart + ",\r\n)\r\n", "X", 0},
		"a break in a tuple":          {strings.Replace(two, "('skip_connect', 1, 2)", "('skip_connect',\n 1,\n2)", 1), "", 0},
		"unicode strings":             {strings.ReplaceAll(two, "('", "(u'"), "", 0},
		"NumPy's numbers":             {strings.ReplaceAll(two, ", 0, 2)", ", np.int64(0), np.int64(2))"), "", 0},
		"chained names":               {"Q1 = genotype = " + two, "Q1", 0},
		"attribute":                   {"self.genotype = " + two, "genotype", 0},
		"module":                      {"X = genotypes." + two, "X", 0},
		"commented-out before":        {"# OLD = " + two + "\nX = " + two, "X", 0},
		"a class of that name":        {"class Genotype(NamedTuple):\n    normal: list\nX = " + two, "X", 0},
		"a namedtuple":                {"Genotype = namedtuple('Genotype', 'normal normal_concat reduce reduce_concat')\nX = " + two, "X", 0},
		"part of another word":        {"DenseRobGenotype(normal=1)\nX = " + two, "X", 0},
		"continued line":              {"X = \\\n    " + two, "X", 0},
		"in parentheses":              {"X = (\n" + two + ")", "X", 0},
		"string in a dictionary":      {`'EA_BPE1': "` + two + `",`, "EA_BPE1", 0},
		"escaped string":              {`{"X": "` + strings.ReplaceAll(two, "'", `\"`) + `"}`, "X", 0},
		"Markdown":                    {"`genotype = " + two + "`", "genotype", 0},
		"list item":                   {"- " + two, "", 0},
		"log line":                    {"2019-07-16 13:48:03,640 genotype = " + two, "genotype", 0},
		"log line with bars":          {"08/31 03:18:25 PM | GENOTYPE=" + two, "GENOTYPE", 0},
		"log with a label":            {"epoch #3: best: " + two + ".\nit's done", "best", 0},
		"log, the last counts":        {"13:48:03 genotype = " + strings.Replace(two, "conv_1x1", "conv_5x5", 1) + "\n13:49:00 don't stop\n13:50:03 genotype = " + two + "\n", "genotype", 1},
		"printed each epoch":          {"genotype = " + strings.Replace(two, "conv_1x1", "conv_5x5", 1) + "\ngenotype = " + two + "\n", "genotype", 1},
		"quoted log before code":      {"'''\nX = " + strings.Replace(two, "conv_1x1", "conv_5x5", 1) + "\n'''\nX = " + two, "X", 0},
		"JSON":                        {asJSON, "", 0},
		"JSON with a spec":            {`{"name": "mine", "spec": ` + asJSON + `}`, "mine", 0},
		"JSON by name":                {`{"mine": ` + asJSON + `}`, "mine", 0},
		"Python dictionary":           {"X = " + asJSON, "X", 0},
		"what derive prints":          {`{"input":{"name":"A","genotype":"` + strings.Replace(two, "conv_1x1", "conv_5x5", 1) + `"},"output":{"name":"B","genotype":"` + two + `"}}`, "B", 0},
		"YAML scalar":                 {"genotype: " + strings.Replace(two, "), ", "),\n  ", 2), "genotype", 0},
		"byte order mark":             {"\ufeffX = " + two, "X", 0},
	} {
		f, err := Parse("test", c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g, warnings, err := f.Only()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if g.String() != two || g.Name != c.name || len(warnings) != c.warnings {
			t.Errorf("%s: got %q = %s with warnings %q, want %q and %d warnings", name, g.Name, g, warnings, c.name, c.warnings)
		}
	}
}

// TestFlatKeys reads NNI's form, whose concat lists are whole.
func TestFlatKeys(t *testing.T) {
	text := `{"normal/op_2_0": "sep_conv_3x3", "normal/input_2_0": [0], "normal/op_2_1": "skip_connect", "normal/input_2_1": 1,
		"reduce/op_2_0": "max_pool_3x3", "reduce/input_2_0": [1], "reduce/op_2_1": "max_pool_3x3", "reduce/input_2_1": [0]}`
	f, err := Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	g, warnings, err := f.Only()
	want := "Genotype(normal=[('sep_conv_3x3', 0, 2), ('skip_connect', 1, 2)], normal_concat=[2], reduce=[('max_pool_3x3', 1, 2), ('max_pool_3x3', 0, 2)], reduce_concat=[2])"
	if err != nil || g.String() != want || len(warnings) != 1 {
		t.Errorf("got %s with %q, error %v", g, warnings, err)
	}
	for _, change := range [][2]string{{`"normal/op_2_1": "skip_connect", `, ""}, {"[0], \"normal", "[0, 1], \"normal"}, {"input_2_1\": 1", "input_3_1\": 1"}, {"skip_connect", "zero"}} {
		f, err := Parse("test", strings.Replace(text, change[0], change[1], 1))
		if err == nil {
			_, _, err = f.Only()
		}
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q for %q: error %v, want one line", change[1], change[0], err)
		}
	}
}

// TestFormsThatAreRefused has everything that would be read as something else, with the place and part of the message.
func TestFormsThatAreRefused(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(two, old, new, 1) }
	full := "[" + strings.TrimSuffix(strings.Repeat("('skip_connect', 0), ", 14), ", ") + "]"
	for name, c := range map[string]struct {
		text         string
		line, column int
		message      string
	}{
		"mixed directions":     {edit("('skip_connect', 1, 2)", "('skip_connect', 2, 1)"), 1, 17, "don't agree"},
		"mixed columns":        {edit("('skip_connect', 1, 2)", "('skip_connect', 1)"), 1, 17, "two columns and some three"},
		"one weight":           {edit("('skip_connect', 1, 2)", "('skip_connect', 1, 0.126)"), 1, 17, "don't agree"},
		"one edge for a node":  {genotypeOf(`[[('conv_3x3', 0)], [('conv_3x3', 0), ('conv_3x3', 1)]]`), 1, 18, "node 2 of the normal cell has 1 edges"},
		"three edges":          {genotypeOf(`[[('conv_3x3', 0), ('conv_3x3', 1)], [('conv_3x3', 0), ('conv_3x3', 1), ('conv_3x3', 2)]]`), 1, 54, "node 3 of the normal cell has 3 edges"},
		"three edges, flat":    {genotypeOf(`[('conv_3x3', 0, 2), ('conv_3x3', 1, 2), ('conv_3x3', 0, 3), ('conv_3x3', 1, 3), ('conv_3x3', 2, 3)]`), 1, 17, "node 3 of the normal cell has 3 edges"},
		"odd number":           {genotypeOf(`[('conv_3x3', 0), ('conv_3x3', 1), ('conv_3x3', 0)]`), 1, 17, "odd number"},
		"numbered operations":  {genotypeOf(`[(0, 6), (1, 4)]`), 1, 18, "written as numbers"},
		"weights":              {genotypeOf(`[[0.11, 0.05], [0.2, 0.3]]`), 1, 18, "rows of weights"},
		"a sequence":           {genotypeOf(`[0, 2, 0, 0]`), 1, 18, "list of numbers"},
		"every cell":           {genotypeOf(`[[('a', 0)]] * 6`), 1, 17, "one for each cell"},
		"nested too deep":      {genotypeOf(`[[[('conv_3x3', 0), ('conv_3x3', 1)]]]`), 1, 18, "every cell of a network"},
		"concat of inputs":     {edit("[2, 3]", "range(1, 5)"), 1, 117, "the concat list names node 1"},
		"concat node twice":    {edit("[2, 3]", "[2, 3, 2]"), 1, 117, "twice"},
		"concat None":          {edit("[2, 3]", "None"), 1, 117, "normal_concat is empty"},
		"no concat":            {"Genotype(normal=" + normalPairs + ", reduce=" + reducePairs + ", reduce_concat=[3])", 1, 1, "no normal_concat"},
		"endless range":        {edit("[2, 3]", "range(2, 2000000000)"), 1, 117, "range of more nodes"},
		"computed range":       {edit("[2, 3]", "range(2, 2 + n)"), 1, 117, "something else than two numbers"},
		"no reduce cell":       {"Genotype(normal=" + normalPairs + ", normal_concat=[2, 3])", 1, 1, "no reduce:"},
		"empty reduce":         {"Genotype(normal=" + normalPairs + ", reduce=[], " + concats + ")", 1, 98, "reduce is empty"},
		"another cell":         {edit("reduce=", "upsample=[], reduce="), 1, 125, "upsample belongs to another kind"},
		"two normals":          {edit("reduce=", "normal1=None, reduce="), 1, 125, "normal1 belongs to another kind"},
		"a field twice":        {edit("reduce=", "normal=[], reduce="), 1, 125, "given twice"},
		"zero":                 {edit("'null'", "'zero'"), 1, 87, "did you mean null?"},
		"short name":           {edit("sep_conv_3x3", "sep_3x3"), 1, 19, "did you mean sep_conv_3x3?"},
		"blank in a name":      {edit("sep_conv_3x3", "conv 3x3"), 1, 19, "did you mean conv_3x3?"},
		"another space's":      {edit("sep_conv_3x3", "nor_conv_3x3"), 1, 19, "did you mean conv_3x3?"},
		"another domain's":     {edit("sep_conv_3x3", "MBConv_3x3_x2.v"), 1, 19, `unknown operation "MBConv_3x3_x2.v"`},
		"settings":             {genotypeOf(`[('conv', {'k': 3}, 1), ('conv', {'k': 3}, 1)]`), 1, 18, "settings in a dictionary"},
		"lost bracket":         {strings.TrimSuffix(two, ")"), 1, 9, "is never closed"},
		"wrapped log":          {edit("sep_conv", "se\np_conv"), 1, 19, "wrapped"},
		"adjacent strings":     {`X = "Genotype(normal=[('a', 0), " \` + "\n" + `"('b', 1)])"`, 1, 22, "the string around it ends"},
		"changed by code":      {"X = " + two + "._replace(normal=[])", 1, 252, "changed by code"},
		"by a variable":        {"Genotype(normal=gene, " + reducePart + ")", 1, 17, "normal is gene"},
		"NAS-Bench-201":        {"|nor_conv_3x3~0|+|none~0|skip_connect~1|", 1, 1, "NAS-Bench-201"},
		"another class":        {"NB201Genotype(arch_str='|nor_conv_3x3~0|')", 1, 25, "NAS-Bench-201"},
		"numbers alone":        {"0 2 0 0 0 4 1 1", 1, 1, "bare numbers"},
		"macro":                {"[5]\n[0 1]\n[3 0 1]\n[2 0 0 1]", 1, 1, "bare numbers"},
		"tagged YAML":          {"x: !!python/object:Genotype\n", 1, 4, "YAML"},
		"chosen edges":         {"normal_n2_p0: {chosen: [sep_conv_3x3]}", 1, 1, "chosen edges"},
		"ConfigSpace":          {"NetworkSelector:darts:edge_normal_11: x", 1, 23, "ConfigSpace"},
		"one cell's edges":     {"[('sep_conv_3x3', 0), ('skip_connect', 1)]", 1, 1, "one cell"},
		"nothing":              {"hello", 1, 1, "no genotype here"},
		"empty":                {"", 1, 1, "no genotype here"},
		"too many nodes":       {genotypeOf("[" + strings.Repeat("('skip_connect', 0), ", 26) + "]"), 1, 17, "1 to 12 nodes"},
		"second line":          {"A = 1\nX = Genotype(normal=7)", 2, 5, "no normal_concat"},
		"different nodes":      {genotypeOf("[('skip_connect', 0), ('skip_connect', 1)]"), 1, 168, "names node 3"},
		"full graph, repeated": {"Genotype(normal=" + full + ", normal_concat=[2, 2], " + "reduce=" + full + ", reduce_concat=[2, 3])", 1, 327, "twice"},
		"deep nesting":         {"Genotype(normal=" + strings.Repeat("[", 10_000), 1, 48, "nested more than"},
	} {
		f, err := Parse("test", c.text)
		if err == nil {
			var g Genotype
			if g, _, err = f.Only(); err == nil {
				t.Errorf("%s: was read as %s", name, g)
				continue
			}
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: error %v has no place", name, err)
			continue
		}
		if syntax.Line != c.line || syntax.Column != c.column || !strings.Contains(syntax.Problem, c.message) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\n\twant %d:%d and %q", name, err, c.line, c.column, c.message)
		}
	}
}

// TestUnusedNodesAreTold warns where a list of all edges of a graph, read as pairs, makes nodes that nothing uses.
func TestUnusedNodesAreTold(t *testing.T) {
	full := "[" + strings.TrimSuffix(strings.Repeat("('skip_connect', 0), ('skip_connect', 1), ", 7), ", ") + "]"
	f, err := Parse("test", "Genotype(normal="+full+", normal_concat=[2, 3, 4, 5], reduce="+full+", reduce_concat=[2, 3, 4, 5])")
	if err != nil {
		t.Fatal(err)
	}
	_, warnings, err := f.Only()
	if err != nil || len(warnings) != 2 || !strings.Contains(warnings[0], "6, 7, 8") {
		t.Errorf("warnings %q, error %v", warnings, err)
	}
}

// TestSeveralDefinitions asks which, finds by name, follows aliases, and refuses a name that is defined twice.
func TestSeveralDefinitions(t *testing.T) {
	other := strings.Replace(two, "conv_1x1", "conv_5x5", 1)
	for name, c := range map[string]struct {
		text, ask string // empty: the only one
		want      string // two, other, or part of an error
	}{
		"which":               {"A = " + two + "\nB = " + other, "", "2 genotypes: say which as test:NAME; there are A, B"},
		"by name":             {"A = " + two + "\nB = " + other, "B", other},
		"alias":               {"A = " + two + "\nB = " + other + "\nDARTS = C  # the best\nC = B\n", "DARTS", other},
		"alias in a ring":     {"A = " + two + "\nC = D\nD = C\n", "C", "has no genotype C"},
		"unknown":             {"DARTS_V1 = " + two + "\nB = " + other, "DARTS_V2", "did you mean DARTS_V1?"},
		"twice":               {"A = " + two + "\nA = " + other, "A", "more than once"},
		"twice, the only":     {"A = " + two + "\nA = " + other, "", "more than once"},
		"numbered, which":     {two + "\n" + other + "\n", "", "there are 1, 2"},
		"numbered":            {two + "\n" + other + "\n", "2", other},
		"broken neighbour":    {"A = Genotype(normal=f(x))\nB = " + other, "B", other},
		"broken":              {"A = Genotype(normal=f(x))\nB = " + other, "A", "test:1:5"},
		"two lines of derive": {`{"output": {"name":"a","genotype":"` + two + `"}}` + "\n" + `{"output": {"name":"b","genotype":"` + other + `"}}`, "b", other},
	} {
		f, err := Parse("test", c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var g Genotype
		if c.ask == "" {
			g, _, err = f.Only()
		} else {
			g, _, err = f.Find(c.ask)
		}
		if got := g.String(); err == nil && got != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s, error %v, want %q", name, got, err, c.want)
		}
	}
}

// TestPrintedIsRead draws genotypes of every size and primitive, prints and reads them.
func TestPrintedIsRead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		g := Random(r, 1+i%MaxNodes)
		for j := range g.Normal.Edges {
			g.Normal.Edges[j].Op = primitive.ID(r.IntN(len(primitive.All())))
		}
		r.Shuffle(len(g.Reduce.Concat), func(a, b int) { c := g.Reduce.Concat; c[a], c[b] = c[b], c[a] })
		g.Name = fmt.Sprint("G", i)
		f, err := Parse("test", g.Define())
		if err != nil {
			t.Fatal(err)
		}
		if back, _, err := f.Only(); err != nil || !back.Equal(g) || back.Name != g.Name {
			t.Errorf("%s was read as %s (error %v)", g.Define(), back.Define(), err)
		}
	}
}

func TestTooLongATextIsRefused(t *testing.T) {
	if _, err := Parse("test", strings.Repeat(" ", MaxText+1)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("error %v", err)
	}
}

func TestSuggestions(t *testing.T) {
	for name, want := range map[string]string{
		"zero": "null", "Zero": "null", "identity": "skip_connect", "conv_3x1_1x3": "conv_1x3_3x1", "sep_3x3": "sep_conv_3x3",
		"maxpool": "max_pool_3x3", "maxpool_5x5": "max_pool_5x5", "dilconv5x5": "dil_conv_5x5", "van_conv_3x3": "conv_3x3", "relu_conv_bn_3x3": "conv_3x3",
		"dua_sepc_5x5": "sep_conv_5x5", "dil_sepc_3x3": "dil_conv_3x3", "dil_sep_conv_3x3": "dil_conv_3x3", "sep_conv_5x5_2": "sep_conv_5x5",
		"dilconv_3x3": "dil_conv_3x3", "skip_conect": "skip_connect", "tanh": "", "cweight_com": "",
	} {
		if got := SuggestPrimitive(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// FuzzParse checks that no text makes the reader panic, and that whatever it reads is valid and is read back as printed.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		two, "X = " + two, genotypeOf(normalPairs), "{'normal': " + normalPairs + ", 'reduce': " + reducePairs + "}", `{"normal/op_2_0": "conv_3x3"}`,
		"'''" + two + "'''", "A = B\nB = " + two, "Genotype(normal=range(2, 3) * [1.5e3, -2], x={1: 'a', \"b\": None})", `{"output": {"genotype": "` + two + `"}}`, "|a~0|",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("fuzz", text)
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			g, _, err := file.Find(name)
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("more than a line: %v", err)
				}
				continue
			}
			if err := g.Validate(); err != nil {
				t.Errorf("%q was read as something invalid: %v", text, err)
			}
			back, err := Parse("fuzz", g.String())
			if err != nil {
				t.Fatal(err)
			}
			if h, _, err := back.Only(); err != nil || !h.Equal(g) {
				t.Errorf("%s was read back as %s (error %v)", g, h, err)
			}
		}
	})
}
