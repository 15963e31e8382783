package dataset

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"nat/internal/atomicfile"
)

// A store keeps what was found out of an image folder at one image size, so that its pictures are measured once. It is a
// file in that folder, or in the user's cache where nothing can be written there: a line of JSON that says what it is
// (storeHeader), a line for each file (storeLine), and the prepared images of the files without a fault, if they are kept.
// It appears whole or not at all, and one that can't be read is as good as none.
type store struct{ inFolder, inCache string }

// newStore names the store of an image folder. The cache is the folder of the user's cache, which may be "".
func newStore(root, cache string, size int) (store, error) {
	whole, err := filepath.Abs(root)
	if err != nil {
		return store{}, err
	}
	s := store{inFolder: filepath.Join(whole, fmt.Sprintf(".nat-images-%d", size))}
	if cache != "" {
		name := sha256.Sum256([]byte(whole))
		s.inCache = filepath.Join(cache, "images", fmt.Sprintf("%x-%d", name[:8], size))
	}
	return s, nil
}

// storeFormat tells a store, and its version, from other files.
const storeFormat = "nat image folder 1"

type storeHeader struct {
	Format string `json:"format"`
	Size   int    `json:"image_size"`
	Files  int    `json:"files"`
	Pixels bool   `json:"pixels"`
}

type storeLine struct {
	Path     string `json:"path"`
	Class    string `json:"class"`
	Bytes    int64  `json:"bytes"`
	Modified int64  `json:"modified"`
	SHA256   string `json:"sha256"`
	Sums     sums   `json:"sums"`
	Fault    string `json:"fault,omitempty"`
}

// maxStoreLine bounds a line of a store.
const maxStoreLine = 1 << 16

// load fills in what the store knows of files that haven't changed since, and gives their number.
func (s store) load(n *inspection) (count int) {
	for _, path := range []string{s.inFolder, s.inCache} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		count, _ = readStore(f, n) // what is cut off or damaged is measured anew
		f.Close()
		if count > 0 {
			return count
		}
	}
	return 0
}

// readStore reads a store up to where it is damaged, if it is, and gives the number of files that it knows.
func readStore(r io.Reader, n *inspection) (count int, err error) {
	in := bufio.NewReaderSize(r, maxStoreLine)
	header, err := readLine[storeHeader](in)
	if err != nil {
		return 0, err
	}
	if header.Format != storeFormat || header.Size != n.size || n.keep && !header.Pixels {
		return 0, errors.New("no store of these images")
	}
	places := make(map[string]int, len(n.files))
	for i, f := range n.files {
		places[f.path] = i
	}
	var images []int // the files whose images follow, −1 for those that aren't wanted
	for range header.Files {
		line, err := readLine[storeLine](in)
		if err != nil {
			return count, err
		}
		i, wanted := places[line.Path]
		delete(places, line.Path)
		if wanted = wanted && line.describes(n, i); wanted {
			if n.facts[i], err = line.facts(n.size); err != nil {
				return count, err
			}
		}
		switch {
		case n.keep && line.Fault == "" && wanted:
			images = append(images, i)
		case n.keep && line.Fault == "":
			images = append(images, -1)
		case wanted:
			n.known[i] = true
			count++
		}
	}
	return n.readImages(in, images, count)
}

// describes tells whether a line is about the i-th file as it is now.
func (l storeLine) describes(n *inspection, i int) bool {
	f := n.files[i]
	return l.Class == n.tree.classes[f.class] && l.Bytes == f.size && l.Modified == f.modified
}

// readImages reads the prepared images of files, and adds to the count of those that are known.
func (n *inspection) readImages(in *bufio.Reader, files []int, count int) (int, error) {
	for _, i := range files {
		if i < 0 {
			if _, err := in.Discard(n.bytes()); err != nil {
				return count, err
			}
			continue
		}
		if _, err := io.ReadFull(in, n.image(i)); err != nil {
			return count, err
		}
		n.known[i] = true
		count++
	}
	return count, nil
}

// readLine reads a line of JSON.
func readLine[T storeHeader | storeLine](in *bufio.Reader) (value T, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal(line, &value)
}

// facts gives what a line says of its file.
func (l storeLine) facts(size int) (f facts, err error) {
	f = facts{sums: l.Sums, fault: l.Fault}
	sum, err := hex.DecodeString(l.SHA256)
	if err != nil || len(sum) != len(f.digest) {
		return f, fmt.Errorf("%s has SHA-256 %q", l.Path, l.SHA256)
	}
	pixels := uint64(size) * uint64(size)
	for c := range f.sums.Levels {
		if f.sums.Levels[c] > 255*pixels || f.sums.Squares[c] > 255*255*pixels {
			return f, fmt.Errorf("%s has sums of levels that can't be", l.Path)
		}
	}
	copy(f.digest[:], sum)
	return f, nil
}

// save stores what is known, but for files that couldn't be read at all: that may change without a trace in them.
func (s store) save(n *inspection) error {
	var stored []int
	for i := range n.files {
		if n.known[i] && n.facts[i].digest != (digest{}) {
			stored = append(stored, i)
		}
	}
	write := func(w io.Writer) error { return writeStore(w, n, stored) }
	err := atomicfile.Write(s.inFolder, write)
	if err == nil || s.inCache == "" {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.inCache), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(s.inCache, write)
}

// writeStore writes a store of some of the files.
func writeStore(w io.Writer, n *inspection, files []int) error {
	out := json.NewEncoder(w)
	if err := out.Encode(storeHeader{Format: storeFormat, Size: n.size, Files: len(files), Pixels: n.keep}); err != nil {
		return err
	}
	for _, i := range files {
		f, found := n.files[i], n.facts[i]
		line := storeLine{
			Path: f.path, Class: n.tree.classes[f.class], Bytes: f.size, Modified: f.modified,
			SHA256: hex.EncodeToString(found.digest[:]), Sums: found.sums, Fault: found.fault,
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	if !n.keep {
		return nil
	}
	for _, i := range files {
		if n.facts[i].fault == "" {
			if _, err := w.Write(n.image(i)); err != nil {
				return err
			}
		}
	}
	return nil
}
