package train

import (
	"reflect"
	"slices"
	"testing"

	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/runs/runstest"
)

// TestCount holds what is counted of a batch against a look at its logits.
func TestCount(t *testing.T) {
	e := Evaluation{}
	for range 7 {
		e.Confusion = append(e.Confusion, make([]int, 7))
	}
	e.count([]int32{0, 6, 3, 1}, slices.Concat(
		[]float32{2, 1, 1, 1, 1, 1, 1}, // right
		[]float32{1, 1, 1, 1, 1, 0, 1}, // a tie: the first is taken, and the label is the sixth
		[]float32{9, 8, 7, 6, 5, 4, 3}, // wrong, but among the five largest
		[]float32{5, 4, 9, 8, 7, 6, 3}, // and not among them
	))
	if e.Images != 4 || e.Correct != 1 || e.Top != 2 || e.Accuracy() != 0.25 || e.TopAccuracy() != 0.5 {
		t.Errorf("counted %+v", e)
	}
	if e.Confusion[0][0] != 1 || e.Confusion[6][0] != 1 || e.Confusion[3][0] != 1 || e.Confusion[1][2] != 1 {
		t.Errorf("confusion %v", e.Confusion)
	}
}

// TestEvaluateInAnyBatches gets the same of any size of batches, in the images' order.
func TestEvaluateInAnyBatches(t *testing.T) {
	o := tiny()
	n, err := network.New(o.Architecture, o.Size)
	if err != nil {
		t.Fatal(err)
	}
	n.Initialise(3)
	d := graph.NewCPU(2)
	defer d.Close()
	images := runstest.Images(30)
	var first Evaluation
	var firstLogits []float32
	for _, size := range []int{30, 7, 1} {
		var labels []int32
		var logits []float32
		e, err := Evaluate(t.Context(), d, n, images, Evaluating{BatchSize: size, Seen: func(b dataset.Batch, l []float32) error {
			labels, logits = append(labels, b.Labels...), append(logits, l...)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		for i, label := range labels {
			if int(label) != i%4 {
				t.Fatalf("image %d has label %d", i, label)
			}
		}
		if first.Images == 0 {
			first, firstLogits = e, logits
		}
		e.Loss, first.Loss = 0, 0 // sums of other parts
		if !reflect.DeepEqual(e, first) || !slices.Equal(logits, firstLogits) {
			t.Errorf("batches of %d give %+v, of 30 %+v", size, e, first)
		}
	}
}
