package runs

import (
	"time"

	"nat/internal/dataset"
)

// StepsPerRecord is how many steps are averaged in a line of the metrics.
const StepsPerRecord = 50

// Timing is how long things took since the last record of the kind, or since the run was resumed.
type Timing struct {
	Time            time.Time `json:"time"`
	Seconds         float64   `json:"seconds"`
	ImagesPerSecond float64   `json:"images_per_second,omitempty"`
	DataWait        float64   `json:"data_wait"`   // share of the seconds
	PeakMemory      int64     `json:"peak_memory"` // bytes, of the process
}

// Stopwatch measures what Timing says, from when it is started.
type Stopwatch struct {
	Images int // since the start
	start  time.Time
	waited time.Duration // of the loader, at the start
}

// StartWatch starts a stopwatch on something whose batches the loader makes.
func StartWatch(l *dataset.Loader) Stopwatch { return Stopwatch{start: time.Now(), waited: l.Waited()} }

// Read returns the timing so far.
func (w Stopwatch) Read(l *dataset.Loader) Timing {
	t := TimingSince(w.start)
	t.ImagesPerSecond = float64(w.Images) / t.Seconds
	t.DataWait = (l.Waited() - w.waited).Seconds() / t.Seconds
	return t
}

// TimingSince returns the timing of something without batches.
func TimingSince(start time.Time) Timing {
	return Timing{
		Time:       time.Now().UTC().Truncate(time.Millisecond),
		Seconds:    max(time.Since(start), time.Nanosecond).Seconds(), // never 0, which is divided by
		PeakMemory: PeakMemory(),
	}
}
