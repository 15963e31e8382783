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
	measured  func(images int) // where set, is called for every architecture that has been run on that many
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

// Measurement is what was seen of an architecture, by image.
type Measurement struct {
	Hits   []bool    // it is classified right
	Losses []float64 // cross-entropy
}

// Accuracy counts the hits.
func (m Measurement) Accuracy() Accuracy {
	a := Accuracy{Images: len(m.Hits)}
	for _, hit := range m.Hits {
		if hit {
			a.Correct++
		}
	}
	return a
}

// Measure runs architectures on images. Those that are the same to the supernet are run once.
func (j *Judge) Measure(ctx context.Context, all []genotype.Genotype, images *dataset.Images) ([]Measurement, error) {
	different, place := distinct(all)
	seen := make([]Measurement, len(different))
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
				m := &seen[first+i]
				m.Hits, m.Losses = append(m.Hits, r.Hits(batch.Labels)...), append(m.Losses, r.Losses(batch.Labels)...)
				if j.measured != nil {
					j.measured(r.Images)
				}
			}
		}
	}
	if err := loader.Err(); err != nil {
		return nil, err
	}
	measurements := make([]Measurement, len(all))
	for i := range all {
		measurements[i] = seen[place[i]]
	}
	return measurements, ctx.Err()
}

// expect has the judge report to the options' Progress, until so many images have been run.
func (t *derivation) expect(images int) {
	if t.options.Progress == nil {
		return
	}
	done := 0
	t.judge.measured = func(n int) {
		done += n
		t.options.Progress(min(done, images), images)
	}
}

// report fills in the accuracies of input and output on the test images.
func (t *derivation) report(ctx context.Context, r *Result) error {
	switch t.options.Test {
	case nil:
		return nil
	case t.options.Selection:
		r.Input.Test, r.Output.Test = r.Input.Selection, r.Output.Selection
		return nil
	}
	tests, err := t.judge.Measure(ctx, []genotype.Genotype{r.Input.Genotype, r.Output.Genotype}, t.options.Test)
	if err != nil {
		return err
	}
	r.Input.Test, r.Output.Test = tests[0].Accuracy(), tests[1].Accuracy()
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
