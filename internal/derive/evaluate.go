package derive

import (
	"context"
	"fmt"
	"math"
	"strings"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/supernet"
)

// Accuracy is how many of so many images were classified right.
type Accuracy struct{ Correct, Images int }

// Value returns the share of correct images.
func (a Accuracy) Value() float64 { return float64(a.Correct) / float64(a.Images) }

// Interval returns Wilson's 95 % confidence interval of the share.
func (a Accuracy) Interval() (low, high float64) {
	const z = 1.959964
	n, p := float64(a.Images), a.Value()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return middle - half, middle + half
}

// evaluation measures architectures with the shared weights of a supernet.
type evaluation struct {
	supernet    *supernet.Supernet
	device      *graph.Device
	batchSize   int
	distinct    int // architectures of the candidates that differ for the supernet
	done, total int // evaluations of a batch
	progress    func(done, total int)
}

// newEvaluation prepares for the candidates, of which up to two are run on the test images afterwards.
func newEvaluation(t *derivation, candidates []genotype.Genotype) *evaluation {
	o := t.options
	e := &evaluation{supernet: t.model.Supernet, device: t.device, batchSize: o.BatchSize, progress: o.Progress}
	e.distinct = len(distinct(candidates))
	e.total = e.distinct * e.batches(o.Selection)
	if o.Test != nil && o.Test != o.Selection {
		e.total += min(e.distinct, 2) * e.batches(o.Test)
	}
	return e
}

func (e *evaluation) batches(m *dataset.Images) int { return (m.Len() + e.batchSize - 1) / e.batchSize }

// accuracies measures every architecture on the same images, in their order and not augmented. Architectures that are
// the same to the supernet are run once.
func (e *evaluation) accuracies(ctx context.Context, all []genotype.Genotype, images *dataset.Images) ([]Accuracy, error) {
	measured := map[string]Accuracy{}
	different := distinct(all)
	loader := dataset.NewLoader(images, dataset.LoaderOptions{BatchSize: e.batchSize})
	for _, batch := range loader.Epoch(ctx, 0, 0) {
		for _, g := range different {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := e.supernet.Evaluate(e.device, batch, g)
			if err != nil {
				return nil, err
			}
			a := measured[asSeen(g)]
			measured[asSeen(g)] = Accuracy{a.Correct + r.Correct, a.Images + r.Images}
			if e.done++; e.progress != nil {
				e.progress(e.done, e.total)
			}
		}
	}
	if err := loader.Err(); err != nil {
		return nil, err
	}
	accuracies := make([]Accuracy, len(all))
	for i, g := range all {
		accuracies[i] = measured[asSeen(g)]
	}
	return accuracies, ctx.Err()
}

// report fills in the accuracies of input and output on the test images.
func (e *evaluation) report(ctx context.Context, r *Result, o Options) error {
	switch o.Test {
	case nil:
		return nil
	case o.Selection:
		r.Input.Test, r.Output.Test = r.Input.Selection, r.Output.Selection
		return nil
	}
	tests, err := e.accuracies(ctx, []genotype.Genotype{r.Input.Genotype, r.Output.Genotype}, o.Test)
	if err != nil {
		return err
	}
	r.Input.Test, r.Output.Test = tests[0], tests[1]
	return nil
}

// distinct returns those architectures that differ to the supernet, the first of each.
func distinct(all []genotype.Genotype) []genotype.Genotype {
	seen := map[string]bool{}
	var different []genotype.Genotype
	for _, g := range all {
		if key := asSeen(g); !seen[key] {
			seen[key] = true
			different = append(different, g)
		}
	}
	return different
}

// asSeen returns a text that two architectures share if they are the same to a supernet, which knows no concat lists and
// takes stand-ins for primitives outside the search space.
func asSeen(g genotype.Genotype) string {
	var text strings.Builder
	for _, c := range []genotype.Cell{g.Normal, g.Reduce} {
		for _, e := range c.Edges {
			fmt.Fprintf(&text, "%d,%d,%d;", e.Op.StandIn(), e.From, e.To)
		}
	}
	return text.String()
}
