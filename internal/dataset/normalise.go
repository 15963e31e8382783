package dataset

// A normaliser turns bytes into normalised numbers, (v/255 − mean) / std, by one table for each channel.
type normaliser struct {
	height, width int
	tables        [][256]float32
}

func newNormaliser(m *Images) normaliser {
	n := normaliser{height: m.Height, width: m.Width, tables: make([][256]float32, m.Channels)}
	for c := range n.tables {
		for v := range n.tables[c] {
			n.tables[c][v] = float32((float64(v)/255 - m.Mean[c]) / m.Std[c])
		}
	}
	return n
}

// write puts an image [C, H, W] into dst as p places it.
func (n normaliser) write(dst []float32, image []byte, p placement) {
	for c := range n.tables {
		table := &n.tables[c]
		plane := image[c*n.height*n.width:][:n.height*n.width]
		for y := range n.height {
			row := dst[(c*n.height+y)*n.width:][:n.width]
			var source []byte // what of the plane lies in this row; a row outside has nothing
			if from := y + p.down; from >= 0 && from < n.height {
				source = plane[from*n.width:][:n.width]
			}
			n.writeRow(row, source, table, p)
			if y >= p.hole.Min.Y && y < p.hole.Max.Y {
				clear(row[p.hole.Min.X:p.hole.Max.X])
			}
		}
	}
}

func (n normaliser) writeRow(row []float32, source []byte, table *[256]float32, p placement) {
	black := table[0]
	if p.right != 0 || source == nil {
		for x := range row {
			row[x] = black
		}
	}
	if source != nil {
		left, right := max(0, -p.right), min(n.width, n.width-p.right)
		for x := left; x < right; x++ {
			row[x] = table[source[x+p.right]]
		}
	}
	if p.mirrored {
		for i, j := 0, len(row)-1; i < j; i, j = i+1, j-1 {
			row[i], row[j] = row[j], row[i]
		}
	}
}
