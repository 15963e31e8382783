package dataset

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"
)

// sum is a short name for a batch's contents.
func sum(b Batch) string {
	h := fnv.New64a()
	if err := binary.Write(h, binary.LittleEndian, b.Images); err != nil {
		panic(err)
	}
	return fmt.Sprintf("%d %v %x", b.N, b.Labels, h.Sum64())
}

func epochSums(l *Loader, epoch, start int) []string {
	var sums []string
	for _, b := range l.Epoch(context.Background(), epoch, start) {
		sums = append(sums, sum(b))
	}
	return sums
}

func TestOrderedEpochGivesEveryImageNormalised(t *testing.T) {
	m := noise(10, 300, 2, 3, 5)
	l := NewLoader(m, LoaderOptions{BatchSize: 4})
	if l.Batches() != 3 {
		t.Fatalf("%d batches, want 3", l.Batches())
	}
	next := 0
	for number, b := range l.Epoch(t.Context(), 0, 0) {
		if want := min(4, 10-4*number); b.N != want || len(b.Images) != want*30 || len(b.Labels) != want {
			t.Fatalf("batch %d has %d images in %d numbers, want %d", number, b.N, len(b.Images), want)
		}
		if b.Channels != 2 || b.Height != 3 || b.Width != 5 {
			t.Fatalf("images of %d×%d×%d", b.Channels, b.Height, b.Width)
		}
		for i := range b.N {
			if b.Labels[i] != int32(m.Labels[next]) {
				t.Fatalf("image %d has label %d, want %d", next, b.Labels[i], m.Labels[next])
			}
			for p, v := range m.Image(next) {
				c := p / 15
				want := (float64(v)/255 - m.Mean[c]) / m.Std[c]
				if got := float64(b.Images[i*30+p]); math.Abs(got-want) > 1e-6 {
					t.Fatalf("image %d, number %d is %v, want %v", next, p, got, want)
				}
			}
			next++
		}
	}
	if next != 10 {
		t.Errorf("%d images, want 10", next)
	}
}

func TestShuffledEpochs(t *testing.T) {
	m := noise(100, 10, 3, 8, 8)
	indices := []int{}
	for i := 0; i < 100; i += 2 {
		indices = append(indices, i)
	}
	options := LoaderOptions{Indices: indices, BatchSize: 16, Shuffle: true, Augmentation: CropAndFlip(), Seed: 5, Phase: Policy}
	l := NewLoader(m, options)
	whole := epochSums(l, 3, 0)
	if len(whole) != 4 {
		t.Fatalf("%d batches, want 4", len(whole))
	}
	if slices.Sort(whole[:3]); len(slices.Compact(slices.Clone(whole))) != 4 {
		t.Errorf("batches of an epoch are the same: %v", whole)
	}
	whole = epochSums(l, 3, 0)
	if again := epochSums(NewLoader(m, options), 3, 0); !slices.Equal(again, whole) {
		t.Error("another loader gives another epoch")
	}
	for start := range 5 {
		if rest := epochSums(l, 3, start); !slices.Equal(rest, whole[start:]) {
			t.Errorf("resumed at batch %d, the epoch goes on otherwise", start)
		}
	}
	if other := epochSums(l, 4, 0); slices.Equal(other, whole) {
		t.Error("two epochs are the same")
	}
	for name, change := range map[string]func(*LoaderOptions){
		"seed": func(o *LoaderOptions) { o.Seed = 6 }, "phase": func(o *LoaderOptions) { o.Phase = Weights },
		"augmentation": func(o *LoaderOptions) { o.Augmentation = Augmentation{} },
	} {
		changed := options
		change(&changed)
		if other := epochSums(NewLoader(m, changed), 3, 0); slices.Equal(other, whole) {
			t.Errorf("the %s has no effect", name)
		}
	}
}

func TestShuffledEpochHasEveryIndexOnce(t *testing.T) {
	m := noise(40, 40, 1, 2, 2)
	for i := range m.Labels {
		m.Labels[i] = uint16(i)
	}
	var seen []int32
	for _, b := range NewLoader(m, LoaderOptions{BatchSize: 7, Shuffle: true}).Epoch(t.Context(), 0, 0) {
		seen = append(seen, b.Labels...)
	}
	if slices.IsSorted(seen) {
		t.Error("the order is not shuffled")
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 40 {
		t.Errorf("the epoch has images %v", seen)
	}
}

func TestEpochThatIsLeftOrCancelled(t *testing.T) {
	l := NewLoader(noise(64, 10, 3, 8, 8), LoaderOptions{BatchSize: 4})
	want := epochSums(l, 0, 0)
	for number := range l.Epoch(t.Context(), 0, 0) {
		if number == 2 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batches := 0
	for range l.Epoch(ctx, 0, 0) {
		batches++
		cancel()
	}
	if batches != 1 {
		t.Errorf("%d batches after the context's end, want 1 in all", batches)
	}
	if got := epochSums(l, 0, 0); !slices.Equal(got, want) {
		t.Error("the loader is spoilt by an epoch that was left")
	}
}

func TestBatchIsLeftAloneWhileItIsUsed(t *testing.T) {
	l := NewLoader(noise(64, 10, 3, 8, 8), LoaderOptions{BatchSize: 4})
	for number, b := range l.Epoch(t.Context(), 0, 0) {
		before := sum(b)
		time.Sleep(2 * time.Millisecond) // the others are prepared meanwhile
		if sum(b) != before {
			t.Fatalf("batch %d changed", number)
		}
	}
}

func TestEpochAllocatesLittle(t *testing.T) {
	m := noise(640, 10, 3, 32, 32)
	l := NewLoader(m, LoaderOptions{BatchSize: 64, Shuffle: true, Augmentation: CropAndFlip()})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	images := 0
	for epoch := range 5 {
		for _, b := range l.Epoch(t.Context(), epoch, 0) {
			images += b.N
		}
	}
	runtime.ReadMemStats(&after)
	// One batch has 786,432 bytes; an epoch needs its streams' names and little else.
	if got := (after.TotalAlloc - before.TotalAlloc) / 5; images != 5*640 || got > 50000 {
		t.Errorf("an epoch of %d images allocates %d bytes", images/5, got)
	}
	if l.Waited() <= 0 {
		t.Error("an epoch that only waits has not waited")
	}
}

func BenchmarkEpoch(b *testing.B) {
	m := noise(640, 10, 3, 32, 32)
	l := NewLoader(m, LoaderOptions{BatchSize: 64, Shuffle: true, Augmentation: CropAndFlip()})
	for epoch := 0; b.Loop(); epoch++ {
		for range l.Epoch(context.Background(), epoch, 0) {
		}
	}
	b.ReportMetric(float64(b.N)*640/b.Elapsed().Seconds(), "images/s")
}
