package gpu

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"nat/internal/kernel"
)

// device returns the ID of the tests' device: the first of OpenCL, or what the variable of gputest names.
func device() string { return cmp.Or(os.Getenv("NAT_TEST_DEVICE"), "opencl:0") }

// opened is the device that the tests share: building the kernels takes a while.
var opened = sync.OnceValues(func() (*Device, error) { return Open(device()) })

// open returns the tests' device, without an error.
func open(t testing.TB) *Device {
	t.Helper()
	found, missing := Devices()
	if device() == "opencl:0" && !slices.ContainsFunc(found, func(i Info) bool { return i.Kind == OpenCL }) {
		t.Skipf("no kernel is tested: %v", missing)
	}
	d, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Err(); err != nil {
		t.Fatalf("an earlier test broke the device: %v", err)
	}
	return d
}

// portable returns the kernels that the device is compared with.
func portable(t testing.TB) *kernel.Workers {
	w, err := kernel.NewWorkersOf(2, "portable", kernel.Direct)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// pair is the same numbers on the processor and on the device.
type pair struct {
	host   []float32
	device Memory
}

// bench makes pairs of random numbers for a test.
type bench struct {
	t         testing.TB
	r         *rand.Rand
	d         *Device
	w         *kernel.Workers
	tolerance float64 // how far the device may be off, relative to the largest number of a tensor
}

func newBench(t testing.TB, seed uint64) *bench {
	return &bench{t: t, r: rand.New(rand.NewPCG(seed, 1)), d: open(t), w: portable(t), tolerance: 1e-5}
}

// of returns a pair of these numbers.
func (b *bench) of(x []float32) pair {
	b.t.Helper()
	m, err := b.d.Allocate(len(x))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.d.Free(m) })
	b.d.Write(m, x)
	return pair{x, m}
}

// normal returns a pair of n normally distributed numbers.
func (b *bench) normal(n int) pair {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(b.r.NormFloat64())
	}
	return b.of(x)
}

// views returns a view in both kinds of memory.
type views struct {
	host   kernel.View
	device View
}

// plain returns a view of n images that lie in memory as they are, but for gaps.
func (b *bench) plain(n, channels, pixels int) views {
	stride := channels*pixels + b.r.IntN(3)*pixels
	x := b.normal(b.r.IntN(5) + n*stride)
	at := len(x.host) - n*stride
	return views{
		kernel.View{Data: x.host[at:], Stride: stride},
		View{Data: x.device.From(at), Stride: stride},
	}
}

// view returns a view with everything, or some of it.
func (b *bench) view(n, channels, pixels int) views {
	v := b.plain(n, channels, pixels)
	if b.r.IntN(3) > 0 {
		k := b.normal(3 * channels)
		v.host.Scale, v.host.Shift = k.host[:channels], k.host[channels:2*channels]
		v.device.Scale, v.device.Shift = k.device.Slice(0, channels), k.device.Slice(channels, 2*channels)
		if b.r.IntN(2) > 0 {
			other := b.plain(n, channels, pixels)
			v.host.Other, v.host.OtherStride, v.host.OtherScale = other.host.Data, other.host.Stride, k.host[2*channels:]
			v.device.Other, v.device.OtherStride, v.device.OtherScale = other.device.Data, other.device.Stride, k.device.From(2*channels)
		}
	}
	return v
}

// target returns a target full of numbers that nobody should touch but where it lies, which is added to or not.
func (b *bench) target(n, channels, pixels int) (pair, kernel.Target, Target) {
	stride := channels*pixels + b.r.IntN(3)*pixels
	y := b.normal(b.r.IntN(5) + n*stride)
	at, add := len(y.host)-n*stride, b.r.IntN(2) > 0
	return y, kernel.Target{Data: y.host[at:], Stride: stride, Add: add}, Target{y.device.From(at), stride, add}
}

// near fails the test unless the device has what the processor has.
func (b *bench) near(name string, p pair) {
	b.t.Helper()
	got := make([]float32, len(p.host))
	if err := b.d.Read(got, p.device); err != nil {
		b.t.Fatal(err)
	}
	largest := 0.0
	for _, v := range p.host {
		largest = max(largest, math.Abs(float64(v)))
	}
	for i, v := range p.host {
		if off := math.Abs(float64(got[i]) - float64(v)); !(off <= b.tolerance*largest) {
			b.t.Fatalf("%s[%d of %d] = %g, want %g: off by %.2g of the largest", name, i, len(got), got[i], v, off/largest)
		}
	}
}

// forSeeds runs a test with several random shapes.
func forSeeds(t *testing.T, count int, test func(b *bench)) {
	for seed := range count {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { test(newBench(t, uint64(seed))) })
	}
}

func TestParseID(t *testing.T) {
	for id, want := range map[string]string{
		"cuda": "cuda 0", "cuda:0": "cuda 0", "opencl:12": "opencl 12",
		"": "no device", "cpu": "no device", "cuda:": "no device", "cuda:x": "no device", "cuda:-1": "no device", "CUDA:0": "no device",
		"opencl:99999999999999999999": "no device",
	} {
		kind, index, err := ParseID(id)
		got := fmt.Sprintf("%s %d", kind, index)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q is %s, want %s", id, got, want)
		}
	}
}

func TestDevices(t *testing.T) {
	found, missing := Devices()
	kinds := map[Kind]int{}
	for _, i := range found {
		if i.Name == "" || i.Memory < 1<<20 || i.Driver == "" || i.Index != kinds[i.Kind] {
			t.Errorf("an odd device: %+v", i)
		}
		kinds[i.Kind]++
	}
	if len(kinds)+len(missing) != 2 {
		t.Errorf("devices of %v, and %d reasons for others", kinds, len(missing))
	}
	for _, err := range missing {
		if !strings.HasPrefix(err.Error(), "no ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("a reason: %v", err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	id := string(open(t).Info().Kind) + ":99"
	_, err := Open(id)
	if err == nil || !strings.Contains(err.Error(), "no device "+id) {
		t.Errorf("%s: %v", id, err)
	}
}

func TestErrorsStick(t *testing.T) {
	d, err := Open(open(t).Info().ID())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.begin()
	d.launch("nonsense", [3]int{1, 1, 1}, [3]int{1, 1, 1})
	m := d.Take(10)
	d.Write(m, []float32{1})
	err = d.Read(make([]float32, 1), m)
	if err == nil || !strings.Contains(err.Error(), "nonsense") || err != d.Wait() || err != d.Err() {
		t.Errorf("the error is %v, then %v", err, d.Wait())
	}
}
