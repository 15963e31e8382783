package gpu

import "math"

// CrossEntropyForward computes the softmax probabilities [N, classes] of logits, into loss[0] the mean over the images of −log
// probability[label], and into correct[0] how many images have their label as the most probable class, of equally probable
// ones the lowest.
func (d *Device) CrossEntropyForward(loss, correct, probabilities, logits Memory, labels []int32, classes int) {
	d.withLabels(labels, func(all Memory) {
		a := d.begin()
		a.at(loss, correct, probabilities, logits, all)
		a.ints(len(labels))
		a.ints(classes)
		d.launch("cross_entropy", [3]int{1, 1, 1}, [3]int{threadsEach, 1, 1})
	})
}

// CrossEntropyBackward is kernel.CrossEntropyBackward.
func (d *Device) CrossEntropyBackward(dlogits, probabilities, dloss Memory, labels []int32, classes int) {
	d.withLabels(labels, func(all Memory) {
		a := d.begin()
		a.at(dlogits, probabilities, dloss, all)
		a.ints(len(labels))
		a.ints(classes)
		d.launchEach("cross_entropy_gradient", len(labels)*classes)
	})
}

// withLabels has do use labels in memory.
func (d *Device) withLabels(labels []int32, do func(Memory)) {
	m := d.Take(len(labels))
	d.WriteInts(m, labels)
	do(m)
	d.Free(m)
}

// SGDStep is kernel.SGDStep.
func (d *Device) SGDStep(p, buffer, gradient Memory, rate, momentum, decay float64, first bool) {
	begins := 0
	if first {
		begins = 1
	}
	a := d.begin()
	a.at(p, buffer, gradient)
	a.ints(p.size)
	a.ints(begins)
	for _, v := range []float64{rate, momentum, decay} {
		a.number(v)
	}
	d.launchEach("sgd", p.size)
}

// Adam is the settings of a solver: see graph.Adam.
type Adam struct{ Rate, Beta1, Beta2, Epsilon, Decay float64 }

// AdamStep is step number step, the first being 1, of Adam (spec section 7). first and second are the running means, of zeros
// at the start.
func (d *Device) AdamStep(p, first, second, gradient Memory, s Adam, step int) {
	rate := s.Rate / (1 - math.Pow(s.Beta1, float64(step)))
	correction := math.Sqrt(1 - math.Pow(s.Beta2, float64(step)))
	a := d.begin()
	a.at(p, first, second, gradient)
	a.ints(p.size)
	for _, v := range []float64{rate, correction, s.Epsilon, s.Decay, s.Beta1, 1 - s.Beta1, s.Beta2, 1 - s.Beta2} {
		a.number(v)
	}
	d.launchEach("adam", p.size)
}

// Place is where an image of a batch comes from, and how it is changed: pixel (y, x) is pixel (y + Down, x + Across) of image
// Index of the data set, or black outside it, before it is mirrored; from Top to Bottom and Left to Right it is set to zero.
type Place struct {
	Index, Down, Across int32
	Mirrored            bool
	Top, Bottom         int32
	Left, Right         int32
}

// placeSize is how many numbers a place has on the device.
const placeSize = 8

// Augment computes images [N, C, H, W] of a data set that lies in memory as bytes. levels [C, 256] are what the levels of
// each channel are normalised to.
func (d *Device) Augment(y, images, levels Memory, places []Place, channels, height, width int) {
	packed := make([]int32, 0, placeSize*len(places))
	for _, p := range places {
		mirrored := int32(0)
		if p.Mirrored {
			mirrored = 1
		}
		packed = append(packed, p.Index, p.Down, p.Across, mirrored, p.Top, p.Bottom, p.Left, p.Right)
	}
	m := d.Take(len(packed))
	d.WriteInts(m, packed)
	a := d.begin()
	a.at(y)
	a.memory(images.handle())
	a.at(m, levels)
	for _, v := range []int{len(places), channels, height, width} {
		a.ints(v)
	}
	d.launchEach("augment", len(places)*channels*height*width)
	d.Free(m)
}
