package cli

import (
	"testing"

	"github.com/spf13/cobra"

	"nat/internal/gpu"
	"nat/internal/kernel"
)

// TestResumedPrecision has a run go on in its own precision unless another one is given.
func TestResumedPrecision(t *testing.T) {
	for _, test := range []struct {
		args []string
		want gpu.Precision
	}{{nil, gpu.BF16}, {[]string{"--precision", "float32"}, gpu.Float32}, {[]string{"--precision", "tf32"}, gpu.TF32}} {
		var r runFlags
		c := &cobra.Command{}
		r.define(c.Flags(), "search")
		if err := c.ParseFlags(test.args); err != nil {
			t.Fatal(err)
		}
		r.resumedDevice(c, kernel.Auto, gpu.BF16)
		if r.precision != test.want {
			t.Errorf("%v: precision %s, want %s", test.args, r.precision, test.want)
		}
	}
}
