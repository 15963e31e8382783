package derive

import (
	"cmp"
	"context"
	"math"
	"slices"

	"nat/internal/genotype"
)

// A race finds the best of many candidates without evaluating each in full. On nested subsets of the images, each twice as
// large as the one before, candidates are compared by their mean loss: over few images it tells good from bad much better
// than the number of correct ones does. Those behind drop out, and who is left is evaluated on all images. 200 candidates
// cost less than 30 full evaluations.
const (
	raceFrom   = 31 // fewer candidates are all evaluated in full
	finalists  = 8
	raceRounds = 3
	firstShare = 16 // the first subset has that part of the images, but no fewer than
	firstLeast = 8
	farBehind  = 3 // standard errors of the difference to the leader, image by image: who is so far behind is out anyway
)

// runner is a candidate in a race.
type runner struct {
	Architecture
	losses []float64 // by image seen so far
}

// mean returns the mean loss.
func (r *runner) mean() float64 {
	total := 0.0
	for _, x := range r.losses {
		total += x
	}
	return total / float64(len(r.losses))
}

// behind returns by how many standard errors the mean loss is above another's, of the same images.
func (r *runner) behind(leader *runner) float64 {
	n, sum, squares := float64(len(r.losses)), 0.0, 0.0
	for i, x := range r.losses {
		d := x - leader.losses[i]
		sum += d
		squares += d * d
	}
	mean := sum / n
	variance := (squares/n - mean*mean) / (n - 1)
	if !(variance > 0) {
		return 0
	}
	return mean / math.Sqrt(variance)
}

// race returns the candidates that are to be evaluated in full. They run in so many groups by cost, each against its own, so
// that with several groups winners are spread over costs.
func (t *derivation) race(ctx context.Context, candidates []Architecture, groups int) ([]Architecture, error) {
	if len(candidates) < raceFrom {
		return candidates, nil
	}
	all := slices.Clone(candidates)
	if groups > 1 {
		slices.SortStableFunc(all, func(a, b Architecture) int { return cmp.Compare(a.Cost.MAdds, b.Cost.MAdds) })
	}
	fields := make([][]*runner, groups)
	for i, a := range all {
		group := i * groups / len(all)
		fields[group] = append(fields[group], &runner{Architecture: a})
	}
	seen := 0
	for round := range raceRounds {
		until := t.raceUntil(round)
		if err := t.run(ctx, fields, seen, until); err != nil {
			return nil, err
		}
		seen = until
		for g, field := range fields {
			fields[g] = survivors(field, quota(len(all), groups, round))
		}
	}
	var winners []Architecture
	for _, field := range fields {
		for _, r := range field {
			winners = append(winners, r.Architecture)
		}
	}
	return winners, nil
}

// raceUntil returns how many images there are in the subset of a round.
func (t *derivation) raceUntil(round int) int {
	n := t.options.Selection.Len()
	return min(max(n/firstShare, firstLeast)<<round, n)
}

// quota returns how many of a group survive a round: what is left of all candidates falls by the same factor each time, to
// the finalists.
func quota(candidates, groups, round int) int {
	start := float64(candidates) / float64(groups)
	return int(math.Ceil(start * math.Pow(finalists/float64(candidates), float64(round+1)/raceRounds)))
}

// raceImages returns how many images so many candidates and the input may take, test images included.
func (t *derivation) raceImages(candidates int) int {
	total, left, seen := 0, candidates, 0
	if candidates >= raceFrom {
		for round := range raceRounds {
			total += left * (t.raceUntil(round) - seen)
			left, seen = quota(candidates, 1, round), t.raceUntil(round)
		}
	}
	return total + (left+1)*t.options.Selection.Len() + 2*t.options.testImages()
}

// run has all runners see the images from one number to another.
func (t *derivation) run(ctx context.Context, fields [][]*runner, from, to int) error {
	if from == to {
		return nil
	}
	var images []int
	for i := from; i < to; i++ {
		images = append(images, i)
	}
	all := slices.Concat(fields...)
	genotypes := make([]genotype.Genotype, len(all))
	for i, r := range all {
		genotypes[i] = r.Genotype
	}
	measured, err := t.judge.Measure(ctx, genotypes, t.options.Selection.Select(images))
	for i, m := range measured {
		all[i].losses = append(all[i].losses, m.Losses...)
	}
	return err
}

// survivors returns the quota of a field with the smallest mean losses, in their order; fewer where the others are far behind.
func survivors(field []*runner, quota int) []*runner {
	slices.SortStableFunc(field, func(a, b *runner) int {
		return cmp.Or(cmp.Compare(a.mean(), b.mean()), cmp.Compare(a.Cost.MAdds, b.Cost.MAdds))
	})
	field = field[:min(quota, len(field))]
	leader := field[0]
	return slices.DeleteFunc(field, func(r *runner) bool { return r.behind(leader) > farBehind })
}
