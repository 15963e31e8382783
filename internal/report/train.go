package report

import (
	"context"
	"fmt"

	"nat/internal/draw"
	"nat/internal/network"
	"nat/internal/runfolder"
	"nat/internal/runs"
	"nat/internal/train"
)

// ofTraining fills in the page of an architecture's training from scratch.
func (p *Page) ofTraining(ctx context.Context, f *runfolder.Folder, o Options) error {
	config, err := train.ReadConfig(f.Path())
	if err != nil {
		return err
	}
	if err := describe(p, config); err != nil {
		return err
	}
	records, err := runfolder.Read[train.Record](f)
	if err != nil {
		return err
	}
	if err := p.summariseTraining(config, records); err != nil {
		return err
	}
	for _, c := range trainingCharts(records) {
		if err := p.chart(c); err != nil {
			return err
		}
	}
	a := config.Settings.Architecture
	for _, kind := range []draw.Kind{draw.Normal, draw.Reduce} {
		d, err := o.Painter.Cell(ctx, a, kind)
		if err := p.drawing(string(kind)+" cell", d, err); err != nil {
			return err
		}
	}
	return nil
}

// summariseTraining says how far a training has come.
func (p *Page) summariseTraining(c train.Config, records []train.Record) error {
	s := c.Settings
	cost, err := network.CostOf(s.Architecture, s.Size)
	if err != nil {
		return err
	}
	p.add("what", fmt.Sprintf("training of %s from scratch: %d channels, %d cells", s.Architecture.Name, s.Size.Channels, s.Size.Layers))
	p.add("cost", fmt.Sprintf("%.2f M parameters, %.1f M multiply-adds", float64(cost.Parameters)/1e6, float64(cost.MAdds)/1e6))
	var epochs []train.Record
	var timings []runs.Timing
	for _, r := range records {
		if r.Kind == train.EpochRecord {
			epochs, timings = append(epochs, r), append(timings, r.Timing)
		}
	}
	p.add("epochs", fmt.Sprintf("%d of %d", len(epochs), s.Epochs))
	var best *train.Judgement
	for _, r := range epochs {
		if e := r.Evaluation; e != nil && (best == nil || e.Accuracy > best.Accuracy) {
			best = e
		}
	}
	if len(epochs) > 0 {
		last := epochs[len(epochs)-1]
		p.add("last epoch", fmt.Sprintf("training loss %.3f, accuracy %s, %.0f images/s", last.Train.Loss, percent(last.Train.Accuracy), last.Timing.ImagesPerSecond))
		if e := last.Evaluation; e != nil {
			p.add("last epoch, judged", fmt.Sprintf("accuracy %s, loss %.3f on %d %s images", percent(e.Accuracy), e.Loss, e.Images, e.On))
			p.add("best epoch", fmt.Sprintf("accuracy %s on %d %s images", percent(best.Accuracy), best.Images, best.On))
		}
	}
	p.took(timings)
	return nil
}

// trainingCharts returns the curves of a training.
func trainingCharts(records []train.Record) []draw.Chart {
	series := func(name string, of func(r train.Record) float64) draw.Series {
		s := draw.Series{Name: name, Line: true, Marks: len(records) < 500}
		for _, r := range records {
			if r.Kind == train.EpochRecord && r.Evaluation != nil {
				s.Points = append(s.Points, draw.Point{X: float64(r.Epoch), Y: of(r)})
			}
		}
		return s
	}
	return []draw.Chart{
		{Title: "Loss", X: "epoch", Y: "cross-entropy", Series: []draw.Series{
			series("training", func(r train.Record) float64 { return r.Train.Loss }),
			series("judged", func(r train.Record) float64 { return r.Evaluation.Loss }),
		}},
		{Title: "Accuracy", X: "epoch", Y: "%", Series: []draw.Series{
			series("training", func(r train.Record) float64 { return 100 * r.Train.Accuracy }),
			series("judged", func(r train.Record) float64 { return 100 * r.Evaluation.Accuracy }),
		}},
		{Title: "Learning rate", X: "epoch", Y: "", Series: []draw.Series{
			series("", func(r train.Record) float64 { return r.Train.Rate }),
		}},
	}
}
