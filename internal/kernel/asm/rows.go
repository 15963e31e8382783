package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowPasses writes the kernels that go over rows of n floats, one after the other in memory, each with coefficients or results of
// its own. Small channels would spend their time on calls otherwise.
func (t target) rowPasses() {
	t.describe()
	t.gradientMoments(1)
	t.gradientMoments(2)
	for _, p := range []struct {
		name, doc string
		second    bool // tensor
		rectify   bool
	}{
		{"scaleRows", "computes y = x·scale + shift", false, false},
		{"scaleRowsRectify", "computes y = max(x·scale + shift, 0)", false, true},
		{"combineRows", "computes y = x·scale + z·other + shift", true, false},
		{"combineRowsRectify", "computes y = max(x·scale + z·other + shift, 0)", true, true},
	} {
		t.scaledRows(p.name, p.doc, p.second, p.rectify)
	}
}

// eachRow writes a loop over rows of n floats; do gets a register with n, which it may lose. step goes to the next row.
func (t target) eachRow(do func(n reg.GPVirtual), step func()) {
	rows := Load(Param("rows"), GP64())
	Label("row")
	do(Load(Param("n"), GP64()).(reg.GPVirtual))
	step()
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// next moves pointers to floats by n.
func next(pointers ...reg.Register) {
	n := Load(Param("n"), GP64())
	for _, p := range pointers {
		LEAQ(Mem{Base: p, Index: n, Scale: 4}, p)
	}
}

// scaledRows writes one of the passes.
func (t target) scaledRows(name, doc string, second, rectify bool) {
	signature := "func(y, x *float32, rows, n int, scale, shift *float32)"
	if second {
		signature = "func(y, x, z *float32, rows, n int, scale, other, shift *float32)"
	}
	t.begin(name, doc+" in every row", signature)
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	scale, shift := Load(Param("scale"), GP64()), Load(Param("shift"), GP64())
	var z, other reg.Register
	coefficients, tensors := []reg.Register{scale, shift}, []reg.Register{y, x}
	if second {
		z, other = Load(Param("z"), GP64()), Load(Param("other"), GP64())
		coefficients, tensors = append(coefficients, other), append(tensors, z)
	}
	at := GP64()
	t.eachRow(func(n reg.GPVirtual) {
		k := t.several(len(coefficients), func(i int) vector {
			v := t.vector()
			VBROADCASTSS(Mem{Base: coefficients[i]}, v)
			return v
		})
		XORQ(at, at)
		t.vectors("", n, at, func(disp int, l *lanes) {
			in := func(base reg.Register) vector {
				v := t.vector()
				t.load(Mem{Base: base, Index: at, Scale: 4, Disp: disp}, l, v)
				return v
			}
			sum := t.times(in(x), k[0])
			if second {
				sum = t.add(sum, t.times(in(z), k[2]))
			}
			sum = t.add(sum, k[1])
			if rectify {
				sum = t.rectified(sum)
			}
			t.store(sum, Mem{Base: y, Index: at, Scale: 4, Disp: disp}, l)
		})
	}, func() {
		for _, c := range coefficients {
			ADDQ(Imm(4), c)
		}
		next(tensors...)
	})
}

// clearSums returns sums: vectors of single precision, one for each of unroll vectors under way.
func (t target) clearSums() []vector { return t.several(unroll, func(int) vector { return t.zero() }) }

// across adds up two or four sums, in the end in double precision. They are lost.
func (t target) across(sums []vector) reg.VecVirtual {
	VADDPS(sums[1], sums[0], sums[0])
	if len(sums) == 4 {
		VADDPS(sums[3], sums[2], sums[2])
		VADDPS(sums[2], sums[0], sums[0])
	}
	doubles := t.zero()
	t.addDoubles(sums[0], doubles)
	return t.acrossDoubles(doubles)
}

// describe writes the kernel of moments: each row's mean and its squared deviations from that. The second pass goes around
// the mean of the first, rounded, and mends it.
func (t target) describe() {
	t.begin("describe", "writes each row's mean and sum of squared deviations from it; inverse is 1/n",
		"func(moments, x *float32, rows, n int, inverse float64)")
	moments, x, at := Load(Param("moments"), GP64()), Load(Param("x"), GP64()), GP64()
	inverse := XMM()
	VMOVSD(address("inverse"), inverse)
	t.eachRow(func(n reg.GPVirtual) {
		sums := t.clearSums()
		XORQ(at, at)
		i := 0
		t.vectors("sum_", n, at, func(disp int, l *lanes) {
			v := t.vector()
			t.load(Mem{Base: x, Index: at, Scale: 4, Disp: disp}, l, v)
			VADDPS(v, sums[i%unroll], sums[i%unroll])
			i++
		})
		mean, centre := t.across(sums), t.vector()
		VMULSD(inverse, mean, mean)
		VCVTSD2SS(mean, mean, mean)
		VBROADCASTSS(mean, centre)

		off, squares := t.clearSums(), t.clearSums()
		Load(Param("n"), n)
		XORQ(at, at)
		i = 0
		t.vectors("off_", n, at, func(disp int, l *lanes) {
			v := t.vector()
			t.load(Mem{Base: x, Index: at, Scale: 4, Disp: disp}, l, v)
			d := t.subtract(v, centre)
			if l != nil {
				t.keep(d, l)
			}
			VADDPS(d, off[i%unroll], off[i%unroll])
			VFMADD231PS(d, d, squares[i%unroll])
			i++
		})
		sum, total, correction := t.across(off), t.across(squares), XMM()
		VMULSD(inverse, sum, correction) // what the rounded mean lacks
		VMULSD(correction, sum, sum)
		VSUBSD(sum, total, total)
		zero := XMM()
		VXORPS(zero, zero, zero)
		VMAXSD(zero, total, total)
		VCVTSD2SS(total, total, total)
		VMOVSS(total, Mem{Base: moments, Disp: 4})
		exact := XMM()
		VCVTSS2SD(centre.AsX(), centre.AsX(), exact)
		VADDSD(correction, exact, exact)
		VCVTSD2SS(exact, exact, exact)
		VMOVSS(exact, Mem{Base: moments})
	}, func() {
		ADDQ(Imm(8), moments)
		next(x)
	})
}

// sumsAhead is how many bytes ahead sums over a gradient fetch from memory: a page, since the processor's own fetching ends with one.
const sumsAhead = 4096

// gradientMoments writes the kernel of sums over a gradient, with one tensor or with two, for the gradient is read once then.
func (t target) gradientMoments(tensors int) {
	if tensors == 1 {
		t.begin("gradientMoments", "writes each row's Σ dy and Σ dy·(x − centre)",
			"func(sums, dy, x *float32, rows, n int, centres *float32)")
	} else {
		t.begin("gradientMoments2", "writes each row's Σ dy, Σ dy·(x − centre) and Σ dy·(z − otherCentre)",
			"func(sums, dy, x, z *float32, rows, n int, centres, otherCentres *float32)")
	}
	load := func(names ...string) (list []reg.Register) {
		for _, name := range names[:tensors] {
			list = append(list, Load(Param(name), GP64()))
		}
		return list
	}
	out, g, at := Load(Param("sums"), GP64()), Load(Param("dy"), GP64()), GP64()
	xs, centres := load("x", "z"), load("centres", "otherCentres")
	apart := unroll // sums of a kind under way, as many as registers hold
	if tensors == 2 && t.bytes < 64 {
		apart = 2
	}
	t.eachRow(func(n reg.GPVirtual) {
		clear := func() []vector { return t.several(apart, func(int) vector { return t.zero() }) }
		off := t.several(tensors, func(i int) vector {
			v := t.vector()
			VBROADCASTSS(Mem{Base: centres[i]}, v)
			return v
		})
		sums := [][]vector{clear()}
		for range tensors {
			sums = append(sums, clear())
		}
		XORQ(at, at)
		i := 0
		t.vectors("", n, at, func(disp int, l *lanes) { // beyond the lanes g is 0
			in := func(base reg.Register) vector {
				v := t.vector()
				if l == nil && (t.bytes == 64 || disp%64 == 0) {
					PREFETCHT0(Mem{Base: base, Index: at, Scale: 4, Disp: disp + sumsAhead})
				}
				t.load(Mem{Base: base, Index: at, Scale: 4, Disp: disp}, l, v)
				return v
			}
			a := in(g)
			VADDPS(a, sums[0][i%apart], sums[0][i%apart])
			for k, x := range xs {
				VFMADD231PS(a, t.subtract(in(x), off[k]), sums[1+k][i%apart])
			}
			i++
		})
		for k := range sums {
			v := t.across(sums[k])
			VCVTSD2SS(v, v, v)
			VMOVSS(v, Mem{Base: out, Disp: 4 * k})
		}
	}, func() {
		ADDQ(Imm(uint64(4*(1+tensors))), out)
		for _, c := range centres {
			ADDQ(Imm(4), c)
		}
		next(append(xs, g)...)
	})
}
