package gpu

import "nat/internal/kernel"

// Materialise is kernel.Materialise.
func (d *Device) Materialise(y Target, x View, n kernel.Norm) { d.Sum(y, x, View{}, n) }

// Sum is kernel.Sum.
func (d *Device) Sum(y Target, a, b View, n kernel.Norm) {
	list := d.begin()
	list.target(y)
	list.view(a)
	list.view(b)
	list.norm(&n)
	d.launchEach("add", n.N*n.C*n.Pixels)
}

// ReLUForward computes y = max(x, 0). y may be x.
func (d *Device) ReLUForward(y, x Memory) {
	a := d.begin()
	a.at(y, x)
	a.ints(x.size)
	d.launchEach("relu", x.size)
}

// ReLUBackward computes dx = dy where x > 0, else 0. dx may be dy.
func (d *Device) ReLUBackward(dx, dy, x Memory) {
	a := d.begin()
	a.at(dx, dy, x)
	a.ints(x.size)
	d.launchEach("relu_gradient", x.size)
}

// ScaleImages multiplies each image of x by its factor. y may be x.
func (d *Device) ScaleImages(y, x Memory, factors []float32) {
	m := d.Take(len(factors))
	d.Write(m, factors)
	a := d.begin()
	a.at(y, x, m)
	a.ints(len(factors))
	a.ints(x.size / len(factors))
	d.launchEach("scale_images", x.size)
	d.Free(m)
}

// Clear writes zeros to channels of images.
func (d *Device) Clear(y Target, n kernel.Norm) {
	a := d.begin()
	a.target(y)
	a.norm(&n)
	d.launchEach("zero", n.N*n.C*n.Pixels)
}

// GlobalAverageForward is kernel.GlobalAverageForward.
func (d *Device) GlobalAverageForward(y, x Memory, n kernel.Norm) {
	a := d.begin()
	a.at(y, x)
	a.norm(&n)
	d.launchEach("global_average", n.N*n.C)
}

// GlobalAverageBackward is kernel.GlobalAverageBackward.
func (d *Device) GlobalAverageBackward(dx, dy Memory, n kernel.Norm) {
	a := d.begin()
	a.at(dx, dy)
	a.norm(&n)
	d.launchEach("global_average_gradient", n.N*n.C*n.Pixels)
}

// MatMulForward is kernel.MatMulForward; bias may be none.
func (d *Device) MatMulForward(y, a, b, bias Memory, m kernel.MatMul) {
	aRow, aColumn, bRow, bColumn := m.K, 1, m.N, 1
	if m.TransposeA {
		aRow, aColumn = 1, m.M
	}
	if m.TransposeB {
		bRow, bColumn = 1, m.K
	}
	list := d.begin()
	list.at(y, a, b, bias)
	for _, v := range []int{m.M, m.K, m.N, aRow, aColumn, bRow, bColumn} {
		list.ints(v)
	}
	d.launchEach("matmul", m.M*m.N)
}

// SumRows is kernel.SumRows.
func (d *Device) SumRows(y, x Memory, rows, cols int) {
	a := d.begin()
	a.at(y, x)
	a.ints(rows)
	a.ints(cols)
	d.launchEach("sum_rows", cols)
}
