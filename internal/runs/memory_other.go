//go:build !unix

package runs

import "runtime"

// PeakMemory returns the memory that the Go runtime has asked the system for, in bytes: about the most that was held.
func PeakMemory() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
