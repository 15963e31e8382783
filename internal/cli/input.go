package cli

import (
	"context"
	"io"
)

// interruptible is standard input whose reads end with the context, so that an interrupt ends a program that waits for
// somebody to type.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(b []byte) (int, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		own := make([]byte, len(b)) // b is the caller's again when the context ends first
		n, err := i.r.Read(own)
		done <- result{own[:n], err}
	}()
	select {
	case r := <-done:
		return copy(b, r.data), r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}
