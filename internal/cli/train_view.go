package cli

import (
	"fmt"
	"strings"

	"nat/internal/runs"
	"nat/internal/train"
)

// trainView shows how a training goes on. It is the training's Observer.
type trainView struct {
	runView
	at   train.Progress
	last *train.Record // of an epoch
}

func (p *program) newTrainView(what string) *trainView {
	return &trainView{runView: p.newRunView(what)}
}

// begin says what is about to be done.
func (v *trainView) begin(t *train.Training) {
	o := t.Options()
	parameters := 0
	for _, p := range t.Trained().Parameters() {
		parameters += len(p.Data)
	}
	images, judgedOn := t.JudgedOn()
	v.program.note("training %s in %s: %d channels, %d cells, %s parameters (the auxiliary head's among them); "+
		"images of %s, %d classes, %d×%d pixels; judged on %s %s images; %s",
		nameOf(o.Architecture), t.Folder(), o.Size.Channels, o.Size.Layers, grouped(parameters), t.Data.Name, o.Size.Classes,
		o.Size.ImageSize, o.Size.ImageSize, grouped(images), judgedOn, t.Device.Name())
	switch epochs, step := t.Position(); {
	case epochs >= o.Epochs:
		v.program.note("all %d epochs are done; more can be asked for with --epochs", o.Epochs)
	case epochs > 0 || step > 0:
		v.program.note("resumed in epoch %d of %d, behind step %d", epochs+1, o.Epochs, step)
	}
}

// Progress moves the bar.
func (v *trainView) Progress(at train.Progress) {
	v.at = at
	v.steps(at.Step, at.Steps, v.place)
}

// place says which epoch is under way, and how long the rest of the training will take.
func (v *trainView) place() string {
	return fmt.Sprintf("epoch %d/%d%s", v.at.Epoch, v.at.Epochs, left(v.at.Remaining))
}

// Recorded prints a record, of steps only now and then.
func (v *trainView) Recorded(r train.Record) {
	switch {
	case r.Kind == train.EpochRecord:
		v.last = &r
		v.line("epoch %d/%d: loss %.3f, accuracy %s, %.0f images/s, %s s, waited for data %.1f %%; %s accuracy %s, loss %.3f",
			r.Epoch, v.at.Epochs, r.Train.Loss, inPercent(r.Train.Accuracy), r.Timing.ImagesPerSecond, grouped(int(r.Timing.Seconds)),
			100*r.Timing.DataWait, r.Evaluation.On, inPercent(r.Evaluation.Accuracy), r.Evaluation.Loss)
	case v.lineDue():
		v.line("%s, step %d/%d: loss %.3f, accuracy %s, %.0f images/s", v.place(), r.Step, v.at.Steps, r.Train.Loss,
			inPercent(r.Train.Accuracy), r.Timing.ImagesPerSecond)
	}
}

// trainResult is the JSON of nat train. What a resumed run didn't reach again is left out.
type trainResult struct {
	Folder     string           `json:"folder"`
	Complete   bool             `json:"complete"`
	Epochs     int              `json:"epochs"` // done
	Genotype   string           `json:"genotype"`
	Checkpoint string           `json:"checkpoint"`
	Best       string           `json:"best"`
	Train      *train.Means     `json:"train,omitempty"` // of the last epoch that ended
	Evaluation *train.Judgement `json:"evaluation,omitempty"`
	PeakMemory int64            `json:"peak_memory"`
}

// printTraining prints where a training stands and what can be done with it.
func (p *program) printTraining(t *train.Training, v *trainView, json bool) error {
	epochs, _ := t.Position()
	r := trainResult{
		Folder: t.Folder(), Complete: epochs >= t.Options().Epochs, Epochs: epochs, Genotype: t.Options().Architecture.String(),
		Checkpoint: t.Latest(), Best: t.Best(), PeakMemory: runs.PeakMemory(),
	}
	if v.last != nil {
		r.Train, r.Evaluation = &v.last.Train, v.last.Evaluation
	}
	if json {
		return p.printJSON(r)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d of %d epochs\n", r.Folder, r.Epochs, t.Options().Epochs)
	if r.Train != nil {
		fmt.Fprintf(&text, "  training          loss %.3f, accuracy %s\n", r.Train.Loss, inPercent(r.Train.Accuracy))
		fmt.Fprintf(&text, "  %-17s loss %.3f, accuracy %s of %s images\n", r.Evaluation.On, r.Evaluation.Loss, inPercent(r.Evaluation.Accuracy), grouped(r.Evaluation.Images))
	}
	fmt.Fprintf(&text, "  checkpoint        %s\n", r.Checkpoint)
	fmt.Fprintf(&text, "  peak memory       %.0f MiB\n", float64(r.PeakMemory)/(1<<20))
	if r.Epochs > 0 {
		fmt.Fprintf(&text, "Next: nat eval %s\n", r.Folder)
	}
	p.print("%s", text.String())
	return nil
}
