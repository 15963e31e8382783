package dataset

import (
	"context"
	"fmt"
	"iter"
	"time"

	"nat/internal/random"
)

// A Batch is images as a network reads them.
type Batch struct {
	Images                     []float32 // [N, Channels, Height, Width], normalised
	Labels                     []int32   // [N]
	N, Channels, Height, Width int
}

// A Phase is the half of a search epoch that a batch is for. It names the batch's random streams.
type Phase int

// The phases, numbered as in the streams' names.
const (
	Weights Phase = 0 // training w, and networks from scratch
	Policy  Phase = 1 // training θ
)

// LoaderOptions say which batches a Loader makes of images. The zero value of all but BatchSize gives every image once,
// in order and unchanged.
type LoaderOptions struct {
	Indices      []int // which images, in which order; nil means all
	BatchSize    int
	Shuffle      bool // anew for every epoch
	Augmentation Augmentation
	Seed         uint64 // of the streams that shuffle and augment
	Phase        Phase
}

// ahead is how many batches are prepared while one is used.
const ahead = 2

// A Loader makes batches of images, in the background and into memory that it keeps. It must not run two epochs at once.
type Loader struct {
	images     *Images
	o          LoaderOptions
	normaliser normaliser
	indices    []int
	order      []int // of the epoch under way
	buffers    [1 + ahead]Batch
	waited     time.Duration
}

// NewLoader makes a loader. A batch size below 1 is a programming error.
func NewLoader(m *Images, o LoaderOptions) *Loader {
	if o.BatchSize < 1 {
		panic(fmt.Sprintf("dataset.NewLoader with batches of %d", o.BatchSize))
	}
	l := &Loader{images: m, o: o, normaliser: newNormaliser(m), indices: o.Indices}
	if l.indices == nil {
		l.indices = ascending(m.Len())
	}
	l.order = make([]int, len(l.indices))
	room := min(o.BatchSize, len(l.indices))
	for i := range l.buffers {
		l.buffers[i] = Batch{
			Images: make([]float32, room*m.size()), Labels: make([]int32, room),
			Channels: m.Channels, Height: m.Height, Width: m.Width,
		}
	}
	return l
}

// Batches is the number of batches of an epoch; the last one may be short.
func (l *Loader) Batches() int { return (len(l.indices) + l.o.BatchSize - 1) / l.o.BatchSize }

// Waited is how long epochs have waited for batches, in all.
func (l *Loader) Waited() time.Duration { return l.waited }

// Epoch gives the batches of an epoch with their numbers, from number start on. What a batch holds depends on the
// loader's options, the epoch and its number alone, so an epoch can be resumed anywhere. A batch is valid until the next
// one is asked for. The sequence ends early with the context, whose error the caller checks.
func (l *Loader) Epoch(ctx context.Context, epoch, start int) iter.Seq2[int, Batch] {
	return func(yield func(int, Batch) bool) {
		ctx, stop := context.WithCancel(ctx)
		ready := make(chan *Batch, len(l.buffers))
		free := make(chan *Batch, len(l.buffers))
		for i := range l.buffers {
			free <- &l.buffers[i]
		}
		go l.prepare(ctx, epoch, start, free, ready)
		defer func() {
			stop()
			for range ready { // until prepare has returned and leaves the buffers alone
			}
		}()
		for number := start; ; number++ {
			asked := time.Now()
			b, more := <-ready
			l.waited += time.Since(asked)
			if !more || ctx.Err() != nil || !yield(number, *b) {
				return
			}
			free <- b
		}
	}
}

// prepare makes the batches of an epoch, each in a free buffer, and closes ready after the last.
func (l *Loader) prepare(ctx context.Context, epoch, start int, free <-chan *Batch, ready chan<- *Batch) {
	defer close(ready)
	copy(l.order, l.indices)
	if l.o.Shuffle {
		random.New(l.o.Seed, "shuffle", int(l.o.Phase), epoch).Shuffle(len(l.order), func(i, j int) {
			l.order[i], l.order[j] = l.order[j], l.order[i]
		})
	}
	for number := start; number < l.Batches(); number++ {
		select {
		case b := <-free:
			l.fill(b, epoch, number)
			ready <- b
		case <-ctx.Done():
			return
		}
	}
}

// fill makes one batch.
func (l *Loader) fill(b *Batch, epoch, number int) {
	first := number * l.o.BatchSize
	b.N = min(l.o.BatchSize, len(l.order)-first)
	b.Images, b.Labels = b.Images[:b.N*l.images.size()], b.Labels[:b.N]

	augment := l.o.Augmentation != Augmentation{}
	stream := random.New(l.o.Seed, "augmentation", int(l.o.Phase), epoch, number)
	for i, image := range l.order[first:][:b.N] {
		var p placement
		if augment {
			p = l.o.Augmentation.draw(stream)
		}
		l.normaliser.write(b.Images[i*l.images.size():][:l.images.size()], l.images.Image(image), p)
		b.Labels[i] = int32(l.images.Labels[image])
	}
}
