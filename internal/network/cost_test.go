package network

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"nat/genotypes"
	"nat/internal/genotype"
	"nat/internal/primitive"
	"nat/internal/random"
)

// oneNode is a genotype whose cells have a single node, fed from inputs 0 and 1 by the two operations.
func oneNode(first, second primitive.ID) genotype.Genotype {
	c := genotype.Cell{Edges: []genotype.Edge{{Op: first, From: 0, To: 2}, {Op: second, From: 1, To: 2}}, Concat: []int{2}}
	return genotype.Genotype{Normal: c, Reduce: c}
}

// TestPublishedCosts holds the costs of the published architectures against exact figures that were counted elsewhere.
func TestPublishedCosts(t *testing.T) {
	text, err := os.ReadFile("testdata/costs.json")
	if err != nil {
		t.Fatal(err)
	}
	var published map[string]map[string][2]int // architecture, size, then parameters and multiply-adds
	if err := json.Unmarshal(text, &published); err != nil {
		t.Fatal(err)
	}
	if len(published) != len(genotypes.Names()) {
		t.Errorf("figures for %d architectures, of %d that are published", len(published), len(genotypes.Names()))
	}
	for name, figures := range published {
		g, ok := genotypes.Lookup(name)
		if !ok {
			t.Errorf("no architecture %s", name)
			continue
		}
		for size, s := range map[string]Size{"cifar10_c36_l20": CIFAR10(), "imagenet_c48_l14": ImageNet()} {
			c, err := CostOf(g, s)
			if want := figures[size]; err != nil || c.Parameters != want[0] || c.MAdds != want[1] {
				t.Errorf("%s, %s: %+v, error %v, want %v", name, size, c, err, want)
			}
		}
	}
}

func TestPublishedAuxiliaryHead(t *testing.T) {
	g, _ := genotypes.Lookup("DARTS")
	if c, err := CostOf(g, CIFAR10()); err != nil || c.AuxiliaryParameters != 476_426 {
		t.Errorf("auxiliary head of DARTS: %d parameters, error %v, published 476,426", c.AuxiliaryParameters, err)
	}
}

func TestCostCountedByHand(t *testing.T) {
	got, err := CostOf(oneNode(primitive.Conv1x1, primitive.NullOp), Size{SmallStem, 2, 1, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	// The only cell is a reduce cell of 2·2 channels: stem 3 → 6 at 4×4, two 1×1 convolutions 6 → 4 at 4×4, the edge's
	// 1×1 convolution 4 → 4 at 2×2, the classifier 4 → 3.
	want := Cost{
		Parameters:          (27*6 + 12) + 2*(6*4+8) + (4*4 + 8) + (4*3 + 3),
		MAdds:               27*6*16 + 2*6*4*16 + 4*4*4 + 4*3,
		AuxiliaryParameters: (4*128 + 256) + (128*4*768 + 1536) + (768*3 + 3),
	}
	if got != want {
		t.Errorf("cost %+v, by hand %+v", got, want)
	}
}

func TestEveryLayerCountCostsMore(t *testing.T) {
	g := genotype.Random(random.New(1, "test"), 4)
	for _, s := range []Size{CIFAR10(), ImageNet()} {
		var before Cost
		for s.Layers = 1; s.Layers <= 30; s.Layers++ {
			c, err := CostOf(g, s)
			if err != nil {
				t.Fatal(err)
			}
			if c.Parameters <= before.Parameters {
				t.Errorf("stem %d: %d layers have %d parameters, one less has %d", s.Stem, s.Layers, c.Parameters, before.Parameters)
			}
			before = c
		}
	}
}

func TestLargestSizeDoesNotOverflow(t *testing.T) {
	design := genotype.RandomCell(random.New(1, "test"), genotype.MaxNodes)
	for i := range design.Edges {
		design.Edges[i].Op = primitive.Conv5x5
	}
	for _, stem := range []Stem{SmallStem, LargeStem} {
		s := Size{stem, MaxChannels, MaxLayers, MaxClasses, MaxImageSize}
		c, err := CostOf(genotype.Genotype{Normal: design, Reduce: design}, s)
		if err != nil {
			t.Fatal(err)
		}
		s.Layers--
		less, err := CostOf(genotype.Genotype{Normal: design, Reduce: design}, s)
		if err != nil {
			t.Fatal(err)
		}
		if less.MAdds <= 0 || c.MAdds <= less.MAdds || c.Parameters <= less.Parameters {
			t.Errorf("stem %d: %+v after %+v", stem, c, less)
		}
	}
}

func TestRefusedSizes(t *testing.T) {
	for _, c := range []struct {
		size Size
		want string
	}{
		{Size{SmallStem, 0, 20, 10, 32}, "channels 0: choose 1 to 2048"},
		{Size{SmallStem, 36, -1, 10, 32}, "layers -1: choose 1 to 1000"},
		{Size{SmallStem, 36, 20, 0, 32}, "classes 0: choose 1 to 1048576"},
		{Size{SmallStem, 36, 20, 10, 1025}, "image size 1025: choose 1 to 1024"},
		{Size{LargeStem, 47, 14, 1000, 224}, "channels 47: the ImageNet stem begins with half as many, choose an even number"},
	} {
		if _, err := CostOf(oneNode(primitive.Conv1x1, primitive.NullOp), c.size); err == nil || err.Error() != c.want {
			t.Errorf("%+v: error %v, want %s", c.size, err, c.want)
		}
	}
}

func TestSmallPoolsThatDoNotFit(t *testing.T) {
	odd := CIFAR10()
	odd.ImageSize = 30
	pooled := oneNode(primitive.MaxPool2x2, primitive.AvgPool2x2)
	reduceOnly := genotype.Genotype{Normal: oneNode(primitive.SkipConnect, primitive.SkipConnect).Normal, Reduce: pooled.Reduce}
	for _, c := range []struct {
		name string
		g    genotype.Genotype
		size Size
		want string // what the error says, empty where there is none
	}{
		{"stride 2, even", reduceOnly, CIFAR10(), ""},
		{"stride 1", pooled, CIFAR10(), "cell 1 of 20: normal edge ('max_pool_2x2', 0, 2): a 2x2 pool needs stride 2 and an even size, but this edge has stride 1: use max_pool_3x3 or skip_connect"},
		{"odd size", reduceOnly, odd, "cell 14 of 20: reduce edge ('max_pool_2x2', 0, 2): a 2x2 pool needs stride 2 and an even size, but its input has 15×15 pixels: use max_pool_3x3 or skip_connect"},
	} {
		_, err := CostOf(c.g, c.size)
		if got := message(err); got != c.want {
			t.Errorf("%s: error %q, want %q", c.name, got, c.want)
		}
	}
}

func TestInvalidGenotypeIsRefused(t *testing.T) {
	g := oneNode(primitive.Conv1x1, primitive.NullOp)
	g.Reduce.Concat = nil
	if _, err := CostOf(g, CIFAR10()); !strings.Contains(message(err), "reduce cell: the concat list is empty") {
		t.Errorf("error %v", err)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
