package random

import "testing"

func TestStreamsDependOnEverythingInTheirName(t *testing.T) {
	seen := map[uint64]string{}
	for name, draw := range map[string]uint64{
		"weights":         New(1, "weights").Uint64(),
		"other seed":      New(2, "weights").Uint64(),
		"other purpose":   New(1, "policy").Uint64(),
		"epoch 1":         New(1, "weights", 1).Uint64(),
		"epoch 1 step 2":  New(1, "weights", 1, 2).Uint64(),
		"epoch 12 step 0": New(1, "weights", 12).Uint64(),
	} {
		if other, ok := seen[draw]; ok {
			t.Errorf("%s draws what %s draws", name, other)
		}
		seen[draw] = name
	}
	if a, b := New(7, "policy", 3, 4).Uint64(), New(7, "policy", 3, 4).Uint64(); a != b {
		t.Errorf("the same stream gave %d and %d", a, b)
	}
	// The stream itself is part of the program's results: another one would be another search.
	if got := New(1234, "weights").Uint64(); got != 0xa8a8fb1159bcb10 {
		t.Errorf("the first draw of 1234/weights is %#x", got)
	}
}
