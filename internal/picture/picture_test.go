package picture

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// planes gives the pixels of a picture as Resize does.
func planes(m *image.RGBA) []byte {
	return Resize(m, m.Rect, m.Rect.Dx(), m.Rect.Dy())
}

// apart is by how much two pictures differ at most.
func apart(t *testing.T, got, want []byte) (most int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		most = max(most, int(got[i])-int(want[i]), int(want[i])-int(got[i]))
	}
	return most
}

// a pillowPicture is a picture in pillow.json, which testdata/pillow.py wrote with Pillow.
type pillowPicture struct{ *image.RGBA }

func (p *pillowPicture) UnmarshalJSON(text []byte) error {
	var file []byte
	err := json.Unmarshal(text, &file)
	if err == nil {
		p.RGBA, err = Decode(file)
	}
	return err
}

type pillow struct {
	Resize []struct {
		Picture, Want pillowPicture
		Box           [4]int
		Width, Height int
	}
	Centre []struct {
		Picture, Want pillowPicture
		Short, Side   int
	}
	Colours []struct {
		Picture, Want pillowPicture
		Change        string
		Factor        float64
	}
}

func readPillow(t *testing.T) (p pillow) {
	t.Helper()
	text, err := os.ReadFile("testdata/pillow.json")
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || len(p.Resize) == 0 || len(p.Centre) == 0 || len(p.Colours) == 0 {
		t.Fatalf("Pillow's pictures: %v", err)
	}
	return p
}

func TestResizeIsPillows(t *testing.T) {
	for i, c := range readPillow(t).Resize {
		box := image.Rect(c.Box[0], c.Box[1], c.Box[2], c.Box[3])
		if d := apart(t, Resize(c.Picture.RGBA, box, c.Width, c.Height), planes(c.Want.RGBA)); d != 0 {
			t.Errorf("case %d, %v to %d×%d: %d levels apart", i, box, c.Width, c.Height, d)
		}
	}
}

func TestCentreIsPillows(t *testing.T) {
	for i, c := range readPillow(t).Centre {
		if d := apart(t, Centre(c.Picture.RGBA, c.Short, c.Side), planes(c.Want.RGBA)); d != 0 {
			t.Errorf("case %d, %v to %d, %d: %d levels apart", i, c.Picture.Rect, c.Short, c.Side, d)
		}
	}
}

func TestColoursArePillows(t *testing.T) {
	for _, c := range readPillow(t).Colours {
		change := unchanged()
		switch c.Change {
		case "brightness":
			change.Brightness = c.Factor
		case "contrast":
			change.Contrast = c.Factor
		case "saturation":
			change.Saturation = c.Factor
		}
		got := planes(c.Picture.RGBA)
		change.Apply(got)
		if d := apart(t, got, planes(c.Want.RGBA)); d > 1 {
			t.Errorf("%s by %v: %d levels apart", c.Change, c.Factor, d)
		}
	}
}

func unchanged() Colours {
	return Colours{Brightness: 1, Contrast: 1, Saturation: 1, Order: [4]Change{Hue, Contrast, Brightness, Saturation}}
}

func TestHue(t *testing.T) {
	// A third of a turn makes green of red, blue of green, red of blue; grey has no hue.
	from := []byte{255, 0, 0, 200, 77, 0, 255, 0, 100, 77, 0, 0, 255, 100, 77}
	want := []byte{0, 0, 255, 100, 77, 255, 0, 0, 200, 77, 0, 255, 0, 100, 77}
	for _, turns := range []float64{1. / 3, -2. / 3} {
		got := slices.Clone(from)
		change := unchanged()
		change.Hue = turns
		change.Apply(got)
		if !slices.Equal(got, want) {
			t.Errorf("turned by %v: %v, want %v", turns, got, want)
		}
	}
}

func TestOrderOfColours(t *testing.T) {
	c := Colours{Brightness: 2, Contrast: 0.5, Saturation: 1, Order: [4]Change{Brightness, Contrast, Saturation, Hue}}
	bright := []byte{200, 0, 200, 0, 200, 0}
	c.Apply(bright) // 255 and 0, then half way to their mean of 128
	if want := []byte{191, 64, 191, 64, 191, 64}; !slices.Equal(bright, want) {
		t.Errorf("brightness before contrast gives %v, want %v", bright, want)
	}
	c.Order = [4]Change{Contrast, Brightness, Saturation, Hue}
	soft := []byte{200, 0, 200, 0, 200, 0}
	c.Apply(soft) // 150 and 50, then twice that
	if want := []byte{255, 100, 255, 100, 255, 100}; !slices.Equal(soft, want) {
		t.Errorf("contrast before brightness gives %v, want %v", soft, want)
	}
}

// TestDecodeIsPillows compares each kind of file with what Pillow's convert("RGB") makes of it. Decoders of lossy formats
// round in ways of their own.
func TestDecodeIsPillows(t *testing.T) {
	wants, err := filepath.Glob("testdata/*.want.png")
	if err != nil || len(wants) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	for _, name := range wants {
		source := strings.TrimSuffix(name, ".want.png")
		lossy := slices.Contains([]string{".jpg", ".webp"}, filepath.Ext(source)) && !strings.HasSuffix(source, "lossless.webp")
		got, want := decodeFile(t, source), decodeFile(t, name)
		tolerance := 0
		if lossy {
			tolerance = 3
		}
		if d := apart(t, planes(got), planes(want)); got.Rect != want.Rect || d > tolerance {
			t.Errorf("%s: %d levels apart", source, d)
		}
	}
}

func decodeFile(t *testing.T, name string) *image.RGBA {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(file)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

func TestDecodeDeepPictures(t *testing.T) {
	deep := image.NewNRGBA64(image.Rect(0, 0, 1, 1))
	deep.SetNRGBA64(0, 0, color.NRGBA64{R: 0x12ff, G: 0x8000, B: 0xffff, A: 0x4000})
	var file bytes.Buffer
	if err := png.Encode(&file, deep); err != nil {
		t.Fatal(err)
	}
	m, err := Decode(file.Bytes())
	if err != nil || m.RGBAAt(0, 0) != (color.RGBA{R: 0x12, G: 0x80, B: 0xff, A: 0xff}) {
		t.Errorf("a pixel of 16 bits a channel and a quarter opaque is %v, %v", m, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole, err := os.ReadFile("testdata/colour.jpg")
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := os.ReadFile("testdata/colour.bmp")
	if err != nil {
		t.Fatal(err)
	}
	huge := slices.Clone(bitmap)
	copy(huge[18:], []byte{0, 0, 1, 0, 0, 0, 1, 0}) // 65,536 × 65,536 pixels
	for name, file := range map[string][]byte{
		"nothing": nil, "text": []byte("cat"), "cut short": whole[:len(whole)/2], "too large": huge, "header alone": whole[:4],
	} {
		if m, err := Decode(file); err == nil {
			t.Errorf("%s: a picture of %v", name, m.Rect)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		width, height, err := Size(file)
		if err != nil || width*height > 1<<16 {
			t.Skip()
		}
		m, err := Decode(file)
		if err != nil {
			return
		}
		if !m.Opaque() || m.Rect.Dx() < 1 || m.Rect.Dy() < 1 {
			t.Fatalf("a picture of %v", m.Rect)
		}
		if got := Centre(m, 9, 8); len(got) != 3*8*8 {
			t.Fatalf("%d bytes", len(got))
		}
	})
}

// BenchmarkDecodeAndCentre takes a picture of about ImageNet's size and detail.
func BenchmarkDecodeAndCentre(b *testing.B) {
	m := image.NewRGBA(image.Rect(0, 0, 500, 375))
	for i := range m.Pix {
		m.Pix[i] = byte(i/4%500*i/2000/8) ^ byte(i*i>>13&15)
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, m, &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		decoded, err := Decode(file.Bytes())
		if err != nil {
			b.Fatal(err)
		}
		Centre(decoded, 256, 224)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
}
