package cli

import (
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"nat/internal/genotype"
	"nat/internal/network"
)

// The data sets whose published network sizes are known, as --dataset names them.
const (
	datasetCIFAR10  = "cifar10"
	datasetImageNet = "imagenet"
)

// publishedSize returns the size that architectures are published with for a data set.
func publishedSize(dataset string) network.Size {
	if dataset == datasetImageNet {
		return network.ImageNet()
	}
	return network.CIFAR10()
}

// costResult is the JSON of nat cost.
type costResult struct {
	Name                string `json:"name,omitempty"`
	Nodes               int    `json:"nodes"`
	Genotype            string `json:"genotype"`
	Dataset             string `json:"dataset"`
	InitChannels        int    `json:"init_channels"`
	Layers              int    `json:"layers"`
	Parameters          int    `json:"parameters"`
	MAdds               int    `json:"madds"`
	AuxiliaryParameters int    `json:"auxiliary_parameters"`
}

func (p *program) costCommand() *cobra.Command {
	var (
		dataset          string
		channels, layers int
		json             bool
	)
	c := &cobra.Command{
		Use:   "cost ARCH…",
		Short: "Count the parameters and multiply-adds of architectures as networks of their own",
		Long: `Count the exact parameters and multiply-adds of architectures as networks trained from scratch, the way published figures
are counted, and print the genotype as it was understood. With --json, an architecture is an object on a line of its own.`,
		Example: `  nat cost DARTS NAT_DARTS
  nat cost train.log --dataset imagenet
  nat cost "Genotype(normal=[…], …)" --init-channels 16 --layers 8`,
		Args:              someArchitectures(math.MaxInt),
		ValidArgsFunction: completeArchitecture,
	}
	flags := c.Flags()
	choice(flags, &dataset, "dataset", datasetCIFAR10, "whose published network size to take",
		datasetCIFAR10, datasetImageNet)
	wholeNumber(flags, &channels, "init-channels", 0, 1, network.MaxChannels,
		"channels of the first cells (36 for cifar10, 48 for imagenet)")
	wholeNumber(flags, &layers, "layers", 0, 1, network.MaxLayers, "cells (20 for cifar10, 14 for imagenet)")
	jsonFlag(flags, &json)
	c.RunE = func(c *cobra.Command, args []string) error {
		size := publishedSize(dataset)
		if flags.Changed("init-channels") {
			size.Channels = channels
		}
		if flags.Changed("layers") {
			size.Layers = layers
		}
		if err := size.Validate(); err != nil {
			return usagef(c, "%s", err)
		}
		all, err := p.architectures(args)
		if err != nil {
			return err
		}
		results, err := costs(all, dataset, size)
		if err != nil {
			return err
		}
		return p.printCosts(results, size, json)
	}
	return c
}

// costs counts all of the genotypes, or fails at the first that can't be built at that size.
func costs(all []genotype.Genotype, dataset string, size network.Size) ([]costResult, error) {
	var results []costResult
	for _, g := range all {
		cost, err := network.CostOf(g, size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(g), err)
		}
		results = append(results, costResult{
			g.Name, g.Nodes(), g.String(), dataset, size.Channels, size.Layers, cost.Parameters, cost.MAdds, cost.AuxiliaryParameters,
		})
	}
	return results, nil
}

func (p *program) printCosts(results []costResult, size network.Size, json bool) error {
	for _, r := range results {
		if json {
			if err := p.printJSON(r); err != nil {
				return err
			}
			continue
		}
		if r.Name != "" {
			p.print("%s = ", r.Name)
		}
		p.print("%s\n", r.Genotype)
		p.print("  parameters      %14s\n", grouped(r.Parameters))
		p.print("  multiply-adds   %14s\n", grouped(r.MAdds))
		p.print("  auxiliary head  %14s   parameters more, in training only\n\n", grouped(r.AuxiliaryParameters))
	}
	if !json {
		p.print("Counted at init-channels %d, layers %d, %d×%d pixels, %d classes: parameters with the scale and shift of\n"+
			"batch normalisation, multiply-adds of convolutions and classifier for one image, the auxiliary head apart.\n",
			size.Channels, size.Layers, size.ImageSize, size.ImageSize, size.Classes)
	}
	return nil
}

// nameOf returns what to call a genotype in a message.
func nameOf(g genotype.Genotype) string {
	if g.Name == "" {
		return "the genotype"
	}
	return g.Name
}
