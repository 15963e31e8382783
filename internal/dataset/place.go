package dataset

// PlaceSize is how many numbers say where an image of a batch comes from and how it is changed: its index in the set, then how
// far down and across its first pixel lies in that image, whether it is mirrored, and the rows and columns of a hole: top,
// bottom, left, right. They are what package gpu makes images of.
const PlaceSize = 8

// CanPlace tells whether such numbers say all that an augmentation does to images of a set: one that is held as bytes, of which
// neither the whole pictures nor other colours are wanted.
func CanPlace(m *Images, a Augmentation) bool { return m.files == nil && !a.ofPictures() }

// appendTo appends the numbers of a placement.
func (p placement) appendTo(places []int32, image int) []int32 {
	mirrored := 0
	if p.mirrored {
		mirrored = 1
	}
	for _, n := range [PlaceSize]int{
		image, p.down, p.right, mirrored, p.hole.Min.Y, p.hole.Max.Y, p.hole.Min.X, p.hole.Max.X,
	} {
		places = append(places, int32(n))
	}
	return places
}

// Bytes returns the pixels of all images of a set that is held as bytes.
func (m *Images) Bytes() []byte { return m.Pixels }

// Levels returns what the levels of each channel are normalised to, [Channels, 256].
func (m *Images) Levels() (levels []float32) {
	for _, table := range newNormaliser(m).tables {
		levels = append(levels, table[:]...)
	}
	return levels
}
