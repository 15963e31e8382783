package gpu

import "errors"

// Simulated returns a device that takes its time for nothing and computes nothing: for tests of what happens when so many bytes
// of memory are used up, or when it is lost after so many launches, if that isn't 0.
func Simulated(info Info, memory, launches int) *Device {
	return newDevice(info, &simulated{free: memory, launches: launches, sizes: map[handle]int{}})
}

type simulated struct {
	free     int
	launches int // until it is lost
	lost     bool
	sizes    map[handle]int
}

var (
	errNoMemory = errors.New("out of memory")
	errLost     = errors.New("the device is lost")
)

func (s *simulated) allocate(bytes int) (handle, error) {
	if bytes > s.free {
		return 0, errNoMemory
	}
	s.free -= bytes
	h := handle(len(s.sizes) + 1)
	s.sizes[h] = bytes
	return h, nil
}

func (s *simulated) release(h handle) { s.free += s.sizes[h] }

func (s *simulated) available() int { return s.free }

func (s *simulated) write(handle, int, []byte) error { return s.wait() }

func (s *simulated) read(data []byte, _ handle, _ int) error {
	clear(data)
	return s.wait()
}

func (s *simulated) kernel(string) (handle, error) { return 1, nil }

func (s *simulated) loadTensor() error { return nil }

func (s *simulated) launch(handle, [3]int, [3]int, *arguments) error {
	if s.launches > 0 {
		s.launches--
		s.lost = s.launches == 0
	}
	return s.wait()
}

func (s *simulated) wait() error {
	if s.lost {
		return errLost
	}
	return nil
}

func (s *simulated) use(int)      {}
func (s *simulated) mark() error  { return s.wait() }
func (s *simulated) await() error { return s.wait() }
func (s *simulated) close()       {}
