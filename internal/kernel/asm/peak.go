package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// peak writes the loop that does nothing but multiply and add in registers: what it reaches is the most there is.
func (t target) peak() {
	name := "multiplyAdd" + t.name
	TEXT(name, NOSPLIT, "func(rounds int)")
	Doc(name + " multiplies and adds as many vectors as independent registers hold, rounds times.")
	rounds := Load(Param("rounds"), GP64())
	accumulators := t.several(t.independent(), func(int) vector { return t.zero() })
	factor := t.zero()
	Label("round")
	for _, a := range accumulators {
		VFMADD231PS(factor, factor, a)
	}
	DECQ(rounds)
	JNZ(LabelRef("round"))
	RET()
}

// independent is how many sums are under way at once: enough to hide that each takes four cycles or more.
func (t target) independent() int { return t.rows*2 - 2 }
