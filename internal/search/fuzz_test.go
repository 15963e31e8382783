package search

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nat/internal/checkpoint"
	"nat/internal/graph"
	"nat/internal/supernet"
)

// FuzzConfig reads settings as anyone may have written them: they are refused in one line, or valid and written back alike.
func FuzzConfig(f *testing.F) {
	good, err := json.Marshal(Config{Settings: tiny(supernet.LooseEnd)})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(good), "{}", "[]", "{", `{"settings":null}`, `{"settings":{"seed":-1}}`,
		strings.Replace(string(good), `"layers":3`, `"layers":3e9`, 1), strings.Replace(string(good), `"gamma":0.99`, `"gamma":"NaN"`, 1),
	} {
		f.Add([]byte(seed))
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(folder, "config.json"), text, 0o666); err != nil {
			t.Fatal(err)
		}
		c, err := ReadConfig(folder)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var d Config
		if err := json.Unmarshal(again, &d); err != nil || d.Settings != c.Settings {
			t.Errorf("written back as %+v, error %v", d.Settings, err)
		}
	})
}

// FuzzState restores a search from a state as anyone may have written it: it is refused, or stands somewhere in the search.
func FuzzState(f *testing.F) {
	for _, seed := range []string{
		`{"position":{"epoch":1,"phase":1,"step":2},"baseline":0.1,"adam_steps":{"x":3}}`, `{"position":{"phase":2}}`,
		`{"position":{"step":-1}}`, `{"position":{"epoch":-1}}`, `{"position":{"step":1000}}`, "{", "null", "",
	} {
		f.Add(seed)
	}
	s := newSetting(supernet.FullyConcat)
	m, err := newModel(s.options)
	if err != nil {
		f.Fatal(err)
	}
	d := graph.NewCPU(1)
	f.Cleanup(d.Close)
	search, err := newSearch(s.options, m, Resources{Data: s.data, Device: d, Observer: &watcher{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := search.restore(&checkpoint.File{Metadata: map[string]string{keyState: text}})
		at := search.state.Position
		if err == nil && (at.Epoch < 0 || at.Step < 0 || at.Step > search.loaders[at.Phase].Batches()) {
			t.Errorf("it stands at %+v", at)
		}
	})
}
