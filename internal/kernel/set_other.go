//go:build !amd64 || purego

package kernel

// assembly returns no sets: there are none for this processor, or none were wanted.
func assembly() []set { return nil }
