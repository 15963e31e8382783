package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"nat/internal/dataset"
	"nat/internal/draw"
	"nat/internal/runs"
	"nat/internal/search"
)

// searchView shows how a search goes on: epochs and trials as lines, of trials also drawings in the run folder. It is the
// search's Observer.
type searchView struct {
	runView
	folder string
	at     search.Progress
	reward search.Reward
	// the last of their kind
	weights *search.WeightMeans
	policy  *search.PolicyMeans
	trial   *search.Trial
}

func (p *program) newSearchView() *searchView {
	return &searchView{runView: p.newRunView("searching")}
}

// begin says what is about to be done.
func (v *searchView) begin(run *search.Search, set *dataset.Set) {
	v.folder = run.Folder()
	o := run.Options()
	v.reward = o.Theta.Reward
	parameters := 0
	for _, p := range run.Model().Parameters() {
		parameters += len(p.Data)
	}
	weights, policy := dataset.Split(set.Train.Len(), o.TrainPortion, o.Seed)
	v.program.note("search in %s: %s, %d nodes, %d channels, %d cells, %s parameters; %s images for the supernet and %s for the policy from %s of %d classes, %d×%d pixels; %s",
		v.folder, o.Supernet.OpType, o.Supernet.Nodes, o.Supernet.Channels, o.Supernet.Layers, grouped(parameters),
		grouped(len(weights)), grouped(len(policy)), set.Name, len(set.Train.Classes), set.Train.Height, set.Train.Width,
		run.Device.Name())
	switch epochs, phase, step := run.Position(); {
	case epochs >= o.Epochs:
		v.program.note("all %d epochs are done; more can be asked for with --epochs", o.Epochs)
	case epochs > 0 || phase > 0 || step > 0:
		v.program.note("resumed in epoch %d of %d, behind step %d of the %s", epochs+1, o.Epochs, step, phaseName(phase))
	}
}

func phaseName(p dataset.Phase) string {
	if p == dataset.Policy {
		return "policy"
	}
	return "weights"
}

// Progress moves the bar.
func (v *searchView) Progress(at search.Progress) {
	v.at = at
	v.steps(at.Step, at.Steps, v.place)
}

// place says which phase of which epoch is under way, and how long the rest of the search will take.
func (v *searchView) place() string {
	return fmt.Sprintf("epoch %d/%d, %s%s", v.at.Epoch, v.at.Epochs, phaseName(v.at.Phase), left(v.at.Remaining))
}

// Recorded prints a record, of steps only now and then.
func (v *searchView) Recorded(r search.Record) {
	switch r.Kind {
	case search.StepRecord:
		if v.lineDue() {
			v.line("%s, step %d/%d: %s", v.place(), r.Step, v.at.Steps, v.means(r))
		}
	case search.PhaseRecord:
		if r.Weights != nil {
			v.weights = r.Weights
		} else {
			v.policy = r.Policy
		}
		v.line("epoch %d/%d, %s: %s, %s s, waited for data %.1f %%", r.Epoch, v.at.Epochs, phaseName(v.at.Phase), v.means(r),
			grouped(int(r.Timing.Seconds)), 100*r.Timing.DataWait)
	case search.TrialRecord:
		v.trial = r.Trial
		v.line("epoch %d/%d, trial: a random architecture has accuracy %s, its best transformation %s (shared weights, %d images held out of the supernet's training)",
			r.Epoch, v.at.Epochs, inPercent(r.Trial.InputAccuracy), inPercent(r.Trial.OutputAccuracy), r.Trial.Images)
		v.draw(r.Trial)
	}
}

// means says in words what a record of steps has.
func (v *searchView) means(r search.Record) string {
	if w := r.Weights; w != nil {
		return fmt.Sprintf("loss %.3f, accuracy %s, %.0f images/s", w.Loss, inPercent(w.Accuracy), r.Timing.ImagesPerSecond)
	}
	p := r.Policy
	unit, scale := v.reward.Unit()
	return fmt.Sprintf("reward %+.3g ± %.2g %s, accuracy %s → %s, entropy %.1f + %.1f, skip %s, null %s, %.0f images/s",
		scale*p.Reward, scale*p.RewardStd, unit, inPercent(p.InputAccuracy), inPercent(p.OutputAccuracy), p.EntropyNormal, p.EntropyReduce,
		inPercent(p.SkipShare), inPercent(p.NullShare), r.Timing.ImagesPerSecond)
}

// draw draws input and output of a trial. The run doesn't depend on it, so that a failure is no more than a warning.
func (v *searchView) draw(t *search.Trial) {
	painter, err := newPainter()
	if err == nil {
		_, err = painter.SavePair(context.Background(), filepath.Join(v.folder, "drawings"), t.Input, t.Output, []draw.Format{draw.SVG})
		_ = painter.Close() // nothing is lost if it fails
	}
	if err != nil {
		v.Warn("no drawing: " + err.Error())
	}
}

// searchResult is the JSON of nat search. What a resumed run didn't reach again is left out.
type searchResult struct {
	Folder     string              `json:"folder"`
	Complete   bool                `json:"complete"`
	Epochs     int                 `json:"epochs"` // done
	Checkpoint string              `json:"checkpoint"`
	Best       string              `json:"best"`
	Weights    *search.WeightMeans `json:"weights,omitempty"` // of the last epoch that ended
	Policy     *search.PolicyMeans `json:"policy,omitempty"`
	Trial      *search.Trial       `json:"trial,omitempty"`
	PeakMemory int64               `json:"peak_memory"`
}

// dataOf is the flag that names a run's data to another command, which takes CIFAR-10 without it.
func dataOf(p runs.Provenance) string {
	if p.Source == "" || p.Source == dataset.SampleName {
		return ""
	}
	return " --data " + p.Source
}

// printSearch prints where a search stands and what can be done with it.
func (p *program) printSearch(s *search.Search, v *searchView, json bool) error {
	epochs, _, _ := s.Position()
	r := searchResult{
		Folder: s.Folder(), Complete: epochs >= s.Options().Epochs, Epochs: epochs,
		Checkpoint: s.Latest(), Best: s.Best(), Weights: v.weights, Policy: v.policy, Trial: v.trial, PeakMemory: runs.PeakMemory(),
	}
	if json {
		return p.printJSON(r)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d of %d epochs\n", r.Folder, r.Epochs, s.Options().Epochs)
	if r.Weights != nil {
		fmt.Fprintf(&text, "  supernet          loss %.3f, accuracy %s\n", r.Weights.Loss, inPercent(r.Weights.Accuracy))
	}
	if r.Policy != nil {
		fmt.Fprintf(&text, "  policy            %s → %s of the images right, with shared weights\n", inPercent(r.Policy.InputAccuracy), inPercent(r.Policy.OutputAccuracy))
	}
	fmt.Fprintf(&text, "  checkpoint        %s\n", r.Checkpoint)
	fmt.Fprintf(&text, "  peak memory       %.0f MiB\n", float64(r.PeakMemory)/(1<<20))
	if r.Epochs > 0 {
		fmt.Fprintf(&text, "Next: nat derive DARTS --model-path %s%s\n", r.Checkpoint, dataOf(s.Provenance))
	}
	p.print("%s", text.String())
	return nil
}
