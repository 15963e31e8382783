package dataset

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nat/internal/picture"
	"nat/internal/random"
)

// A Batch is images as a network reads them.
type Batch struct {
	Images                     []float32 // [N, Channels, Height, Width], normalised; nil where Places say what they are
	Labels                     []int32   // [N]
	N, Channels, Height, Width int

	// Set holds the images, and Places are what is to be made of them: [N, PlaceSize].
	Set    *Images
	Places []int32
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
	// Place has batches say by Places what their images are, for a graphics card that holds the set. Sets of which CanPlace
	// is false are loaded as ever.
	Place bool
}

// ahead is how many batches are prepared while one is used.
const ahead = 2

// A Loader makes batches of images, in the background and into memory that it keeps. It must not run two epochs at once.
type Loader struct {
	images     *Images
	o          LoaderOptions
	normaliser normaliser
	indices    []int
	order      []int       // of the epoch under way
	places     []placement // of the batch under way
	buffers    [1 + ahead]Batch
	waited     time.Duration
	err        error // that ended an epoch
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
	l.o.Place = o.Place && CanPlace(m, o.Augmentation)
	room := min(o.BatchSize, len(l.indices))
	l.places = make([]placement, room)
	for i := range l.buffers {
		l.buffers[i] = Batch{Labels: make([]int32, room), Channels: m.Channels, Height: m.Height, Width: m.Width}
		if l.o.Place {
			l.buffers[i].Set, l.buffers[i].Places = m, make([]int32, room*PlaceSize)
		} else {
			l.buffers[i].Images = make([]float32, room*m.size())
		}
	}
	return l
}

// Batches is the number of batches of an epoch; the last one may be short.
func (l *Loader) Batches() int { return (len(l.indices) + l.o.BatchSize - 1) / l.o.BatchSize }

// Waited is how long epochs have waited for batches, in all.
func (l *Loader) Waited() time.Duration { return l.waited }

// Err is the error that ended the last epoch early: a picture that can't be read any more. Nil where it wasn't ended so.
func (l *Loader) Err() error { return l.err }

// Epoch gives the batches of an epoch with their numbers, from number start on. What a batch holds depends on the
// loader's options, the epoch and its number alone, so an epoch can be resumed anywhere. A batch is valid until the next
// one is asked for. The sequence ends early with the context, whose error the caller checks, or where an image can't be
// read, which Err tells.
func (l *Loader) Epoch(ctx context.Context, epoch, start int) iter.Seq2[int, Batch] {
	return func(yield func(int, Batch) bool) {
		ctx, stop := context.WithCancel(ctx)
		l.err = nil
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
			if l.err = l.fill(b, epoch, number); l.err != nil {
				return
			}
			ready <- b
		case <-ctx.Done():
			return
		}
	}
}

// fill makes one batch.
func (l *Loader) fill(b *Batch, epoch, number int) error {
	m := l.images
	first := number * l.o.BatchSize
	b.N = min(l.o.BatchSize, len(l.order)-first)
	b.Labels = b.Labels[:b.N]

	places := l.places[:b.N]
	clear(places)
	if l.o.Augmentation != (Augmentation{}) {
		stream := random.New(l.o.Seed, "augmentation", int(l.o.Phase), epoch, number)
		for i := range places {
			places[i] = l.o.Augmentation.draw(stream, m.Height, m.Width)
		}
	}
	if l.o.Place {
		b.Places = b.Places[:0]
		for i, p := range places {
			image := l.order[first+i]
			b.Places = p.appendTo(b.Places, image)
			b.Labels[i] = int32(m.Labels[image])
		}
		return nil
	}
	b.Images = b.Images[:b.N*m.size()]
	write := func(i int) error {
		image := l.order[first+i]
		pixels, err := l.pixels(image, places[i])
		if err == nil {
			l.normaliser.write(b.Images[i*m.size():][:m.size()], pixels, places[i])
			b.Labels[i] = int32(m.Labels[image])
		}
		return err
	}
	if m.files != nil || l.o.Augmentation.ofPictures() {
		return inParallel(b.N, write)
	}
	for i := range b.N {
		if err := write(i); err != nil {
			return err
		}
	}
	return nil
}

// pixels gives the bytes of an image, [Channels, Height, Width], augmented as far as it isn't the normaliser that does it.
func (l *Loader) pixels(image int, p placement) (pixels []byte, err error) {
	m, a := l.images, l.o.Augmentation
	if a.RandomCrop {
		whole, err := m.picture(image)
		if err != nil {
			return nil, err
		}
		pixels = picture.Resize(whole, randomBox(p.pictures, whole.Rect), m.Width, m.Height)
	} else if pixels, err = m.prepared(image); err != nil {
		return nil, err
	}
	if a.Colours != (Jitter{}) {
		pixels = slices.Clone(pixels)
		a.Colours.draw(p.pictures).Apply(pixels)
	}
	return pixels, nil
}

// inParallel calls do for 0 to n − 1 on all processors, and returns the error of the first that failed.
func inParallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = do(i)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
