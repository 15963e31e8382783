// Package genotypes has the published architectures, and knows what an ARCH argument of a command may be. It stands above
// internal/genotype, which reads them, and below the commands.
package genotypes

import (
	_ "embed"
	"slices"
	"sync"

	"nat/internal/genotype"
)

//go:embed published.txt
var published string

// file reads the published architectures once.
var file = sync.OnceValue(func() *genotype.File {
	f, err := genotype.Parse("published.txt", published)
	if err != nil {
		panic(err) // a test reads all of it
	}
	return f
})

// Names returns the names of the published architectures: each input is followed by what NAT and NATv2 made of it.
func Names() []string { return file().Names() }

// Lookup returns the published architecture of that name, spelt exactly so.
func Lookup(name string) (genotype.Genotype, bool) {
	if !slices.Contains(Names(), name) {
		return genotype.Genotype{}, false
	}
	g, _, err := file().Find(name)
	return g, err == nil
}
