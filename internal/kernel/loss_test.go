package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCrossEntropyEqualsTheDefinition(t *testing.T) {
	const images, classes = 9, 7
	r := rand.New(rand.NewPCG(1, 2))
	logits, dloss := normal(r, images*classes), []float32{-1.5}
	for i := range logits {
		logits[i] *= 3
	}
	labels := make([]int32, images)
	want, prob, dlogits := 0.0, make([]float64, len(logits)), make([]float64, len(logits))
	right := 0
	for i := range labels {
		labels[i] = int32(r.IntN(classes))
		total, best := 0.0, 0
		row := double(logits[i*classes:][:classes])
		for j, v := range row {
			total += math.Exp(v)
			if v > row[best] {
				best = j
			}
		}
		for j, v := range row {
			prob[i*classes+j] = math.Exp(v) / total
			dlogits[i*classes+j] = float64(dloss[0]) * prob[i*classes+j] / images
		}
		dlogits[i*classes+int(labels[i])] -= float64(dloss[0]) / images
		want -= math.Log(prob[i*classes+int(labels[i])]) / images
		if best == int(labels[i]) {
			right++
		}
	}
	got := forThreads(t, func(w *Workers) [][]float32 {
		loss, prob, dlogits := output(t, 1), output(t, len(logits)), output(t, len(logits))
		if correct := CrossEntropyForward(w, loss, prob, logits, labels, classes); correct != right {
			t.Errorf("%d correct, want %d", correct, right)
		}
		CrossEntropyBackward(w, dlogits, prob, dloss, labels, classes)
		return [][]float32{loss, prob, dlogits}
	})
	near(t, "loss", got[0], []float64{want}, 1e-6)
	near(t, "prob", got[1], prob, 1e-6)
	near(t, "dlogits", got[2], dlogits, 1e-6)
}

func TestCrossEntropyOfHugeLogitsIsFinite(t *testing.T) {
	loss, prob := output(t, 1), output(t, 4)
	CrossEntropyForward(workers(t, 1), loss, prob, []float32{1e30, -1e30, 1000, 999}, []int32{0, 1}, 2)
	near(t, "loss", loss, []float64{math.Log1p(math.Exp(1)) / 2}, 1e-6)
	near(t, "prob", prob, []float64{1, 0, 1 / (1 + math.Exp(-1)), 1 / (1 + math.E)}, 1e-6)
}

func TestTheLowestOfEquallyProbableClassesCounts(t *testing.T) {
	loss, prob := output(t, 1), output(t, 9)
	logits := []float32{2, 2, 1, 2, 2, 1, 1, 2, 2}
	if correct := CrossEntropyForward(workers(t, 1), loss, prob, logits, []int32{0, 1, 1}, 3); correct != 2 {
		t.Errorf("%d correct, want 2", correct)
	}
}
