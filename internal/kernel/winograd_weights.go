package kernel

// winogradWeights is the gradient by the weights of a Winograd convolution, F(r×r, 4×4). It works on units of one tile for every
// eight lanes, side by side; a vector holds the eight vertical frequencies of each of them. The sums over all units of the products
// of such vectors, one for every horizontal frequency and pair of channels, are transformed at the end.
type winogradWeights struct {
	*winograd            // the convolution
	units         tiling // of a plane
	parts, groups int    // pieces: parts of the images, groups of output channels
}

// Units are multiplied together while their frequencies stay in the second-level cache. A part has some more, since its sums are
// as expensive to transform as some products; where there would be few parts, smaller ones are better than groups of output
// channels, each of which transforms all input channels.
const (
	unitsTogether    = 16
	unitsOfPart      = 64
	minUnitsOfPart   = 32
	minChannelsOfSum = 20   // of a group of output channels
	manySums         = 4096 // pairs of channels whose sums don't stay in the cache: they are read and written half as often
)

func newWinogradWeights(set *set, c *Conv) *winogradWeights {
	k := &winogradWeights{winograd: newWinograd(set, c, false), groups: 1}
	k.units = tiling{width: k.lanes / 2, rows: 4}
	k.units.across, k.units.down = (k.w+k.units.width-1)/k.units.width, (k.h+3)/4
	total := k.images * k.units.strips()
	k.parts = min(k.images, maxPartials, max(1, total/unitsOfPart, min(minWinogradPieces, total/minUnitsOfPart)))
	if k.parts < minWinogradPieces {
		k.groups = max(1, min(minWinogradPieces/k.parts, k.out/minChannelsOfSum))
	}
	units := unitsTogether
	if k.in*k.out/k.groups > manySums {
		units *= 2
	}
	k.together = min(max(1, units/k.units.strips()), (k.images+k.parts-1)/k.parts)
	return k
}

// run computes dk from x and the gradient dy.
func (k *winogradWeights) run(w *Workers, dk []float32, dy, x input) {
	partial := w.Floats(slotPartial, k.parts*len(dk))
	w.Run(k.parts*k.groups, func(piece int, s *Scratch) {
		part, group := piece/k.groups, piece%k.groups
		from, to := group*k.out/k.groups, (group+1)*k.out/k.groups
		sums := k.newSums(s, from, to)
		end := (part + 1) * k.images / k.parts
		for n := part * k.images / k.parts; n < end; n += k.together {
			count := min(k.together, end-n)
			sums.add(k.padded(k.lay(s, slotLayout, x, n, count, 0, k.in), k.in), k.gradient(s, dy, n, count, from, to), count)
		}
		sums.finish(partial[part*len(dk)+from*k.in*k.taps():])
	})
	addParts(w, dk, partial, len(dk), k.parts)
}

// unitPlanes are padded or unpadded channels of images, as units are read from them. What is in memory begins with the first unit.
type unitPlanes struct {
	data              []float32
	image, plane, row int // distances
}

// padded returns planes that are laid out, of so many channels.
func (k *winogradWeights) padded(laid []float32, channels int) unitPlanes {
	size := k.layout.size()
	return unitPlanes{data: laid, image: channels * size, plane: size, row: k.layout.cols}
}

// gradient returns the channels from to to of count images of dy from the one numbered first on. Planes that consist of whole
// units need no padding, and stay where they are if dy is what is in memory.
func (k *winogradWeights) gradient(s *Scratch, dy input, first, count, from, to int) unitPlanes {
	if !k.units.fits(k.h, k.w) {
		p := k.padded(k.lay(s, slotLaidDy, dy, first, count, from, to), to-from)
		p.data = p.data[k.layout.padH*k.layout.cols+k.layout.padW:]
		return p
	}
	size := k.h * k.w
	p := unitPlanes{image: (to - from) * size, plane: size, row: k.w}
	if dy.asIs() {
		p.data, p.image = dy.Data[first*dy.Stride+from*size:], dy.Stride
		return p
	}
	p.data = s.Floats(slotLaidDy, count*p.image)
	for n := range count {
		image := dy.image(first + n)
		image.readFrom(k.set, p.data[n*p.image:][:p.image], from)
	}
	return p
}

// winogradSums are the sums of a piece: of rows output channels.
type winogradSums struct {
	*winogradWeights
	s      *Scratch
	rows   int
	sums   []float32 // [horizontal frequency, output channel, input channel, lane]
	stride int       // from frequency to frequency
	added  bool      // sums holds something
}

func (k *winogradWeights) newSums(s *Scratch, from, to int) winogradSums {
	p := winogradSums{winogradWeights: k, s: s, rows: to - from}
	p.stride = oddLines((p.rows*k.in + 3) * k.lanes) // groups of four filters are transformed together
	p.sums = aligned(s.Floats(slotSums, k.side()*p.stride+lineFloats))
	return p
}

// add adds what count images contribute.
func (p *winogradSums) add(x, dy unitPlanes, count int) {
	k := p.winogradWeights
	total := count * k.units.strips()
	most := min(total, 2*unitsTogether)
	in := geometry{k.in, x.plane, x.row, oddLines(k.in * most * k.lanes)}
	out := geometry{p.rows, dy.plane, dy.row, oddLines((p.rows*most + 1) * k.lanes)}
	xs := aligned(p.s.Floats(slotFrequencies, k.side()*in.stride+lineFloats))
	ys := aligned(p.s.Floats(slotProducts, k.side()*out.stride+lineFloats))
	buffer, at := k.buffer(p.s), p.s.ints.take(slotStrips, most+1)
	for unit := 0; unit < total; unit += most {
		units := min(most, total-unit)
		k.unitPlaces(at[:units+1], unit, total, &x)
		k.inputs[k.which](xs, x.data, buffer, at, units, in)
		k.unitPlaces(at[:units+1], unit, total, &dy)
		k.gradients[k.which](ys, dy.data, buffer, at, units, out)
		for j := range k.side() {
			k.multiply(p.sums[j*p.stride:], ys[j*out.stride:], xs[j*in.stride:], p.rows, k.in, units, p.added)
		}
		p.added = true
	}
}

// unitPlaces computes where units from number first on begin in p, of total ones. After the last comes the last again.
func (k *winogradWeights) unitPlaces(at []int, first, total int, p *unitPlanes) {
	strips := k.units.strips()
	for i := range at {
		unit := min(first+i, total-1)
		at[i] = unit/strips*p.image + k.units.at(unit%strips, p.row)
	}
}

// finish transforms the sums to weights.
func (p *winogradSums) finish(dk []float32) {
	k, filters := p.winogradWeights, p.rows*p.in
	groups, size := filters/4, 4*k.taps()
	if groups > 0 {
		k.toWeights[k.which](dk, p.sums, k.buffer(p.s), groups, p.stride)
	}
	if rest := filters % 4; rest > 0 {
		var last [4 * maxTaps]float32
		k.toWeights[k.which](last[:], p.sums[groups*4*k.lanes:], k.buffer(p.s), 1, p.stride)
		copy(dk[groups*size:], last[:rest*k.taps()])
	}
}
