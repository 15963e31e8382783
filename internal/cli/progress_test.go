package cli

import (
	"strings"
	"testing"
	"time"
)

// TestProgressInLines watches a task that was half done before and reports every four seconds.
func TestProgressInLines(t *testing.T) {
	var lines strings.Builder
	clock := time.Unix(0, 0)
	p := &program{stderr: &lines}
	g := p.newProgress("downloading", true)
	g.now = func() time.Time { return clock }
	for done := int64(50e6); done <= 100e6; done += 10e6 {
		g.report(done, 100e6)
		clock = clock.Add(4 * time.Second)
	}
	g.close()
	want := "downloading: 80.0 MB of 100.0 MB (80 %), about 8s left\n"
	if lines.String() != want {
		t.Errorf("prints %q, want %q", lines.String(), want)
	}
}

func TestProgressWithoutTotal(t *testing.T) {
	var lines strings.Builder
	clock := time.Unix(0, 0)
	p := &program{stderr: &lines}
	g := p.newProgress("counting", false)
	g.now = func() time.Time { return clock }
	for done := range int64(4) {
		g.report(done, -1)
		clock = clock.Add(6 * time.Second)
	}
	if want := "counting: 2\n"; lines.String() != want {
		t.Errorf("prints %q, want %q", lines.String(), want)
	}
}
