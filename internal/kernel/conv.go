package kernel

// window returns the channels of the tensor that y is a window of, and the first channel of the window.
func (c *Conv) window() (channels, offset int) {
	if c.YChannels == 0 {
		return c.Co, 0
	}
	return c.YChannels, c.YOffset
}

// group returns the input channels that one output channel sums over.
func (c *Conv) group() int {
	if c.Depthwise {
		return 1
	}
	return c.Ci
}

// taps calls visit with every triple of offsets (into y, x and k) of one multiplication of image n and output channel o.
func (c *Conv) taps(n, o int, visit func(y, x, k int)) {
	channels, offset := c.window()
	group := c.group()
	for g := range group {
		in := g
		if c.Depthwise {
			in = o
		}
		for a := range c.KH {
			for b := range c.KW {
				k := ((o*group+g)*c.KH+a)*c.KW + b
				for i := range c.OH {
					h := i*c.StrideH - c.PadH + a*c.DilationH
					if h < 0 || h >= c.H {
						continue
					}
					for j := range c.OW {
						v := j*c.StrideW - c.PadW + b*c.DilationW
						if v < 0 || v >= c.W {
							continue
						}
						visit(((n*channels+offset+o)*c.OH+i)*c.OW+j, ((n*c.Ci+in)*c.H+h)*c.W+v, k)
					}
				}
			}
		}
	}
}

// ConvForward computes y from x and the weights k.
func ConvForward(w *Workers, y, x, k []float32, c Conv) {
	channels, offset := c.window()
	w.Run(c.N*c.Co, func(piece int, _ *Scratch) {
		n, o := piece/c.Co, piece%c.Co
		clear(y[(n*channels+offset+o)*c.OH*c.OW:][:c.OH*c.OW])
		c.taps(n, o, func(yi, xi, ki int) {
			v := x[xi]
			if c.ReLU {
				v = max(v, 0)
			}
			y[yi] += v * k[ki]
		})
	})
}

// ConvBackwardData computes dx, the gradient by x, from dy, the gradient by y. It reads x only where c.ReLU asks for a
// mask; elsewhere x may be nil.
func ConvBackwardData(w *Workers, dx, dy, k, x []float32, c Conv) {
	w.Run(c.N, func(n int, _ *Scratch) {
		size := c.Ci * c.H * c.W
		clear(dx[n*size:][:size])
		for o := range c.Co {
			c.taps(n, o, func(yi, xi, ki int) {
				if !c.ReLU || x[xi] > 0 {
					dx[xi] += dy[yi] * k[ki]
				}
			})
		}
	})
}

// ConvBackwardWeights computes dk, the gradient by the weights, from dy, the gradient by y.
func ConvBackwardWeights(w *Workers, dk, dy, x []float32, c Conv) {
	size := c.group() * c.KH * c.KW
	w.Run(c.Co, func(o int, _ *Scratch) {
		clear(dk[o*size:][:size])
		for n := range c.N {
			c.taps(n, o, func(yi, xi, ki int) {
				v := x[xi]
				if c.ReLU {
					v = max(v, 0)
				}
				dk[ki] += v * dy[yi]
			})
		}
	})
}
