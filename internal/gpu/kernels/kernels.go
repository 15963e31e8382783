// Package kernels is the source of the kernels of gpu, in what CUDA C and OpenCL C have in common; opencl.h and cuda.h say
// what each calls the rest. The drivers of OpenCL compile the source when a device is opened. For CUDA, make cuda has compiled
// it to kernels.ptx, which NVIDIA's driver compiles for the card.
package kernels

import (
	_ "embed"
	"strings"
)

//go:generate go run ./ptx

var (
	//go:embed opencl.h
	openCL string
	//go:embed cuda.h
	cuda string
	//go:embed view.cl
	view string
	//go:embed convolution.cl
	convolution string
	//go:embed pool.cl
	pool string
	//go:embed norm.cl
	norm string
	//go:embed elements.cl
	elements string
	//go:embed matrix.cl
	matrix string
	//go:embed loss.cl
	loss string
	//go:embed solver.cl
	solver string
	//go:embed kernels.ptx
	ptx []byte
)

// source is all kernels.
func source() string {
	return strings.Join([]string{view, convolution, pool, norm, elements, matrix, loss, solver}, "\n")
}

// OpenCL returns the program for OpenCL.
func OpenCL() string { return openCL + source() }

// CUDA returns the program for CUDA.
func CUDA() string { return cuda + source() }

// PTX returns the program compiled for CUDA.
func PTX() []byte { return ptx }
