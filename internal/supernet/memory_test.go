package supernet

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"nat/internal/genotype"
	"nat/internal/gpu/gputest"
	"nat/internal/graph"
	"nat/internal/random"
)

// TestBatchThatFits runs out of a card's memory in the middle of a step: the error says which batch fits, and that does.
func TestBatchThatFits(t *testing.T) {
	s, err := New(Config{OpType: FullyConcat, Nodes: 3, Channels: 4, Layers: 4, Classes: 10, ImageChannels: 3, ImageSize: 16})
	if err != nil {
		t.Fatal(err)
	}
	a := genotype.Random(random.New(2, "test"), 3)
	gradients := func(memory, n int) error {
		d := graph.NewCard(gputest.Simulated(memory, 0), 1)
		defer d.Close()
		if err := d.Hold(s.Parameters()); err != nil {
			t.Fatal(err)
		}
		_, _, err := s.Gradients(d, randomBatch(n, s.config), a)
		if failed := d.Release(); failed != nil && err == nil {
			t.Error(failed)
		}
		return err
	}
	for _, memory := range []int{4 << 20, 9 << 20} {
		err := gradients(memory, 200)
		found := regexp.MustCompile(`MiB could not be had, .* in use, .* free: out of memory: a step of 200 images takes about \d+ MiB: batches of (\d+) fit`).
			FindStringSubmatch(fmt.Sprint(err))
		if found == nil {
			t.Fatalf("%d bytes: %v", memory, err)
		}
		fit, _ := strconv.Atoi(found[1])
		if err := gradients(memory, fit); err != nil || fit < 2 {
			t.Errorf("%d bytes: a batch of %d doesn't fit: %v", memory, fit, err)
		}
		if err := gradients(memory, fit*3/2+1); err == nil {
			t.Errorf("%d bytes: a batch of %d fits, not only %d", memory, fit*3/2+1, fit)
		}
	}
	held := 0 // parameters and gradients
	for _, p := range s.Parameters() {
		held += 2 * 4 * len(p.Data)
	}
	if err := gradients(held+4096, 200); err == nil || !strings.Contains(err.Error(), "not even one fits") {
		t.Errorf("a small card: %v", err)
	}
}
