// Package pretrained embeds the checkpoints that the program is shipped with, one for each op type, so that nat derive
// works with nothing else. README.md beside it says how each was made and what it scores. Package model makes networks of
// them; this one only holds the files.
package pretrained

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"nat/internal/checkpoint"
)

// A checkpoint need only be put here.
//
//go:embed *.safetensors
var files embed.FS

// Name is the name of a shipped checkpoint, as the published program calls it.
type Name string

// The shipped checkpoints.
const (
	FullyConnect Name = "fully_connect" // op type fully-concat, 4 nodes
	LooseEnd     Name = "loose_end"     // op type loose-end, 5 nodes
)

// ForNodes returns the checkpoint for architectures with that many intermediate nodes.
func ForNodes(nodes int) (Name, error) {
	switch nodes {
	case 4:
		return FullyConnect, nil
	case 5:
		return LooseEnd, nil
	}
	return "", fmt.Errorf("no shipped checkpoint fits %d nodes, only 4 and 5: train one with nat search --nodes %d and give it as --model-path", nodes, nodes)
}

// Named returns the shipped checkpoint that a path means where no such file exists: pretrained/fully_connect.pt and
// pretrained/loose_end.pt, as the published program calls its own, or .safetensors.
func Named(file string) (Name, bool) {
	folder, base := path.Split(path.Clean(filepath.ToSlash(file)))
	name := Name(strings.TrimSuffix(strings.TrimSuffix(base, ".pt"), ".safetensors"))
	known := name == FullyConnect || name == LooseEnd
	return name, known && path.Base(folder) == "pretrained" && path.Ext(base) != ""
}

// Open reads a shipped checkpoint.
func Open(name Name) (*checkpoint.File, error) {
	content, err := files.ReadFile(string(name) + ".safetensors")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this build ships no checkpoint %s: give one from a search of your own as --model-path", name)
	}
	if err != nil {
		return nil, err
	}
	f, err := checkpoint.Parse(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, fmt.Errorf("shipped checkpoint %s: %w", name, err)
	}
	return f, nil
}
