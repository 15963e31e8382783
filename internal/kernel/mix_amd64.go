//go:build !purego

package kernel

// mixKernels are a set's assembly for mix: by the rows, mixRows to begin with and as many more each time, and by how channels
// are read: as they are, scaled, combined with others, or rectified.
type mixKernels [][4]func(
	y *float32, planeY int, x *float32, planeX int, other, k *float32, count, pixels int,
	scale, shift, otherScale *float32, low float32, by *float32, add int,
)

func (k mixKernels) mix(rows int, m *mixing) {
	kind := 0
	switch {
	case m.other != nil:
		kind = 2
	case m.scale != nil:
		kind = 1
	case m.low == 0:
		kind = 3
	}
	k[rows/mixRows-1][kind](m.y, m.planeY, m.x, m.planeX, m.other, m.k, m.count, m.pixels,
		m.scale, m.shift, m.otherScale, m.low, m.by, m.add)
}
