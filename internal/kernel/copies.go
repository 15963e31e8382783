package kernel

// copies are the inner loops that copy planes of pixels.
type copies struct {
	// lay computes the pixels r of y: in the columns from to to they come from x, which begins with the first of these.
	lay func(y, x []float32, r area, c columns)
	// place copies x to every step-th column of y, or adds it there. Where by is given, a pixel counts as 0 where by, which
	// lies like y, is not positive. y may be x.
	place func(y, x, by []float32, r area, step int, add bool)
}

// area is rows × cols pixels, whose rows lie stepY floats apart where they are written and stepX where they are read.
type area struct{ rows, cols, stepY, stepX int }

// columns says what the columns of a layout are: every step-th float, rectified if relu, between from and to, else outside,
// which must be 0 if relu.
type columns struct {
	from, to, step int
	relu           bool
	outside        float32
}

var portableCopies = copies{lay: lay, place: place}

func lay(y, x []float32, r area, c columns) {
	for i := range r.rows {
		row := y[i*r.stepY:][:r.cols]
		fill(row[:c.from], c.outside)
		fill(row[c.to:], c.outside)
		row, in := row[c.from:c.to], x[i*r.stepX:]
		if c.step == 1 {
			copy(row, in)
		} else {
			for j := range row {
				row[j] = in[j*c.step]
			}
		}
		if c.relu {
			rectify(row, row)
		}
	}
}

func place(y, x, by []float32, r area, step int, add bool) {
	for i := range r.rows {
		out := y[i*r.stepY:][:(r.cols-1)*step+1]
		for j, v := range x[i*r.stepX:][:r.cols] {
			if by != nil {
				v = where(by[i*r.stepY+j*step], v)
			}
			if add {
				v += out[j*step]
			}
			out[j*step] = v
		}
	}
}

// fill sets all of x to v.
func fill(x []float32, v float32) {
	if v == 0 {
		clear(x)
		return
	}
	for i := range x {
		x[i] = v
	}
}
