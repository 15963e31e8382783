package kernels

import (
	"regexp"
	"slices"
	"testing"
)

// TestPTXHasEveryKernel fails where make cuda was forgotten after a kernel was added.
func TestPTXHasEveryKernel(t *testing.T) {
	names := func(pattern, text string) (found []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		slices.Sort(found)
		return found
	}
	source := names(`(?m)^KERNEL\(\d+\) void (\w+)\(`, OpenCL())
	compiled := names(`\.entry (\w+)\(`, string(PTX()))
	if len(source) == 0 || !slices.Equal(source, compiled) {
		t.Errorf("the source has %v, the PTX %v: run make cuda", source, compiled)
	}
	const most = 2 << 20
	if len(PTX()) > most {
		t.Errorf("the PTX has %d bytes, more than %d", len(PTX()), most)
	}
}
