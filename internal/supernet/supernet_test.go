package supernet

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/golden"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/kernel"
	"nat/internal/primitive"
	"nat/internal/random"
)

// fromGolden returns the supernet, batch and architecture of a golden case.
func fromGolden(t *testing.T, f *golden.File, name string) (*Supernet, dataset.Batch, genotype.Genotype) {
	number := func(key string) int {
		n, err := strconv.Atoi(f.Metadata[key])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	opType, err := ParseOpType(f.Metadata["op_type"])
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		OpType: opType, Nodes: number("steps"), Channels: number("init_channels"), Layers: number("layers"),
		Classes: number("num_classes"), ImageChannels: 3, ImageSize: number("image_size"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Names(name + "/param/") {
		parameter := s.set.Parameter(p)
		if parameter == nil {
			t.Fatalf("the supernet has no parameter %s", p)
		}
		if want := f.Get(name + "/param/" + p); !slices.Equal(parameter.Shape, want.Shape) {
			t.Fatalf("%s has shape %v, want %v", p, parameter.Shape, want.Shape)
		}
		copy(parameter.Data, f.Get(name+"/param/"+p).Float32())
	}
	b := dataset.Batch{Images: f.Get(name + "/input").Float32(), N: number("batch"), Channels: 3, Height: s.config.ImageSize, Width: s.config.ImageSize}
	for _, label := range f.Get(name + "/target").Ints() {
		b.Labels = append(b.Labels, int32(label))
	}
	return s, b, genotype.Genotype{Normal: goldenCell(f, name+"/arch_normal"), Reduce: goldenCell(f, name+"/arch_reduce")}
}

func goldenCell(f *golden.File, name string) (c genotype.Cell) {
	for row := range slices.Chunk(f.Get(name).Ints(), 3) {
		c.Edges = append(c.Edges, genotype.Edge{Op: primitive.ID(row[0]), From: row[1], To: row[2]})
	}
	for t := range c.Nodes() {
		c.Concat = append(c.Concat, t+2)
	}
	return c
}

// forKernels runs a test with every set of kernels that this processor has, and each algorithm for convolutions, and on a card.
func forKernels(t *testing.T, test func(t *testing.T, d *graph.Device)) {
	for _, name := range kernel.Sets() {
		for _, algorithm := range []kernel.Algorithm{kernel.Direct, kernel.Winograd} {
			t.Run(name+"/"+algorithm.String(), func(t *testing.T) {
				d, err := graph.NewCPUOf(2, name, algorithm)
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				test(t, d)
			})
		}
	}
	t.Run("card", func(t *testing.T) {
		d := graph.NewCard(gputest.Open(t), 2)
		defer d.Close()
		test(t, d)
	})
}

// TestGolden holds logits, loss and gradients of whole supernets against the golden numbers.
func TestGolden(t *testing.T) { forKernels(t, checkGolden) }

func checkGolden(t *testing.T, d *graph.Device) {
	for _, file := range []string{"supernet_fully_concat", "supernet_loose_end"} {
		f := golden.Open(t, file)
		for _, name := range f.Cases() {
			t.Run(file+"/"+name, func(t *testing.T) {
				s, b, a := fromGolden(t, f, name)
				r, used, err := s.Gradients(d, b, a)
				if err != nil {
					t.Fatal(err)
				}
				f.Check(t, name+"/logits", r.Logits, golden.Outputs)
				f.Check(t, name+"/loss", []float32{float32(r.Loss)}, golden.Outputs)
				gradients := map[string][]float32{}
				for _, p := range used {
					gradients[p.Name] = p.Gradient
				}
				for _, p := range f.Names(name + "/grad/") {
					f.Check(t, name+"/grad/"+p, gradients[p], golden.Gradients)
				}
				names := strings.Split(f.Metadata[name+"/grad_names"], ",")
				for i, want := range f.Get(name + "/grad_norms").Values {
					got := golden.Norm(gradients[names[i]])
					if !(math.Abs(got-want) <= golden.Gradients*want) {
						t.Errorf("the gradient of %s has norm %g, want %g", names[i], got, want)
					}
				}
				for p := range gradients {
					if !slices.Contains(names, p) {
						t.Errorf("%s has a gradient, but the architecture doesn't use it", p)
					}
				}
				if e, err := s.Evaluate(d, b, a); err != nil || !slices.Equal(e.Logits, r.Logits) || e.Loss != r.Loss {
					t.Errorf("Evaluate gives loss %g, Gradients %g (error %v)", e.Loss, r.Loss, err)
				}
			})
		}
	}
}

// randomBatch is images of noise.
func randomBatch(n int, c Config) dataset.Batch {
	b := dataset.Batch{N: n, Channels: c.ImageChannels, Height: c.ImageSize, Width: c.ImageSize, Labels: make([]int32, n)}
	b.Images = make([]float32, n*c.ImageChannels*c.ImageSize*c.ImageSize)
	stream := random.New(3, "noise")
	for i := range b.Images {
		b.Images[i] = float32(stream.NormFloat64())
	}
	return b
}

// TestSharingChangesNothing evaluates random architectures one by one and together with what the policy might make of them.
func TestSharingChangesNothing(t *testing.T) {
	d := graph.NewCPU(2)
	defer d.Close()
	for _, opType := range []OpType{FullyConcat, LooseEnd} {
		c := Default(opType)
		c.Channels, c.Layers = 6, 5
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		s.Initialise(7)
		b := randomBatch(5, c)
		for seed := range uint64(6) {
			stream := random.New(seed, "architectures")
			a := genotype.Random(stream, c.Nodes)
			changed := genotype.Genotype{Normal: a.Normal.Clone(), Reduce: a.Reduce.Clone()}
			last := len(changed.Normal.Edges) - 1
			changed.Normal.Edges[last].Op = genotype.Random(stream, c.Nodes).Normal.Edges[last].Op
			all := []genotype.Genotype{a, changed, a, genotype.Random(stream, c.Nodes)}
			together, err := s.EvaluateAll(d, b, all...)
			if err != nil {
				t.Fatal(err)
			}
			for i, g := range all {
				alone, err := s.Evaluate(d, b, g)
				if err != nil {
					t.Fatal(err)
				}
				if r := together[i]; r.Loss != alone.Loss || r.Correct != alone.Correct || !slices.Equal(r.Logits, alone.Logits) {
					t.Errorf("%s, seed %d: architecture %d has loss %g with others and %g alone", opType, seed, i, r.Loss, alone.Loss)
				}
			}
		}
	}
}

// TestGradientOfImages holds the gradient by the images against its golden norm, on a supernet whose images are a parameter.
func TestGradientOfImages(t *testing.T) { forKernels(t, checkGradientOfImages) }

func checkGradientOfImages(t *testing.T, d *graph.Device) {
	for _, file := range []string{"supernet_fully_concat", "supernet_loose_end"} {
		f := golden.Open(t, file)
		for _, name := range f.Cases() {
			s, b, a := fromGolden(t, f, name)
			images := graph.NewParameter("images", b.N, b.Channels, b.Height, b.Width)
			copy(images.Data, b.Images)
			g, err := graph.Build(func(g *graph.Graph) error {
				_, err := g.Backward(g.CrossEntropy(newNetwork(s, g).logits(g.Parameter(images), a), b.Labels, new(int)))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := graph.NewMachine(d, g).RunAll(); err != nil {
				t.Fatal(err)
			}
			want := f.Get(name + "/grad_input_norm").Values[0]
			if got := golden.Norm(images.Gradient); !(math.Abs(got-want) <= golden.Gradients*want) {
				t.Errorf("%s: the gradient by the images has norm %g, want %g", name, got, want)
			}
		}
	}
}

// TestDefaultSize holds the number of parameters of the published supernet against the published figure.
func TestDefaultSize(t *testing.T) {
	s, err := New(Default(FullyConcat))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, p := range s.Parameters() {
		total += len(p.Data)
	}
	if total != 15_024_550 {
		t.Errorf("%d parameters, published: 15,024,550", total)
	}
}

// TestLargeStem runs a supernet for large images: the stem makes an eighth of their size, and its weights get gradients that
// finite differences confirm.
func TestLargeStem(t *testing.T) {
	c := Config{OpType: FullyConcat, Nodes: 2, Channels: 4, Layers: 2, Classes: 3, ImageChannels: 3, ImageSize: dataset.LargeImage}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string][]int{
		"stem0.0.weight": {2, 3, 3, 3}, "stem0.3.weight": {4, 2, 3, 3}, "stem1.1.weight": {4, 4, 3, 3}, "stem1.2.bias": {4},
		"cells.0.preprocess0.conv_1.weight": {4, 4, 1, 1}, "cells.0.preprocess1.op.1.weight": {8, 4, 1, 1},
	} {
		if p := s.set.Parameter(name); p == nil || !slices.Equal(p.Shape, shape) {
			t.Errorf("%s: %+v, want shape %v", name, p, shape)
		}
	}
	s.Initialise(3)
	r := random.New(4, "test")
	b := dataset.Batch{N: 2, Channels: 3, Height: c.ImageSize, Width: c.ImageSize, Labels: []int32{0, 2}, Images: make([]float32, 2*3*c.ImageSize*c.ImageSize)}
	for i := range b.Images {
		b.Images[i] = float32(r.NormFloat64())
	}
	d := graph.NewCPU(2)
	defer d.Close()
	a := genotype.Random(random.New(5, "test"), 2)
	if _, _, err := s.Gradients(d, b, a); err != nil {
		t.Fatal(err)
	}
	w := s.set.Parameter("stem1.1.weight")
	largest := 0
	for i, g := range w.Gradient {
		if math.Abs(float64(g)) > math.Abs(float64(w.Gradient[largest])) {
			largest = i
		}
	}
	const step = 1e-3
	loss := func(by float32) float64 {
		w.Data[largest] += by
		defer func() { w.Data[largest] -= by }()
		result, err := s.Evaluate(d, b, a)
		if err != nil {
			t.Fatal(err)
		}
		return result.Loss
	}
	got := float64(w.Gradient[largest])
	if want := (loss(step) - loss(-step)) / (2 * step); math.Abs(got-want) > 0.05*math.Abs(want) {
		t.Errorf("gradient %g, differences say %g", got, want)
	}
	c.Channels = 3
	if _, err := New(c); err == nil {
		t.Error("an odd number of channels is halved")
	}
}

// TestInitialise checks the ranges from which weights are drawn (spec section 5), and that the seed decides them.
func TestInitialise(t *testing.T) {
	c := Config{OpType: FullyConcat, Nodes: 2, Channels: 4, Layers: 3, Classes: 10, ImageChannels: 3, ImageSize: 8}
	make := func(seed uint64) *Supernet {
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		s.Initialise(seed)
		return s
	}
	s, again, other := make(1), make(1), make(2)
	differ := 0
	for i, p := range s.Parameters() {
		if !slices.Equal(p.Data, again.Parameters()[i].Data) {
			t.Errorf("%s differs between two draws of one seed", p.Name)
		}
		if !slices.Equal(p.Data, other.Parameters()[i].Data) {
			differ++
		}
	}
	if want := len(s.Parameters()) - 2; differ != want { // all but the stem's scale and shift
		t.Errorf("another seed changes %d parameters, want %d", differ, want)
	}
	for name, fanIn := range map[string]float64{
		"stem.0.weight": 27, "cells.0._ops.0._ops.5.op.1.weight": 9, "cells.0._ops.0._ops.10.op.1.weight": 36,
		"classifier.weight": 32, "classifier.bias": 32,
	} {
		largest := 0.0
		for _, x := range s.set.Parameter(name).Data {
			largest = max(largest, math.Abs(float64(x)))
		}
		if bound := 1 / math.Sqrt(fanIn); largest > bound || largest < bound*0.6 {
			t.Errorf("%s reaches ±%g, want nearly ±%g", name, largest, bound)
		}
	}
	if scale, shift := s.set.Parameter("stem.1.weight").Data, s.set.Parameter("stem.1.bias").Data; slices.Min(scale) != 1 || slices.Max(scale) != 1 || slices.Min(shift) != 0 || slices.Max(shift) != 0 {
		t.Errorf("the stem starts with scale %v and shift %v", scale, shift)
	}
}

// TestMisfits refuses what doesn't belong together, in one line.
func TestMisfits(t *testing.T) {
	c := Config{OpType: LooseEnd, Nodes: 3, Channels: 2, Layers: 3, Classes: 4, ImageChannels: 3, ImageSize: 8}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	d := graph.NewCPU(1)
	defer d.Close()
	architecture := genotype.Random(random.New(1, "architectures"), 3)
	good := dataset.Batch{Images: make([]float32, 2*3*8*8), Labels: make([]int32, 2), N: 2, Channels: 3, Height: 8, Width: 8}
	if _, err := s.Evaluate(d, good, architecture); err != nil {
		t.Errorf("a fitting batch: %v", err)
	}
	bad := good
	bad.Height, bad.Width = 4, 16
	if _, err := s.Evaluate(d, bad, architecture); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a batch of another size: error %v", err)
	}
	if _, err := s.Evaluate(d, good, genotype.Random(random.New(1, "architectures"), 4)); err == nil || !strings.Contains(err.Error(), "4 nodes") {
		t.Errorf("a genotype of another number of nodes: error %v", err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.OpType = "dense" }, func(c *Config) { c.Nodes = 0 }, func(c *Config) { c.Channels = -1 },
		func(c *Config) { c.Layers = 1 << 40 }, func(c *Config) { c.Classes = 1 }, func(c *Config) { c.ImageSize = 0 },
	} {
		wrong := c
		change(&wrong)
		if _, err := New(wrong); err == nil {
			t.Errorf("a supernet of %+v was made", wrong)
		}
	}
}

// TestLeastWeights holds the count that guards against asking for too much memory against what there really is.
func TestLeastWeights(t *testing.T) {
	for _, c := range []Config{
		Default(FullyConcat),
		{OpType: LooseEnd, Nodes: 12, Channels: 3, Layers: 1, Classes: 7, ImageChannels: 1, ImageSize: 8},
	} {
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		weights := 0
		for _, p := range s.Parameters() {
			weights += len(p.Data)
		}
		if n := c.LeastWeights(); n > weights || 10*n < 9*weights {
			t.Errorf("%+v: %d weights or more, where there are %d", c, n, weights)
		}
	}
	c := Default(FullyConcat)
	c.Channels = 512
	if _, err := New(c); err == nil {
		t.Error("a supernet of 10 G weights is made")
	}
}
