package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nat/internal/checkpoint"
	"nat/internal/genotype"
)

// Origin is how a network's weights came about, and what its outputs mean.
type Origin struct {
	Dataset     string    // name of the data set; may be empty
	Fingerprint string    // of its training images; empty where unknown
	Classes     []string  // what the outputs stand for; empty where unknown
	Mean, Std   []float64 // that images were normalised by; empty where unknown
	Epochs      int       // done
}

// Trained is a network and where its weights come from.
type Trained struct {
	*Network
	Origin
}

// The keys of a checkpoint's metadata (spec section 11). Those of sizes are a supernet's too.
const (
	keyGenotype    = "genotype"
	keyName        = "genotype_name"
	keyNodes       = "steps"
	keyStem        = "stem"
	keyChannels    = "init_channels"
	keyLayers      = "layers"
	keyClasses     = "num_classes"
	keyImageSize   = "image_size"
	keyEpochs      = "epochs"
	keyDataset     = "dataset"
	keyFingerprint = "data_fingerprint"
	keyClassNames  = "classes" // JSON, as mean and std
	keyMean        = "mean"
	keyStd         = "std"
)

// The endings of the names of running statistics.
const (
	meanSuffix     = ".running_mean"
	varianceSuffix = ".running_var"
	counterSuffix  = ".num_batches_tracked" // of PyTorch, which nothing here uses
)

// File returns the network as a checkpoint under the published names. The tensors share its memory.
func (t Trained) File() (*checkpoint.File, error) {
	f := &checkpoint.File{Metadata: map[string]string{
		keyGenotype: t.architecture.String(), keyName: t.architecture.Name, keyDataset: t.Dataset, keyFingerprint: t.Fingerprint,
		keyStem: t.size.Stem.String(),
	}}
	for key, n := range map[string]int{
		keyNodes: t.architecture.Nodes(), keyChannels: t.size.Channels, keyLayers: t.size.Layers, keyClasses: t.size.Classes,
		keyImageSize: t.size.ImageSize, keyEpochs: t.Epochs,
	} {
		f.Metadata[key] = strconv.Itoa(n)
	}
	for key, value := range map[string]any{keyClassNames: t.Classes, keyMean: t.Mean, keyStd: t.Std} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %s: %w", key, err)
		}
		f.Metadata[key] = string(text)
	}
	f.Tensors = t.tensors()
	return f, nil
}

// tensors returns parameters and running statistics, which share the network's memory.
func (n *Network) tensors() (all []checkpoint.Tensor) {
	for _, p := range n.Parameters() {
		all = append(all, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	for _, s := range n.Statistics() {
		all = append(all,
			checkpoint.Tensor{Name: s.Name + meanSuffix, Shape: []int{len(s.Mean)}, Data: s.Mean},
			checkpoint.Tensor{Name: s.Name + varianceSuffix, Shape: []int{len(s.Variance)}, Data: s.Variance})
	}
	return all
}

// Load reads a trained network from a checkpoint file, as FromFile does.
func Load(path string, architecture *genotype.Genotype) (Trained, error) {
	f, err := checkpoint.Read(path)
	if err != nil {
		return Trained{}, err
	}
	t, err := FromFile(f, architecture)
	if err != nil {
		return t, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return t, nil
}

// FromFile makes a network of a checkpoint, which must hold every parameter and running statistic of it and nothing else but
// the state of a run. The architecture is needed only where the file, as those of PyTorch, does not name it; one that is
// not the file's is an error that says which layers differ.
func FromFile(f *checkpoint.File, architecture *genotype.Genotype) (Trained, error) {
	given := map[string]checkpoint.Tensor{}
	for _, t := range f.Tensors {
		t.Name = strings.TrimPrefix(t.Name, "module.") // PyTorch's DataParallel puts it in front of all names
		if !strings.HasPrefix(t.Name, checkpoint.StatePrefix) && !strings.HasSuffix(t.Name, counterSuffix) {
			given[t.Name] = t
		}
	}
	var t Trained
	g, err := architectureOf(f.Metadata, architecture)
	if err != nil {
		return t, err
	}
	size, err := sizeOf(f.Metadata, given)
	if err != nil {
		return t, err
	}
	if t.Network, err = newAtMost(g, size, given); err != nil {
		return t, err
	}
	if t.Origin, err = originOf(f.Metadata); err != nil {
		return t, err
	}
	return t, t.fill(given)
}

// architectureOf returns the architecture that was given, else the one that a checkpoint names.
func architectureOf(meta map[string]string, given *genotype.Genotype) (genotype.Genotype, error) {
	if given != nil {
		return *given, nil
	}
	text, ok := meta[keyGenotype]
	if !ok {
		return genotype.Genotype{}, errors.New("it does not name the architecture that it is of: give it (--arch ARCH), if this is a trained network")
	}
	var g genotype.Genotype
	if err := g.UnmarshalText([]byte(text)); err != nil {
		return g, fmt.Errorf("its metadata %s: %w", keyGenotype, err)
	}
	g.Name = meta[keyName]
	return g, nil
}

// cellName is the beginning of the names of a cell's tensors.
var cellName = regexp.MustCompile(`^cells\.(\d{1,4})\.`)

// sizeOf returns the size of the network that tensors are of. What metadata say of it must be what shapes tell.
func sizeOf(meta map[string]string, tensors map[string]checkpoint.Tensor) (Size, error) {
	s, stem, perChannel := CIFAR10(), "stem.0.weight", 3
	if _, large := tensors["stem1.1.weight"]; large {
		s, stem, perChannel = ImageNet(), "stem1.1.weight", 1
	}
	for name, value := range map[string]*int{stem: &s.Channels, "classifier.weight": &s.Classes} {
		t, ok := tensors[name]
		if !ok || len(t.Shape) == 0 {
			return s, fmt.Errorf("it holds no %s: it is not a network trained from scratch", name)
		}
		*value = t.Shape[0]
	}
	s.Channels /= perChannel
	s.Layers = 0
	for name := range tensors {
		if m := cellName.FindStringSubmatch(name); m != nil {
			i, _ := strconv.Atoi(m[1]) // of four digits at most
			s.Layers = max(s.Layers, i+1)
		}
	}
	if text, ok := meta[keyImageSize]; ok {
		size, err := strconv.Atoi(text)
		if err != nil {
			return s, fmt.Errorf("its metadata say %s %q, which should be a number of pixels", keyImageSize, text)
		}
		s.ImageSize = size
	}
	for key, value := range map[string]int{keyChannels: s.Channels, keyLayers: s.Layers, keyClasses: s.Classes} {
		if text, ok := meta[key]; ok && text != strconv.Itoa(value) {
			return s, fmt.Errorf("its metadata say %s %q, but its tensors are those of %d: it is damaged", key, text, value)
		}
	}
	return s, nil
}

// newAtMost makes the network of an architecture whose weights are in tensors, unless it would be out of all proportion to
// them.
func newAtMost(g genotype.Genotype, s Size, tensors map[string]checkpoint.Tensor) (*Network, error) {
	cost, err := CostOf(g, s)
	if err != nil {
		return nil, err
	}
	values := 0
	for _, t := range tensors {
		values += len(t.Data)
	}
	const proportion = 100 // of another architecture of that size
	if cost.Parameters/proportion > values {
		return nil, fmt.Errorf("it holds %d numbers, where a network of %d layers and %d init channels has %d parameters: it is cut short or damaged",
			values, s.Layers, s.Channels, cost.Parameters)
	}
	return New(g, s)
}

// originOf reads where the weights come from.
func originOf(meta map[string]string) (o Origin, err error) {
	o.Dataset, o.Fingerprint = meta[keyDataset], meta[keyFingerprint]
	for key, value := range map[string]any{keyEpochs: &o.Epochs, keyClassNames: &o.Classes, keyMean: &o.Mean, keyStd: &o.Std} {
		if text, ok := meta[key]; ok {
			if err := json.Unmarshal([]byte(text), value); err != nil {
				return o, fmt.Errorf("its metadata %s: %w", key, err)
			}
		}
	}
	return o, nil
}

// fill copies tensors into the network's, and says which layers differ if they are not the same.
func (n *Network) fill(given map[string]checkpoint.Tensor) error {
	var differ []string // layers
	differs := func(name string) {
		if layer := layerOf(name); !slices.Contains(differ, layer) {
			differ = append(differ, layer)
		}
	}
	for _, want := range n.tensors() {
		got, ok := given[want.Name]
		delete(given, want.Name)
		if !ok || !slices.Equal(got.Shape, want.Shape) {
			differs(want.Name)
			continue
		}
		for i, x := range got.Data {
			if x-x != 0 { // only infinities and NaN
				return fmt.Errorf("tensor %s holds %v: its training went wrong, or the file is damaged", want.Name, x)
			}
			want.Data[i] = x
		}
	}
	for name := range given {
		differs(name)
	}
	if len(differ) == 0 {
		return nil
	}
	slices.SortFunc(differ, compareNatural)
	const most = 4
	list := strings.Join(differ[:min(most, len(differ))], ", ")
	if len(differ) > most {
		list += ", …"
	}
	name := n.architecture.Name
	if name == "" {
		name = "this architecture"
	}
	return fmt.Errorf("it is not a network of %s: %d layers differ in their tensors or shapes (%.300s)", name, len(differ), list)
}

// layerName is the part of a tensor's name that says which layer it belongs to.
var layerName = regexp.MustCompile(`^(?:cells\.\d+\.(?:_ops\.\d+|preprocess[01])|auxiliary_head|classifier|stem\d?)`)

func layerOf(name string) string {
	if layer := layerName.FindString(name); layer != "" {
		return layer
	}
	return fmt.Sprintf("%.40q", name)
}

// compareNatural orders names so that the numbers in them count as numbers.
func compareNatural(a, b string) int {
	pad := func(name string) string {
		return digits.ReplaceAllStringFunc(name, func(d string) string { return fmt.Sprintf("%08s", d) })
	}
	return strings.Compare(pad(a), pad(b))
}

var digits = regexp.MustCompile(`\d+`)
