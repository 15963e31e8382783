package network

import (
	"math"
	"slices"
	"strings"
	"testing"

	"nat/genotypes"
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/primitive"
	"nat/internal/random"
)

// small returns the network of an architecture at a size that takes milliseconds, with drawn weights.
func small(t *testing.T, g genotype.Genotype, s Size) *Network {
	t.Helper()
	n, err := New(g, s)
	if err != nil {
		t.Fatal(err)
	}
	n.Initialise(1)
	return n
}

// noise returns a batch of random images for a network.
func noise(n int, s Size) dataset.Batch {
	stream := random.New(1, "noise")
	b := dataset.Batch{N: n, Channels: imageChannels, Height: s.ImageSize, Width: s.ImageSize}
	for range n * imageChannels * s.ImageSize * s.ImageSize {
		b.Images = append(b.Images, float32(stream.NormFloat64()))
	}
	for i := range n {
		b.Labels = append(b.Labels, int32(i%s.Classes))
	}
	return b
}

// TestPublishedArchitecturesRun trains a step of every published architecture at an odd size and with the large stem.
func TestPublishedArchitecturesRun(t *testing.T) {
	d := graph.NewCPU(2)
	defer d.Close()
	for _, name := range genotypes.Names() {
		g, _ := genotypes.Lookup(name)
		for _, s := range []Size{{SmallStem, 2, 3, 4, 13}, {LargeStem, 2, 3, 4, 64}} {
			n, err := New(g, s)
			if err != nil {
				if !strings.Contains(err.Error(), "2x2 pool") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s at %+v: %v", name, s, err)
				}
				continue
			}
			n.Initialise(1)
			r, used, err := n.Gradients(d, noise(2, s), Training{DropPath: 0.2, Random: random.New(1, "drop-path"), Auxiliary: 0.4})
			if err != nil || math.IsNaN(r.Loss) || len(used) == 0 {
				t.Errorf("%s at %+v: loss %g, %d parameters, error %v", name, s, r.Loss, len(used), err)
			}
			if _, err := n.Evaluate(d, noise(3, s)); err != nil {
				t.Errorf("%s at %+v: %v", name, s, err)
			}
		}
	}
}

// TestCountedParameters holds the parameters that networks have against the published costs' counting.
func TestCountedParameters(t *testing.T) {
	for _, name := range genotypes.Names() {
		g, _ := genotypes.Lookup(name)
		for _, s := range []Size{{SmallStem, 4, 5, 10, 32}, {LargeStem, 4, 5, 10, 224}} {
			n, err := New(g, s)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			cost, err := CostOf(g, s)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, p := range n.Parameters() {
				got += len(p.Data)
			}
			if want := cost.Parameters + cost.AuxiliaryParameters; got != want {
				t.Errorf("%s at %+v: %d parameters, counted %d", name, s, got, want)
			}
		}
	}
}

// TestAuxiliaryHeadNeedsRoom holds the smallest maps that have a head (spec section 9).
func TestAuxiliaryHeadNeedsRoom(t *testing.T) {
	g, _ := genotypes.Lookup("DARTS")
	for _, c := range []struct {
		size Size
		want bool
	}{
		{Size{SmallStem, 2, 3, 4, 32}, true}, {Size{SmallStem, 2, 3, 4, 28}, false},
		{Size{LargeStem, 2, 3, 4, 224}, true}, {Size{LargeStem, 2, 3, 4, 192}, false},
		{Size{LargeStem, 2, 3, 4, 512}, true},
	} {
		if n := small(t, g, c.size); n.HasAuxiliary() != c.want {
			t.Errorf("%+v: a head is %v, want %v", c.size, n.HasAuxiliary(), c.want)
		}
	}
}

// TestDropPath checks which edges are dropped, how often, and that what is kept keeps its mean.
func TestDropPath(t *testing.T) {
	c := genotype.Cell{Concat: []int{2, 3}, Edges: []genotype.Edge{
		{Op: primitive.SkipConnect, From: 0, To: 2}, {Op: primitive.Conv1x1, From: 1, To: 2},
		{Op: primitive.NullOp, From: 2, To: 3}, {Op: primitive.MaxPool3x3, From: 2, To: 3},
	}}
	n := small(t, genotype.Genotype{Normal: c, Reduce: c}, Size{SmallStem, 2, 3, 4, 8})
	p := pass{network: n, batch: dataset.Batch{N: 10_000}, Training: Training{DropPath: 0.2, Random: random.New(1, "drop-path")}}
	p.drop()
	var dropped []bool
	for _, factors := range p.dropped {
		dropped = append(dropped, factors != nil)
		sum := float32(0)
		for _, f := range factors {
			if f != 0 && f != 1.25 {
				t.Fatalf("a factor of %g", f)
			}
			sum += f / 10_000
		}
		if factors != nil && math.Abs(float64(sum)-1) > 0.03 {
			t.Errorf("factors of mean %g", sum)
		}
	}
	// Only cell 0 is a normal cell with stride 1: in cells 1 and 2 the skip is a factorized reduce.
	want := []bool{false, true, false, true, true, true, false, true, true, true, false, true}
	if !slices.Equal(dropped, want) {
		t.Errorf("dropped edges %v, want %v", dropped, want)
	}
	// Dropping shows in the logits.
	d := graph.NewCPU(1)
	defer d.Close()
	b := noise(4, n.size)
	plain, _, err := n.Gradients(d, b, Training{})
	if err != nil {
		t.Fatal(err)
	}
	with, _, err := n.Gradients(d, b, Training{DropPath: 0.9, Random: random.New(2, "drop-path")})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(plain.Logits, with.Logits) {
		t.Error("dropping paths changes nothing")
	}
}

// TestNullNode runs a node whose edges are both null: it is zeros, which the normalisations behind it shift.
func TestNullNode(t *testing.T) {
	c := genotype.Cell{Concat: []int{2, 3}, Edges: []genotype.Edge{
		{Op: primitive.NullOp, From: 0, To: 2}, {Op: primitive.NullOp, From: 1, To: 2},
		{Op: primitive.Conv1x1, From: 2, To: 3}, {Op: primitive.NullOp, From: 1, To: 3},
	}}
	n := small(t, genotype.Genotype{Normal: c, Reduce: c}, Size{SmallStem, 2, 1, 2, 4})
	for _, name := range []string{"cells.0._ops.2.op.2.bias", "classifier.weight"} {
		for i := range n.set.Parameter(name).Data {
			n.set.Parameter(name).Data[i] = 0.5
		}
	}
	clear(n.set.Parameter("classifier.bias").Data)
	d := graph.NewCPU(1)
	defer d.Close()
	for range 2 {
		r, used, err := n.Gradients(d, noise(2, n.size), Training{})
		if err != nil {
			t.Fatal(err)
		}
		for _, logit := range r.Logits { // four channels of node 3 have the value of the shift, 0.5, and the weight 0.5
			if math.Abs(float64(logit)-1) > 1e-6 {
				t.Errorf("logits %v, want 1", r.Logits)
			}
		}
		if slices.ContainsFunc(used, func(p *graph.Parameter) bool { return strings.HasPrefix(p.Name, "stem") }) {
			t.Error("the stem has a gradient, though nothing leads from it to the loss")
		}
	}
}

// TestRefusedBatch gives a network images of another size.
func TestRefusedBatch(t *testing.T) {
	g, _ := genotypes.Lookup("VGG")
	n := small(t, g, Size{SmallStem, 2, 3, 4, 16})
	d := graph.NewCPU(1)
	defer d.Close()
	wrong := noise(2, Size{SmallStem, 2, 3, 4, 8})
	_, evaluated := n.Evaluate(d, wrong)
	_, _, trained := n.Gradients(d, wrong, Training{})
	for _, err := range []error{evaluated, trained} {
		if err == nil || !strings.Contains(err.Error(), "images of 8×8 pixels and 3 channels don't fit a network for 16×16 and 3") {
			t.Errorf("error %v", err)
		}
	}
}
