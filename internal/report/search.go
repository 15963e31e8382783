package report

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"nat/internal/derive"
	"nat/internal/draw"
	"nat/internal/genotype"
	"nat/internal/model"
	"nat/internal/runfolder"
	"nat/internal/runs"
	"nat/internal/search"
)

// ofSearch fills in the page of a search.
func (p *Page) ofSearch(ctx context.Context, f *runfolder.Folder, o Options) error {
	config, err := search.ReadConfig(f.Path())
	if err != nil {
		return err
	}
	if err := describe(p, config); err != nil {
		return err
	}
	records, err := runfolder.Read[search.Record](f)
	if err != nil {
		return err
	}
	p.summariseSearch(config, records)
	for _, c := range searchCharts(config.Settings.Theta.Reward, records) {
		if err := p.chart(c); err != nil {
			return err
		}
	}
	if err := p.trials(ctx, records, o.Painter); err != nil {
		return err
	}
	return p.ofModel(ctx, f, o)
}

// summariseSearch says how far a search has come.
func (p *Page) summariseSearch(c search.Config, records []search.Record) {
	var weights, policy *search.Record
	for i, r := range records {
		switch {
		case r.Kind == search.PhaseRecord && r.Weights != nil:
			weights = &records[i]
		case r.Kind == search.PhaseRecord:
			policy = &records[i]
		}
	}
	s := c.Settings.Supernet
	p.add("what", fmt.Sprintf("search, %s: %d nodes, %d channels, %d cells", s.OpType, s.Nodes, s.Channels, s.Layers))
	if n := c.Settings.SupernetEpochs; n > 0 {
		p.add("supernet", fmt.Sprintf("of a search, after %d epochs", n))
	}
	switch {
	case weights != nil:
		p.add("epochs", fmt.Sprintf("%d of %d", weights.Epoch, c.Settings.Epochs))
		p.add("supernet, last epoch", fmt.Sprintf("loss %.3f, accuracy %s, %.0f images/s", weights.Weights.Loss,
			percent(weights.Weights.Accuracy), weights.Timing.ImagesPerSecond))
	case policy != nil:
		p.add("epochs", fmt.Sprintf("%d of %d", policy.Epoch, c.Settings.Epochs))
	default:
		p.add("epochs", fmt.Sprintf("none of %d complete", c.Settings.Epochs))
		return
	}
	if policy != nil {
		m := policy.Policy
		p.add("policy, last epoch", fmt.Sprintf("accuracy %s → %s with shared weights, entropy %.1f, %.0f images/s", percent(m.InputAccuracy),
			percent(m.OutputAccuracy), m.EntropyNormal+m.EntropyReduce, policy.Timing.ImagesPerSecond))
	}
	var timings []runs.Timing
	for _, r := range records {
		if r.Kind != search.StepRecord {
			timings = append(timings, r.Timing)
		}
	}
	p.took(timings)
}

func (p *Page) add(name, value string) { p.Summary = append(p.Summary, Fact{name, value}) }

// took adds what was spent: the timings of epochs or their phases.
func (p *Page) took(timings []runs.Timing) {
	seconds, peak := 0.0, int64(0)
	for _, t := range timings {
		seconds += t.Seconds
		peak = max(peak, t.PeakMemory)
	}
	if len(timings) == 0 {
		return
	}
	p.add("time", time.Duration(seconds*float64(time.Second)).Round(time.Second).String())
	p.add("peak memory", fmt.Sprintf("%d MiB", peak>>20))
	p.add("last record", timings[len(timings)-1].Time.Format(time.DateTime)+" UTC")
}

// curve picks numbers of records by epoch: of whole phases.
func curve(name string, records []search.Record, value func(r search.Record) (float64, bool)) draw.Series {
	s := draw.Series{Name: name, Line: true, Marks: len(records) < 500}
	for _, r := range records {
		if y, ok := value(r); ok && r.Kind == search.PhaseRecord {
			s.Points = append(s.Points, draw.Point{X: float64(r.Epoch), Y: y})
		}
	}
	return s
}

// searchCharts returns the curves of a search.
func searchCharts(reward search.Reward, records []search.Record) []draw.Chart {
	weights := func(name string, of func(m *search.WeightMeans) float64) draw.Series {
		return curve(name, records, func(r search.Record) (float64, bool) {
			if r.Weights == nil {
				return 0, false
			}
			return of(r.Weights), true
		})
	}
	policy := func(name string, of func(m *search.PolicyMeans) float64) draw.Series {
		return curve(name, records, func(r search.Record) (float64, bool) {
			if r.Policy == nil {
				return 0, false
			}
			return of(r.Policy), true
		})
	}
	unit, scale := reward.Unit()
	loss := draw.Chart{Title: "Supernet: loss on its training batches", X: "epoch", Y: "cross-entropy", Series: []draw.Series{
		weights("", func(m *search.WeightMeans) float64 { return m.Loss }),
	}}
	charts := []draw.Chart{
		{Title: "Accuracy with shared weights", X: "epoch", Y: "%", Series: []draw.Series{
			weights("training batches", func(m *search.WeightMeans) float64 { return 100 * m.Accuracy }),
			policy("held out, input", func(m *search.PolicyMeans) float64 { return 100 * m.InputAccuracy }),
			policy("held out, transformed", func(m *search.PolicyMeans) float64 { return 100 * m.OutputAccuracy }),
		}},
		{Title: "Reward of the policy", X: "epoch", Y: unit, Series: []draw.Series{
			policy("mean", func(m *search.PolicyMeans) float64 { return scale * m.Reward }),
		}},
		{Title: "Entropy of the policy", X: "epoch", Y: "nats a cell", Series: []draw.Series{
			policy("normal cell", func(m *search.PolicyMeans) float64 { return m.EntropyNormal }),
			policy("reduce cell", func(m *search.PolicyMeans) float64 { return m.EntropyReduce }),
		}},
		{Title: "What edges become", X: "epoch", Y: "% of edges", Series: []draw.Series{
			policy("skip_connect", func(m *search.PolicyMeans) float64 { return 100 * m.SkipShare }),
			policy("null", func(m *search.PolicyMeans) float64 { return 100 * m.NullShare }),
		}},
	}
	if len(loss.Series[0].Points) > 0 { // there are none where the supernet is left as it is
		charts = append([]draw.Chart{loss}, charts...)
	}
	return charts
}

// trials lists the trials of a search, and draws the last one.
func (p *Page) trials(ctx context.Context, records []search.Record, painter *draw.Painter) error {
	var last *search.Trial
	for _, r := range records {
		if r.Kind != search.TrialRecord {
			continue
		}
		last = r.Trial
		p.Trials = append(p.Trials, Row{
			[]string{fmt.Sprint(r.Epoch), percent(last.InputAccuracy), percent(last.OutputAccuracy), fmt.Sprint(last.Images)}, last.OutputText,
		})
	}
	if last == nil {
		return nil
	}
	input, err := parse("input", last.InputText)
	if err != nil {
		return err
	}
	output, err := parse("output", last.OutputText)
	if err != nil {
		return err
	}
	for _, kind := range []draw.Kind{draw.Normal, draw.Reduce} {
		d, err := painter.Pair(ctx, input, output, kind)
		if err := p.drawing(fmt.Sprintf("%s cell of the last trial: what the policy made of a random architecture", kind), d, err); err != nil {
			return err
		}
	}
	return nil
}

// parse reads one genotype, and names it.
func parse(name, text string) (genotype.Genotype, error) {
	f, err := genotype.Parse("metrics", text)
	if err != nil {
		return genotype.Genotype{}, err
	}
	g, _, err := f.Only()
	g.Name = name
	return g, err
}

// ofModel adds what the latest checkpoint tells, if there is one.
func (p *Page) ofModel(ctx context.Context, f *runfolder.Folder, o Options) error {
	path, _ := runs.Resume(f)
	if path == "" {
		return nil
	}
	m, err := model.Load(path, "")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // replaced just now, by a run that goes on
	}
	if err != nil {
		return err
	}
	if p.Matrix, err = newMatrix(ctx, o.Device, m); err != nil || o.Front == nil {
		return err
	}
	r, err := o.Front(m)
	if err != nil || r == nil {
		return err
	}
	for _, a := range r.Front {
		low, high := a.Selection.Interval()
		p.Front = append(p.Front, Row{[]string{
			fmt.Sprintf("%s (%.1f to %.1f)", percent(a.Selection.Value()), 100*low, 100*high),
			fmt.Sprintf("%.1f M", float64(a.Cost.MAdds)/1e6), fmt.Sprintf("%.2f M", float64(a.Cost.Parameters)/1e6),
		}, a.String()})
	}
	return p.chart(FrontChart(*r))
}

// FrontChart draws accuracy over multiply-adds.
func FrontChart(r derive.Result) draw.Chart {
	points := func(all ...derive.Architecture) (list []draw.Point) {
		for _, a := range all {
			if a.Equal(r.Input.Genotype) && len(all) > 1 {
				continue // it is a series of its own
			}
			low, high := a.Selection.Interval()
			list = append(list, draw.Point{X: float64(a.Cost.MAdds) / 1e6, Y: 100 * a.Selection.Value(), Low: 100 * low, High: 100 * high})
		}
		return list
	}
	return draw.Chart{
		Title: fmt.Sprintf("Transformations of %s: accuracy with shared weights, %d images", r.Input.Name, r.Input.Selection.Images),
		X:     "million multiply-adds", Y: "accuracy in % with 95 % interval",
		Series: []draw.Series{
			{Name: "front", Points: points(r.Front...), Line: true, Marks: true},
			{Name: "input", Points: points(r.Input), Marks: true},
			{Name: "others evaluated", Points: points(r.Behind...), Marks: true, Faint: true},
		},
	}
}
