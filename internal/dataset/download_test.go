package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// A mirror serves an archive and notes what it was asked for.
type mirror struct {
	*httptest.Server
	archive []byte
	ranges  []string // Range header of each request
}

// newMirror serves a small CIFAR-10; handle, where not nil, answers in the mirror's place when it returns true.
func newMirror(t *testing.T, handle func(n int, w http.ResponseWriter, r *http.Request) bool) *mirror {
	m := &mirror{archive: smallCIFAR10(cifar10Binary(), 4, 1).archive(t, "cifar-10-batches-bin")}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.ranges = append(m.ranges, r.Header.Get("Range"))
		if handle == nil || !handle(len(m.ranges), w, r) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.archive))
		}
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mirror) options(folder string) DownloadOptions {
	sum := sha256.Sum256(m.archive)
	return DownloadOptions{URL: m.URL, Folder: folder, Expect: Archive{int64(len(m.archive)), hex.EncodeToString(sum[:])}}
}

// promise begins an answer that holds the whole archive, and sends n bytes of it.
func (m *mirror) promise(w http.ResponseWriter, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(m.archive)))
	if _, err := w.Write(m.archive[:n]); err == nil {
		w.(http.Flusher).Flush()
	}
}

const partName = "cifar-10-binary.tar.gz.part"

// left names the files of a folder other than the lock.
func left(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != ".download.lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

func checkLeft(t *testing.T, folder string, want ...string) {
	t.Helper()
	if got := left(t, folder); !slices.Equal(got, want) {
		t.Errorf("left in the folder: %v, want %v", got, want)
	}
}

func TestDownload(t *testing.T) {
	m := newMirror(t, nil)
	folder := filepath.Join(t.TempDir(), "new", "cache")
	options := m.options(folder)
	var last, total int64
	options.Progress = func(done, of int64) {
		if done < last {
			t.Errorf("progress went from %d back to %d", last, done)
		}
		last, total = done, of
	}
	t.Setenv(URLVariable, m.URL)
	options.URL = ""
	path, err := Download(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if last != int64(len(m.archive)) || total != last {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	checkLeft(t, folder, "cifar-10-batches-bin")
	checkLeft(t, path, "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin")
	if set := open(t, path); set.Train.Len() != 20 {
		t.Errorf("%d training images", set.Train.Len())
	}
	again, err := Download(t.Context(), options)
	if err != nil || again != path || len(m.ranges) != 1 {
		t.Errorf("again: %s, %v, after %d requests", again, err, len(m.ranges))
	}
}

func TestDownloadMendsADamagedSet(t *testing.T) {
	m := newMirror(t, nil)
	folder := t.TempDir()
	path, err := Download(t.Context(), m.options(folder))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(path, "data_batch_1.bin"), []byte("x"))
	writeFile(t, filepath.Join(path, "notes"), []byte("mine"))
	if _, err := Download(t.Context(), m.options(folder)); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	checkLeft(t, folder, "cifar-10-batches-bin")
	if notes, err := os.ReadFile(filepath.Join(path, "notes")); err != nil || string(notes) != "mine" {
		t.Errorf("a foreign file is %q, %v", notes, err)
	}
}

func TestOpenFetchesWhatTheCacheLacks(t *testing.T) {
	m := newMirror(t, nil)
	options := m.options("ignored")
	cache := t.TempDir()
	for range 2 {
		set, err := Open(t.Context(), OpenOptions{Cache: cache, Download: &options})
		if err != nil || set.Train.Len() != 20 {
			t.Fatalf("%v, %v", set, err)
		}
	}
	if len(m.ranges) != 1 {
		t.Errorf("%d requests, want 1", len(m.ranges))
	}
	m.Close()
	_, err := Open(t.Context(), OpenOptions{Cache: t.TempDir(), Download: &options})
	checkError(t, "no network", err, "refused; NAT_CIFAR10_URL names a mirror (without the network: --data DIR, or --data sample")
}

func TestDownloadGoesOnAfterACut(t *testing.T) {
	var m *mirror
	m = newMirror(t, func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			m.promise(w, 1000) // and hangs up
		}
		return n == 1
	})
	if _, err := Download(t.Context(), m.options(t.TempDir())); err != nil {
		t.Fatal(err)
	}
	if want := []string{"", "bytes=1000-"}; !slices.Equal(m.ranges, want) {
		t.Errorf("asked for %q, want %q", m.ranges, want)
	}
}

func TestDownloadIsTakenUpByTheNextOne(t *testing.T) {
	for name, ranges := range map[string]bool{"a server of ranges": true, "a server of whole files": false} {
		t.Run(name, func(t *testing.T) {
			var m *mirror
			m = newMirror(t, func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					m.promise(w, 1000)
					<-r.Context().Done()
				} else if !ranges {
					r.Header.Del("Range")
				}
				return n == 1
			})
			folder := t.TempDir()
			options := m.options(folder)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			options.Progress = func(done, total int64) {
				if done == 1000 {
					cancel()
				}
			}
			_, err := Download(ctx, options)
			checkError(t, "cancelled", err, "download stopped at 1000 of "+fmt.Sprint(len(m.archive))+" bytes, the next one goes on from there: context canceled")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v is not the context's", err)
			}
			checkLeft(t, folder, partName)
			options.Progress = nil
			if _, err := Download(t.Context(), options); err != nil {
				t.Fatal(err)
			}
			if want := []string{"", "bytes=1000-"}; !slices.Equal(m.ranges, want) {
				t.Errorf("asked for %q, want %q", m.ranges, want)
			}
			checkLeft(t, folder, "cifar-10-batches-bin")
		})
	}
}

func TestDownloadFailures(t *testing.T) {
	var m *mirror
	for _, c := range []struct {
		name   string
		handle func(n int, w http.ResponseWriter, r *http.Request) bool
		change func(o *DownloadOptions)
		want   string
		left   []string
	}{
		{name: "404", handle: func(_ int, w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true },
			want: "404 Not Found; NAT_CIFAR10_URL names a mirror"},
		{name: "a web page", handle: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			_, err := w.Write([]byte("<html>"))
			return err == nil
		}, want: "6 bytes, expected"},
		{name: "too much, length unknown", handle: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			w.(http.Flusher).Flush()
			_, err := w.Write(append(slices.Clone(m.archive), 1))
			return err == nil
		}, want: "more than", left: []string{partName}},
		{name: "wrong sum", change: func(o *DownloadOptions) { o.Expect.SHA256 = strings.Repeat("0", 64) },
			want: "expected " + strings.Repeat("0", 64) + "; the file is removed"},
		{name: "the real one's sum", change: func(o *DownloadOptions) { o.Expect = Archive{} }, want: "expected 170052171"},
		{name: "cut, and nothing more", handle: func(n int, w http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 1:
				m.promise(w, 100)
			default:
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 100-%d/%d", len(m.archive)-1, len(m.archive)))
				w.Header().Set("Content-Length", fmt.Sprint(len(m.archive)-100))
				w.WriteHeader(http.StatusPartialContent)
			}
			return true
		}, want: "broken off at 100 of", left: []string{partName}},
		{name: "another range", handle: func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				m.promise(w, 100)
				return true
			}
			w.Header().Set("Content-Range", "bytes 7-9/10")
			w.WriteHeader(http.StatusPartialContent)
			return true
		}, want: `asked for the bytes from 100 on, the server sent "bytes 7-9/10"`, left: []string{partName}},
		{name: "no address", change: func(o *DownloadOptions) { o.URL = "ftp://x/y" }, want: `"ftp://x/y" is no http or https address`},
		{name: "no host", change: func(o *DownloadOptions) { o.URL = "cifar.tar.gz" }, want: "is no http or https address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m = newMirror(t, c.handle)
			folder := t.TempDir()
			options := m.options(folder)
			if c.change != nil {
				c.change(&options)
			}
			_, err := Download(t.Context(), options)
			checkError(t, "download", err, c.want)
			checkLeft(t, folder, c.left...)
		})
	}
}

func TestDownloadOfSomethingElse(t *testing.T) {
	m := newMirror(t, nil)
	files := smallCIFAR10(cifar10Binary(), 4, 1)
	delete(files, "data_batch_3.bin")
	m.archive = files.archive(t, "x")
	folder := t.TempDir()
	_, err := Download(t.Context(), m.options(folder))
	checkError(t, "incomplete archive", err, "no data_batch_3.bin")
	if _, err := os.Stat(filepath.Join(folder, "cifar-10-batches-bin")); err == nil {
		t.Error("half a set was unpacked")
	}
}

func TestASilentServer(t *testing.T) {
	over := make(chan struct{})
	m := newMirror(t, func(n int, w http.ResponseWriter, r *http.Request) bool { <-over; return true })
	defer close(over)
	r, err := releaseOf(CIFAR10)
	if err != nil {
		t.Fatal(err)
	}
	f := newFetch(m.options(""), r, filepath.Join(t.TempDir(), "part"))
	f.progress, f.silence = func(done, total int64) {}, 20*time.Millisecond
	checkError(t, "silence", f.run(t.Context()), "the server is silent")
}

func TestDownloadOfCIFAR100(t *testing.T) {
	m := newMirror(t, nil)
	m.archive = smallCIFAR100(cifar100Binary(), 100, 30).archive(t, "cifar-100-binary")
	cache := t.TempDir()
	smallCIFAR10(cifar10Binary(), 2, 1).write(t, filepath.Join(cache, "cifar-10-batches-bin")) // another set is no reason not to
	o := m.options("")
	set, err := Open(t.Context(), OpenOptions{Data: CIFAR100, Cache: cache, Download: &o})
	if err != nil || set.Name != CIFAR100 {
		t.Fatalf("%v, %v", set, err)
	}
	if _, err := Open(t.Context(), OpenOptions{Data: CIFAR100, Cache: cache}); err != nil || len(m.ranges) != 1 {
		t.Errorf("again: %v, after %d requests", err, len(m.ranges))
	}
	o.Set, o.Folder, o.Expect = CIFAR100, t.TempDir(), Archive{}
	_, err = Download(t.Context(), o)
	checkError(t, "the real one's sum", err, "expected 168513733: not CIFAR-100's archive; NAT_CIFAR100_URL names a mirror")
	_, err = Download(t.Context(), DownloadOptions{Set: "mnist"})
	checkError(t, "another set", err, `no data set "mnist"`)
}

func TestOneDownloadAtATime(t *testing.T) {
	folder := t.TempDir()
	other := flock.New(filepath.Join(folder, ".download.lock"))
	if locked, err := other.TryLock(); !locked {
		t.Fatal(err)
	}
	defer other.Unlock()
	_, err := Download(t.Context(), DownloadOptions{Folder: folder, URL: "http://localhost:1"})
	checkError(t, "second download", err, "another process downloads into "+folder)
}

func TestDownloadIntoAFile(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "file"), nil)
	_, err := Download(t.Context(), DownloadOptions{Folder: file, URL: "http://localhost:1"})
	checkError(t, "download", err, "no folder for CIFAR-10")
}
