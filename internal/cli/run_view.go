package cli

import (
	"fmt"
	"time"
)

// runView shows how a run goes on: the steps as a bar on a terminal and as a line now and then elsewhere, and lines for
// what comes seldom.
type runView struct {
	program *program
	bar     *progress
	lineAt  time.Time
}

func (p *program) newRunView(what string) runView {
	return runView{program: p, bar: p.newProgress(what, false), lineAt: time.Now()}
}

// steps moves the bar.
func (v *runView) steps(done, total int, place func() string) {
	if v.bar.terminal {
		v.bar.report(int64(done), int64(total))
		v.bar.bar.Describe(place())
	}
}

// lineDue tells whether it is time for a line about steps, where no bar shows them.
func (v *runView) lineDue() bool {
	if v.bar.terminal || time.Since(v.lineAt) < linesEvery {
		return false
	}
	v.lineAt = time.Now()
	return true
}

// Warn prints a warning.
func (v *runView) Warn(message string) {
	v.bar.close()
	v.program.warn("%s", message)
}

func (v *runView) line(format string, values ...any) {
	v.bar.close()
	fmt.Fprintf(v.program.stderr, format+"\n", values...)
}

func (v *runView) close() { v.bar.close() }

// left says about how long something takes yet.
func left(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Minute:
		return fmt.Sprintf(", %d s left in all", int(d.Seconds()))
	case d < 100*time.Minute:
		return fmt.Sprintf(", %d min left in all", int(d.Minutes()))
	default:
		return fmt.Sprintf(", %.1f h left in all", d.Hours())
	}
}

func inPercent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
