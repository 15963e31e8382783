package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"nat/genotypes"
	"nat/internal/genotype"
	"nat/internal/random"
)

// maxRandom bounds --random.
const maxRandom = 10_000

func (p *program) genotypesCommand() *cobra.Command {
	var (
		namesOnly, json bool
		count, nodes    int
		seed            uint64
	)
	c := &cobra.Command{
		Use:   "genotypes",
		Short: "List the published architectures, or draw random ones",
		Long: `List the published architectures with the size of their cells and their costs as CIFAR-10 networks of 36 channels and 20
cells. With --random, draw architectures instead, each as search draws them, and print them as a file of genotypes that
every ARCH argument reads (FILE:random_1).`,
		Example: `  nat genotypes
  nat genotypes --random 10 --nodes 5 --seed 7 > random.py`,
		Args: noArguments,
	}
	flags := c.Flags()
	flags.BoolVar(&namesOnly, "names", false, "print only the names, one a line")
	wholeNumber(flags, &count, "random", 0, 1, maxRandom, "draw that many architectures")
	wholeNumber(flags, &nodes, "nodes", 4, 1, genotype.MaxNodes, "intermediate nodes of the cells drawn")
	seedFlag(flags, &seed)
	jsonFlag(flags, &json)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := exclusive(c, "names", "random"); err != nil {
			return err
		}
		if flags.Changed("random") {
			return p.drawGenotypes(count, nodes, seed, json)
		}
		for _, name := range []string{"nodes", "seed"} {
			if flags.Changed(name) {
				return usagef(c, "--%s has a meaning with --random N only", name)
			}
		}
		if namesOnly && json {
			return p.printJSON(map[string][]string{"names": genotypes.Names()})
		}
		if namesOnly {
			p.print("%s\n", strings.Join(genotypes.Names(), "\n"))
			return nil
		}
		return p.listGenotypes(json)
	}
	return c
}

// drawGenotypes prints random architectures. Each has a stream of its own, so that the first are the same however many
// are drawn.
func (p *program) drawGenotypes(count, nodes int, seed uint64, json bool) error {
	var all []genotype.Genotype
	for i := range count {
		g := genotype.Random(random.New(seed, "genotypes", i), nodes)
		g.Name = fmt.Sprintf("random_%d", i+1)
		all = append(all, g)
	}
	if json {
		return p.printGenotypes(all)
	}
	for _, g := range all {
		p.print("%s\n", g.Define())
	}
	return nil
}

func (p *program) listGenotypes(json bool) error {
	var all []genotype.Genotype
	for _, name := range genotypes.Names() {
		g, _ := genotypes.Lookup(name)
		all = append(all, g)
	}
	if json {
		return p.printGenotypes(all)
	}
	results, err := costs(all, datasetCIFAR10, publishedSize(datasetCIFAR10))
	if err != nil {
		return err
	}
	rows := [][]string{{"name", "nodes", "parameters", "multiply-adds"}}
	for _, r := range results {
		rows = append(rows, []string{r.Name, fmt.Sprint(r.Nodes), millions(r.Parameters, 2), millions(r.MAdds, 1)})
	}
	p.printTable(rows)
	return nil
}

// printGenotypes prints architectures with their CIFAR-10 costs as one JSON object.
func (p *program) printGenotypes(all []genotype.Genotype) error {
	results, err := costs(all, datasetCIFAR10, publishedSize(datasetCIFAR10))
	if err != nil {
		return err
	}
	return p.printJSON(map[string][]costResult{"genotypes": results})
}
