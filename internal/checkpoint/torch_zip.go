package checkpoint

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// torchZip is an archive of PyTorch 1.6 and later: <name>/data.pkl and, for each storage, <name>/data/<key>.
type torchZip struct {
	folder  string // with a slash at the end
	entries map[string]*zip.File
}

func parseTorchZip(r io.ReaderAt, size int64) (*File, error) {
	archive, err := openTorchZip(r, size)
	if err != nil {
		return nil, err
	}
	raw, err := archive.readAll("data.pkl")
	if err != nil {
		return nil, err
	}
	u := &unpickler{storages: map[string]*storage{}}
	object, _, err := u.decode(raw)
	if err != nil {
		return nil, err
	}
	views, err := stateDict(object)
	if err != nil {
		return nil, err
	}
	return load(views, size, archive.storage)
}

func openTorchZip(r io.ReaderAt, size int64) (*torchZip, error) {
	file, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errors.New("it starts as a zip archive but has no readable directory: the file is cut short or damaged")
	}
	archive := &torchZip{entries: make(map[string]*zip.File, len(file.File))}
	for _, entry := range file.File {
		if _, ok := archive.entries[entry.Name]; ok {
			return nil, fmt.Errorf("the archive has %.80q twice", entry.Name)
		}
		archive.entries[entry.Name] = entry
		folder, isPickle := strings.CutSuffix(entry.Name, "data.pkl")
		if isPickle && strings.Count(folder, "/") == 1 && strings.HasSuffix(folder, "/") {
			archive.folder = folder
		}
	}
	if archive.folder == "" {
		return nil, errors.New("it is a zip archive but not one of torch.save: there is no data.pkl in it")
	}
	if _, ok := archive.entries[archive.folder+"constants.pkl"]; ok {
		return nil, errors.New("it holds a TorchScript program: torch.save the model's state_dict() instead")
	}
	if _, ok := archive.entries[archive.folder+"byteorder"]; ok {
		order, err := archive.readAll("byteorder")
		if err != nil {
			return nil, err
		}
		if string(order) != "little" {
			return nil, fmt.Errorf("its numbers are %.20s-endian: save it again on a little-endian machine", order)
		}
	}
	return archive, nil
}

// open opens an entry of that name and length below the archive's folder; length −1 stands for any up to maxPickle.
// Compressed entries are refused: PyTorch writes none, and a short one may grow without end.
func (z *torchZip) open(name string, length int64) (io.Reader, error) {
	entry, ok := z.entries[z.folder+name]
	if !ok {
		return nil, fmt.Errorf("the archive has no %.80q: it is damaged", z.folder+name)
	}
	if entry.Method != zip.Store || entry.CompressedSize64 != entry.UncompressedSize64 {
		return nil, fmt.Errorf("%.80q in the archive is compressed, which torch.save does not do: save it again with PyTorch",
			entry.Name)
	}
	size := entry.UncompressedSize64
	if length >= 0 && size != uint64(length) {
		return nil, fmt.Errorf("%.80q in the archive has %d bytes where %d are due", entry.Name, size, length)
	}
	if length < 0 && size > maxPickle {
		return nil, fmt.Errorf("%.80q in the archive has %d bytes, more than a state dict needs", entry.Name, size)
	}
	r, err := entry.Open()
	if err != nil {
		return nil, fmt.Errorf("%.80q in the archive is damaged: %w", entry.Name, err)
	}
	return r, nil
}

// readAll reads a small entry.
func (z *torchZip) readAll(name string) ([]byte, error) {
	r, err := z.open(name, -1)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s in the archive is damaged: %w", name, err)
	}
	return raw, nil
}

// storage opens the numbers of a storage.
func (z *torchZip) storage(s *storage) (io.Reader, error) {
	return z.open("data/"+s.key, s.count*int64(s.kind.size))
}
