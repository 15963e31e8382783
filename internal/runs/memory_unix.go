//go:build unix

package runs

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// PeakMemory returns the most memory that the process has held so far, in bytes.
func PeakMemory() int64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" { // where it is in bytes, elsewhere in kibibytes
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) * 1024
}
