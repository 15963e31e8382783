package block

import (
	"fmt"
	"strings"
	"testing"

	"nat/internal/golden"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/kernel"
	"nat/internal/primitive"
)

// blockOf returns the block of a golden case, "sep_conv_3x3/c6h7s2" or "factorized_reduce/c6to12h7".
func blockOf(t *testing.T, name string) (b Block, null bool) {
	kind, size, _ := strings.Cut(name, "/")
	channels, height, stride := 6, 9, 1
	if size != "odd" {
		if _, err := fmt.Sscanf(size, "c%dh%ds%d", &channels, &height, &stride); err != nil {
			if _, err := fmt.Sscanf(size, "c%dto", &channels); err != nil {
				t.Fatalf("case %s: %v", name, err)
			}
		}
	}
	switch kind {
	case "relu_conv_bn":
		return ReLUConvNorm(channels, 2*channels, Supernet), false
	case "factorized_reduce":
		return FactorizedReduce(channels, 2*channels, Supernet), false
	}
	id, ok := primitive.ByName(kind)
	if !ok {
		t.Fatalf("case %s: no such primitive", name)
	}
	if id == primitive.NullOp {
		return Block{}, true
	}
	return Of(id, channels, stride, Supernet), false
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

// TestGolden holds every block's output and gradients against the golden numbers.
func TestGolden(t *testing.T) { forKernels(t, checkGolden) }

func checkGolden(t *testing.T, d *graph.Device) {
	f := golden.Open(t, "ops")
	for _, name := range f.Cases() {
		t.Run(name, func(t *testing.T) {
			b, null := blockOf(t, name)
			if null { // no block: graphs leave it out, as zeros that are passed on as zeros
				f.Check(t, name+"/y", make([]float32, len(f.Get(name+"/y").Values)), golden.Ops)
				f.Check(t, name+"/dx", make([]float32, len(f.Get(name+"/x").Values)), golden.Ops)
				return
			}
			x := graph.NewParameter("x", f.Get(name+"/x").Shape...)
			copy(x.Data, f.Get(name+"/x").Float32())
			var set Set
			set.Add("", b, false)
			for _, p := range set.Parameters() {
				copy(p.Data, f.Get(name+"/param/"+p.Name).Float32())
			}
			if want := f.Names(name + "/param/"); len(want) != len(set.Parameters()) {
				t.Errorf("the block has parameters %v, want %v", b.Parameters(), want)
			}
			y := make([]float32, len(f.Get(name+"/y").Values))
			g, err := graph.Build(func(g *graph.Graph) error {
				node := b.Apply(g, g.Parameter(x), set.From("", BatchOnly))
				if node.Op() != nil { // an identity has no op to keep
					g.Keep(node, y)
				} else {
					copy(y, x.Data)
				}
				dy := f.Get(name + "/dy")
				_, err := g.Backward(g.Dot(node, dy.Float32()))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := graph.NewMachine(d, g).RunAll(); err != nil {
				t.Fatal(err)
			}
			f.Check(t, name+"/y", y, golden.Ops)
			f.Check(t, name+"/dx", x.Gradient, golden.Ops)
			for _, p := range f.Names(name + "/grad/") {
				f.Check(t, name+"/grad/"+p, set.Parameter(p).Gradient, golden.Ops)
			}
		})
	}
}

// TestScratchStyle checks the names and sizes of the parameters of networks trained from scratch (spec section 11).
func TestScratchStyle(t *testing.T) {
	for id, want := range map[primitive.ID]string{
		primitive.Conv3x3:     "op.1.weight[4 4 3 3] op.2.weight[4] op.2.bias[4]",
		primitive.DilConv3x3:  "op.1.weight[4 1 3 3] op.2.weight[4 4 1 1] op.3.weight[4] op.3.bias[4]",
		primitive.SepConv3x3:  "op.1.weight[4 1 3 3] op.2.weight[4 4 1 1] op.3.weight[4] op.3.bias[4] op.5.weight[4 1 3 3] op.6.weight[4 4 1 1] op.7.weight[4] op.7.bias[4]",
		primitive.Conv1x3x3x1: "1.weight[4 4 1 3] 2.weight[4 4 3 1] 3.weight[4] 3.bias[4]",
		primitive.SkipConnect: "conv_1.weight[2 4 1 1] conv_2.weight[2 4 1 1] bn.weight[4] bn.bias[4]",
		primitive.MaxPool3x3:  "",
	} {
		var got []string
		for _, p := range Of(id, 4, 2, Scratch).Parameters() {
			got = append(got, fmt.Sprint(p.Name, p.Shape))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %v, want %s", id, got, want)
		}
	}
}

// TestCountedParameters holds what blocks have against what the table of primitives says that they cost.
func TestCountedParameters(t *testing.T) {
	for _, id := range primitive.All() {
		for _, stride := range []int{1, 2} {
			for _, style := range []Style{Supernet, Scratch} {
				got := 0
				if id != primitive.NullOp {
					for _, p := range Of(id, 12, stride, style).Parameters() {
						size := 1
						for _, n := range p.Shape {
							size *= n
						}
						got += size
					}
				}
				if want := id.Parameters(12, stride, style.Affine); got != want {
					t.Errorf("%s with stride %d, affine %v: %d parameters, the table says %d", id, stride, style.Affine, got, want)
				}
			}
		}
	}
}
