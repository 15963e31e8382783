package graph

import "testing"

// TestNormGradientsAreComputedInPairs has every two normalisations that are added read the gradient once.
func TestNormGradientsAreComputedInPairs(t *testing.T) {
	d := NewCPU(1)
	defer d.Close()
	g, err := Build(func(g *Graph) error {
		_, err := g.Backward(net{}.loss(g, new(int)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	steps := NewMachine(d, g).steps
	alone, pairs := 0, 0
	for i, s := range steps {
		work, ok := s.work.(normGradient)
		switch {
		case !ok:
		case s.twin == 0:
			alone++
		default:
			twin, same := steps[s.twin].work.(normGradient)
			if s.twin <= i || !same || steps[s.twin].in[twin.received] != s.in[work.received] || steps[s.twin].twin != 0 {
				t.Errorf("step %d has step %d for its twin", i, s.twin)
			}
			pairs++
		}
	}
	if pairs != 3 || alone != 4 {
		t.Errorf("%d pairs, and %d steps without a later twin; want those of the three sums, and their twins and the stem", pairs, alone)
	}
}
