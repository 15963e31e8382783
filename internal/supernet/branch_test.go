package supernet

import (
	"slices"
	"testing"

	"nat/internal/genotype"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/random"
)

// TestBranchesChangeNothing evaluates pairs of architectures, which a card does beside each other, many times: the results are
// those of each alone, to the bit.
func TestBranchesChangeNothing(t *testing.T) {
	d := graph.NewCard(gputest.Open(t), 2)
	defer d.Close()
	for _, opType := range []OpType{FullyConcat, LooseEnd} {
		s, err := New(Config{OpType: opType, Nodes: 3, Channels: 4, Layers: 4, Classes: 10, ImageChannels: 3, ImageSize: 8})
		if err != nil {
			t.Fatal(err)
		}
		s.Initialise(1)
		b := randomBatch(6, s.config)
		stream := random.New(4, "test")
		for range 4 {
			var all []genotype.Genotype
			var want []Result
			for range 2 + stream.IntN(2) {
				a := genotype.Random(stream, 3)
				r, err := s.Evaluate(d, b, a)
				if err != nil {
					t.Fatal(err)
				}
				all, want = append(all, a), append(want, r)
			}
			for range 6 {
				got, err := s.EvaluateAll(d, b, all...)
				if err != nil {
					t.Fatal(err)
				}
				for i := range got {
					if !slices.Equal(got[i].Logits, want[i].Logits) || got[i].Loss != want[i].Loss || got[i].Correct != want[i].Correct {
						t.Fatalf("%s: architecture %d of %d: loss %g, alone %g", opType, i, len(all), got[i].Loss, want[i].Loss)
					}
				}
			}
		}
	}
}
