package supernet

import (
	"testing"

	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/random"
)

// BenchmarkBuild builds and differentiates the graph of a step for the weights, and plans its run.
func BenchmarkBuild(b *testing.B) {
	s, err := New(Default(FullyConcat))
	if err != nil {
		b.Fatal(err)
	}
	batch := randomBatch(64, s.config)
	a := genotype.Random(random.New(1, "build"), s.config.Nodes)
	d := graph.NewCPU(1)
	defer d.Close()
	b.ReportAllocs()
	for b.Loop() {
		g, err := s.build(batch, []genotype.Genotype{a}, make([]Result, 1), func(g *graph.Graph, loss *graph.Node) error {
			_, err := g.Backward(loss)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		graph.NewMachine(d, g.Graph)
	}
}
