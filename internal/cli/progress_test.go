package cli

import (
	"strings"
	"testing"
	"time"
)

// TestProgressInLines watches tasks where there is no terminal, with a report every four seconds.
func TestProgressInLines(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes bool
		done  []int64
		total int64
		want  string
	}{
		{
			"a download that goes on where it stopped", true, []int64{50e6, 60e6, 70e6, 80e6, 90e6}, 100e6,
			"task: 80.0 MB of 100.0 MB (80 %), about 8s left\n",
		},
		{"steps without an end in sight", false, []int64{0, 1, 2, 3, 4, 5, 6}, -1, "task: 3\ntask: 6\n"},
		{"done before it is worth a line", false, []int64{1, 2}, 2, ""},
		{"nothing done for long", false, []int64{7, 7, 7, 7}, 9, "task: 7 of 9 (77 %)\n"},
	} {
		var lines strings.Builder
		clock := time.Unix(0, 0)
		p := &program{stderr: &lines}
		g := p.newProgress("task", c.bytes)
		g.now = func() time.Time { return clock }
		for _, done := range c.done {
			g.report(done, c.total)
			clock = clock.Add(4 * time.Second)
		}
		g.close()
		if lines.String() != c.want {
			t.Errorf("%s: prints %q, want %q", c.name, lines.String(), c.want)
		}
	}
}
