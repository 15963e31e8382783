package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"

	"nat/internal/atomicfile"
)

// torchFolder is the folder within the archive; PyTorch takes any.
const torchFolder = "archive/"

// torchAlignment is the multiple of bytes at which PyTorch starts the numbers of a storage, so that they can be mapped.
const torchAlignment = 64

// WritePyTorch writes f's tensors to path as an OrderedDict of float32 tensors that torch.load reads (PyTorch 1.6 and
// later, weights_only included), as a whole or not at all. PyTorch has no place for metadata: it is left out.
func WritePyTorch(path string, f *File) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if err := atomicfile.Write(path, f.writeTorchZip); err != nil {
		return fmt.Errorf("checkpoint %s cannot be written: %w", path, err)
	}
	return nil
}

func (f *File) writeTorchZip(w io.Writer) error {
	out := &torchWriter{file: countingWriter{w: w}}
	out.archive = zip.NewWriter(&out.file)
	if err := out.add("data.pkl", f.pickle()); err != nil {
		return err
	}
	for i, t := range f.Tensors {
		if err := out.addTensor(i, t); err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
	}
	if err := out.add("version", []byte("3\n")); err != nil {
		return err
	}
	return out.archive.Close()
}

// torchWriter adds entries to an archive. Length and checksum stand before each entry's contents, as in PyTorch's own
// archives, so contents are gone through twice.
type torchWriter struct {
	archive *zip.Writer
	file    countingWriter
}

func (w *torchWriter) add(name string, data []byte) error {
	entry, err := w.create(name, int64(len(data)), crc32.ChecksumIEEE(data))
	if err != nil {
		return err
	}
	_, err = entry.Write(data)
	return err
}

func (w *torchWriter) addTensor(storage int, t Tensor) error {
	sum := crc32.NewIEEE()
	if err := writeElements(sum, t.Data, F32); err != nil {
		return err
	}
	entry, err := w.create("data/"+strconv.Itoa(storage), int64(F32.size()*len(t.Data)), sum.Sum32())
	if err != nil {
		return err
	}
	return writeElements(entry, t.Data, F32)
}

// create starts an entry whose contents will lie at a multiple of torchAlignment.
func (w *torchWriter) create(name string, size int64, sum uint32) (io.Writer, error) {
	if err := w.archive.Flush(); err != nil {
		return nil, err
	}
	name = torchFolder + name
	return w.archive.CreateRaw(&zip.FileHeader{
		Name:               name,
		Method:             zip.Store,
		Extra:              padding(w.file.n, name),
		CRC32:              sum,
		CompressedSize64:   uint64(size),
		UncompressedSize64: uint64(size),
	})
}

// padding returns an extra field of the zip format, of the kind that PyTorch uses, that makes an entry whose header starts
// at byte at have its contents at a multiple of torchAlignment.
func padding(at int64, name string) []byte {
	const localHeader, fieldHeader = 30, 4
	start := at + localHeader + int64(len(name)) + fieldHeader
	fill := (torchAlignment - start%torchAlignment) % torchAlignment
	field := append([]byte("FB"), byte(fill), 0)
	return append(field, bytes.Repeat([]byte("Z"), int(fill))...)
}

// countingWriter counts the bytes that go through it.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// pickle returns the state dict as a pickle of protocol 2; storage i holds tensor i.
func (f *File) pickle() []byte {
	p := &pickler{}
	p.WriteString("\x80\x02") // PROTO 2
	p.emptyOrderedDict()
	p.WriteByte('(') // MARK
	for i, t := range f.Tensors {
		p.text(t.Name)
		p.tensor(i, t)
	}
	p.WriteString("u.") // SETITEMS, STOP
	return p.Bytes()
}

// pickler writes instructions of a pickle.
type pickler struct{ bytes.Buffer }

// tensor calls _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, backward_hooks).
func (p *pickler) tensor(storage int, t Tensor) {
	p.global("torch._utils", "_rebuild_tensor_v2")
	p.WriteString("((") // MARK for the arguments, MARK for the storage
	p.text("storage")
	p.global("torch", "FloatStorage")
	p.text(strconv.Itoa(storage))
	p.text("cpu")
	p.integer(len(t.Data))
	p.WriteString("tQ") // TUPLE, BINPERSID
	p.integer(0)
	p.tuple(t.Shape)
	p.tuple(strides(t.Shape))
	p.WriteByte(0x89) // NEWFALSE
	p.emptyOrderedDict()
	p.WriteString("tR") // TUPLE, REDUCE
}

// strides returns how far apart the elements of a contiguous tensor are along each dimension.
func strides(shape []int) []int {
	strides := make([]int, len(shape))
	next := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = next
		next *= max(shape[i], 1)
	}
	return strides
}

func (p *pickler) emptyOrderedDict() {
	p.global("collections", "OrderedDict")
	p.WriteString(")R") // EMPTY_TUPLE, REDUCE
}

func (p *pickler) global(module, name string) {
	p.WriteString("c" + module + "\n" + name + "\n")
}

// text writes BINUNICODE.
func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

// integer writes BININT, or LONG1 where that is too short.
func (p *pickler) integer(n int) {
	if n <= math.MaxInt32 {
		p.WriteByte('J')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		return
	}
	p.WriteString("\x8a\x08")
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func (p *pickler) tuple(numbers []int) {
	p.WriteByte('(')
	for _, n := range numbers {
		p.integer(n)
	}
	p.WriteByte('t')
}
