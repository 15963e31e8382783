package cli

import (
	"github.com/spf13/cobra"

	"nat/internal/gpu"
)

// deviceResult is one device of nat devices.
type deviceResult struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Memory    int    `json:"memory"` // bytes
	Driver    string `json:"driver"`
	Processor bool   `json:"processor"`
}

// devicesCommand makes nat devices.
func (p *program) devicesCommand() *cobra.Command {
	var json bool
	c := &cobra.Command{
		Use:   "devices",
		Short: "List the graphics cards and other devices that can be reached",
		Long: `List the devices that can be reached through CUDA (NVIDIA's cards) and OpenCL (any maker's), as their drivers tell of
them, and for each of the two the reason if there is none. No toolkit is needed, only the card's driver.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			found, missing := gpu.Devices()
			results, reasons := []deviceResult{}, []string{}
			for _, i := range found {
				results = append(results, deviceResult{i.ID(), i.Name, i.Memory, i.Driver, i.Processor})
			}
			for _, err := range missing {
				reasons = append(reasons, err.Error())
			}
			if json {
				return p.printJSON(struct {
					Devices []deviceResult `json:"devices"`
					Missing []string       `json:"missing"`
				}{results, reasons})
			}
			p.printDevices(results, reasons)
			return nil
		},
	}
	jsonFlag(c.Flags(), &json)
	return c
}

func (p *program) printDevices(results []deviceResult, reasons []string) {
	rows := [][]string{{"device", "name", "memory", "driver"}}
	for _, r := range results {
		name := r.Name
		if r.Processor {
			name += " (the processor)"
		}
		rows = append(rows, []string{r.ID, name, grouped(r.Memory>>20) + " MiB", r.Driver})
	}
	if len(results) > 0 {
		p.printTable(rows)
	}
	for _, reason := range reasons {
		p.print("%s\n", reason)
	}
}
