package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomUnrolled draws a convolution whose rows are as wide as there are loops for.
func randomUnrolled(r *rand.Rand) Conv {
	c := randomConv(r)
	widths := []unrollWidths{{8, 8}, {16, 16}, {16, 8}, {32, 16}, {32, 32}}[r.IntN(5)]
	c.Depthwise, c.DilationH, c.DilationW = false, 1, 1
	c.N, c.W, c.OW = 1+r.IntN(20), widths.from, widths.to
	c.KW, c.StrideW = 2+r.IntN(4), max(1, widths.from/widths.to+r.IntN(2)*r.IntN(2))
	c.StrideH = 1 + r.IntN(min(c.KH, 3))
	return c
}

func TestUnrolledConvolutionsEqualTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	unrolled := 0
	for i := range 60 {
		c := randomUnrolled(r)
		for _, name := range Sets() {
			w, err := NewWorkersOf(1, name, Direct)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := c.unrolledForward(w, 0, 1); ok {
				unrolled++
			}
			w.Close()
		}
		t.Run(fmt.Sprintf("%d", i), func(t *testing.T) {
			t.Logf("%+v", c)
			checkConv(t, c, uint64(i))
		})
	}
	if sets()[0].unroll != nil && unrolled < 20 {
		t.Errorf("only %d of the convolutions were unrolled", unrolled)
	}
}

// TestUnrolledRows compares unrolled layouts of views with their definition, with guard values around them.
func TestUnrolledRows(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	w := workers(t, 1)
	for i := range 300 {
		c := randomUnrolled(r)
		images := 1 + r.IntN(3)
		c.N = images
		f, ok := c.unrolledForward(w, 0, images)
		if !ok {
			continue
		}
		view, x := drawView(r, c.N, c.input())
		in := input{view, c.input(), c.ReLU}
		l := &f.layout
		first := r.IntN(c.Ci)
		count := 1 + r.IntN(c.Ci-first)
		laid := output(t, count*l.size())
		for n := range images {
			l.unrollAll(&Scratch{}, &w.set, laid, in.image(n), first, count, n)
		}
		want := make([]float64, len(laid))
		for at := range want {
			channel, rest := at/l.size(), at%l.size()
			phase, row, column := rest/(l.rows*l.step), rest/l.step%l.rows, rest%l.step
			n, q := column/l.cols, column%l.cols
			h, v := row*c.StrideH+phase/c.KW-c.PadH, q*c.StrideW+phase%c.KW-c.PadW
			if h >= 0 && h < c.H && v >= 0 && v < c.W {
				want[at] = float64(x[((n*c.Ci+first+channel)*c.H+h)*c.W+v])
				if c.ReLU {
					want[at] = max(want[at], 0)
				}
			}
		}
		near(t, fmt.Sprintf("%d, %+v", i, c), laid, want, 1e-6)
	}
}

func FuzzUnrolled(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		c := randomUnrolled(rand.New(rand.NewPCG(seed, 11)))
		t.Logf("%+v", c)
		checkConv(t, c, seed)
	})
}
