package train

import (
	"context"

	"nat/internal/dataset"
	"nat/internal/graph"
	"nat/internal/network"
	"nat/internal/runs"
)

// Evaluation is how a network does on images it was not trained on.
type Evaluation struct {
	Images    int
	Correct   int     // images whose label has the largest logit
	Top       int     // images whose label has one of the TopOf largest
	Loss      float64 // mean cross-entropy
	Confusion [][]int // [label][class of the largest logit], images
}

// TopOf is how many largest logits Evaluation.Top looks at: the published top-5 accuracy.
const TopOf = 5

// Accuracy returns the share of images that are right.
func (e Evaluation) Accuracy() float64 { return float64(e.Correct) / float64(e.Images) }

// TopAccuracy returns the share of images whose label is among the TopOf largest.
func (e Evaluation) TopAccuracy() float64 { return float64(e.Top) / float64(e.Images) }

// Evaluating says how Evaluate goes about it. All but BatchSize may be zero.
type Evaluating struct {
	BatchSize int // which changes the speed, and nothing else
	// Seen is told of every batch and its logits [N, classes], in order; both are valid during the call.
	Seen func(b dataset.Batch, logits []float32) error
	// Progress is told how many batches are done.
	Progress func(done, total int)
}

// Evaluate runs a network with its running statistics on images, not augmented and in order.
func Evaluate(ctx context.Context, d *graph.Device, n *network.Network, images *dataset.Images, how Evaluating) (Evaluation, error) {
	classes := n.Size().Classes
	e := Evaluation{Confusion: make([][]int, classes)}
	for i := range e.Confusion {
		e.Confusion[i] = make([]int, classes)
	}
	loader := dataset.NewLoader(images, dataset.LoaderOptions{BatchSize: how.BatchSize})
	total := 0.0
	for number, batch := range loader.Epoch(ctx, 0, 0) {
		r, err := n.Evaluate(d, batch)
		if err != nil {
			return e, err
		}
		total += r.Loss * float64(r.Images)
		e.count(batch.Labels, r.Logits)
		if how.Seen != nil {
			if err := how.Seen(batch, r.Logits); err != nil {
				return e, err
			}
		}
		if how.Progress != nil {
			how.Progress(number+1, loader.Batches())
		}
	}
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	if loader.Err() != nil {
		return e, loader.Err()
	}
	e.Loss = total / float64(e.Images)
	return e, runs.CheckLoss(e.Loss)
}

// count adds the images of a batch. Of equal logits the first class counts as the larger.
func (e *Evaluation) count(labels []int32, logits []float32) {
	classes := len(e.Confusion)
	for i, label := range labels {
		row := logits[i*classes:][:classes]
		largest, above := 0, 0 // above: classes that come before the label
		for k, v := range row {
			if v > row[largest] {
				largest = k
			}
			if v > row[label] || v == row[label] && k < int(label) {
				above++
			}
		}
		e.Images++
		e.Confusion[label][largest]++
		if largest == int(label) {
			e.Correct++
		}
		if above < TopOf {
			e.Top++
		}
	}
}
