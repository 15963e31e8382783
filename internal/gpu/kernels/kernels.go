// Package kernels is the source of the kernels of gpu, in what CUDA C and OpenCL C have in common; opencl.h and cuda.h say
// what each calls the rest. The drivers of OpenCL compile the source when a device is opened. For CUDA, make cuda has compiled
// it to kernels.ptx, which NVIDIA's driver compiles for the card. What needs tensor cores, tensor.cl, is a program of its own.
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
	//go:embed tensor_opencl.h
	tensorOpenCL string
	//go:embed tensor_cuda.h
	tensorCUDA string
	//go:embed view.cl
	view string
	//go:embed correlation.cl
	correlation string
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
	//go:embed tensor.cl
	tensor string
	//go:embed kernels.ptx
	ptx []byte
	//go:embed tensor.ptx
	tensorPTX []byte
)

// source is all kernels in single precision.
func source() string {
	return join(view, correlation, convolution, pool, norm, elements, matrix, loss, solver)
}

// OpenCL returns the program for OpenCL.
func OpenCL() string { return openCL + source() }

// CUDA returns the program for CUDA.
func CUDA() string { return cuda + source() }

// PTX returns the program compiled for CUDA.
func PTX() []byte { return ptx }

// TensorOpenCL returns the program of the kernels that use tensor cores, for OpenCL, where what those do is computed slowly: for
// tests.
func TensorOpenCL() string { return join(openCL, tensorOpenCL, view, correlation, tensor) }

// TensorCUDA returns the program of the kernels that use tensor cores, for CUDA.
func TensorCUDA() string { return join(cuda, tensorCUDA, view, correlation, tensor) }

// TensorPTX returns that program compiled for CUDA.
func TensorPTX() []byte { return tensorPTX }

func join(parts ...string) string { return strings.Join(parts, "\n") }
