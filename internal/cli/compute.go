package cli

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"nat/internal/gpu"
	"nat/internal/graph"
	"nat/internal/kernel"
	"nat/internal/supernet"
)

// maxThreads bounds --threads.
const maxThreads = 1024

// deviceFlags are the flags of commands that compute.
type deviceFlags struct {
	id          string
	precision   gpu.Precision
	threads     int
	convolution kernel.Algorithm
}

func (d *deviceFlags) define(flags *pflag.FlagSet) {
	deviceFlag(flags, &d.id)
	precisionFlag(flags, &d.precision)
	threadsFlag(flags, &d.threads)
	convolutionFlag(flags, &d.convolution)
}

// device returns what the flags ask for.
func (d *deviceFlags) device() (*graph.Device, error) {
	device, err := d.open()
	if err != nil {
		return nil, err
	}
	if err := device.Compute(d.precision); err != nil {
		device.Close()
		return nil, err
	}
	return device, nil
}

func (d *deviceFlags) open() (*graph.Device, error) {
	if id, ok := cardOf(d.id); ok {
		return graph.OpenCard(id, d.threads)
	}
	return graph.NewCPUOf(d.threads, "", d.convolution)
}

// The devices that are no ID of a card.
const (
	processorDevice = "cpu"
	anyDevice       = "auto"
)

// deviceFlag defines --device, which means the same in every command that has it.
func deviceFlag(flags *pflag.FlagSet, id *string) {
	*id = processorDevice
	read := func(text string) (string, error) {
		if text == processorDevice || text == anyDevice {
			return text, nil
		}
		if _, _, err := gpu.ParseID(text); err != nil {
			return "", fmt.Errorf("give %s, %s, cuda, cuda:N, opencl or opencl:N, as nat devices lists them", processorDevice, anyDevice)
		}
		return text, nil
	}
	flags.Var(&setting[string]{id, read, "name", *id}, "device",
		"what computes: cpu, auto for a graphics card if there is one, or one of nat devices, such as cuda:0")
}

// precisionFlag defines --precision, which means the same in every command that has it.
func precisionFlag(flags *pflag.FlagSet, p *gpu.Precision) {
	*p = gpu.Float32
	words := make([]string, 0, len(gpu.Precisions()))
	for _, known := range gpu.Precisions() {
		words = append(words, string(known))
	}
	read := func(text string) (p gpu.Precision, err error) {
		if p.UnmarshalText([]byte(text)) != nil {
			err = errors.New(choices(text, words))
		}
		return p, err
	}
	flags.Var(&setting[gpu.Precision]{p, read, "word", string(*p)}, "precision",
		"what dense convolutions on a CUDA card round to; all but float32 takes tensor cores: "+strings.Join(words, ", "))
}

// cardOf returns the ID of the card that a --device stands for, and false for the processor.
func cardOf(device string) (id string, ok bool) {
	switch device {
	case processorDevice:
		return "", false
	case anyDevice:
		return gpu.Best()
	}
	return device, true
}

// convolutionFlag defines --convolution, which means the same in every command that has it.
func convolutionFlag(flags *pflag.FlagSet, a *kernel.Algorithm) {
	words := []string{kernel.Auto.String(), kernel.Direct.String(), kernel.Winograd.String()}
	read := func(text string) (kernel.Algorithm, error) {
		a, err := kernel.ParseAlgorithm(text)
		if err != nil {
			return a, errors.New(choices(text, words))
		}
		return a, nil
	}
	flags.Var(&setting[kernel.Algorithm]{a, read, "word", a.String()}, "convolution",
		"how 3×3 and 5×5 convolutions are computed, which changes last digits; auto takes the faster way: "+strings.Join(words, ", "))
}

// threadsFlag defines --threads, which means the same in every command that has it.
func threadsFlag(flags *pflag.FlagSet, threads *int) {
	wholeNumber(flags, threads, "threads", min(runtime.NumCPU(), maxThreads), 1, maxThreads, "processor cores to use")
}

// batchSizeFlag defines --batch-size, which means the same in every command that has it.
func batchSizeFlag(flags *pflag.FlagSet, size *int) {
	wholeNumber(flags, size, "batch-size", 64, 1, 1<<14, "images that are computed, and normalised, together")
}

// opTypeFlag defines --op-type. It is empty where it isn't given.
func opTypeFlag(flags *pflag.FlagSet, opType *supernet.OpType, usage string) {
	flags.Var(&setting[supernet.OpType]{value: opType, read: supernet.ParseOpType, kind: "word"}, "op-type",
		fmt.Sprintf("%s: %s, %s", usage, supernet.FullyConcat, supernet.LooseEnd))
}

// note prints one line about what is being done.
func (p *program) note(format string, values ...any) {
	fmt.Fprintf(p.stderr, "nat: %s\n", oneLine(fmt.Sprintf(format, values...)))
}
