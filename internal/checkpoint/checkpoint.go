// Package checkpoint reads and writes files of named tensors: safetensors, the program's own format, and PyTorch's, so
// that parameters move between the two programs without renaming (spec section 11). It knows neither networks nor
// searches: those give names and metadata their meaning. It is a leaf of the program, above pickle and atomicfile.
//
// A file may come from anyone. What it claims is checked against its length before memory is taken for it, and nothing in
// it is ever run.
package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Tensor is a named array of numbers, the last index varying fastest in Data; Shape is empty for a single number.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// File is what a checkpoint holds: tensors with distinct names, in the order of the file's header, and text by key.
type File struct {
	Tensors  []Tensor
	Metadata map[string]string
}

// StatePrefix begins the names of the tensors in a checkpoint that aren't parameters: what a run needs to resume.
const StatePrefix = "state."

// ByName returns the tensors under their names.
func (f *File) ByName() map[string]Tensor {
	tensors := make(map[string]Tensor, len(f.Tensors))
	for _, t := range f.Tensors {
		tensors[t.Name] = t
	}
	return tensors
}

// Read reads the file at path, as Parse does. Errors are one line and name the file.
func Read(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer func() { _ = r.Close() }()
	info, err := r.Stat()
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("checkpoint %s is a folder or device: give a .safetensors or .pt file", path)
	}
	f, err := Parse(r, info.Size())
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return f, nil
}

// Parse reads a checkpoint of that many bytes. Its kind, safetensors or what torch.save wrote of a state dict (as a zip
// archive or in the layout before that), is told by its contents. All tensors come as float32: doubles are rounded to it,
// and a double beyond its range or a whole number above 2^24 is an error. What PyTorch keeps in a supernet's state dict but
// no program uses is left out of the File (see droppedNames).
func Parse(r io.ReaderAt, size int64) (*File, error) {
	head := make([]byte, min(size, 512))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, err
	}
	brace := len(head) > 8 && head[8] == '{'
	switch {
	case size == 0:
		return nil, errors.New("the file is empty: copy or download it again")
	case brace && binary.LittleEndian.Uint64(head) <= uint64(size-8):
		return parseSafetensors(r, size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return parseTorchZip(r, size)
	case head[0] == 0x80, bytes.HasPrefix(head, legacyMagicLine):
		return parseTorchLegacy(r, size)
	}
	return nil, fmt.Errorf("the file is %s", describeForeign(head, brace))
}

// describeForeign says what a file that is no checkpoint seems to be, and what to do.
func describeForeign(head []byte, brace bool) string {
	text := bytes.ToLower(bytes.TrimSpace(head))
	switch {
	case brace:
		return "cut short or damaged: it ends within its safetensors header; copy or download it again"
	case bytes.HasPrefix(text, []byte("<!doctype")), bytes.HasPrefix(text, []byte("<html")),
		bytes.HasPrefix(text, []byte("<?xml")):
		return "a web page, not a checkpoint: the download went wrong"
	case bytes.HasPrefix(text, []byte("version https://git-lfs")):
		return "a Git LFS pointer, not the checkpoint itself: run git lfs pull where it comes from"
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return "a tar archive: if PyTorch before 0.1.10 wrote it, load it there and torch.save its state_dict() again"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "compressed by gzip: unpack it first"
	}
	return "neither safetensors nor written by torch.save"
}
