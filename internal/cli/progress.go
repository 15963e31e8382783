package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// linesEvery is how often progress is told where there is no terminal.
const linesEvery = 10 * time.Second

// progress tells on standard error how far a long task is: with a bar on a terminal, else with a line now and then.
type progress struct {
	w          io.Writer
	what       string // the task, as in "downloading CIFAR-10"
	bytes      bool   // it is counted in bytes, not in steps
	terminal   bool
	now        func() time.Time
	bar        *progressbar.ProgressBar
	start      time.Time // of the first report, for the time left
	first      int64     // what was done by then: a download goes on where it stopped
	lastLineAt time.Time
}

// newProgress starts to report on a task that is counted in steps or in bytes. Nothing shows before the first report.
func (p *program) newProgress(what string, bytes bool) *progress {
	f, isFile := p.stderr.(*os.File)
	return &progress{w: p.stderr, what: what, bytes: bytes, now: time.Now, terminal: isFile && term.IsTerminal(int(f.Fd()))}
}

// report says how much is done of a total, which is -1 where nobody knows it.
func (g *progress) report(done, total int64) {
	if g.start.IsZero() {
		g.start, g.first, g.lastLineAt = g.now(), done, g.now()
		if g.terminal {
			g.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(g.w), progressbar.OptionSetDescription(g.what),
				progressbar.OptionShowBytes(g.bytes), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
				progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		}
	}
	if g.bar != nil {
		_ = g.bar.Set64(done) // fails for more than the total only, which the next line of the task will tell
		return
	}
	if g.now().Sub(g.lastLineAt) >= linesEvery {
		g.lastLineAt = g.now()
		fmt.Fprintf(g.w, "%s: %s\n", g.what, g.line(done, total))
	}
}

// line says in words how much is done and about how long the rest takes.
func (g *progress) line(done, total int64) string {
	if total <= 0 {
		return g.amount(done)
	}
	text := fmt.Sprintf("%s of %s (%d %%)", g.amount(done), g.amount(total), 100*done/total)
	if done > g.first {
		left := time.Duration(float64(g.now().Sub(g.start)) * float64(total-done) / float64(done-g.first))
		text += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return text
}

func (g *progress) amount(n int64) string {
	if g.bytes {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

// close takes the bar away, so that what follows begins on a clean line.
func (g *progress) close() {
	if g.bar != nil {
		_ = g.bar.Clear() // only a terminal that is gone can fail here
	}
}
