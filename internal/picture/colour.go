package picture

import "math"

// A Change is one of the ways in which Colours changes a picture.
type Change uint8

// The changes. Brightness moves colours away from black, contrast away from the mean grey of the picture, saturation away
// from the pixel's own grey; hue turns them on the circle of colours.
const (
	Brightness Change = iota
	Contrast
	Saturation
	Hue
)

// Colours changes the colours of a picture as torchvision's ColorJitter does.
type Colours struct {
	Brightness, Contrast, Saturation float64 // factors: 0 is all the way to black or grey, 1 changes nothing
	Hue                              float64 // turns; 0 changes nothing
	Order                            [4]Change
}

// Apply changes planes [3, pixels] in place.
func (c Colours) Apply(planes []byte) {
	for _, change := range c.Order {
		switch change {
		case Brightness:
			blend(planes, c.Brightness, func(int) byte { return 0 })
		case Contrast:
			mean := meanLuminance(planes)
			blend(planes, c.Contrast, func(int) byte { return mean })
		case Saturation:
			red, green, blue := split(planes)
			blend(planes, c.Saturation, func(i int) byte { return luminance(red[i], green[i], blue[i]) })
		case Hue:
			turn(planes, c.Hue)
		}
	}
}

// split gives the three planes.
func split(planes []byte) (red, green, blue []byte) {
	n := len(planes) / 3
	return planes[:n:n], planes[n : 2*n : 2*n], planes[2*n:]
}

// luminance is the grey of a colour, by Pillow's integer weights of ITU-R 601.
func luminance(red, green, blue byte) byte {
	return byte((19595*uint32(red) + 38470*uint32(green) + 7471*uint32(blue) + 1<<15) >> 16)
}

func meanLuminance(planes []byte) byte {
	red, green, blue := split(planes)
	sum := 0
	for i := range red {
		sum += int(luminance(red[i], green[i], blue[i]))
	}
	return byte(float64(sum)/float64(len(red)) + 0.5)
}

// blend moves each pixel away from what of gives for it, by a factor: 0 is that, 1 the pixel itself.
func blend(planes []byte, factor float64, of func(pixel int) byte) {
	red, green, blue := split(planes)
	f := float32(factor)
	for i := range red {
		from := float32(of(i))
		for _, plane := range [3][]byte{red, green, blue} {
			plane[i] = byte(min(255, max(0, from+f*(float32(plane[i])-from))))
		}
	}
}

// turn turns the hue of each pixel by so many turns, and leaves saturation and value as they are.
func turn(planes []byte, turns float64) {
	red, green, blue := split(planes)
	for i := range red {
		r, g, b := float64(red[i]), float64(green[i]), float64(blue[i])
		value, chroma := max(r, g, b), max(r, g, b)-min(r, g, b)
		if chroma == 0 {
			continue
		}
		var sector float64 // of six, where the hue lies
		switch value {
		case r:
			sector = (g - b) / chroma
		case g:
			sector = 2 + (b-r)/chroma
		default:
			sector = 4 + (r-g)/chroma
		}
		sector += 6 * turns
		channel := func(offset float64) byte {
			k := math.Mod(offset+sector, 6)
			if k < 0 {
				k += 6
			}
			return byte(value - chroma*min(1, max(0, min(k, 4-k))) + 0.5)
		}
		red[i], green[i], blue[i] = channel(5), channel(3), channel(1)
	}
}
