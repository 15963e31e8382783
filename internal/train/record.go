package train

import (
	"fmt"
	"time"

	"nat/internal/runfolder"
	"nat/internal/runs"
)

// Record is a line of a training's metrics: means over the steps since the last line, or over a whole epoch with the
// evaluation that followed it. All but Timing follows from settings and data alone.
type Record struct {
	Kind       RecordKind  `json:"kind"`
	Epoch      int         `json:"epoch"` // counted from 1
	Step       int         `json:"step"`  // of the epoch, counted from 1
	Total      int         `json:"total"` // steps so far
	Train      Means       `json:"train"`
	Evaluation *Judgement  `json:"evaluation,omitempty"`
	Timing     runs.Timing `json:"timing"` // of the steps
}

// RecordKind says what a record is about.
type RecordKind string

// The kinds of records.
const (
	StepRecord  RecordKind = "step"
	EpochRecord RecordKind = "epoch"
)

// Means are means over steps, on augmented images and with paths dropped. The loss includes the auxiliary head's.
type Means struct {
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
	Rate     float64 `json:"rate"`
	DropPath float64 `json:"drop_path"`
}

// Judgement is how the network did after an epoch.
type Judgement struct {
	On       string  `json:"on"` // what the images are: JudgedOnTest …
	Images   int     `json:"images"`
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
	Top5     float64 `json:"top5"`
	Best     bool    `json:"best"` // so far
}

// What epochs are judged on: the training images beyond the train portion, if there are any, else the images that the data
// set has for validation, else its test images.
const (
	JudgedOnRest       = "held-out"
	JudgedOnValidation = "validation"
	JudgedOnTest       = "test"
)

// after returns the position of a training that has just written the record.
func (r *Record) after() position {
	if r.Kind == EpochRecord {
		return position{r.Epoch, 0}
	}
	return position{r.Epoch - 1, r.Step}
}

// Scalars returns what TensorBoard plots of a record: epochs by epoch, the rest by step.
func (r *Record) Scalars() (scalars []runfolder.Scalar, measured time.Time, step int64) {
	step = int64(r.Epoch)
	if r.Kind == StepRecord {
		step = int64(r.Total)
	}
	add := func(group, name string, value float64) {
		scalars = append(scalars, runfolder.Scalar{Tag: fmt.Sprintf("%s %s/%s", group, r.Kind, name), Value: value})
	}
	add("train", "loss", r.Train.Loss)
	add("train", "accuracy", r.Train.Accuracy)
	add("train", "rate", r.Train.Rate)
	add("train", "images per second", r.Timing.ImagesPerSecond)
	if e := r.Evaluation; e != nil {
		add(e.On, "loss", e.Loss)
		add(e.On, "accuracy", e.Accuracy)
		add(e.On, "top5", e.Top5)
	}
	return scalars, r.Timing.Time, step
}
