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

// Piece is a parameter that a step moves: where it lies among all parameters, and how many numbers it has.
type Piece struct {
	At, Size int
	Steps    int // of Adam: which step this is for the parameter, the first being 1
}

// pieces sends pieces, with two numbers for each, and has do use them in a launch for n numbers.
func (d *Device) pieces(all []Piece, numbers func(Piece) (float64, float64), do func(table Memory, n int)) {
	n := 0
	table := make([]int32, 0, 4*len(all))
	for _, p := range all {
		a, b := numbers(p)
		table = append(table, int32(n), int32(p.At), int32(math.Float32bits(float32(a))), int32(math.Float32bits(float32(b))))
		n += p.Size
	}
	if n == 0 {
		return
	}
	m := d.Take(len(table))
	d.WriteInts(m, table)
	do(m, n)
	d.Free(m)
}

func noNumbers(Piece) (float64, float64) { return 0, 0 }

// SGDStep is kernel.SGDStep of some of the parameters p. The buffer holds zeros for what was never moved; factor, if there is
// one, is what gradients are multiplied by.
func (d *Device) SGDStep(p, buffer, gradient Memory, all []Piece, factor Memory, rate, momentum, decay float64) {
	d.pieces(all, noNumbers, func(table Memory, n int) {
		a := d.begin()
		a.at(p, buffer, gradient, table)
		a.ints(len(all))
		a.ints(n)
		a.at(factor)
		for _, v := range []float64{rate, momentum, decay} {
			a.number(v)
		}
		d.launchEach("sgd", n)
	})
}

// Adam is the settings of a solver: see graph.Adam.
type Adam struct{ Rate, Beta1, Beta2, Epsilon, Decay float64 }

// AdamStep is a step of Adam (spec section 7) of some of the parameters p. first and second are the running means, of zeros
// for what was never moved; factor is as for SGDStep.
func (d *Device) AdamStep(p, first, second, gradient Memory, all []Piece, factor Memory, s Adam) {
	corrected := func(p Piece) (float64, float64) {
		steps := float64(p.Steps)
		return s.Rate / (1 - math.Pow(s.Beta1, steps)), math.Sqrt(1 - math.Pow(s.Beta2, steps))
	}
	d.pieces(all, corrected, func(table Memory, n int) {
		a := d.begin()
		a.at(p, first, second, gradient, table)
		a.ints(len(all))
		a.ints(n)
		a.at(factor)
		for _, v := range []float64{s.Epsilon, s.Decay, s.Beta1, 1 - s.Beta1, s.Beta2, 1 - s.Beta2} {
			a.number(v)
		}
		d.launchEach("adam", n)
	})
}

// ClipFactor computes into factor[0] what gradients of some parameters are to be multiplied by so that the norm of all
// together is at most limit.
func (d *Device) ClipFactor(factor, gradient Memory, all []Piece, limit float64) {
	d.pieces(all, noNumbers, func(table Memory, n int) {
		groups := groupsOf(n, threadsEach)
		sums := d.Take(groups)
		a := d.begin()
		a.at(sums, gradient, table)
		a.ints(len(all))
		a.ints(n)
		d.launchEach("squares", n)
		a = d.begin()
		a.at(factor, sums)
		a.ints(groups)
		a.number(limit)
		d.launch("clip", [3]int{1, 1, 1}, [3]int{threadsEach, 1, 1})
		d.Free(sums)
	})
}

// PlaceSize is how many numbers say where an image of a batch comes from and how it is changed: index, down, across, mirrored,
// top, bottom, left, right. Its pixel (y, x) is pixel (y + down, x + across) of image index of the data set, or black outside it,
// before it is mirrored, if that is 1; from top to bottom and left to right it is zero.
const PlaceSize = 8

// Augment computes images [N, C, H, W] of a data set that lies in memory as bytes. levels [C, 256] are what the levels of
// each channel are normalised to; places are [N, PlaceSize].
func (d *Device) Augment(y, images, levels Memory, places []int32, channels, height, width int) {
	m := d.Take(len(places))
	d.WriteInts(m, places)
	n := len(places) / PlaceSize
	a := d.begin()
	a.at(y)
	a.memory(images.handle())
	a.at(m, levels)
	for _, v := range []int{n, channels, height, width} {
		a.ints(v)
	}
	d.launchEach("augment", n*channels*height*width)
	d.Free(m)
}
