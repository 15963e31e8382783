package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"nat/internal/atomicfile"
)

// A safetensors file is the length of its header (8 bytes, little-endian), the header, which is a JSON object of the
// descriptions of all tensors by name, and their numbers, one tensor after the other.

// maxHeader is the format's own bound on the header's length.
const maxHeader = 100_000_000

// metadataKey is the key of the header under which text is kept in place of a tensor's description.
const metadataKey = "__metadata__"

// description is what the header says of a tensor.
type description struct {
	Type    string  `json:"dtype"`
	Shape   []int   `json:"shape"`
	Offsets []int64 `json:"data_offsets"` // first byte and the one after the last, counted from the header's end
}

// parseSafetensors reads a file of size bytes, whose header lies within it.
func parseSafetensors(r io.ReaderAt, size int64) (*File, error) {
	file := io.NewSectionReader(r, 0, size)
	var length [8]byte
	if _, err := io.ReadFull(file, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return nil, fmt.Errorf("its header of %d bytes is longer than the %d that the format allows", n, maxHeader)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(file, raw); err != nil {
		return nil, err
	}
	f := &File{Metadata: map[string]string{}}
	descriptions, err := f.parseHeader(raw)
	if err != nil {
		return nil, err
	}
	if err := f.checkLayout(descriptions, size-8-int64(n)); err != nil {
		return nil, err
	}
	for i, d := range descriptions {
		t := &f.Tensors[i]
		t.Data = make([]float32, (d.Offsets[1]-d.Offsets[0])/int64(elements[d.Type].size))
		section := io.NewSectionReader(r, 8+int64(n)+d.Offsets[0], d.Offsets[1]-d.Offsets[0])
		if err := readElements(t.Data, section, elements[d.Type]); err != nil {
			return nil, fmt.Errorf("tensor %.80q: %w", t.Name, err)
		}
	}
	return f, nil
}

// parseHeader fills in f's metadata and the names and shapes of its tensors, and returns their descriptions.
func (f *File) parseHeader(raw []byte) ([]description, error) {
	header := json.NewDecoder(bytes.NewReader(raw))
	header.DisallowUnknownFields()
	if _, err := header.Token(); err != nil { // the opening brace, by which the format was recognised
		return nil, fmt.Errorf("its header is no valid JSON: %w", err)
	}
	var descriptions []description
	seen := map[string]bool{}
	for header.More() {
		token, err := header.Token()
		if err != nil {
			return nil, fmt.Errorf("its header is no valid JSON: %w", err)
		}
		name, _ := token.(string) // the keys of an object are always strings
		if seen[name] {
			return nil, fmt.Errorf("its header has %.80q twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := header.Decode(&f.Metadata); err != nil {
				return nil, errors.New("its metadata is no JSON object of strings")
			}
			continue
		}
		var d description
		if err := header.Decode(&d); err != nil || d.Shape == nil || len(d.Offsets) != 2 {
			return nil, fmt.Errorf("tensor %.80q is not described by dtype, shape and two data_offsets", name)
		}
		f.Tensors = append(f.Tensors, Tensor{Name: name, Shape: d.Shape})
		descriptions = append(descriptions, d)
	}
	if _, err := header.Token(); err != nil {
		return nil, fmt.Errorf("its header is no valid JSON: %w", err)
	}
	if _, err := header.Token(); err != io.EOF {
		return nil, errors.New("its header goes on behind the JSON object")
	}
	return descriptions, nil
}

// checkLayout checks that the tensors have a known type, are as long as their shape says, and fill the size bytes behind
// the header without gaps or overlaps.
func (f *File) checkLayout(descriptions []description, size int64) error {
	for i, d := range descriptions {
		e, ok := elements[d.Type]
		if !ok {
			return fmt.Errorf("tensor %.80q is of type %.20q, which is not read: save it as F32", f.Tensors[i].Name, d.Type)
		}
		begin, end := d.Offsets[0], d.Offsets[1]
		if begin < 0 || end < begin || end > size {
			return fmt.Errorf("tensor %.80q is said to lie at bytes %d to %d of %d: the file is cut short or damaged",
				f.Tensors[i].Name, begin, end, size)
		}
		if count := elementsOf(d.Shape, size); count < 0 || count != (end-begin)/int64(e.size) || (end-begin)%int64(e.size) != 0 {
			return fmt.Errorf("tensor %.80q of %d dimensions and type %s has %d bytes, which do not fit its shape",
				f.Tensors[i].Name, len(d.Shape), d.Type, end-begin)
		}
	}
	order := make([]int, len(descriptions))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return slices.Compare(descriptions[a].Offsets, descriptions[b].Offsets)
	})
	at := int64(0)
	for _, i := range order {
		if descriptions[i].Offsets[0] != at {
			return fmt.Errorf("tensor %.80q starts at byte %d where %d is due: tensors overlap or leave a gap",
				f.Tensors[i].Name, descriptions[i].Offsets[0], at)
		}
		at = descriptions[i].Offsets[1]
	}
	if at != size {
		return fmt.Errorf("%d bytes follow the last tensor: the file is damaged", size-at)
	}
	return nil
}

// Write writes f to path in that precision, as a whole or not at all. Tensors are written in the order in which f has them,
// metadata in the order of its keys, so the same file always has the same bytes.
func Write(path string, f *File, p Precision) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if err := atomicfile.Write(path, func(w io.Writer) error { return f.writeSafetensors(w, p) }); err != nil {
		return fmt.Errorf("checkpoint %s cannot be written: %w", path, err)
	}
	return nil
}

// check reports what would make f unreadable once it is written.
func (f *File) check() error {
	seen := make(map[string]bool, len(f.Tensors))
	for _, t := range f.Tensors {
		switch {
		case t.Name == "" || t.Name == metadataKey || !utf8.ValidString(t.Name):
			return fmt.Errorf("%q cannot be the name of a tensor", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("two tensors are named %q", t.Name)
		case elementsOf(t.Shape, int64(len(t.Data))) != int64(len(t.Data)):
			return fmt.Errorf("tensor %q of shape %v has %d elements", t.Name, t.Shape, len(t.Data))
		}
		seen[t.Name] = true
	}
	for key, value := range f.Metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("metadata %q is not text", key)
		}
	}
	return nil
}

func (f *File) writeSafetensors(w io.Writer, p Precision) error {
	header, err := f.header(p)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range f.Tensors {
		if err := writeElements(w, t.Data, p); err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// header returns the length and the header, padded so that the tensors start at a multiple of 8.
func (f *File) header(p Precision) ([]byte, error) {
	raw := append(make([]byte, 8), '{')
	field := func(name string, value any) error {
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if len(raw) > 9 {
			raw = append(raw, ',')
		}
		raw = append(append(append(raw, key...), ':'), text...)
		return nil
	}
	if len(f.Metadata) > 0 {
		if err := field(metadataKey, f.Metadata); err != nil {
			return nil, err
		}
	}
	at := int64(0)
	for _, t := range f.Tensors {
		end := at + int64(len(t.Data)*p.size())
		d := description{Type: p.String(), Shape: t.Shape, Offsets: []int64{at, end}}
		if d.Shape == nil {
			d.Shape = []int{}
		}
		if err := field(t.Name, d); err != nil {
			return nil, err
		}
		at = end
	}
	raw = append(raw, '}')
	for len(raw)%8 != 0 {
		raw = append(raw, ' ')
	}
	binary.LittleEndian.PutUint64(raw, uint64(len(raw)-8))
	return raw, nil
}
