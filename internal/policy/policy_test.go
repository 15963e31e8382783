package policy

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"gorgonia.org/gorgonia"

	"nat/internal/genotype"
	"nat/internal/golden"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/primitive"
	"nat/internal/random"
)

// fromGolden returns the policy of a golden file.
func fromGolden(t *testing.T, f *golden.File) *Policy {
	number := func(key string) int {
		n, err := strconv.Atoi(f.Metadata[key])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	p, err := New(Config{Embedding: number("edge_hid"), Features: number("nfeat"), Hidden: number("hidden")})
	if err != nil {
		t.Fatal(err)
	}
	for _, parameter := range p.Parameters() {
		want := f.Get("param/" + parameter.Name[len(Prefix):])
		if !slices.Equal(parameter.Shape, want.Shape) {
			t.Fatalf("%s has shape %v, want %v", parameter.Name, parameter.Shape, want.Shape)
		}
		copy(parameter.Data, want.Float32())
	}
	return p
}

func goldenDecision(f *golden.File, name string) Decision {
	var d Decision
	for row := range slices.Chunk(f.Get(name+"/arch").Ints(), 3) {
		d.Cell.Edges = append(d.Cell.Edges, genotype.Edge{Op: primitive.ID(row[0]), From: row[1], To: row[2]})
	}
	d.Cell.Concat = []int{2}
	for _, id := range f.Get(name + "/chosen").Ints() {
		d.Chosen = append(d.Chosen, primitive.ID(id))
	}
	return d
}

// TestGolden holds probabilities, loss and gradients against the golden numbers.
func TestGolden(t *testing.T) {
	dev := graph.NewCPU(2)
	defer dev.Close()
	checkGolden(t, dev)
}

// TestGoldenOnCard has a card compute what package policy itself leaves to the processor; that computes in between what cards
// have no kernels for.
func TestGoldenOnCard(t *testing.T) {
	dev := graph.NewCard(gputest.Open(t), 2)
	defer dev.Close()
	checkGolden(t, dev)
}

func checkGolden(t *testing.T, dev *graph.Device) {
	for _, file := range []string{"policy", "policy_loose_end"} {
		f := golden.Open(t, file)
		entropyWeight, err := strconv.ParseFloat(f.Metadata["entropy_coeff"], 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range f.Cases() {
			t.Run(file+"/"+name, func(t *testing.T) {
				p, decision := fromGolden(t, f), goldenDecision(f, name)
				f.Check(t, name+"/adjacency", decision.Cell.Adjacency(), 0)
				distribution, err := p.distribution(dev, decision.Cell)
				if err != nil {
					t.Fatal(err)
				}
				probabilities := make([]float32, len(distribution)*primitive.Searchable)
				for i, c := range distribution {
					for j, id := range c.Allowed {
						probabilities[i*primitive.Searchable+int(id)] = float32(c.P[j])
					}
				}
				f.Check(t, name+"/prob", probabilities, golden.Policy)
				f.Check(t, name+"/logits", p.goldenLogits(t, dev, decision.Cell), golden.Policy)
				advantage := f.Get(name + "/reward").Values[0]
				outcome, used, err := p.gradients(dev, []Decision{decision.with(advantage)}, entropyWeight, nil)
				if err != nil {
					t.Fatal(err)
				}
				f.Check(t, name+"/log_p", []float32{float32(outcome.LogProbability)}, golden.Policy)
				f.Check(t, name+"/entropy", []float32{float32(outcome.Entropy)}, golden.Policy)
				f.Check(t, name+"/loss", []float32{float32(outcome.Loss)}, golden.Policy)
				if want := f.Names(name + "/grad/"); len(used) != len(want) {
					t.Errorf("%d parameters have gradients, want %v", len(used), want)
				}
				for _, parameter := range used {
					f.Check(t, name+"/grad/"+parameter.Name[len(Prefix):], parameter.Gradient, golden.Policy)
				}
			})
		}
	}
}

func (p *Policy) goldenLogits(t *testing.T, dev *graph.Device, c genotype.Cell) []float32 {
	logits := make([]float32, len(c.Edges)*primitive.Searchable)
	g, err := graph.Build(func(g *graph.Graph) error {
		g.Keep(p.logits(g, "", c, nil), logits)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := graph.NewMachine(dev, g).RunAll(); err != nil {
		t.Fatal(err)
	}
	return logits
}

// small returns a policy that draws quickly.
func small(t *testing.T, change func(*Config)) *Policy {
	c := Config{Embedding: 3, Features: 7, Hidden: 5}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	p.Initialise(1)
	return p
}

// TestOptionsHaveRightGradients compares gradients with finite differences where an option changes the network, for two
// cells at once and with dropout drawn from the same stream each time.
func TestOptionsHaveRightGradients(t *testing.T) {
	dev := graph.NewCPU(1)
	defer dev.Close()
	for name, change := range map[string]func(*Config){
		"plain":                func(*Config) {},
		"normalised features":  func(c *Config) { c.NormaliseFeatures = true },
		"normalised adjacency": func(c *Config) { c.NormaliseAdjacency = true },
		"dropout":              func(c *Config) { c.Dropout = 0.3 },
	} {
		p := small(t, change)
		var decisions []Decision
		for i := range 2 {
			c := genotype.RandomCell(random.New(3, "architectures", i), 3)
			d, err := p.Distribution(dev, c)
			if err != nil {
				t.Fatal(err)
			}
			decisions = append(decisions, Decision{c, d.Sample(random.New(3, "policy", i)), 0.7})
		}
		run := func() (float64, []*graph.Parameter) {
			o, used, err := p.Gradients(dev, decisions, 0.3, random.New(4, "dropout"))
			if err != nil {
				t.Fatal(err)
			}
			return -0.7*o.LogProbability - 0.3*o.Entropy, used
		}
		_, used := run()
		for _, parameter := range used {
			gradient := slices.Clone(parameter.Gradient)
			difference, total := 0.0, 0.0
			for i, x := range parameter.Data {
				slope := 0.0
				for _, step := range []float32{1e-3, -1e-3} {
					parameter.Data[i] = x + step
					loss, _ := run()
					slope += loss / (2 * float64(step))
				}
				parameter.Data[i] = x
				difference += math.Abs(slope - float64(gradient[i]))
				total += math.Abs(slope)
			}
			if !(difference <= 0.01*total) {
				t.Errorf("%s: the gradient of %s is off by %.2g of itself", name, parameter.Name, difference/total)
			}
		}
	}
}

// TestAdvantageRaisesWhatWasDrawn takes one step: with a positive advantage the choice becomes more probable, with a
// negative one less.
func TestAdvantageRaisesWhatWasDrawn(t *testing.T) {
	dev := graph.NewCPU(1)
	defer dev.Close()
	for _, advantage := range []float64{0.5, -0.5} {
		p := small(t, nil)
		c := genotype.RandomCell(random.New(5, "architectures"), 4)
		before, err := p.Distribution(dev, c)
		if err != nil {
			t.Fatal(err)
		}
		decision := Decision{c, before.Sample(random.New(5, "policy")), advantage}
		_, used, err := p.Gradients(dev, []Decision{decision}, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		var model []gorgonia.ValueGrad
		for _, parameter := range used {
			model = append(model, parameter)
		}
		if err := (&graph.Adam{Rate: 1e-3, Beta1: 0.5, Beta2: 0.999, Epsilon: 1e-8}).Step(model); err != nil {
			t.Fatal(err)
		}
		after, err := p.Distribution(dev, c)
		if err != nil {
			t.Fatal(err)
		}
		if change := after.LogProbability(decision.Chosen) - before.LogProbability(decision.Chosen); change*advantage <= 0 {
			t.Errorf("an advantage of %g changed the log-probability by %g", advantage, change)
		}
	}
}

// TestSampleFollowsTheProbabilities draws many times and compares frequencies.
func TestSampleFollowsTheProbabilities(t *testing.T) {
	d := Distribution{newChoice(primitive.DilConv3x3, []float32{1, 0, 0.3, 0, -1, 0, 0, 2, 0, 0, 0, 0, 0.5})}
	r := rand.New(rand.NewPCG(1, 2))
	counts := make([]float64, len(d[0].Allowed))
	const draws = 200_000
	for range draws {
		counts[d[0].position(d.Sample(r)[0])]++
	}
	for i, p := range d[0].Normalised() {
		if got := counts[i] / draws; math.Abs(got-p) > 4*math.Sqrt(p*(1-p)/draws) {
			t.Errorf("%s was drawn with frequency %.4f, want %.4f", d[0].Allowed[i], got, p)
		}
	}
	if got := d.Mode()[0]; got != primitive.DilConv3x3 {
		t.Errorf("the most probable is %s, want dil_conv_3x3", got)
	}
}

// TestPrimitivesOutsideTheSearchSpace keeps such an edge's own primitive among its choices, with its stand-in's logit.
func TestPrimitivesOutsideTheSearchSpace(t *testing.T) {
	logits := make([]float32, primitive.Searchable)
	logits[primitive.Conv5x5], logits[primitive.Conv3x3] = 3, 1
	c := newChoice(primitive.Conv1x7x7x1, logits)
	own, other := c.P[c.position(primitive.Conv1x7x7x1)], c.P[c.position(primitive.Conv3x3)]
	if ratio := (own - floor) / (other - floor); math.Abs(ratio-math.Exp(2)) > 1e-9 {
		t.Errorf("the own primitive is %g times as probable as conv_3x3, want e²", ratio)
	}
	if slices.Contains(c.Allowed, primitive.Conv5x5) {
		t.Error("conv_1x7_7x1 may become conv_5x5, which costs more")
	}
}

// TestBadDecisions refuses what the transition rule forbids.
func TestBadDecisions(t *testing.T) {
	dev := graph.NewCPU(1)
	defer dev.Close()
	p := small(t, nil)
	c := genotype.Cell{Edges: []genotype.Edge{{Op: primitive.SkipConnect, From: 0, To: 2}, {Op: primitive.NullOp, From: 1, To: 2}}, Concat: []int{2}}
	for _, chosen := range [][]primitive.ID{{primitive.Conv3x3, primitive.NullOp}, {primitive.NullOp}, nil} {
		if _, _, err := p.Gradients(dev, []Decision{{c, chosen, 1}}, 0, nil); err == nil {
			t.Errorf("the choice %v was taken", chosen)
		}
	}
	for _, bad := range []Config{{}, {Embedding: 1, Features: 1, Hidden: -1}, {Embedding: 1, Features: 1 << 40, Hidden: 1}, {Embedding: 1, Features: 1, Hidden: 1, Dropout: math.NaN()}} {
		if _, err := New(bad); err == nil {
			t.Errorf("a policy of %+v was made", bad)
		}
	}
}

// TestDefaultSize holds the number of parameters against the published figure.
func TestDefaultSize(t *testing.T) {
	p, err := New(Default())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, parameter := range p.Parameters() {
		total += len(parameter.Data)
	}
	if total != 322_750 {
		t.Errorf("%d parameters, published: 322,750", total)
	}
}

// with returns the decision with an advantage.
func (d Decision) with(advantage float64) Decision {
	d.Advantage = advantage
	return d
}
