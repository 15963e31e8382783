package gpu

import "nat/internal/kernel"

// PoolForward is kernel.PoolForward.
func (d *Device) PoolForward(y Target, moments Memory, x View, p kernel.Pool) {
	a := d.begin()
	a.target(y)
	a.view(x)
	a.pool(&p)
	d.launchEach("pool", p.N*p.C*p.OH*p.OW)
	d.describe(moments, y, kernel.Norm{N: p.N, C: p.C, Pixels: p.OH * p.OW})
}

// PoolBackward is kernel.PoolBackward.
func (d *Device) PoolBackward(dx Target, dy, x View, p kernel.Pool) {
	a := d.begin()
	a.target(dx)
	a.view(dy)
	a.view(x)
	a.pool(&p)
	d.launchEach("pool_gradient", p.N*p.C*p.H*p.W)
}

func (a *arguments) pool(p *kernel.Pool) {
	largest := 0
	if p.Max {
		largest = 1
	}
	a.ints(p.N, p.C, p.H, p.W, p.OH, p.OW, p.K, p.Stride, p.Pad, largest)
}
