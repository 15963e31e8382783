package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// set is a set of inner loops: portable Go, or assembly for an instruction set. Sets differ in the order in which they add,
// and so in the last bits of a result.
type set struct {
	name string
	passes
	rowPasses
	copies
	maxima
	// rows is how many output channels accumulate computes together at most.
	rows int
	// pixels is how many pixels of a row are computed together: so few that the input channels' share of them stays in the
	// first-level cache for all output channels. tile is how many accumulate handles at once; 0 means that any number
	// is as good.
	pixels, tile int
	// long is the number of pixels computed together if it is for one output channel alone.
	long int
	// accumulate computes n pixels of rows rows of y, plane floats apart: y[o·plane+j] = Σ k[…]·x[terms[t]+j], with the
	// weights k in the order of weightAt, or with those of all rows for one term following one another.
	accumulate func(y []float32, plane, n int, x []float32, terms []int, k []float32, rows int)
	// weightAt is where in k the weight of a row and term stands; nil: at term·rows + row.
	weightAt func(row, term, rows, terms int) int
	// mixRows is how many rows mix computes at most, 0 if the set has none.
	mixRows int
	mix     func(rows int, m *mixing)
	// multiplyAdd computes so many rounds of multiplyAdds independent sums of products in registers.
	multiplyAdd    func(rounds int)
	multiplyAdds   int
	padLoops       // nil where the set has none
	depthwiseLoops // likewise
	planeLoops     // likewise
	// unroll are the loops that unroll rows of a width, by the number of taps less one; unrollLanes is how many indices they
	// take for each tap at least.
	unroll      map[unrollWidths][]unrollLoop
	unrollLanes int
	// dotRows is how many rows of dy dot takes together at most, and dotPixels how many pixels a block of them has.
	dotRows, dotPixels int
	// dot adds Σ dy·x over n pixels to sums[o·step+t], for rows rows of dy, plane floats apart, and every term t, x being read
	// terms[t] floats further on. dotTerms is how many terms it takes together.
	dot      func(n int, sums []float32, step int, dy []float32, plane, rows int, x []float32, terms []int)
	dotTerms int
	// winograd are those of Winograd convolution; slowWinograd tells that direct convolution is always faster.
	winograd     winogradKernels
	slowWinograd bool
}

// portable is the set that runs everywhere.
var portable = set{
	name: "portable", passes: portablePasses, rowPasses: portableRowPasses, copies: portableCopies, maxima: portableMaxima,
	rows: 2, pixels: 256, long: 256, dotRows: 2, dotPixels: 256, dotTerms: 4,
	multiplyAdd: portableMultiplyAdd, multiplyAdds: portableMultiplyAdds,
	accumulate: func(y []float32, plane, n int, x []float32, terms []int, k []float32, rows int) {
		if rows == 2 {
			accumulate2(y[:n], y[plane:][:n], x, terms, k)
		} else {
			accumulate1(y[:n], x, terms, k)
		}
	},
	weightAt: func(row, term, rows, terms int) int { // of a pair's weights, four of one row are followed by the same four of the other
		first := term / 4 * 4
		return first*rows + row*min(4, terms-first) + term%4
	},
	dot: func(n int, sums []float32, step int, dy []float32, plane, rows int, x []float32, terms []int) {
		if rows == 2 {
			dot2(sums, sums[step:], dy[:n], dy[plane:][:n], x, terms)
		} else {
			dot1(sums, dy[:n], x, terms)
		}
	},
	winograd: portableWinograd(), slowWinograd: true,
}

// Sets returns the names of the sets of inner loops that this processor can run, the fastest first.
func Sets() (names []string) {
	for _, s := range sets() {
		names = append(names, s.name)
	}
	return names
}

func sets() []set { return append(assembly(), portable) }

// NewWorkersOf starts a pool of threads that use the set of inner loops of that name, the fastest if it is empty, and an
// algorithm for convolutions.
func NewWorkersOf(threads int, name string, a Algorithm) (*Workers, error) {
	w := NewWorkers(threads)
	w.algorithm = a
	if name == "" {
		return w, nil
	}
	all := sets()
	i := slices.IndexFunc(all, func(s set) bool { return s.name == name })
	if i < 0 {
		w.Close()
		return nil, fmt.Errorf("kernels %q can't run here: this processor has %s", name, strings.Join(Sets(), ", "))
	}
	w.set = all[i]
	return w, nil
}

// split cuts count rows into as few groups of at most most rows as will do, as even as possible, and returns where group i
// begins.
func split(count, most, i int) int {
	groups := (count + most - 1) / most
	return i * count / groups
}
