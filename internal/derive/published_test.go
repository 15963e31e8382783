package derive

import (
	"testing"

	"nat/genotypes"
)

// TestPublishedArchitectures derives from all published architectures, NAONet's primitives outside the search space
// included.
func TestPublishedArchitectures(t *testing.T) {
	fixtures := map[int]fixture{4: newFixture(t, 4), 5: newFixture(t, 5)}
	changed := 0
	for _, name := range genotypes.Names() {
		g, _, err := genotypes.Resolve(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := fixtures[g.Nodes()]
		r := f.derive(t, g, f.options())
		checkLegal(t, r)
		if !r.Output.Equal(g) {
			changed++
		}
		o := f.options()
		o.Selection = nil
		r = f.derive(t, g, o)
		checkLegal(t, r)
	}
	if len(genotypes.Names()) != 18 || changed == 0 {
		t.Errorf("of %d published architectures %d were changed, want some of 18", len(genotypes.Names()), changed)
	}
}
