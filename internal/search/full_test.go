//go:build unix

package search

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"nat/internal/runfolder"
	"nat/internal/runs/runstest"
	"nat/internal/supernet"
)

// TestFullDisk has the second epoch's checkpoint fail half-way: the run stops with one line, the first epoch's checkpoint is
// whole and nothing else is left, and with room again the run goes on to the same bits.
func TestFullDisk(t *testing.T) {
	s := newSetting(supernet.FullyConcat)
	want := s.complete(t)
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var room syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "run")
	latest := filepath.Join(folder, runfolder.LatestName)
	var before []byte
	w := &watcher{}
	w.at = func(int) {
		if info, err := os.Stat(latest); err == nil && before == nil {
			before = runstest.Read(t, latest)
			full := room
			full.Cur = uint64(info.Size() / 2)
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
				t.Error(err)
			}
		}
	}
	err := s.run(t.Context(), t, folder, w)
	if e := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); e != nil {
		t.Fatal(e)
	}
	if err == nil || !strings.Contains(err.Error(), "latest.safetensors cannot be written: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if !bytes.Equal(runstest.Read(t, latest), before) {
		t.Error("the checkpoint before was touched")
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := s.run(t.Context(), t, folder, &watcher{}); err != nil {
		t.Fatal(err)
	}
	compare(t, folder, want)
}
