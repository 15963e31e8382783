package kernel

import "math"

// CrossEntropyForward computes the softmax prob [N, classes] of the logits, and into loss[0] the mean over the images of
// −log prob[label]. N is the number of labels. It returns how many images have their label as the most probable class, of
// equally probable ones the lowest.
func CrossEntropyForward(w *Workers, loss, prob, logits []float32, labels []int32, classes int) (correct int) {
	losses := w.Floats(0, len(labels))
	w.Run(len(labels), func(i int, _ *Scratch) {
		row := logits[i*classes:][:classes]
		losses[i] = softmax(prob[i*classes:][:classes], row, row[argmax(row)], int(labels[i]))
	})
	total := 0.0
	for i, label := range labels {
		total += float64(losses[i])
		if argmax(logits[i*classes:][:classes]) == int(label) {
			correct++
		}
	}
	loss[0] = float32(total / float64(len(labels)))
	return correct
}

// CrossEntropyBackward computes dlogits = dloss[0]·(prob − onehot(label))/N.
func CrossEntropyBackward(w *Workers, dlogits, prob, dloss []float32, labels []int32, classes int) {
	scale := dloss[0] / float32(len(labels))
	w.Run(len(labels), func(i int, _ *Scratch) {
		row := dlogits[i*classes:][:classes]
		w.set.scaleAndShift(row, prob[i*classes:][:classes], scale, 0)
		row[labels[i]] -= scale
	})
}

// softmax computes p = exp(x − highest)/Σ exp(x − highest) and returns −log p[label].
func softmax(p, x []float32, highest float32, label int) float32 {
	total := 0.0
	for j, v := range x {
		e := math.Exp(float64(v) - float64(highest))
		p[j] = float32(e)
		total += e
	}
	for j := range p {
		p[j] = float32(float64(p[j]) / total)
	}
	return float32(math.Log(total) - (float64(x[label]) - float64(highest)))
}

// argmax returns the index of the largest number, of equal ones the lowest.
func argmax(x []float32) int {
	best := 0
	for j, v := range x {
		if v > x[best] {
			best = j
		}
	}
	return best
}
