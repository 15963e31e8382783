package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestMatrixProductsEqualTheDefinition(t *testing.T) {
	for _, size := range [][3]int{{1, 1, 1}, {6, 13, 300}, {5, 300, 3}, {64, 80, 10}, {17, 2, 33}} {
		m := MatMul{M: size[0], K: size[1], N: size[2]}
		for way := range 8 {
			m.TransposeA, m.TransposeB = way&1 > 0, way&2 > 0
			withBias := way&4 > 0
			t.Run(fmt.Sprintf("%+v, bias %t", m, withBias), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(way), 2))
				a, b := normal(r, m.M*m.K), normal(r, m.K*m.N)
				var bias []float32
				if withBias {
					bias = normal(r, m.N)
				}
				got := forThreads(t, func(w *Workers) [][]float32 {
					y := output(t, m.M*m.N)
					MatMulForward(w, y, a, b, bias, m)
					return [][]float32{y}
				})
				near(t, "y", got[0], productOf(m, a, b, bias), 3e-6)
			})
		}
	}
}

// productOf returns op(a)·op(b) + bias in double precision.
func productOf(m MatMul, a, b, bias []float32) []float64 {
	y := make([]float64, m.M*m.N)
	for i := range y {
		row, col := i/m.N, i%m.N
		for k := range m.K {
			atA, atB := row*m.K+k, k*m.N+col
			if m.TransposeA {
				atA = k*m.M + row
			}
			if m.TransposeB {
				atB = col*m.K + k
			}
			y[i] += float64(a[atA]) * float64(b[atB])
		}
		if bias != nil {
			y[i] += float64(bias[col])
		}
	}
	return y
}

func TestSumRowsAddsUpEveryColumn(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 200}, {1000, 7}} {
		rows, cols := size[0], size[1]
		x := normal(rand.New(rand.NewPCG(1, 2)), rows*cols)
		want := make([]float64, cols)
		for i, v := range x {
			want[i%cols] += float64(v)
		}
		got := forThreads(t, func(w *Workers) [][]float32 {
			y := output(t, cols)
			SumRows(w, y, x, rows, cols)
			return [][]float32{y}
		})
		near(t, "y", got[0], want, 1e-7)
	}
}
