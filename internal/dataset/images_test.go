package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
)

// noise gives n images of a made-up size and number of classes, all different.
func noise(n, classes, channels, height, width int) *Images {
	m := &Images{
		Name: "noise", Classes: make([]string, classes), Channels: channels, Height: height, Width: width,
		Mean: make([]float64, channels), Std: make([]float64, channels), Pixels: make([]byte, n*channels*height*width),
	}
	for c := range channels {
		m.Mean[c], m.Std[c] = 0.4+0.05*float64(c), 0.2+0.05*float64(c)
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range m.Pixels {
		m.Pixels[i] = byte(r.Uint32())
	}
	for range n {
		m.Labels = append(m.Labels, uint16(r.IntN(classes)))
	}
	return m
}

func TestFingerprintIsTheHashOfTheRecordsHashes(t *testing.T) {
	m := noise(3, 7, 2, 3, 5)
	all := sha256.New()
	for i := range m.Len() {
		one := sha256.Sum256(append([]byte{byte(m.Labels[i])}, m.Pixels[i*30:(i+1)*30]...))
		all.Write(one[:])
	}
	if got, want := m.Fingerprint(), hex.EncodeToString(all.Sum(nil)); got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

func TestCanonicalOrderForgetsTheOrder(t *testing.T) {
	want := noise(257, 12, 3, 4, 6)
	want.sortCanonically()
	for i := 1; i < want.Len(); i++ {
		if slices.Compare(want.digests[i-1][:], want.digests[i][:]) >= 0 {
			t.Fatalf("the hash of image %d is not above its predecessor's", i)
		}
	}
	got := noise(257, 12, 3, 4, 6).Select(rand.New(rand.NewPCG(3, 4)).Perm(257))
	if got.Fingerprint() == want.Fingerprint() {
		t.Fatal("the fingerprint does not see the order")
	}
	got.sortCanonically()
	if !slices.Equal(got.Pixels, want.Pixels) || !slices.Equal(got.Labels, want.Labels) {
		t.Error("another order at first gives other images in the end")
	}
	got.digests = nil
	if got.Fingerprint() != want.Fingerprint() {
		t.Error("the hashes did not move with the images")
	}
}

func TestSelectAndFirst(t *testing.T) {
	m := noise(9, 3, 1, 2, 2)
	some := m.Select([]int{4, 0, 4})
	if some.Len() != 3 || !slices.Equal(some.Image(0), m.Image(4)) || !slices.Equal(some.Image(1), m.Image(0)) ||
		some.Labels[2] != m.Labels[4] {
		t.Errorf("Select gave %v %v of %v %v", some.Labels, some.Pixels, m.Labels, m.Pixels)
	}
	for n, want := range map[int]int{0: 9, 2: 2, 9: 9, 10: 9} {
		first := m.First(n)
		if first.Len() != want || !slices.Equal(first.Pixels, m.Pixels[:want*4]) {
			t.Errorf("First(%d) has %d images, want the first %d", n, first.Len(), want)
		}
		if got, want := first.Fingerprint(), m.Select([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}[:want]).Fingerprint(); got != want {
			t.Errorf("First(%d) has fingerprint %s, want %s", n, got, want)
		}
	}
}
