// Package gpu computes on graphics cards: through CUDA on NVIDIA's, through OpenCL on all others, and on processors by
// PoCL. It opens their libraries when a device is asked for, so that neither building nor running needs a toolkit; where
// there is no library there is no device. It stands beside kernel, whose functions it has for memory of a device, and
// below graph.
//
// Rules that hold for all of it:
//   - what is called is queued, and done in the order of the calls; Read and Wait wait;
//   - errors stick: after the first one nothing is done any more, and Read and Wait return it;
//   - sums are made in an order that depends on shapes alone, so a device gives the same bits each time;
//   - a Device serves one goroutine at a time;
//   - sizes are the caller's business: a wrong one is a programming error.
//
// A build with the tag static has no devices: it is one file that needs nothing of the system, not even a C library.
package gpu

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is the interface through which a device is reached.
type Kind string

const (
	CUDA   Kind = "cuda"
	OpenCL Kind = "opencl"
)

// Info describes a device.
type Info struct {
	Kind      Kind
	Index     int    // among those of its kind
	Name      string // as its driver calls it
	Memory    int    // bytes
	Driver    string // version
	Processor bool   // it is no card but the processor
}

// ID returns the device's name in settings, such as cuda:0.
func (i Info) ID() string { return fmt.Sprintf("%s:%d", i.Kind, i.Index) }

// library is one of the interfaces to devices, open.
type library interface {
	devices() ([]Info, error)
	open(Info) (driver, error)
}

// Devices lists the devices there are, CUDA's first, and for each kind that has none the reason.
func Devices() (found []Info, missing []error) {
	for _, kind := range []Kind{CUDA, OpenCL} {
		l, err := openLibrary(kind)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		infos, err := l.devices()
		if err != nil {
			missing = append(missing, err)
		}
		found = append(found, infos...)
	}
	return found, missing
}

// Best returns the ID of the first card, and false where there is none.
func Best() (id string, ok bool) {
	found, _ := Devices()
	i := slices.IndexFunc(found, func(i Info) bool { return !i.Processor })
	if i < 0 {
		return "", false
	}
	return found[i].ID(), true
}

// ParseID reads the name of a device: its kind, or its kind and number, as in cuda:0.
func ParseID(id string) (kind Kind, index int, err error) {
	name, number, numbered := strings.Cut(id, ":")
	kind = Kind(name)
	if kind != CUDA && kind != OpenCL {
		return "", 0, fmt.Errorf("%q is no device: there are cuda, cuda:N, opencl and opencl:N", id)
	}
	if numbered {
		if index, err = strconv.Atoi(number); err != nil || index < 0 {
			return "", 0, fmt.Errorf("%q is no device: behind the colon stands its number, as in %s:0", id, kind)
		}
	}
	return kind, index, nil
}

// Open opens the device of that name.
func Open(id string) (*Device, error) {
	kind, index, err := ParseID(id)
	if err != nil {
		return nil, err
	}
	l, err := openLibrary(kind)
	if err != nil {
		return nil, err
	}
	infos, err := l.devices()
	if err != nil {
		return nil, err
	}
	if index >= len(infos) {
		return nil, fmt.Errorf("there is no device %s:%d: the last one is %s", kind, index, infos[len(infos)-1].ID())
	}
	driver, err := l.open(infos[index])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", infos[index].ID(), err)
	}
	return newDevice(infos[index], driver), nil
}

// errNoDevice says why there are no devices of a kind.
func errNoDevice(kind Kind, reason string) error {
	return errors.New("no " + string(kind) + " device: " + reason)
}
