package pretrained

import "testing"

func TestNamed(t *testing.T) {
	for path, want := range map[string]Name{
		"pretrained/fully_connect.pt":        FullyConnect,
		"pretrained/loose_end.pt":            LooseEnd,
		"./pretrained/loose_end.pt":          LooseEnd,
		"/home/user/pretrained/loose_end.pt": LooseEnd,
		"pretrained/loose_end.safetensors":   LooseEnd,
		"loose_end.pt":                       "",
		"pretrained/loose_end":               "",
		"pretrained/other.pt":                "",
		"pretrained/pretrained.go":           "",
		"pretrained":                         "",
		"":                                   "",
	} {
		got, ok := Named(path)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q means %q (%v), want %q", path, got, ok, want)
		}
	}
}

func TestForNodes(t *testing.T) {
	for nodes, want := range map[int]Name{4: FullyConnect, 5: LooseEnd, 3: "", 6: ""} {
		if got, err := ForNodes(nodes); got != want || (err == nil) != (want != "") {
			t.Errorf("%d nodes: %q, error %v, want %q", nodes, got, err, want)
		}
	}
}
