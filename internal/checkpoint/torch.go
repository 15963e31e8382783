package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"nat/internal/pickle"
)

// A file of torch.save is a pickle of the saved object in which a tensor is a view (offset, shape, strides) of a storage,
// a flat run of numbers that is kept outside of the pickle under a key.

// maxPickle bounds the pickle of a state dict, which holds some hundred bytes a tensor; the numbers are not in it.
const maxPickle = 16 << 20

// maxRank bounds the number of dimensions of a tensor; PyTorch's own bound is 64.
const maxRank = 64

// storage is a run of count numbers under a key.
type storage struct {
	key   string
	kind  element
	count int64
}

// window is a storage from the number first on: views of views were stored so before PyTorch 0.4.
type window struct {
	*storage
	first int64
}

// view is a tensor: the number with indices i lies at offset + Σ i·strides of its storage.
type view struct {
	storage        *storage
	offset         int64
	shape, strides []int
}

// unpickler meets the storages while a pickle is decoded.
type unpickler struct {
	storages map[string]*storage
}

// storageTypes are the classes of storages, and the types of their numbers.
var storageTypes = map[pickle.Global]string{
	"torch.DoubleStorage": "F64", "torch.FloatStorage": "F32", "torch.HalfStorage": "F16", "torch.BFloat16Storage": "BF16",
	"torch.LongStorage": "I64", "torch.IntStorage": "I32", "torch.ShortStorage": "I16", "torch.CharStorage": "I8",
	"torch.ByteStorage": "U8", "torch.BoolStorage": "BOOL",
}

// decode decodes the first pickle in data; an error that is due to a class which may not be named says what to do.
func (u *unpickler) decode(data []byte) (value any, rest []byte, err error) {
	names := pickle.Names{
		Globals: map[pickle.Global]pickle.Constructor{
			"torch._utils._rebuild_tensor":    newView,
			"torch._utils._rebuild_tensor_v2": newView,
			"torch._utils._rebuild_parameter": parameter,
			"torch.Size":                      torchSize,
		},
		Persistent: u.storage,
	}
	for class := range storageTypes {
		names.Globals[class] = nil
	}
	value, rest, err = pickle.Decode(data, names)
	var unsafe *pickle.GlobalError
	if errors.As(err, &unsafe) {
		err = fmt.Errorf("it holds more than tensors: %.100q, which would have to be run; "+
			"load it in PyTorch and torch.save the model's state_dict() alone", string(unsafe.Name))
	}
	return value, rest, err
}

// storage makes the window that an id ("storage", class, key, device, count) names, with (key, first, count) behind it
// where it is a part of a storage.
func (u *unpickler) storage(id any) (any, error) {
	fields, ok := id.(pickle.Tuple)
	if !ok || len(fields) < 5 || len(fields) > 6 {
		return nil, errors.New("the description of a storage is not the five or six values that PyTorch writes")
	}
	what, _ := pickle.Text(fields[0])
	class, isClass := fields[1].(pickle.Global)
	key, isText := pickle.Text(fields[2])
	count, isInt := fields[4].(int64)
	kind, known := elements[storageTypes[class]]
	if what != "storage" || !isClass || !known || !isText || !isInt || count < 0 {
		return nil, errors.New("the description of a storage is not (\"storage\", class, key, device, count)")
	}
	s, ok := u.storages[key]
	if !ok {
		s = &storage{key: key, kind: kind, count: count}
		u.storages[key] = s
	}
	if s.kind.name != kind.name || s.count != count {
		return nil, fmt.Errorf("storage %.40q is described in two ways", key)
	}
	w := &window{storage: s}
	if len(fields) == 6 && fields[5] != nil {
		part, ok := fields[5].(pickle.Tuple)
		if !ok || len(part) != 3 {
			return nil, fmt.Errorf("the part of storage %.40q is not (key, first, count)", key)
		}
		if w.first, ok = part[1].(int64); !ok || w.first < 0 || w.first > count {
			return nil, fmt.Errorf("the part of storage %.40q lies outside of it", key)
		}
	}
	return w, nil
}

// newView makes a tensor of (storage, offset, shape, strides, …).
func newView(args pickle.Tuple) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("wants storage, offset, shape and strides")
	}
	w, isWindow := args[0].(*window)
	offset, isInt := args[1].(int64)
	shape, shapeOK := dimensions(args[2])
	strides, stridesOK := dimensions(args[3])
	if !isWindow || !isInt || !shapeOK || !stridesOK || len(shape) != len(strides) {
		return nil, errors.New("wants storage, offset, shape and strides")
	}
	if offset < 0 || offset > w.count {
		return nil, fmt.Errorf("a tensor starts outside of its storage %.40q", w.key)
	}
	return &view{storage: w.storage, offset: w.first + offset, shape: shape, strides: strides}, nil
}

// dimensions returns a tuple of at most maxRank ints that are not negative.
func dimensions(v any) ([]int, bool) {
	t, ok := v.(pickle.Tuple)
	if !ok || len(t) > maxRank {
		return nil, false
	}
	numbers, ok := pickle.Ints(t)
	dims := make([]int, len(numbers))
	for i, n := range numbers {
		if n < 0 {
			return nil, false
		}
		dims[i] = int(n)
	}
	return dims, ok
}

// parameter makes of (tensor, …) the tensor.
func parameter(args pickle.Tuple) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("wants a tensor")
	}
	return args[0], nil
}

// torchSize makes of (tuple) the tuple.
func torchSize(args pickle.Tuple) (any, error) {
	if len(args) != 1 {
		return nil, errors.New("wants a tuple")
	}
	return args[0], nil
}

// namedView is an entry of a state dict.
type namedView struct {
	name string
	*view
}

// stateDict returns the tensors of a state dict, which the object is or has under "state_dict" or "model".
func stateDict(object any) ([]namedView, error) {
	dict, ok := object.(*pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("it holds %s in place of a state dict: torch.save the model's state_dict()", describeObject(object))
	}
	for _, key := range []string{"state_dict", "model"} {
		if inner, ok := dict.Lookup(key); ok {
			if inner, ok := inner.(*pickle.Dict); ok {
				dict = inner
				break
			}
		}
	}
	var views []namedView
	var keys []string
	for key, value := range dict.All() {
		name, ok := pickle.Text(key)
		if !ok {
			continue
		}
		if len(keys) < 5 {
			keys = append(keys, fmt.Sprintf("%.40q", name))
		}
		if v, ok := value.(*view); ok {
			views = append(views, namedView{name, v})
		}
	}
	if len(views) == 0 {
		return nil, fmt.Errorf("it has no tensors, neither itself nor under \"state_dict\" or \"model\"; its keys are [%s]",
			strings.Join(keys, " "))
	}
	return dropUnused(views), nil
}

func describeObject(object any) string {
	if _, ok := object.(*view); ok {
		return "a single tensor"
	}
	return pickle.Describe(object)
}

// supernetNames match names that only a supernet's state dict has: the policy, and banks of primitives on edges.
var supernetNames = regexp.MustCompile(`^arch_|\._ops\.\d+\._ops\.`)

// droppedNames match what a supernet's state dict holds that nothing uses: a controller of an earlier version, and running
// statistics, for a supernet always normalises by the batch (spec sections 5 and 11).
var droppedNames = regexp.MustCompile(`^arch_.*_master\.|\.running_(mean|var)$`)

// dropUnused leaves out the counters of batches that PyTorch keeps with every normalisation and, of a supernet,
// droppedNames. The running statistics of other networks stay: they are evaluated with them.
func dropUnused(views []namedView) []namedView {
	supernet := slices.ContainsFunc(views, func(v namedView) bool { return supernetNames.MatchString(v.name) })
	return slices.DeleteFunc(views, func(v namedView) bool {
		return strings.HasSuffix(v.name, ".num_batches_tracked") || supernet && droppedNames.MatchString(v.name)
	})
}

// load reads the numbers of the views from their storages in a file of size bytes.
func load(views []namedView, size int64, open func(*storage) (io.Reader, error)) (*File, error) {
	if err := checkViews(views, size); err != nil {
		return nil, err
	}
	loaded := map[*storage][]float32{}
	given := map[*storage]bool{}
	f := &File{Metadata: map[string]string{}}
	for _, v := range views {
		numbers, ok := loaded[v.storage]
		if !ok {
			var err error
			if numbers, err = v.storage.read(open); err != nil {
				return nil, fmt.Errorf("tensor %.80q: %w", v.name, err)
			}
			loaded[v.storage] = numbers
		}
		// The first tensor that is all of its storage takes the numbers as they are; others get copies.
		data := numbers
		if given[v.storage] || !v.isWhole() {
			data = v.gather(numbers)
		} else {
			given[v.storage] = true
		}
		f.Tensors = append(f.Tensors, Tensor{Name: v.name, Shape: v.shape, Data: data})
	}
	return f, nil
}

// read returns the numbers of a storage, to the end of what open gives, at which an archive compares its checksum.
func (s *storage) read(open func(*storage) (io.Reader, error)) ([]float32, error) {
	r, err := open(s)
	if err != nil {
		return nil, err
	}
	numbers := make([]float32, s.count)
	if err := readElements(numbers, r, s.kind); err != nil {
		return nil, err
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return nil, fmt.Errorf("storage %.40q is damaged (%v): copy or download the file again", s.key, err)
	}
	return numbers, nil
}

// checkViews checks that each view lies within its storage, and that neither the storages nor the views, of which many may
// show the same numbers, need more memory than a file of size bytes warrants.
func checkViews(views []namedView, size int64) error {
	bytesLeft, elementsLeft := size, size
	seen := map[*storage]bool{}
	for _, v := range views {
		s := v.storage
		if !seen[s] {
			if s.count > bytesLeft/int64(s.kind.size) {
				return fmt.Errorf("tensor %.80q: its storage is said to hold %d numbers, more than the file: "+
					"it is cut short or damaged", v.name, s.count)
			}
			bytesLeft -= s.count * int64(s.kind.size)
			seen[s] = true
		}
		count := elementsOf(v.shape, elementsLeft)
		if count < 0 {
			return fmt.Errorf("tensor %.80q: with it the tensors have more elements than the file has bytes", v.name)
		}
		elementsLeft -= count
		if !v.fits() {
			return fmt.Errorf("tensor %.80q: it reaches beyond its storage", v.name)
		}
	}
	return nil
}

// fits reports whether all of v's elements lie in its storage.
func (v *view) fits() bool {
	if slices.Contains(v.shape, 0) {
		return true
	}
	last := v.offset
	for i, size := range v.shape {
		if size > 1 && int64(v.strides[i]) > v.storage.count/int64(size-1) {
			return false
		}
		last += int64(size-1) * int64(v.strides[i])
	}
	return last < v.storage.count
}

// isWhole reports whether v is its storage, from the first number to the last, in order.
func (v *view) isWhole() bool {
	stride := 1
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.strides[i] != stride {
			return false
		}
		stride *= v.shape[i]
	}
	return v.offset == 0 && int64(stride) == v.storage.count
}

// gather copies v's elements out of the numbers of its storage.
func (v *view) gather(numbers []float32) []float32 {
	data := make([]float32, 0, elementsOf(v.shape, int64(1)<<62))
	index := make([]int, len(v.shape))
	at := int(v.offset)
	for range cap(data) {
		data = append(data, numbers[at])
		for d := len(index) - 1; d >= 0; d-- {
			index[d]++
			at += v.strides[d]
			if index[d] < v.shape[d] {
				break
			}
			at -= index[d] * v.strides[d]
			index[d] = 0
		}
	}
	return data
}
