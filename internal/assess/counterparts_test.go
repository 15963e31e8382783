package assess

import (
	"reflect"
	"testing"

	"nat/genotypes"
	"nat/internal/genotype"
)

func named(t *testing.T, name string) genotype.Genotype {
	t.Helper()
	g, _, err := genotypes.Resolve(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestCounterparts(t *testing.T) {
	darts, transformed, mobile := named(t, "DARTS"), named(t, "NATv2_DARTS"), named(t, "Mobilenetv2")
	g := Group{Trials: []Trial{
		{Input: darts, Accuracy: 0.5, Choices: []Choice{{Genotype: darts, Gain: 0.125}}},
		{Input: transformed, Accuracy: 0.75},
		{Input: mobile, Accuracy: 0.25, Choices: []Choice{{Genotype: named(t, "NATv2_MobileNetv2"), Gain: -0.125}}},
		{Input: named(t, "NATv2_MobileNetv2"), Accuracy: 0.125},
		{Input: named(t, "ENAS"), Accuracy: 0.5}, // its counterpart is not there
	}}
	want := []Counterpart{
		// NATv2 changed the third, fourth and fifth edge of the normal cell, and the first, fourth and fifth of the reduce cell.
		{"DARTS", "NATv2_DARTS", 10, 16, 0.125, 0.25},
		{"Mobilenetv2", "NATv2_MobileNetv2", 16, 16, -0.125, -0.125},
	}
	if got := g.Counterparts("NATv2_"); !reflect.DeepEqual(got, want) {
		t.Errorf("counterparts are %+v, want %+v", got, want)
	}
	if _, _, ok := agreement(darts, named(t, "VGG")); ok {
		t.Error("DARTS and VGG are said to have the same edges")
	}
}
