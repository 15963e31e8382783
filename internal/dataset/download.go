package dataset

import (
	"context"
	"errors"
)

// URLVariable is the environment variable that names a mirror of CIFAR-10.
const URLVariable = "NAT_CIFAR10_URL"

// DownloadOptions say what to fetch, and whence.
type DownloadOptions struct {
	URL      string // empty means what URLVariable names, or else CIFAR-10's home
	Folder   string // where to keep it; empty means CacheFolder
	Progress func(done, total int64)
}

// Download fetches CIFAR-10.
func Download(ctx context.Context, o DownloadOptions) (folder string, err error) {
	return "", errors.New("not yet")
}
