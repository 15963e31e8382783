package gpu

import (
	"fmt"
	"strings"
	"testing"

	"nat/internal/kernel"
)

func TestMemory(t *testing.T) {
	d, err := Open(open(t).Info().ID())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, err := d.Allocate(1000)
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{1, 2, 3}
	d.Clear(Whole(a, 1, 1000), kernel.Norm{N: 1, C: 1, Pixels: 1000})
	d.Write(a.Slice(10, 13), want)
	got := make([]float32, 5)
	if err := d.Read(got, a.From(9)); err != nil || fmt.Sprint(got) != "[0 1 2 3 0]" {
		t.Errorf("read %v, %v", got, err)
	}
	d.Free(a)
	b, err := d.Allocate(600)
	if err != nil || b.buffer != a.buffer || b.Len() != 600 {
		t.Errorf("memory that was given back isn't used again: %v", err)
	}
	if c, err := d.Allocate(300); err != nil || c.buffer == b.buffer {
		t.Errorf("memory is lent twice: %v", err)
	}
	if d.Peak() != 4*1300 {
		t.Errorf("peak of %d bytes", d.Peak())
	}
}

func TestOutOfMemory(t *testing.T) {
	d := Simulated(Info{Kind: CUDA, Name: "Small"}, 8<<20, 0)
	take := func(n int) Memory {
		m, err := d.Allocate(n)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := take(1 << 20)
	d.Free(take(1 << 18))
	d.Free(take(1 << 18)) // the same again
	d.Free(first)
	all := take(1<<21 - 1) // there is room once all idle memory was given up
	_, err := d.Allocate(1 << 19)
	want := "cuda:0 (Small): 2.0 MiB could not be had, 8.0 MiB are in use, 0.0 MiB are free: out of memory"
	if err == nil || err.Error() != want {
		t.Errorf("out of memory: %v", err)
	}
	d.Free(all)
	if d.Err() != nil || take(1<<20).buffer != all.buffer {
		t.Errorf("the device is broken: %v", d.Err())
	}
	if _, err := d.Allocate(mostNumbers + 1); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("more than can be counted: %v", err)
	}
}
