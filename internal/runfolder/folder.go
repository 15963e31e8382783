// Package runfolder is the folder that a search or training run writes: its settings, its metrics as lines of JSON and as
// TensorBoard's events, its checkpoints, and the lock that says who owns it. It knows where things lie and how they are
// written so that a crash or a full disk leaves them readable; what they mean is the run's to know. Of this program it
// imports atomicfile alone.
package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"nat/internal/atomicfile"
)

// The files of a run folder.
const (
	configName     = "config.json"
	metricsName    = "metrics.jsonl"
	eventsName     = "events.out.tfevents.nat" // TensorBoard looks for "tfevents" in names
	lockName       = "lock"
	ownerName      = "owner.json"
	LatestName     = "latest.safetensors"
	BestName       = "best.safetensors"
	maxConfigBytes = 1 << 20
)

// Folder is a run folder that this process owns until it is closed.
type Folder struct {
	path string
	lock *flock.Flock
	log  *log
}

// Create makes a run folder, which must not exist yet, and writes the run's settings into it.
func Create(path string, config []byte) (*Folder, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	if err := os.Mkdir(path, 0o777); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("run folder %s exists: resume that run (--resume %s), or give another folder (--save DIR)", path, path)
	} else if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	f := At(path)
	err := f.own()
	if err == nil {
		if err = f.WriteConfig(config); err == nil {
			return f, nil
		}
		err = errors.Join(err, f.Close())
	}
	return nil, errors.Join(err, os.RemoveAll(path)) // it was made just now: nothing of anyone's is in it
}

// maxRuns bounds the search for a free number.
const maxRuns = 1_000_000

// CreateNext makes the first folder that doesn't exist yet of parent/command-1, parent/command-2, …
func CreateNext(parent, command string, config []byte) (*Folder, error) {
	for n := 1; n < maxRuns; n++ {
		path := filepath.Join(parent, fmt.Sprintf("%s-%d", command, n))
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		return Create(path, config)
	}
	return nil, fmt.Errorf("%s holds a million runs: give another folder (--save DIR)", parent)
}

// At returns the folder of a run without taking it over, to read from.
func At(path string) *Folder { return &Folder{path: path} }

// Open takes over a run folder that exists.
func Open(path string) (*Folder, error) {
	f := At(path)
	if _, err := f.Config(); err != nil {
		return nil, err
	}
	if err := f.own(); err != nil {
		return nil, err
	}
	f.sweep()
	return f, nil
}

// sweep removes what a process that was killed left of files that it was writing.
func (f *Folder) sweep() {
	for _, pattern := range []string{f.File(".*.tmp"), f.File("*", ".*.tmp")} {
		left, _ := filepath.Glob(pattern) // only a bad pattern is an error
		for _, file := range left {
			_ = os.Remove(file) // it would do no harm
		}
	}
}

// Path returns the folder's path as it was given.
func (f *Folder) Path() string { return f.path }

// File returns the path of a file in the folder.
func (f *Folder) File(elements ...string) string {
	return filepath.Join(append([]string{f.path}, elements...)...)
}

// ConfigPath returns the path of the run's settings.
func (f *Folder) ConfigPath() string { return f.File(configName) }

// Config reads the run's settings.
func (f *Folder) Config() ([]byte, error) {
	info, err := os.Stat(f.ConfigPath())
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not the folder of a run: it holds no %s", f.path, configName)
	}
	if info.Size() > maxConfigBytes {
		return nil, fmt.Errorf("%s has %d bytes: that is no run's settings", f.ConfigPath(), info.Size())
	}
	text, err := os.ReadFile(f.ConfigPath())
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	return text, nil
}

// WriteConfig writes the run's settings.
func (f *Folder) WriteConfig(config []byte) error {
	if err := atomicfile.WriteBytes(f.File(configName), config); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// WriteText writes a file in the folder, and the folders in between.
func (f *Folder) WriteText(text string, elements ...string) error {
	path := f.File(elements...)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := atomicfile.WriteBytes(path, []byte(text)); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// Close gives the folder up.
func (f *Folder) Close() error {
	var err error
	if f.log != nil {
		err = f.log.close()
	}
	if e := os.Remove(f.File(ownerName)); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, f.lock.Unlock())
}

// owner is what the lock says of the process that holds it.
type owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
}

// own locks the folder and notes who did. The note is a file beside the lock, which some systems let nobody else read.
func (f *Folder) own() error {
	f.lock = flock.New(f.File(lockName))
	locked, err := f.lock.TryLock()
	if err != nil {
		return fmt.Errorf("run folder %s can't be locked: %w", f.path, err)
	}
	if !locked {
		return fmt.Errorf("run folder %s is in use%s: wait for that run, or stop it", f.path, f.describeOwner())
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	note, err := json.Marshal(owner{os.Getpid(), host, time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		err = atomicfile.WriteBytes(f.File(ownerName), append(note, '\n'))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("run folder: %w", err), f.lock.Unlock())
	}
	return nil
}

// describeOwner says who holds the lock, as far as that is known.
func (f *Folder) describeOwner() string {
	var o owner
	text, err := os.ReadFile(f.File(ownerName))
	if err != nil || json.Unmarshal(text, &o) != nil {
		return ""
	}
	return fmt.Sprintf(" by process %d on %s since %s", o.PID, o.Host, o.Started.Local().Format(time.DateTime))
}
