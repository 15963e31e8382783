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
	const most = 2 << 20
	for name, program := range map[string]struct {
		source string
		ptx    []byte
	}{"kernels": {OpenCL(), PTX()}, "tensor": {TensorOpenCL(), TensorPTX()}} {
		source := names(`(?m)^KERNEL\(\d+\) void (\w+)\(`, program.source)
		compiled := names(`\.entry (\w+)\(`, string(program.ptx))
		if len(source) == 0 || !slices.Equal(source, compiled) {
			t.Errorf("%s: the source has %v, the PTX %v: run make cuda", name, source, compiled)
		}
		if len(program.ptx) > most {
			t.Errorf("%s: the PTX has %d bytes, more than %d", name, len(program.ptx), most)
		}
	}
}
