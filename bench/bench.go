// Package bench embeds what the benchmark of a search step runs, so that nat bench measures the same as the peer does.
// Package internal/bench runs it; this one only holds the file.
package bench

import _ "embed"

//go:embed architectures.json
var architectures []byte

// Architectures returns, as JSON, eight entries of an architecture for a step of the weights ("w") and two for one of the
// policy ("theta"). They are random draws whose mean cost is that of all.
func Architectures() []byte { return architectures }
