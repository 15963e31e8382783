package network

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nat/internal/block"
	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/golden"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/kernel"
)

// goldenFiles are the files of networks, and the stem of each.
var goldenFiles = map[string]Stem{"network_cifar": SmallStem, "network_imagenet": LargeStem}

// sharedParameter lies once, in network_cifar, for all cases of both files.
const sharedParameter = "auxiliary_head.features.5.weight"

// eachCase runs a test with every case of both files, and every set of kernels that this processor has, and on a card.
func eachCase(t *testing.T, test func(t *testing.T, d *graph.Device, f *golden.File, name string, n *Network, b dataset.Batch)) {
	shared := golden.Open(t, "network_cifar").Get("param/" + sharedParameter).Float32()
	for file, stem := range goldenFiles {
		f := golden.Open(t, file)
		for _, name := range f.Cases() {
			run := func(device string, open func(t *testing.T) *graph.Device) {
				t.Run(file+"/"+name+"/"+device, func(t *testing.T) {
					d := open(t)
					defer d.Close()
					n, b := fromGolden(t, f, name, stem, shared)
					test(t, d, f, name, n, b)
				})
			}
			for _, set := range kernel.Sets() {
				run(set, func(t *testing.T) *graph.Device {
					d, err := graph.NewCPUOf(2, set, kernel.Winograd)
					if err != nil {
						t.Fatal(err)
					}
					return d
				})
			}
			run("card", func(t *testing.T) *graph.Device { return graph.NewCard(gputest.Open(t), 2) })
		}
	}
}

// fromGolden returns the network and the batch of a golden case.
func fromGolden(t *testing.T, f *golden.File, name string, stem Stem, shared []float32) (*Network, dataset.Batch) {
	number := func(key string) int {
		n, err := strconv.Atoi(f.Metadata[key])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var g genotype.Genotype
	if err := g.UnmarshalText([]byte(f.Metadata[name+"/genotype"])); err != nil {
		t.Fatal(err)
	}
	size := Size{stem, number("init_channels"), number("layers"), number("num_classes"), number("image_size")}
	n, err := New(g, size)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{sharedParameter}
	for _, p := range n.Parameters() {
		if p.Name == sharedParameter {
			copy(p.Data, shared)
			continue
		}
		names = append(names, p.Name)
		want := f.Get(name + "/param/" + p.Name)
		if !slices.Equal(p.Shape, want.Shape) {
			t.Fatalf("%s has shape %v, want %v", p.Name, p.Shape, want.Shape)
		}
		copy(p.Data, want.Float32())
	}
	for _, p := range f.Names(name + "/param/") {
		if !slices.Contains(names, p) {
			t.Errorf("the network has no parameter %s", p)
		}
	}
	return n, goldenBatch(f, name, size)
}

func goldenBatch(f *golden.File, name string, s Size) dataset.Batch {
	b := dataset.Batch{Images: f.Get(name + "/input").Float32(), Channels: imageChannels, Height: s.ImageSize, Width: s.ImageSize}
	for _, label := range f.Get(name + "/target").Ints() {
		b.Labels = append(b.Labels, int32(label))
	}
	b.N = len(b.Labels)
	return b
}

// TestGolden holds a training pass, with its gradients and running statistics, and the evaluation that follows it against
// the golden numbers.
func TestGolden(t *testing.T) {
	eachCase(t, func(t *testing.T, d *graph.Device, f *golden.File, name string, n *Network, b dataset.Batch) {
		r, used, err := n.Gradients(d, b, Training{Auxiliary: 0.4})
		if err != nil {
			t.Fatal(err)
		}
		f.Check(t, name+"/logits", r.Logits, golden.Outputs)
		f.Check(t, name+"/aux_logits", r.AuxiliaryLogits, golden.Outputs)
		f.Check(t, name+"/loss", []float32{float32(r.Loss)}, golden.Outputs)
		gradients := map[string][]float32{}
		for _, p := range used {
			gradients[p.Name] = p.Gradient
		}
		for _, p := range f.Names(name + "/grad/") {
			f.Check(t, name+"/grad/"+p, gradients[p], golden.NetworkGradients)
		}
		names := strings.Split(f.Metadata[name+"/grad_names"], ",")
		for i, want := range f.Get(name + "/grad_norms").Values {
			if got := golden.Norm(gradients[names[i]]); !(math.Abs(got-want) <= golden.NetworkGradients*want) {
				t.Errorf("the gradient of %s has norm %g, want %g", names[i], got, want)
			}
		}
		checkRunning(t, f, name, n)
		e, err := n.Evaluate(d, b)
		if err != nil {
			t.Fatal(err)
		}
		f.Check(t, name+"/eval_logits", e.Logits, golden.Outputs)
	})
}

func checkRunning(t *testing.T, f *golden.File, name string, n *Network) {
	var got []string
	for _, s := range n.Statistics() {
		got = append(got, s.Name+".running_mean", s.Name+".running_var")
		f.Check(t, name+"/running/"+s.Name+".running_mean", s.Mean, golden.Outputs)
		f.Check(t, name+"/running/"+s.Name+".running_var", s.Variance, golden.Outputs)
	}
	slices.Sort(got)
	if want := f.Names(name + "/running/"); !slices.Equal(got, want) {
		t.Errorf("running statistics %v, want %v", got, want)
	}
}

// TestGradientOfImages holds the gradient by the images against its golden norm, with images that are a parameter.
func TestGradientOfImages(t *testing.T) {
	eachCase(t, func(t *testing.T, d *graph.Device, f *golden.File, name string, n *Network, b dataset.Batch) {
		images := graph.NewParameter("images", b.N, b.Channels, b.Height, b.Width)
		copy(images.Data, b.Images)
		p := pass{network: n, mode: block.Training, batch: b, Training: Training{Auxiliary: 0.4}}
		g, err := graph.Build(func(g *graph.Graph) error {
			_, err := g.Backward(p.build(g, g.Parameter(images)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.run(d, g); err != nil {
			t.Fatal(err)
		}
		want := f.Get(name + "/grad_input_norm").Values[0]
		if got := golden.Norm(images.Gradient); !(math.Abs(got-want) <= golden.NetworkGradients*want) {
			t.Errorf("the gradient by the images has norm %g, want %g", got, want)
		}
	})
}
