package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// maxAttempts bounds how often a download that breaks off is taken up again at once.
	maxAttempts = 5
	// maxSilence is how long a server may send nothing.
	maxSilence = time.Minute
)

// A fetch brings one file from a server into part, from where an earlier fetch of it ended.
type fetch struct {
	url      string
	set      string // what is fetched, for messages
	variable string // that names a mirror
	part     string
	size     int64
	progress func(done, total int64)
	silence  time.Duration
}

func newFetch(o DownloadOptions, r release, part string) *fetch {
	return &fetch{url: o.URL, set: r.layout.of.title, variable: r.variable, part: part, size: o.Expect.Size, progress: o.Progress, silence: maxSilence}
}

// errCut says that the bytes ended before the file did.
var errCut = errors.New("broken off")

// errSilent says that the server sent nothing for long.
var errSilent = errors.New("the server is silent")

// checkAddress refuses what is no address to fetch from.
func checkAddress(text string) error {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return fmt.Errorf("%q is no http or https address of an archive", text)
	}
	return nil
}

// run fetches until part has its size. A connection that breaks off is taken up again as long as it brings something.
func (f *fetch) run(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		had := f.have()
		if had == f.size {
			return nil
		}
		err := f.attempt(ctx, had)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("download stopped at %d of %d bytes, the next one goes on from there: %w", f.have(), f.size, ctx.Err())
		case err == nil, errors.Is(err, errCut) && f.have() > had && attempt < maxAttempts:
		case errors.Is(err, errCut):
			return fmt.Errorf("%s: %w at %d of %d bytes; the next download goes on from there",
				redacted(f.url), err, f.have(), f.size)
		default:
			return err
		}
	}
}

// redacted is an address without its password, for messages.
func redacted(address string) string {
	if parsed, err := url.Parse(address); err == nil {
		return parsed.Redacted()
	}
	return address
}

// have is how many bytes of the file are there; more than all of them are none.
func (f *fetch) have() int64 {
	info, err := os.Stat(f.part)
	if err != nil || info.Size() > f.size {
		return 0
	}
	return info.Size()
}

// attempt asks once for what follows the first had bytes, and keeps what comes.
func (f *fetch) attempt(ctx context.Context, had int64) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watch := time.AfterFunc(f.silence, func() { stop(errSilent) })
	defer watch.Stop()

	response, err := f.request(ctx, had)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s: %w; %s names a mirror", redacted(f.url), err, f.variable)
	}
	defer response.Body.Close()
	from, err := f.start(response, had)
	if err != nil {
		return fmt.Errorf("%s: %w; %s names a mirror", redacted(f.url), err, f.variable)
	}
	return f.keep(response.Body, from, func() { watch.Reset(f.silence) })
}

func (f *fetch) request(ctx context.Context, had int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "identity") // the archive's own bytes, not unpacked on the way
	if had > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", had))
	}
	response, err := http.DefaultClient.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // the address is in our own message
		err = wrapped.Err
	}
	return response, err
}

// start says at which byte a response begins, or why it is not the file.
func (f *fetch) start(r *http.Response, had int64) (from int64, err error) {
	switch r.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		sent := r.Header.Get("Content-Range")
		if n, _ := fmt.Sscanf(sent, "bytes %d-", &from); n != 1 || from != had {
			return 0, fmt.Errorf("asked for the bytes from %d on, the server sent %q", had, sent)
		}
	default:
		return 0, errors.New(r.Status)
	}
	if r.ContentLength >= 0 && from+r.ContentLength != f.size {
		return 0, fmt.Errorf("%d bytes, expected %d: not %s's archive", from+r.ContentLength, f.size, f.set)
	}
	return from, nil
}

// keep writes the body, whose first byte is byte from of the file, into part.
func (f *fetch) keep(body io.Reader, from int64, alive func()) error {
	out, err := os.OpenFile(f.part, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	err = out.Truncate(from)
	if err == nil {
		_, err = out.Seek(from, io.SeekStart)
	}
	if err == nil {
		err = f.receive(out, body, from, alive)
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

// receive copies the body, whose first byte is byte from of the file, and calls alive whenever something came.
func (f *fetch) receive(out io.Writer, body io.Reader, from int64, alive func()) error {
	buffer := make([]byte, 1<<16)
	f.progress(from, f.size)
	for {
		n, err := body.Read(buffer)
		if from+int64(n) > f.size {
			return fmt.Errorf("%s: more than %d bytes: not %s's archive", redacted(f.url), f.size, f.set)
		}
		if n > 0 {
			alive()
			if _, err := out.Write(buffer[:n]); err != nil {
				return err
			}
			from += int64(n)
			f.progress(from, f.size)
		}
		switch {
		case errors.Is(err, io.EOF) && from == f.size:
			return nil
		case err != nil:
			return errCut
		}
	}
}
