package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	"nat/internal/pickle"
)

// Before PyTorch 1.6 (and since then on request) torch.save wrote five pickles, one after the other: a magic number, the
// version of the layout, facts on the machine, the object, the keys of its storages. Behind them come the storages in the
// order of the keys, each as the number of its elements (8 bytes) and the elements.

// legacyMagicLine is how the oldest protocols write the magic number; later ones start with 0x80.
var legacyMagicLine = []byte("L119547037146038801333356L\n")

const (
	legacyMagic   = "119547037146038801333356"
	legacyVersion = 1001
)

func parseTorchLegacy(r io.ReaderAt, size int64) (*File, error) {
	head := make([]byte, min(size, maxPickle))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, err
	}
	u := &unpickler{storages: map[string]*storage{}}
	object, keys, rest, err := u.legacyPickles(head)
	if err != nil {
		return nil, err
	}
	views, err := stateDict(object)
	if err != nil {
		return nil, err
	}
	starts, err := u.legacyStorages(r, int64(len(head)-len(rest)), size, keys)
	if err != nil {
		return nil, err
	}
	return load(views, size, func(s *storage) (io.Reader, error) {
		start, ok := starts[s]
		if !ok {
			return nil, fmt.Errorf("storage %.40q is not in the file", s.key)
		}
		return io.NewSectionReader(r, start, s.count*int64(s.kind.size)), nil
	})
}

// legacyPickles decodes the five pickles and returns the object, the keys of its storages, and what follows.
func (u *unpickler) legacyPickles(data []byte) (object any, keys *pickle.List, rest []byte, err error) {
	var values [5]any
	for i := range values {
		if values[i], data, err = u.decode(data); err != nil {
			return nil, nil, nil, err
		}
		switch i {
		case 0:
			if n, ok := values[i].(*big.Int); !ok || n.String() != legacyMagic {
				return nil, nil, nil, errors.New("it is a pickle, but not one of torch.save")
			}
		case 1:
			if values[i] != int64(legacyVersion) {
				return nil, nil, nil, fmt.Errorf("its layout is not version %d, the only one that is known", legacyVersion)
			}
		case 2:
			if machine, ok := values[i].(*pickle.Dict); ok {
				if little, ok := machine.Lookup("little_endian"); ok && little != true {
					return nil, nil, nil, errors.New("its numbers are big-endian: save it again on a little-endian machine")
				}
			}
		}
	}
	keys, ok := values[4].(*pickle.List)
	if !ok {
		return nil, nil, nil, errors.New("the list of its storages is missing")
	}
	return values[3], keys, data, nil
}

// legacyStorages returns where the numbers of each storage start, given that the first storage is at byte at.
func (u *unpickler) legacyStorages(r io.ReaderAt, at, size int64, keys *pickle.List) (map[*storage]int64, error) {
	starts := map[*storage]int64{}
	for _, item := range keys.Items {
		key, _ := pickle.Text(item)
		s, ok := u.storages[key]
		if !ok {
			return nil, fmt.Errorf("storage %.40q is listed but belongs to no tensor", key)
		}
		var count [8]byte
		if _, err := r.ReadAt(count[:], at); err != nil {
			return nil, errors.New("the file is cut short: copy or download it again")
		}
		if n := int64(binary.LittleEndian.Uint64(count[:])); n != s.count {
			return nil, fmt.Errorf("storage %.40q has %d numbers where %d are due", key, n, s.count)
		}
		at += int64(len(count))
		if s.count > (size-at)/int64(s.kind.size) {
			return nil, fmt.Errorf("the file is cut short within storage %.40q: copy or download it again", key)
		}
		starts[s] = at
		at += s.count * int64(s.kind.size)
	}
	return starts, nil
}
