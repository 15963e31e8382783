package dataset

import (
	"fmt"

	"nat/internal/random"
)

// Split cuts a training set of n images, in canonical order, in two: its indices are shuffled once with the seed, the
// first ⌊n·portion⌋ train the weights w and the others the policy θ (spec 7). A portion outside 0 to 1 is a programming
// error.
func Split(n int, portion float64, seed uint64) (weights, policy []int) {
	if !(portion >= 0 && portion <= 1) {
		panic(fmt.Sprintf("dataset.Split with a portion of %v", portion))
	}
	order := ascending(n)
	random.New(seed, "split").Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	cut := int(float64(n) * portion)
	return order[:cut:cut], order[cut:]
}

// SelectionRequest says which images to choose architectures on: those that a training with that seed and portion holds
// out.
type SelectionRequest struct {
	Seed    uint64
	Portion float64 // of the training set that trains w
	Images  int     // how many; 0 means all there are
	// TrainedOn is the fingerprint of the training set that the checkpoint was made with, or empty where that is unknown
	// and taken to be this one.
	TrainedOn string
}

// Selection gives the first images of the θ part in split order (spec 8), fewer where the part is smaller; of a set with
// validation images of its own, the first of those. The warning is empty or one line: why the images may not be held out,
// or that they are fewer.
func (s *Set) Selection(r SelectionRequest) (images *Images, warning string, err error) {
	if r.Images < 0 {
		return nil, "", fmt.Errorf("%d selection images: give a number above 0, or 0 for all", r.Images)
	}
	if !(r.Portion > 0 && r.Portion < 1) {
		return nil, "", fmt.Errorf("a train portion of %v leaves no images on one side: give a number between 0 and 1", r.Portion)
	}
	if s.Validation != nil {
		if r.Images > s.Validation.Len() {
			warning = s.fewer(s.Validation.Len(), r.Images)
		}
		return s.Validation.First(r.Images), warning, nil
	}
	if s.selection != nil && r.TrainedOn != s.Train.Fingerprint() {
		return s.storedSelection(r)
	}
	if r.TrainedOn != "" && r.TrainedOn != s.Train.Fingerprint() {
		warning = fmt.Sprintf("the checkpoint was trained on other images than %s: those chosen on may be among them", s.Name)
	}
	_, policy := Split(s.Train.Len(), r.Portion, r.Seed)
	if len(policy) == 0 {
		return nil, "", fmt.Errorf("%s has %d training images, none of them for the policy at a train portion of %v",
			s.Name, s.Train.Len(), r.Portion)
	}
	if r.Images > len(policy) {
		if warning != "" {
			warning += "; "
		}
		warning += s.fewer(len(policy), r.Images)
	} else if r.Images > 0 {
		policy = policy[:r.Images]
	}
	return s.Train.Select(policy), warning, nil
}

func (s *Set) fewer(there, asked int) string {
	return fmt.Sprintf("%s holds out %d images, not %d: choosing on those", s.Name, there, asked)
}
