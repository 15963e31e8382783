package runfolder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"nat/internal/atomicfile"
)

// Entry is what a run logs: marshalled, a line of metrics.jsonl, and also some numbers for TensorBoard.
type Entry interface {
	// Scalars returns the numbers for TensorBoard, when they were measured and at which step.
	Scalars() (scalars []Scalar, measured time.Time, step int64)
}

// maxLine bounds a line of metrics.jsonl that is read back.
const maxLine = 1 << 20

// log is metrics.jsonl and the event file, open at their ends. The lines are what counts: the events are made of them.
type log struct {
	metrics, events *os.File
}

// Append writes an entry to metrics.jsonl and to the event file: as a whole or, where the disk is full, not at all.
func (f *Folder) Append(e Entry) error {
	if f.log == nil {
		var err error
		if f.log, err = f.openLog(); err != nil {
			return err
		}
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := appendWhole(f.log.metrics, append(line, '\n')); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := appendWhole(f.log.events, eventOf(e)); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

func (f *Folder) openLog() (*log, error) {
	l := &log{}
	var err error
	if l.metrics, err = os.OpenFile(f.File(metricsName), os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if l.events, err = os.OpenFile(f.File(eventsName), os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return nil, errors.Join(fmt.Errorf("metrics: %w", err), l.metrics.Close())
	}
	end, err := l.events.Seek(0, io.SeekEnd)
	if err == nil && end == 0 {
		err = appendWhole(l.events, eventsHeader())
	}
	if err == nil {
		_, err = l.metrics.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("metrics: %w", err), l.close())
	}
	return l, nil
}

// appendWhole writes at the end of a file, and takes back what was written if not all of it could be.
func appendWhole(f *os.File, data []byte) error {
	start, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return errors.Join(err, f.Truncate(start))
	}
	return nil
}

// Sync has the disk hold what was logged.
func (f *Folder) Sync() error {
	if f.log == nil {
		return nil
	}
	return errors.Join(f.log.metrics.Sync(), f.log.events.Sync())
}

func (l *log) close() error { return errors.Join(l.metrics.Close(), l.events.Close()) }

// Rewind removes from the log what keep refuses: what a run logged after the checkpoint from which it goes on. A last line
// that a crash cut short goes too. E is a pointer to the type of the entries.
func Rewind[T any, E interface {
	*T
	Entry
}](f *Folder, keep func(E) bool) error {
	if f.log != nil {
		if err := f.log.close(); err != nil {
			return err
		}
		f.log = nil
	}
	kept, events := []byte{}, eventsHeader()
	err := readLines(f.File(metricsName), func(line []byte) error {
		e := E(new(T))
		if err := json.Unmarshal(line, e); err != nil {
			return err
		}
		if keep(e) {
			kept = append(kept, line...)
			events = append(events, eventOf(e)...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(f.File(metricsName), kept); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := atomicfile.WriteBytes(f.File(eventsName), events); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Read returns the entries that a run has logged so far.
func Read[T any](f *Folder) (entries []T, err error) {
	err = readLines(f.File(metricsName), func(line []byte) error {
		var e T
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// readLines visits the lines of a file, with their line breaks. A file that is missing has none, and a last line without a
// break doesn't count.
func readLines(path string, visit func(line []byte) error) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	defer func() { _ = file.Close() }()
	in := bufio.NewReaderSize(file, maxLine)
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(bytes.Clone(line))
		}
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", path, number, err)
		}
	}
}
