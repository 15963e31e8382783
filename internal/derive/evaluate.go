package derive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"nat/internal/dataset"
	"nat/internal/genotype"
	"nat/internal/graph"
	"nat/internal/model"
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

// Judge measures architectures with the shared weights of a supernet. Images come in their order and not augmented;
// batches are normalised with their own statistics, so that their size is part of the result.
type Judge struct {
	supernet  *supernet.Supernet
	device    *graph.Device
	batchSize int
	measured  func() // where set, is called for every architecture that has been run on a batch
}

// NewJudge returns a judge with a model's supernet, which must be for images as those are; nil ones don't count.
func NewJudge(d *graph.Device, m *model.Model, batchSize int, images ...*dataset.Images) (*Judge, error) {
	if m.Supernet == nil {
		return nil, errors.New("the checkpoint holds a policy but no supernet, so nothing can be evaluated with it: give one with both")
	}
	if batchSize < 1 {
		return nil, fmt.Errorf("batches of %d images can't be: take 1 or more", batchSize)
	}
	c := m.Supernet.Config()
	for _, m := range images {
		if m == nil {
			continue
		}
		if m.Len() == 0 {
			return nil, fmt.Errorf("%s has no images to evaluate on", m.Name)
		}
		if len(m.Classes) != c.Classes || m.Channels != c.ImageChannels || m.Height != c.ImageSize || m.Width != c.ImageSize {
			return nil, fmt.Errorf("the checkpoint is for %d classes and images of %d×%d pixels, but %s has %d classes and %d×%d pixels: "+
				"give the data that it was trained on", c.Classes, c.ImageSize, c.ImageSize, m.Name, len(m.Classes), m.Height, m.Width)
		}
	}
	return &Judge{supernet: m.Supernet, device: d, batchSize: batchSize}, nil
}

// together is how many architectures are run in one graph, which computes once what they have in common.
const together = 8

// Hits returns by architecture and image which images are classified right. Architectures that are the same to the
// supernet are run once.
func (j *Judge) Hits(ctx context.Context, all []genotype.Genotype, images *dataset.Images) ([][]bool, error) {
	different, place := distinct(all)
	hits := make([][]bool, len(different))
	loader := dataset.NewLoader(images, dataset.LoaderOptions{BatchSize: j.batchSize})
	for _, batch := range loader.Epoch(ctx, 0, 0) {
		for first := 0; first < len(different); first += together {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			group := different[first:min(first+together, len(different))]
			results, err := j.supernet.EvaluateAll(j.device, batch, group...)
			if err != nil {
				return nil, err
			}
			for i, r := range results {
				hits[first+i] = append(hits[first+i], r.Hits(batch.Labels)...)
				if j.measured != nil {
					j.measured()
				}
			}
		}
	}
	if err := loader.Err(); err != nil {
		return nil, err
	}
	byArchitecture := make([][]bool, len(all))
	for i := range all {
		byArchitecture[i] = hits[place[i]]
	}
	return byArchitecture, ctx.Err()
}

// batches returns how many batches images are run in.
func (j *Judge) batches(m *dataset.Images) int { return (m.Len() + j.batchSize - 1) / j.batchSize }

// accuracies counts what Hits returns.
func (j *Judge) accuracies(ctx context.Context, all []genotype.Genotype, images *dataset.Images) ([]Accuracy, error) {
	hits, err := j.Hits(ctx, all, images)
	if err != nil {
		return nil, err
	}
	accuracies := make([]Accuracy, len(all))
	for i, h := range hits {
		accuracies[i] = CountHits(h)
	}
	return accuracies, nil
}

// CountHits returns the accuracy of which hits are the images.
func CountHits(hits []bool) Accuracy {
	a := Accuracy{Images: len(hits)}
	for _, right := range hits {
		if right {
			a.Correct++
		}
	}
	return a
}

// expect returns how many different architectures there are among the candidates, of which up to two will be run on the
// test images afterwards, and has the judge report on all that to the options' Progress.
func (t *derivation) expect(candidates []genotype.Genotype) (different int) {
	o := t.options
	all, _ := distinct(candidates)
	total := len(all) * t.judge.batches(o.Selection)
	if o.Test != nil && o.Test != o.Selection {
		total += min(len(all), 2) * t.judge.batches(o.Test)
	}
	if o.Progress != nil {
		done := 0
		t.judge.measured = func() {
			done++
			o.Progress(done, total)
		}
	}
	return len(all)
}

// report fills in the accuracies of input and output on the test images.
func (j *Judge) report(ctx context.Context, r *Result, o Options) error {
	switch o.Test {
	case nil:
		return nil
	case o.Selection:
		r.Input.Test, r.Output.Test = r.Input.Selection, r.Output.Selection
		return nil
	}
	tests, err := j.accuracies(ctx, []genotype.Genotype{r.Input.Genotype, r.Output.Genotype}, o.Test)
	if err != nil {
		return err
	}
	r.Input.Test, r.Output.Test = tests[0], tests[1]
	return nil
}

// distinct returns those architectures that differ to the supernet, the first of each, and where among them each stands.
func distinct(all []genotype.Genotype) (different []genotype.Genotype, place []int) {
	seen := map[string]int{}
	for _, g := range all {
		key := asSeen(g)
		if _, ok := seen[key]; !ok {
			seen[key] = len(different)
			different = append(different, g)
		}
		place = append(place, seen[key])
	}
	return different, place
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
