package model

import (
	"fmt"
	"strconv"
	"strings"

	"nat/internal/checkpoint"
	"nat/internal/policy"
	"nat/internal/supernet"
)

// tensors are a checkpoint's tensors by name.
type tensors map[string]checkpoint.Tensor

// shape returns the shape of a tensor that must be there and have so many dimensions, none of them 0.
func (t tensors) shape(name string, dimensions int) ([]int, error) {
	tensor, ok := t[name]
	if !ok {
		return nil, fmt.Errorf("tensor %s is missing", name)
	}
	if len(tensor.Shape) != dimensions || len(tensor.Data) == 0 {
		return nil, fmt.Errorf("tensor %s has shape %v: it should have %d dimensions", name, tensor.Shape, dimensions)
	}
	return tensor.Shape, nil
}

// supernetConfig finds the size of the supernet whose weights are in t. What shapes tell is taken from them, and what
// metadata say of it must agree; so a file of a few bytes can't ask for much memory.
func supernetConfig(t tensors, meta metadata, opType supernet.OpType) (supernet.Config, error) {
	c, err := stemConfig(t)
	if err != nil {
		return c, err
	}
	classifier, err := t.shape("classifier.weight", 2)
	if err != nil {
		return c, err
	}
	c.Classes = classifier[0]
	large := c.HasLargeStem()
	edges := 0
	for name := range t {
		layer, edge := position(name)
		c.Layers = max(c.Layers, layer+1)
		edges = max(edges, edge+1)
	}
	if c.Nodes = nodesOf(edges); c.Nodes == 0 {
		return c, fmt.Errorf("its cells have %d edges, which no number of nodes has: is a tensor cells.N._ops.%d… surplus?",
			edges, max(edges-1, 0))
	}
	if err := meta.complete(&c, opType); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	if c.HasLargeStem() != large {
		return c, fmt.Errorf("its metadata say that images have %d×%d pixels, which its stem is not for: it is damaged", c.ImageSize, c.ImageSize)
	}
	return c, t.enoughFor(c)
}

// stemConfig finds what the stem's weights tell of a supernet's size: channels, and whether images are small or large.
func stemConfig(t tensors) (c supernet.Config, err error) {
	if _, large := t["stem0.3.weight"]; large {
		first, err := t.shape("stem0.0.weight", 4)
		if err != nil {
			return c, err
		}
		second, err := t.shape("stem0.3.weight", 4)
		if err != nil {
			return c, err
		}
		return supernet.Config{Channels: second[0], ImageChannels: first[1], ImageSize: largeImageSize}, nil
	}
	stem, err := t.shape("stem.0.weight", 4)
	if err != nil {
		return c, err
	}
	if stem[0]%3 != 0 {
		return c, fmt.Errorf("tensor stem.0.weight has shape %v: its first dimension is three times the init channels", stem)
	}
	return supernet.Config{Channels: stem[0] / 3, ImageChannels: stem[1], ImageSize: defaultImageSize}, nil
}

// position returns the numbers of cell and edge in the name of a parameter of a bank, or −1 for those it doesn't have.
func position(name string) (layer, edge int) {
	parts := strings.SplitN(name, ".", 5)
	if len(parts) < 5 || parts[0] != "cells" {
		return -1, -1
	}
	layer, edge = number(parts[1]), -1
	if parts[2] == "_ops" {
		edge = number(parts[3])
	}
	return layer, edge
}

// number returns the value of up to four digits, else −1.
func number(digits string) int {
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) > 4 {
		return -1
	}
	return int(n)
}

// nodesOf returns how many nodes a cell has between which and the inputs before them there are so many edges, or 0 if
// there is no such number.
func nodesOf(edges int) int {
	n := 0
	for total := 0; total < edges; n++ {
		total += n + 2
		if total > edges {
			return 0
		}
	}
	return n
}

// enoughFor checks that t has as many weights as the banks and the classifier of a supernet, before the memory for one is
// asked for. Those are most of a supernet.
func (t tensors) enoughFor(c supernet.Config) error {
	values := 0
	for _, tensor := range t {
		values += len(tensor.Data)
	}
	if values < c.LeastWeights() {
		return fmt.Errorf("it holds %d weights, too few for a supernet of %d layers, %d nodes and %d init channels, "+
			"as its tensors' names and shapes say: it is cut short or damaged", values, c.Layers, c.Nodes, c.Channels)
	}
	return nil
}

// policyConfig finds the size of the policy whose weights are in t.
func policyConfig(t tensors, meta metadata) (policy.Config, error) {
	c := policy.Default()
	operations, err := t.shape(policy.Prefix+"op_hidden.weight", 2)
	if err != nil {
		return c, err
	}
	attention, err := t.shape(policy.Prefix+"emb_attn.weight", 2)
	if err != nil {
		return c, err
	}
	hidden, err := t.shape(policy.Prefix+"gc1.weight", 2)
	if err != nil {
		return c, err
	}
	c.Embedding, c.Features, c.Hidden = operations[1], attention[0], hidden[1]
	if err := meta.completePolicy(&c); err != nil {
		return c, err
	}
	// The sizes are dimensions of different tensors: their products must be in the file too.
	values := func(name string) int { return len(t[policy.Prefix+name].Data) }
	if values("gc2.weight") < c.Hidden*c.Hidden || values("gc1.weight") < c.Features*c.Hidden ||
		values("emb_attn.weight") < 2*c.Embedding*c.Features {
		return c, fmt.Errorf("the shapes of %s* don't fit one another: %d numbers an embedding, %d features, %d hidden units",
			policy.Prefix, c.Embedding, c.Features, c.Hidden)
	}
	return c, nil
}
