package graph

import (
	"nat/internal/gpu"
	"nat/internal/kernel"
)

// Memory, View and Target are how operations see tensors, wherever these are: in the memory of the processor or of a card.
type (
	Memory = gpu.Memory
	View   = gpu.View
	Target = gpu.Target
)

// kernels is what a device computes with. The functions of package kernel, for which the methods are named, say what each
// does. What is called is done in the order of the calls, perhaps later, but before Read returns. Memory of Take holds
// arbitrary values; Free gives it back, when all that was called before no longer needs it.
type kernels interface {
	Take(size int) Memory
	Free(Memory)
	Write(to Memory, from []float32)
	Read(to []float32, from Memory) error
	Wait() error
	Err() error // the first error, after which nothing is computed any more
	Close()

	ConvForward(y Target, moments Memory, x View, k Memory, c kernel.Conv)
	ConvBackward(dx Target, dk Memory, dy, x View, k Memory, c kernel.Conv)
	SeparableForward(y Target, moments Memory, x View, depthwise, pointwise Memory, dw, pw kernel.Conv)
	SeparableBackward(dx Target, dDepthwise, dPointwise Memory, dy, x View, depthwise, pointwise Memory, dw, pw kernel.Conv)
	PoolForward(y Target, moments Memory, x View, p kernel.Pool)
	PoolBackward(dx Target, dy, x View, p kernel.Pool)

	Moments(moments Memory, x View, n kernel.Norm)
	NormStatistics(mean, variance, scale, shift, moments Memory, n kernel.Norm)
	NormGradients(dy View, n kernel.Norm, gradients ...gpu.NormGradient)
	// Scaled is a method of a View of kernel.
	Scaled(v View, scale, shift, k Memory) View
	ScaleShiftGradient(dscale, dshift Memory, dy, x View, n kernel.Norm)

	Materialise(y Target, x View, n kernel.Norm)
	Sum(y Target, a, b View, n kernel.Norm)
	ReLUForward(y, x Memory)
	ReLUBackward(dx, dy, x Memory)
	GlobalAverageForward(y, x Memory, n kernel.Norm)
	GlobalAverageBackward(dx, dy Memory, n kernel.Norm)
	MatMulForward(y, a, b, bias Memory, m kernel.MatMul)
	SumRows(y, x Memory, rows, cols int)
	// CrossEntropyForward writes the number of correct images to correct.
	CrossEntropyForward(loss, correct, probabilities, logits Memory, labels []int32, classes int)
	CrossEntropyBackward(dlogits, probabilities, dloss Memory, labels []int32, classes int)
	// ScaleImages multiplies each image of x by its factor.
	ScaleImages(y, x Memory, factors []float32)
	// Clear writes zeros to channels of images.
	Clear(y Target, n kernel.Norm)
}

var _, _ kernels = (*processor)(nil), (*gpu.Device)(nil)
