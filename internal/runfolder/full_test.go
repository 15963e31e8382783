//go:build unix

package runfolder

import (
	"os/signal"
	"syscall"
	"testing"
)

// TestFullDisk has writes fail half-way, as they do on a full disk: no half line stays behind.
func TestFullDisk(t *testing.T) {
	f := create(t)
	if err := f.Append(&line{Step: 1, Loss: 2}); err != nil {
		t.Fatal(err)
	}
	before, beforeEvents := read(t, f, metricsName), read(t, f, eventsName)
	limitFiles(t, len(before)+10, func() {
		if err := f.Append(&line{Step: 2, Loss: 3}); err == nil {
			t.Error("more was written than there is room for")
		}
	})
	if got := read(t, f, metricsName); got != before {
		t.Errorf("metrics %q, want %q", got, before)
	}
	limitFiles(t, len(beforeEvents)+10, func() {
		if err := f.Append(&line{Step: 2, Quiet: false, Loss: 3}); err == nil {
			t.Error("more was written than there is room for")
		}
	})
	if got := read(t, f, eventsName); got != beforeEvents {
		t.Errorf("events %q, want %q", got, beforeEvents)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// limitFiles runs do while files can't grow beyond so many bytes.
func limitFiles(t *testing.T, bytes int, do func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := before
	limit.Cur = uint64(bytes)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	do()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
}
