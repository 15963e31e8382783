// Package runstest gives the tests of training runs a small data set, and compares run folders. Nothing but tests imports
// it.
package runstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/runfolder"
)

// StopAndResume has run start a run, or resume it, until it is done, and stops it each time after some steps, at most so many. run is
// given what is to be told after every step how many it has done. StopAndResume returns how often it stopped the run.
func StopAndResume(t *testing.T, random *rand.Rand, most int, run func(ctx context.Context, stepped func(step int)) error) (breaks int) {
	t.Helper()
	for ; ; breaks++ {
		ctx, cancel := context.WithCancel(t.Context())
		stopAt := 1 + random.IntN(most)
		err := run(ctx, func(step int) {
			if step == stopAt {
				cancel()
			}
		})
		cancel()
		if err == nil {
			return breaks
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// Images returns a data set of n images of 8×8 pixels, whose four classes differ in colour and in where they are bright.
func Images(n int) *dataset.Images {
	m := &dataset.Images{
		Name: "synthetic", Classes: []string{"a", "b", "c", "d"}, Channels: 3, Height: 8, Width: 8,
		Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{0.25, 0.25, 0.25},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		label := i % len(m.Classes)
		m.Labels = append(m.Labels, uint16(label))
		for p := range 3 * 8 * 8 {
			level := 60
			if p/64 == label || label == 3 && p%64 < 32 {
				level = 180
			}
			m.Pixels = append(m.Pixels, byte(level+random.IntN(60)))
		}
	}
	return m
}

// Compare checks that two run folders hold the same metrics, but for times, and the same checkpoints and other files.
func Compare(t *testing.T, got, want string, others ...string) {
	t.Helper()
	for _, name := range append([]string{runfolder.LatestName, runfolder.BestName}, others...) {
		if !bytes.Equal(Read(t, got, name), Read(t, want, name)) {
			t.Errorf("%s differs", name)
		}
	}
	if g, w := metrics(t, got), metrics(t, want); !slices.Equal(g, w) {
		t.Errorf("the metrics differ:\n%s\n\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

// CheckSteps checks that the steps of every plot in TensorBoard increase. E is a pointer to the type of the records.
func CheckSteps[T any, E interface {
	*T
	runfolder.Entry
}](t *testing.T, folder string) {
	t.Helper()
	last := map[string]int64{}
	for line := range strings.Lines(string(Read(t, folder, "metrics.jsonl"))) {
		e := E(new(T))
		if err := json.Unmarshal([]byte(line), e); err != nil {
			t.Fatal(err)
		}
		scalars, _, step := e.Scalars()
		for _, s := range scalars {
			if step <= last[s.Tag] {
				t.Errorf("%s: step %d behind step %d", s.Tag, step, last[s.Tag])
			}
			last[s.Tag] = step
		}
	}
}

// Read returns the contents of a file.
func Read(t *testing.T, elements ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// metrics returns the lines of a run's metrics without their timing.
func metrics(t *testing.T, folder string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(string(Read(t, folder, "metrics.jsonl"))) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "timing")
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	return lines
}

// AppendTorn adds the beginning of a line to a run's metrics, as a crash may leave it.
func AppendTorn(t *testing.T, folder string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(folder, "metrics.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		_, err = f.WriteString(`{"kind":"st`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
