package kernel

import (
	"strings"
	"testing"
)

func TestSets(t *testing.T) {
	names := Sets()
	if names[len(names)-1] != "portable" {
		t.Errorf("the sets are %v: the portable one must be there, as the slowest", names)
	}
	for _, name := range names {
		w, err := NewWorkersOf(1, name, Auto)
		if err != nil || w.Set() != name {
			t.Errorf("asked for %s: got %v, error %v", name, w, err)
			continue
		}
		w.Close()
	}
	if _, err := NewWorkersOf(1, "mmx", Auto); err == nil || !strings.Contains(err.Error(), "portable") {
		t.Errorf("asked for mmx: error %v, want one that names the sets there are", err)
	}
	w := NewWorkers(1)
	defer w.Close()
	if w.Set() != names[0] {
		t.Errorf("the set is %s, want the fastest, %s", w.Set(), names[0])
	}
}

func TestSplitIsEvenAndComplete(t *testing.T) {
	for count := 1; count < 40; count++ {
		for most := 1; most <= 12; most++ {
			groups, smallest, largest := 0, count, 0
			for from := 0; from < count; groups++ {
				to := split(count, most, groups+1)
				smallest, largest = min(smallest, to-from), max(largest, to-from)
				from = to
			}
			if largest > most || largest-smallest > 1 || groups != (count+most-1)/most {
				t.Errorf("%d rows by at most %d: %d groups of %d to %d", count, most, groups, smallest, largest)
			}
		}
	}
}
