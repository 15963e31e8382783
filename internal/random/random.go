// Package random gives every use of randomness a stream of its own, named by what it is for and where in a run it is
// used. A stream depends on the seed and its name alone: not on the machine, the number of threads, or what was drawn
// before, so a run that resumes at some step draws what an uninterrupted run draws there, and nothing need be saved.
// It is a leaf of the program.
package random

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// New returns the stream of that seed for a purpose ("weights", "architectures", "augmentation", "policy", …), at a
// position given by integers, such as the epoch and the step.
func New(seed uint64, purpose string, position ...int) *rand.Rand {
	key := fmt.Sprintf("%d/%s/%v", seed, purpose, position)
	sum := sha256.Sum256([]byte(key))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}
