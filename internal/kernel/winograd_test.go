package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomWinograd draws a convolution that there is a Winograd convolution for.
func randomWinograd(r *rand.Rand) Conv {
	c := square(1+r.IntN(11), 1+r.IntN(30), 1+r.IntN(30), 0, winogradSizes[r.IntN(2)], 1, 1, false)
	c.H, c.W, c.ReLU = 1+r.IntN(20), 1+r.IntN(20), r.IntN(2) == 0
	if r.IntN(4) == 0 {
		c.N, c.H, c.W = 1, 1+r.IntN(40), 1+r.IntN(70)
	}
	c.OH, c.OW = c.H, c.W
	return c
}

// TestWinogradConvolutions goes through the sizes of planes at which strips change, and numbers of channels at which panels do.
func TestWinogradConvolutions(t *testing.T) {
	for _, r := range winogradSizes {
		for size := 1; size < 36; size += 3 - r/5 {
			c := square(2, 3, 5, size, r, 1, 1, false)
			c.ReLU = true
			t.Run(fmt.Sprintf("%d×%d of %d pixels", r, r, size), func(t *testing.T) { checkConv(t, c, 1) })
		}
		for channels := 1; channels < 40; channels += 4 {
			c := square(9, 20, channels, 8, r, 1, 1, false)
			t.Run(fmt.Sprintf("%d×%d to %d channels", r, r, channels), func(t *testing.T) { checkConv(t, c, 2) })
		}
	}
}

func TestRandomWinogradConvolutions(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for i := range 30 {
		c := randomWinograd(r)
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Logf("%+v", c)
			checkConv(t, c, uint64(i))
		})
	}
}

func FuzzWinograd(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		c := randomWinograd(rand.New(rand.NewPCG(seed, 7)))
		const most = 20_000_000 // multiply-adds: the fuzzer ends what takes 10 seconds, on a busy machine too
		c.N = max(1, min(c.N, most/(c.Ci*c.Co*c.H*c.W*c.KH*c.KW)))
		t.Logf("%+v", c)
		checkConv(t, c, seed)
	})
}
