package runfolder

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// line is an entry of a test's log.
type line struct {
	Step  int64   `json:"step"`
	Loss  float64 `json:"loss"`
	Quiet bool    `json:"quiet"` // nothing for TensorBoard
}

var measured = time.Date(2026, 5, 4, 3, 2, 1, 500_000_000, time.UTC)

func (l *line) Scalars() ([]Scalar, time.Time, int64) {
	if l.Quiet {
		return nil, measured, l.Step
	}
	return []Scalar{{"weights/loss", l.Loss}, {"weights/twice", 2 * l.Loss}}, measured, l.Step
}

func create(t *testing.T) *Folder {
	t.Helper()
	f, err := Create(filepath.Join(t.TempDir(), "runs", "search-1"), []byte("{}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, f *Folder, name string) string {
	t.Helper()
	data, err := os.ReadFile(f.File(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// events reads an event file back, record by record with their checksums, and returns each event as text.
func events(t *testing.T, f *Folder) (texts []string) {
	t.Helper()
	data := []byte(read(t, f, eventsName))
	for len(data) > 0 {
		n := binary.LittleEndian.Uint64(data)
		if sum := binary.LittleEndian.Uint32(data[8:]); sum != maskedChecksum(data[:8]) {
			t.Fatal("the checksum of a length is wrong")
		}
		event := data[12 : 12+n]
		if sum := binary.LittleEndian.Uint32(data[12+n:]); sum != maskedChecksum(event) {
			t.Fatal("the checksum of an event is wrong")
		}
		texts = append(texts, describe(t, event))
		data = data[16+n:]
	}
	return texts
}

// describe writes a protobuf message out, in which field 5 of the outermost and field 1 within that are messages.
func describe(t *testing.T, message []byte, path ...protowire.Number) (text string) {
	t.Helper()
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
		switch kind {
		case protowire.Fixed64Type:
			bits, k := protowire.ConsumeFixed64(message)
			text, n = text+fmt.Sprintf("%d:%.1f ", field, math.Float64frombits(bits)), k
		case protowire.Fixed32Type:
			bits, k := protowire.ConsumeFixed32(message)
			text, n = text+fmt.Sprintf("%d:%g ", field, math.Float32frombits(bits)), k
		case protowire.VarintType:
			v, k := protowire.ConsumeVarint(message)
			text, n = text+fmt.Sprintf("%d:%d ", field, v), k
		case protowire.BytesType:
			v, k := protowire.ConsumeBytes(message)
			inner := fmt.Sprintf("%q ", v)
			if here := append(slices.Clone(path), field); slices.Equal(here, []protowire.Number{5}) || slices.Equal(here, []protowire.Number{5, 1}) {
				inner = "{" + describe(t, v, here...) + "} "
			}
			text, n = text+fmt.Sprintf("%d:%s", field, inner), k
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
	}
	return text
}

const header = `3:"brain.Event:2" `

func event(step int, loss float64) string {
	return fmt.Sprintf(`1:%.1f 2:%d 5:{1:{1:"weights/loss" 2:%g } 1:{1:"weights/twice" 2:%g } } `,
		float64(measured.UnixMilli())/1000, step, loss, 2*loss)
}

// TestChecksum holds the checksum against the value that RFC 3720 gives for 32 zeros, masked.
func TestChecksum(t *testing.T) {
	sum := uint32(0x8a9136aa)
	if got, want := maskedChecksum(make([]byte, 32)), (sum>>15|sum<<17)+0xa282ead8; got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestLog writes entries, rewinds over a torn line, and goes on.
func TestLog(t *testing.T) {
	f := create(t)
	for _, l := range []line{{Step: 1, Loss: 2}, {Step: 2, Quiet: true}, {Step: 3, Loss: 0.5}} {
		if err := f.Append(&l); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if got, want := events(t, f), []string{header, event(1, 2), event(3, 0.5)}; !slices.Equal(got, want) {
		t.Errorf("events\n%q, want\n%q", got, want)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	torn := read(t, f, metricsName) + `{"step":4,"lo`
	if err := os.WriteFile(f.File(metricsName), []byte(torn), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Open(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := Rewind(f, func(l *line) bool { return l.Step < 3 }); err != nil {
		t.Fatal(err)
	}
	if err := f.Append(&line{Step: 5, Loss: 8}); err != nil {
		t.Fatal(err)
	}
	want := `{"step":1,"loss":2,"quiet":false}` + "\n" + `{"step":2,"loss":0,"quiet":true}` + "\n" + `{"step":5,"loss":8,"quiet":false}` + "\n"
	if got := read(t, f, metricsName); got != want {
		t.Errorf("metrics\n%s, want\n%s", got, want)
	}
	if got, want := events(t, f), []string{header, event(1, 2), event(5, 8)}; !slices.Equal(got, want) {
		t.Errorf("events\n%q, want\n%q", got, want)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedMetrics refuses lines that no run wrote, and names the place.
func TestDamagedMetrics(t *testing.T) {
	for _, text := range []string{"{\"step\":1}\nnonsense\n", "{\"step\":1}\n" + strings.Repeat("x", maxLine+1) + "\n"} {
		f := create(t)
		if err := os.WriteFile(f.File(metricsName), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		err := Rewind(f, func(*line) bool { return true })
		if err == nil || !strings.Contains(err.Error(), "metrics.jsonl, line 2:") {
			t.Errorf("error %v", err)
		}
		if got := read(t, f, metricsName); got != text {
			t.Error("the file was changed")
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestOwnership makes, refuses, gives up and takes over folders.
func TestOwnership(t *testing.T) {
	f := create(t)
	path := f.Path()
	if _, err := Create(path, nil); err == nil || !strings.Contains(err.Error(), "exists: resume that run (--resume "+path) {
		t.Errorf("a folder that exists: error %v", err)
	}
	_, err := Open(path)
	if want := fmt.Sprintf("in use by process %d on ", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a folder in use: error %v", err)
	}
	next, err := CreateNext(filepath.Dir(path), "search", nil)
	if err != nil || filepath.Base(next.Path()) != "search-2" {
		t.Errorf("the next folder: %v, error %v", next, err)
	}
	for _, f := range []*Folder{f, next} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(f.File(ownerName)); err == nil {
			t.Errorf("%s still names an owner", f.Path())
		}
	}
	left := f.File(".latest.safetensors.123.tmp")
	if err := os.WriteFile(left, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err = Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("a file that a killed process was writing is still there")
	}
	if config, err := f.Config(); err != nil || string(config) != "{}\n" {
		t.Errorf("config %q, error %v", config, err)
	}
	if err := f.WriteText("text", "genotypes", "a.txt"); err != nil || read(t, f, "genotypes/a.txt") != "text" {
		t.Errorf("a text: error %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoRun refuses folders that are no run's.
func TestNoRun(t *testing.T) {
	empty, large := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(large, configName), make([]byte, maxConfigBytes+1), 0o666); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(large, configName)
	for path, want := range map[string]string{
		empty: "holds no config.json", filepath.Join(empty, "none"): "holds no config.json", file: "holds no config.json",
		large: "no run's settings",
	} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if _, err := Create(filepath.Join(file, "run"), nil); err == nil {
		t.Error("a folder was made below a file")
	}
}
