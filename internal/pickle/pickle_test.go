package pickle

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func decodeFile(t *testing.T, name string) *Dict {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	value, rest, err := Decode(data, Names{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
	return value.(*Dict)
}

func lookup(t *testing.T, d *Dict, key string) any {
	t.Helper()
	value, ok := d.Lookup(key)
	if !ok {
		t.Fatalf("no key %s", key)
	}
	return value
}

func TestBatches(t *testing.T) {
	names := []string{"batch_python2_p0.pkl", "batch_python2_p1.pkl", "batch_python2_p2.pkl"}
	for protocol := range 6 {
		names = append(names, fmt.Sprintf("batch_p%d.pkl", protocol))
	}
	pixels := make([]byte, 24)
	for i := range pixels {
		pixels[i] = byte(10 * i)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			batch := decodeFile(t, name)
			if batch.Len() != 4 {
				t.Errorf("%d keys, want 4", batch.Len())
			}
			if labels, ok := Ints(lookup(t, batch, "labels")); !ok || !reflect.DeepEqual(labels, []int64{6, 9}) {
				t.Errorf("labels %v, %v", labels, ok)
			}
			want := &Array{Type: "u1", Shape: []int{2, 12}, Data: pixels}
			if got := lookup(t, batch, "data"); !reflect.DeepEqual(got, want) {
				t.Errorf("data %v, want %v", got, want)
			}
			files := lookup(t, batch, "filenames").(*List)
			if file, ok := Text(files.Items[1]); !ok || file != "camion_s_000148.png" {
				t.Errorf("second file %q, %v", file, ok)
			}
		})
	}
}

func TestValues(t *testing.T) {
	allBytes := make([]byte, 256)
	for i := range allBytes {
		allBytes[i] = byte(i)
	}
	magic, _ := new(big.Int).SetString("1950A86A20F9469CFC6C", 16)
	minus := new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 80))
	want := map[string]any{
		"none":  nil,
		"true":  true,
		"false": false,
		"ints": &List{[]any{int64(0), int64(-1), int64(255), int64(256), int64(65535), int64(65536), int64(math.MinInt32),
			int64(1 << 31), int64(math.MinInt64), int64(math.MaxInt64)}},
		"large":   &List{[]any{magic, minus}},
		"floats":  &List{[]any{0.0, -1.5, 1e300, math.Inf(1)}},
		"text":    "héllo 世\U0001f600 \\ \n '",
		"bytes":   allBytes,
		"nothing": []byte{},
		"tuples": Tuple{Tuple{}, Tuple{int64(1)}, Tuple{int64(1), int64(2)}, Tuple{int64(1), int64(2), int64(3)},
			Tuple{int64(1), int64(2), int64(3), int64(4)}},
		"fortran": &Array{Type: "i2", Shape: []int{2, 3}, FortranOrder: true, Data: []byte{1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6, 0}},
		"big_endian": &Array{Type: "i4", BigEndian: true, Shape: []int{3},
			Data: []byte{0, 0, 0, 1, 255, 255, 255, 254, 0, 0, 1, 44}},
		"scalar": &Array{Type: "f8", Shape: []int{}, Data: []byte{0, 0, 0, 0, 0, 0, 0xd0, 0x3f}},
	}
	for protocol := range 6 {
		t.Run(fmt.Sprintf("protocol %d", protocol), func(t *testing.T) {
			values := decodeFile(t, fmt.Sprintf("values_p%d.pkl", protocol))
			for key, want := range want {
				if got := lookup(t, values, key); !reflect.DeepEqual(got, want) {
					t.Errorf("%s is %#v, want %#v", key, got, want)
				}
			}
			shared := lookup(t, values, "shared").(*List)
			if shared.Items[0] != shared.Items[1] {
				t.Error("a list that is shared became two")
			}
			if got, ok := Ints(lookup(t, values, "big_endian")); !ok || !reflect.DeepEqual(got, []int64{1, -2, 300}) {
				t.Errorf("big-endian ints %v, %v", got, ok)
			}
		})
	}
}

func TestPythonTwoText(t *testing.T) {
	tests := []struct {
		name, pickle string
		want         any
	}{
		{"escapes", "S'a\\'\\\\\\n\\x00\\xff\\101'\n.", []byte("a'\\\n\x00\xffA")},
		{"double quotes", "S\"it's\"\n.", []byte("it's")},
		{"unicode", "V\\u00e9\xe9\\U0001f600\n.", "éé\U0001f600"},
		{"bool", "I01\n.", true},
		{"end of line of Windows", "I12\r\n.", int64(12)},
		{"negative long", "\x80\x02\x8a\x01\xff.", int64(-1)},
		{"empty long", "\x80\x02\x8a\x00.", int64(0)},
		{"ordered dict of pairs", "ccollections\nOrderedDict\n((lp1\n(lp2\nS'a'\naI1\naatR.", &Dict{
			entries: []entry{{[]byte("a"), int64(1)}}, byText: map[string]int{"a": 0}}},
		{"duplicate", "I1\n2\x86.", Tuple{int64(1), int64(1)}},
		{"take off", "I1\nI2\n0.", int64(1)},
		{"take off a mark", "I1\n(0.", int64(1)},
		{"take off to a mark", "I1\n(I2\nI3\n1.", int64(1)},
		{"list of a dict", "((NI1\ndl.", &List{[]any{&Dict{entries: []entry{{nil, int64(1)}}}}}},
		{"instance", "(icollections\nOrderedDict\n.", &Dict{}},
		{"object", "(ccollections\nOrderedDict\no.", &Dict{}},
		{"new object", "\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)}\x92.", &Dict{}},
		{"same key as bytes and text", "}(S'a'\nI1\nVa\nI2\nu.", &Dict{
			entries: []entry{{[]byte("a"), int64(2)}}, byText: map[string]int{"a": 0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, rest, err := Decode([]byte(test.pickle+"tail"), Names{})
			if err != nil {
				t.Fatal(err)
			}
			if string(rest) != "tail" || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%#v, then %q; want %#v", got, rest, test.want)
			}
		})
	}
}

func TestDictKeepsItsOrder(t *testing.T) {
	value, _, err := Decode([]byte("}(Vb\nI1\nI7\nI2\nVa\nI3\nVb\nI4\nu."), Names{})
	if err != nil {
		t.Fatal(err)
	}
	var got []any
	for key, value := range value.(*Dict).All() {
		got = append(got, key, value)
	}
	if want := []any{"b", int64(4), int64(7), int64(2), "a", int64(3)}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for range value.(*Dict).All() {
		break
	}
	if v, ok := value.(*Dict).Lookup("c"); ok {
		t.Errorf("c is %v", v)
	}
}

func TestInts(t *testing.T) {
	tests := []struct {
		name  string
		value any
		want  []int64
		ok    bool
	}{
		{"list", &List{[]any{int64(1), int64(-2)}}, []int64{1, -2}, true},
		{"tuple", Tuple{int64(3)}, []int64{3}, true},
		{"signed", &Array{Type: "i2", Shape: []int{2}, Data: []byte{0xfe, 0xff, 1, 2}}, []int64{-2, 513}, true},
		{"unsigned", &Array{Type: "u2", Shape: []int{1}, Data: []byte{0xfe, 0xff}}, []int64{65534}, true},
		{"too large", &Array{Type: "u8", Shape: []int{1}, Data: []byte{0, 0, 0, 0, 0, 0, 0, 0x80}}, nil, false},
		{"two dimensions", &Array{Type: "u1", Shape: []int{1, 1}, Data: []byte{1}}, nil, false},
		{"floats", &Array{Type: "f4", Shape: []int{0}}, nil, false},
		{"mixed list", &List{[]any{int64(1), 2.0}}, nil, false},
		{"text", "12", nil, false},
	}
	for _, test := range tests {
		if got, ok := Ints(test.value); ok != test.ok || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestNames(t *testing.T) {
	names := Names{
		Globals: map[Global]Constructor{
			"shop.Bread": func(args Tuple) (any, error) {
				if len(args) == 0 {
					return nil, errors.New("wants flour")
				}
				return args[0], nil
			},
			"shop.Counter": nil,
		},
		Persistent: func(id any) (any, error) { return Tuple{"kept", id}, nil },
	}
	tests := []struct {
		name, pickle, fails string
		want                any
	}{
		{"called", "cshop\nBread\n(I5\ntR.", "", int64(5)},
		{"its error", "cshop\nBread\n(tR.", "byte 14 of the pickle: shop.Bread: wants flour", nil},
		{"named only", "cshop\nCounter\n.", "", Global("shop.Counter")},
		{"not to be called", "cshop\nCounter\n(tR.", "byte 16 of the pickle: shop.Counter may be named but not called", nil},
		{"persistent", "I5\nQ.", "", Tuple{"kept", int64(5)}},
		{"persistent text", "Pfive\n.", "", Tuple{"kept", "five"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, _, err := Decode([]byte(test.pickle), names)
			if test.fails != "" && (err == nil || err.Error() != test.fails) {
				t.Errorf("error %v, want %s", err, test.fails)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("%#v, want %#v", got, test.want)
			}
		})
	}
}

// refused are pickles that must end in an error that says what is wrong.
var refused = []struct{ name, pickle, fails string }{
	{"empty", "", "ends in the middle"},
	{"no end", "I5\n", "ends in the middle"},
	{"no value", ".", "byte 0 of the pickle: it takes more values than were put"},
	{"command", "cos\nsystem\n(S'touch here'\ntR.", `byte 0 of the pickle: it refers to "os.system", which is not among`},
	{"command, protocol 4", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.", `refers to "posix.system"`},
	{"command of Python 2", "(S'ls'\nios\nsystem\n.", `refers to "os.system"`},
	{"eval", "c__builtin__\neval\n(S'1'\ntR.", `refers to "__builtin__.eval"`},
	{"getattr", "cbuiltins\ngetattr\n.", `refers to "builtins.getattr"`},
	{"a name to confuse the terminal", "cos\x1b[2J\nsystem\n.", `refers to "os\x1b[2J.system"`},
	{"set", "\x80\x04\x8f.", "0x8f is no instruction"},
	{"extension registry", "\x80\x02\x82\x01.", "0x82 is no instruction"},
	{"outside buffer", "\x80\x05\x97.", "0x97 is no instruction"},
	{"newer protocol", "\x80\x06N.", "protocol 6 is newer than 5"},
	{"outside object", "I1\nQ.", "kept outside of the pickle"},
	{"unknown memory", "h\x07.", "recalls value 7, which was never remembered"},
	{"unknown memory of four billion", "j\xff\xff\xff\xff.", "recalls value 4294967295"},
	{"below the stack", "N0000.", "takes more values"},
	{"below a mark", "N(a.", "takes more values"},
	{"tuple below a mark", "N(\x85.", "takes more values"},
	{"no mark", "t.", "takes more values"},
	{"append to a tuple", ")Na.", "does not fit a tuple"},
	{"set in a list", "]NNs.", "does not fit a list"},
	{"odd dict", "(NNNd.", "a key without a value"},
	{"call of a number", "I1\n)R.", "it calls an int"},
	{"call without tuple", "ccollections\nOrderedDict\nNR.", "it calls with None in place of a tuple"},
	{"state of a number", "I1\n}b.", "sets the state of an int"},
	{"other coding", "c_codecs\nencode\n(Vx\nVutf-8\ntR.", "only latin1"},
	{"not latin1", "c_codecs\nencode\n(V\\u4e16\nVlatin1\ntR.", "is not a latin1 character"},
	{"int of letters", "Iabc\n.", `"abc" is no int`},
	{"float of letters", "Fabc\n.", `"abc" is no float`},
	{"key of letters", "gabc\n.", `"abc" is no number`},
	{"lone backslash", "S'\\'\n.", "lone backslash"},
	{"no quotes", "Sx\n.", "no string in quotes"},
	{"half a character", "V\\u12\n.", "is no character"},
	{"long int", "I" + strings.Repeat("9", 2000) + "\n.", "an int of 2000 digits"},
	{"long int, binary", "\x8b\x00\x00\x01\x00" + strings.Repeat("9", 1<<16) + ".", "an int of 65536 bytes"},
	{"array of another order", "cnumpy.core.numeric\n_frombuffer\n(S''\nNNS'K'\ntR.", "wants C or F as order"},
	{"array of text", "cnumpy.core.numeric\n_frombuffer\n(Vab\nNNS'C'\ntR.", "the elements of an array are a str, not bytes"},
	{"state that is no tuple", "cnumpy\ndtype\n(S'u1'\ntRNb.", "wants its byte order"},
	{"state of four values", "cnumpy.core.multiarray\n_reconstruct\n(tR(NNNNtb.", "not the five values that numpy writes"},
	{"arguments by name", "ccollections\nOrderedDict\n)}(Va\nNu\x92.", "arguments by name"},
	{"bytes with arguments", "c__builtin__\nbytes\n(I3\ntR.", "takes no arguments here"},
	{"name of numbers", "\x80\x04NN\x93.", "not text"},
	{"pairs of three", "ccollections\nOrderedDict\n((l(NNNtatR.", "wants a list of pairs"},
	{"array without type", "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntNI00\nS'ab'\ntb.",
		"type of an array's elements is missing"},
	{"array of objects", "cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", "only booleans, integers and floats"},
	{"array too large", array("(I3\nt", "ab"), "shape [3] and type u1 has 2 bytes"},
	{"array whose size overflows", array("(I4294967296\nI4294967296\nI2\nt", "ab"), "has 2 bytes"},
	{"array of negative size", array("(I-1\nI-2\nt", "ab"), "shape [-1 -2] and type u1 has 2 bytes"},
	{"array of no and negative size", array("(I0\nI-2\nt", ""), "has 0 bytes"},
	{"array of many dimensions", array("("+strings.Repeat("I1\n", 65)+"t", "a"), "at most 64"},
}

// array is a pickle of a numpy array of bytes; shape is a pickle's piece.
func array(shape, data string) string {
	return "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n" + shape +
		"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\ntbI00\nS'" + data + "'\ntb."
}

func TestRefused(t *testing.T) {
	for _, test := range refused {
		t.Run(test.name, func(t *testing.T) {
			value, _, err := Decode([]byte(test.pickle), Names{})
			if err == nil {
				t.Fatalf("it became %#v", value)
			}
			if !strings.Contains(err.Error(), test.fails) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error %q, want one line with %q", err, test.fails)
			}
		})
	}
}

func TestGlobalErrorCanBeTold(t *testing.T) {
	_, _, err := Decode([]byte("cos\nsystem\n."), Names{})
	var refused *GlobalError
	if !errors.As(err, &refused) || refused.Name != "os.system" {
		t.Errorf("%v is no GlobalError of os.system", err)
	}
}

// hostile are pickles that claim, or by remembered values ask for, far more memory than they are long; what each may take
// is in bytes.
var hostile = []struct {
	name, pickle string
	most         uint64
}{
	{"four GiB of bytes", "B\xff\xff\xff\xff.", 1 << 16},
	{"2^63 bytes", "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", 1 << 16},
	{"2^64 − 1 characters", "\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", 1 << 16},
	{"frame of 2^63 bytes", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", 1 << 16},
	{"memory of four billion", "Nr\xff\xff\xff\xff.", 1 << 16},
	{"int of four GiB", "\x8b\xff\xff\xff\x7f.", 1 << 16},
	{"deep lists", strings.Repeat("]", 100_000) + strings.Repeat("a", 99_999) + ".", 64 << 20},
	{"deep tuples", "N" + strings.Repeat("\x85", 100_000) + ".", 32 << 20},
	{"deep marks", strings.Repeat("(", 100_000) + ".", 16 << 20},
	{"laughs", "]" + strings.Repeat("q\x00(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00l", 50) + ".", 1 << 20},
	{"the same text encoded again and again", "X\x00\x00\x10\x00" + strings.Repeat("a", 1<<20) + "q\x000U\x06latin1q\x0100]" +
		strings.Repeat("c_codecs\nencode\n(h\x00Vlatin1\ntRa", 10_000) + ".", 32 << 20},
	{"the same key again and again", "B\x00\x00\x10\x00" + strings.Repeat("a", 1<<20) + "q\x000]" +
		strings.Repeat("}h\x00Nsa", 10_000) + ".", 32 << 20},
	{"the same pairs again and again", "](" + strings.Repeat("](NNe", 10_000) + "eq\x000]" +
		strings.Repeat("ccollections\nOrderedDict\n(h\x00tRa", 10_000) + ".", 64 << 20},
}

func TestMemoryStaysInProportion(t *testing.T) {
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			data := []byte(test.pickle)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := Decode(data, Names{})
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > test.most {
				t.Errorf("%d bytes were allocated for a pickle of %d, error %v", took, len(data), err)
			}
		})
	}
}

func TestTooManyInstructions(t *testing.T) {
	_, _, err := Decode([]byte(strings.Repeat("N0", maxInstructions/2)+"N."), Names{})
	if err == nil || !strings.Contains(err.Error(), "more than 2097152 instructions") {
		t.Errorf("error %v", err)
	}
}

func TestCyclesAreBuilt(t *testing.T) {
	value, _, err := Decode([]byte("]q\x00h\x00a."), Names{})
	if err != nil {
		t.Fatal(err)
	}
	if list := value.(*List); list.Items[0] != any(list) {
		t.Errorf("%s does not hold itself", Describe(list.Items[0]))
	}
}

func FuzzPickle(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pkl")
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
	for _, test := range refused {
		f.Add([]byte(test.pickle))
	}
	names := Names{
		Globals:    map[Global]Constructor{"a.b": func(args Tuple) (any, error) { return args, nil }},
		Persistent: func(id any) (any, error) { return id, nil },
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, rest, err := Decode(data, names)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of two lines: %q", err)
			}
			return
		}
		if len(rest) >= len(data) {
			t.Errorf("a pickle of no bytes became %s", Describe(value))
		}
		if a, ok := value.(*Array); ok {
			size := elementSizes[a.Type]
			for _, n := range a.Shape {
				size *= n
			}
			if size != len(a.Data) {
				t.Errorf("an array of shape %v and type %s has %d bytes", a.Shape, a.Type, len(a.Data))
			}
			Ints(a)
		}
	})
}
