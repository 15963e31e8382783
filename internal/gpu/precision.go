package gpu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Precision is what dense convolutions round the numbers to that they multiply. Their sums, and all else, are in single precision.
type Precision string

const (
	Float32 Precision = "float32" // nothing is rounded
	TF32    Precision = "tf32"    // 10 bits of mantissa, by tensor cores
	BF16    Precision = "bf16"    // 7 bits of mantissa, by tensor cores
)

// Precisions returns all of them.
func Precisions() []Precision { return []Precision{Float32, TF32, BF16} }

// UnmarshalText reads a precision by its name.
func (p *Precision) UnmarshalText(name []byte) error {
	if !slices.Contains(Precisions(), Precision(name)) {
		return fmt.Errorf("there is no precision %q: give float32, tf32 or bf16", name)
	}
	*p = Precision(name)
	return nil
}

// Refused is the error of a precision that a device hasn't: why says what the device has.
func (p Precision) Refused(why string) error {
	return fmt.Errorf("--precision %s is for CUDA cards of compute capability %s or newer: %s; name such a card (--device cuda:0), or give --precision %s",
		p, capability(leastTensor), why, Float32)
}

// leastTensor is the oldest generation of cards whose tensor cores multiply numbers of TF32 and BF16: Ampere.
const leastTensor = 80

// capability writes a compute capability as NVIDIA does.
func capability(c int) string { return fmt.Sprintf("%d.%d", c/10, c%10) }

// SetPrecision has dense convolutions computed in a precision, in place of single precision.
func (d *Device) SetPrecision(p Precision) error {
	if p != Float32 && d.info.Kind != CUDA {
		return p.Refused(fmt.Sprintf("%s computes in %s", d.info.ID(), Float32))
	}
	return d.setPrecision(p)
}

// setPrecision does it on devices of OpenCL too.
func (d *Device) setPrecision(p Precision) error {
	if p != Float32 {
		if err := d.driver.loadTensor(); err != nil {
			var old *oldCard
			if errors.As(err, &old) {
				return p.Refused(fmt.Sprintf("%s (%s) has %s", d.info.ID(), d.info.Name, capability(old.compute)))
			}
			return fmt.Errorf("%s: --precision %s: %w", d.info.ID(), p, err)
		}
	}
	d.precision = p
	return nil
}

// Precision returns what dense convolutions are computed in.
func (d *Device) Precision() Precision { return d.precision }

// oldCard is the error of a card that has no tensor cores, or older ones.
type oldCard struct{ compute int }

func (e *oldCard) Error() string { return "its compute capability is " + capability(e.compute) }

// dense returns the name of the kernel of a dense convolution in the precision at hand.
func (d *Device) dense(name string) string {
	if d.precision == Float32 {
		return name
	}
	return name + "_" + string(d.precision)
}

// usesTensor tells whether a kernel is one of those that loadTensor loads.
func usesTensor(kernel string) bool {
	return strings.HasSuffix(kernel, "_"+string(TF32)) || strings.HasSuffix(kernel, "_"+string(BF16))
}
