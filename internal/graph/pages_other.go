//go:build !linux

package graph

// askForHugePages does nothing: this system has no such advice, or gives large pages by itself.
func askForHugePages([]float32) {}
