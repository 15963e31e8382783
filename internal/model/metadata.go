package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"nat/internal/policy"
	"nat/internal/supernet"
)

// The image sizes that are taken where a checkpoint doesn't say it: of shapes, only the stem's tell small from large.
const (
	defaultImageSize = 32
	largeImageSize   = 224
)

// The keys of a checkpoint's metadata that a model is described by (spec section 11). None is required.
const (
	keyOpType             = "op_type"
	keyNodes              = "steps"
	keyChannels           = "init_channels"
	keyLayers             = "layers"
	keyClasses            = "num_classes"
	keyImageSize          = "image_size"
	keySeed               = "seed"
	keyTrainPortion       = "train_portion"
	keyEpochs             = "epochs"
	keyDataset            = "dataset"
	keyFingerprint        = "data_fingerprint"
	keyClassNames         = "classes" // a JSON array, as mean and std
	keyMean               = "mean"
	keyStd                = "std"
	keyNormaliseFeatures  = "policy_normalise_features"
	keyNormaliseAdjacency = "policy_normalise_adjacency"
	keyDropout            = "policy_dropout"
)

// metadata are the key-value pairs of a checkpoint.
type metadata map[string]string

// describe returns the metadata of a model.
func describe(m *Model) metadata {
	p := m.Policy.Config()
	meta := metadata{
		keySeed:               strconv.FormatUint(m.Training.Seed, 10),
		keyTrainPortion:       formatFloat(m.Training.TrainPortion),
		keyEpochs:             strconv.Itoa(m.Training.Epochs),
		keyNormaliseFeatures:  strconv.FormatBool(p.NormaliseFeatures),
		keyNormaliseAdjacency: strconv.FormatBool(p.NormaliseAdjacency),
		keyDropout:            formatFloat(p.Dropout),
	}
	if !m.Training.Known {
		delete(meta, keySeed)
		delete(meta, keyTrainPortion)
	}
	for key, text := range map[string]string{keyDataset: m.Training.Dataset, keyFingerprint: m.Training.Fingerprint} {
		if text != "" {
			meta[key] = text
		}
	}
	if t := m.Training; t.Classes != nil {
		meta[keyClassNames] = list(t.Classes)
	}
	if t := m.Training; t.Mean != nil {
		meta[keyMean], meta[keyStd] = list(t.Mean), list(t.Std)
	}
	if m.Supernet == nil {
		return meta
	}
	c := m.Supernet.Config()
	meta[keyOpType] = string(c.OpType)
	for key, n := range map[string]int{
		keyNodes: c.Nodes, keyChannels: c.Channels, keyLayers: c.Layers, keyClasses: c.Classes, keyImageSize: c.ImageSize,
	} {
		meta[key] = strconv.Itoa(n)
	}
	return meta
}

// list writes names or finite numbers as a JSON array.
func list[T string | float64](items []T) string {
	text, err := json.Marshal(items)
	if err != nil {
		panic("model: a number that is not finite describes the data")
	}
	return string(text)
}

func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// complete fills in what of a supernet's size no shape tells, and checks the rest against what shapes told. An op type
// that the user names must be the one that the metadata name, if they do.
func (meta metadata) complete(c *supernet.Config, opType supernet.OpType) error {
	for _, known := range []struct {
		key   string
		value int
	}{{keyNodes, c.Nodes}, {keyChannels, c.Channels}, {keyLayers, c.Layers}, {keyClasses, c.Classes}} {
		if text, ok := meta[known.key]; ok && text != strconv.Itoa(known.value) {
			return fmt.Errorf("its metadata say %s %q, but its tensors are those of %d: it is damaged", known.key, text, known.value)
		}
	}
	if text, ok := meta[keyImageSize]; ok {
		size, err := strconv.Atoi(text)
		if err != nil {
			return meta.wrong(keyImageSize, "a number of pixels")
		}
		c.ImageSize = size
	}
	var err error
	c.OpType, err = meta.opType(c.Nodes, opType)
	return err
}

// opType decides between the op type that the user named, if any, the metadata's, and the usual one for that many nodes.
func (meta metadata) opType(nodes int, named supernet.OpType) (supernet.OpType, error) {
	if text, ok := meta[keyOpType]; ok {
		own, err := supernet.ParseOpType(text)
		if err != nil {
			return "", fmt.Errorf("its metadata: %w", err)
		}
		if named != "" && named != own {
			return "", fmt.Errorf("it was trained as %s, not %s: leave the op type out", own, named)
		}
		return own, nil
	}
	if named != "" {
		return named, nil
	}
	for _, usual := range []supernet.OpType{supernet.FullyConcat, supernet.LooseEnd} {
		if usual.DefaultNodes() == nodes {
			return usual, nil
		}
	}
	return "", fmt.Errorf("a supernet of %d nodes may be %s or %s, and it doesn't say which: give the op type",
		nodes, supernet.FullyConcat, supernet.LooseEnd)
}

// completePolicy fills in the options of a policy, which no shape tells.
func (meta metadata) completePolicy(c *policy.Config) error {
	for key, option := range map[string]*bool{
		keyNormaliseFeatures: &c.NormaliseFeatures, keyNormaliseAdjacency: &c.NormaliseAdjacency,
	} {
		text, ok := meta[key]
		if !ok {
			continue
		}
		value, err := strconv.ParseBool(text)
		if err != nil {
			return meta.wrong(key, "true or false")
		}
		*option = value
	}
	if text, ok := meta[keyDropout]; ok {
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return meta.wrong(keyDropout, "a number")
		}
		c.Dropout = value
	}
	return nil
}

// training returns how the model was trained, with the defaults for what isn't said.
func (meta metadata) training() (Training, error) {
	t := Training{
		Seed: DefaultSeed, TrainPortion: DefaultTrainPortion, Dataset: meta[keyDataset], Fingerprint: meta[keyFingerprint],
	}
	var err error
	if text, ok := meta[keySeed]; ok {
		if t.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			return t, meta.wrong(keySeed, "a whole number")
		}
		t.Known = true
	}
	if text, ok := meta[keyTrainPortion]; ok {
		if t.TrainPortion, err = strconv.ParseFloat(text, 64); err != nil || !(t.TrainPortion > 0 && t.TrainPortion < 1) {
			return t, meta.wrong(keyTrainPortion, "a number between 0 and 1")
		}
	}
	if text, ok := meta[keyClassNames]; ok {
		if err := json.Unmarshal([]byte(text), &t.Classes); err != nil {
			return t, meta.wrong(keyClassNames, "a JSON array of names")
		}
	}
	for key, numbers := range map[string]*[]float64{keyMean: &t.Mean, keyStd: &t.Std} {
		if text, ok := meta[key]; ok {
			if err := json.Unmarshal([]byte(text), numbers); err != nil {
				return t, meta.wrong(key, "a JSON array of numbers")
			}
		}
	}
	if slices.ContainsFunc(t.Std, func(x float64) bool { return x <= 0 }) {
		return t, meta.wrong(keyStd, "a JSON array of numbers above 0")
	}
	if text, ok := meta[keyEpochs]; ok {
		if t.Epochs, err = strconv.Atoi(text); err != nil || t.Epochs < 0 {
			return t, meta.wrong(keyEpochs, "a number of epochs")
		}
	}
	return t, nil
}

func (meta metadata) wrong(key, want string) error {
	return fmt.Errorf("its metadata say %s %q, which should be %s", key, meta[key], want)
}
