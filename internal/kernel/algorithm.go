package kernel

import "fmt"

// Algorithm is a way to compute convolutions. They differ in the last bits of a result: Winograd convolution rounds more often
// (docs/method.md has figures).
type Algorithm uint8

const (
	Auto     Algorithm = iota // for every convolution the one that is faster
	Direct                    // the sum of the definition
	Winograd                  // F(4×4, r×r) wherever there is one
)

var algorithmNames = [...]string{Auto: "auto", Direct: "direct", Winograd: "winograd"}

func (a Algorithm) String() string { return algorithmNames[a] }

// ParseAlgorithm returns the algorithm of that name.
func ParseAlgorithm(name string) (Algorithm, error) {
	for a, n := range algorithmNames {
		if n == name {
			return Algorithm(a), nil
		}
	}
	return 0, fmt.Errorf("there is no convolution algorithm %q: give auto, direct or winograd", name)
}

// MarshalText and UnmarshalText write and read an algorithm by its name.
func (a Algorithm) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a *Algorithm) UnmarshalText(name []byte) (err error) {
	*a, err = ParseAlgorithm(string(name))
	return err
}

// Algorithm returns what the pool was told to compute convolutions with.
func (w *Workers) Algorithm() Algorithm { return w.algorithm }

// Auto takes direct convolution where there are fewer channels, since transforming them costs what fewer products save, or
// fewer pieces of work, since a piece is at least a block of tiles of all channels.
const (
	minWinogradChannels = 6
	minWinogradPieces   = 4
)

// AlgorithmOf returns what computes c, Direct or Winograd, and why.
func (w *Workers) AlgorithmOf(c Conv) (a Algorithm, why string) {
	switch {
	case c.Depthwise:
		return Direct, "depthwise"
	case c.KH != c.KW || c.KH != winogradSizes[0] && c.KH != winogradSizes[1]:
		return Direct, "neither 3×3 nor 5×5"
	case c.StrideH != 1 || c.StrideW != 1 || c.DilationH != 1 || c.DilationW != 1:
		return Direct, "with a stride or dilation"
	case c.PadH != c.KH/2 || c.PadW != c.KW/2 || c.OH != c.H || c.OW != c.W:
		return Direct, "doesn't keep the size"
	case w.algorithm != Auto:
		return w.algorithm, "as asked for"
	case w.set.slowWinograd:
		return Direct, "no kernels for this processor"
	case min(c.Ci, c.Co) < minWinogradChannels:
		return Direct, "few channels"
	case newWinograd(&w.set, &c, false).pieces() < minWinogradPieces:
		return Direct, "few images"
	}
	return Winograd, "fewer products"
}

// winograd tells whether c is computed by Winograd convolution.
func (w *Workers) winograd(c Conv) bool {
	a, _ := w.AlgorithmOf(c)
	return a == Winograd
}
