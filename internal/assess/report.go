package assess

import (
	"math/rand/v2"
	"slices"

	"nat/internal/genotype"
	"nat/internal/primitive"
	"nat/internal/random"
)

// Report is what an assessment found.
type Report struct {
	Random, Published        Group
	ChoiceImages, GainImages int
}

// Group is what was found over some architectures.
type Group struct {
	Trials        []Trial
	InputAccuracy float64   // mean over them
	Ways          []Summary // of Ways(), in their order
}

// Summary is what a way to choose does, as means over architectures.
type Summary struct {
	Way      Way
	Gain     Interval // in accuracy with shared weights, from −1 to 1, over the input
	Behind   Interval // what the policy's choice gains over this way's
	Accuracy float64
	// MAdds and Parameters are the ratios of the choice's to the input's, as networks of their own.
	MAdds, Parameters float64
	Entropy           float64 // of both cells' distributions
	Changes           Changes
}

// Changes are shares of edges: those that keep their operation, those that get another one, and those that become null.
// Skips is the part of those with another one that become skip_connect.
type Changes struct{ Kept, Replaced, Dropped, Skips float64 }

// Interval is a mean over architectures with 95 % bootstrap intervals: Low to High, where the architectures might have been
// others, and WideLow to WideHigh, where the images that they were all measured on might have been others too.
type Interval struct{ Mean, Low, High, WideLow, WideHigh float64 }

// summarise averages over trials.
func summarise(trials []Trial, seed uint64) Group {
	g := Group{Trials: trials}
	if len(trials) == 0 {
		return g
	}
	n := float64(len(trials))
	for _, t := range trials {
		g.InputAccuracy += t.Accuracy / n
	}
	for w, way := range Ways() {
		s := Summary{Way: way}
		for _, t := range trials {
			c := t.Choices[w]
			s.Accuracy += (t.Accuracy + c.Gain) / n
			s.MAdds += float64(c.Cost.MAdds) / float64(t.Cost.MAdds) / n
			s.Parameters += float64(c.Cost.Parameters) / float64(t.Cost.Parameters) / n
			s.Entropy += c.Entropy / n
			s.Changes.add(t.Input, c.Genotype, n)
		}
		s.Gain = bootstrap(differences(trials, func(t Trial) (a, b []bool) { return t.Choices[w].hits, t.hits }), seed)
		s.Behind = bootstrap(differences(trials, func(t Trial) (a, b []bool) { return t.Choices[0].hits, t.Choices[w].hits }), seed)
		if way == RandomSearch {
			s.Changes = Changes{} // nothing was transformed
		}
		g.Ways = append(g.Ways, s)
	}
	return g
}

// add adds the share of one architecture out of n.
func (c *Changes) add(input, output genotype.Genotype, n float64) {
	before, after := slices.Concat(input.Normal.Edges, input.Reduce.Edges), slices.Concat(output.Normal.Edges, output.Reduce.Edges)
	part := 1 / (n * float64(len(before)))
	for i, e := range after {
		switch {
		case e.Op == before[i].Op:
			c.Kept += part
		case e.Op == primitive.NullOp:
			c.Dropped += part
		default:
			c.Replaced += part
			if e.Op == primitive.SkipConnect {
				c.Skips += part
			}
		}
	}
}

// differences returns by trial and image whether of two architectures the first alone is right (1), the second alone (−1),
// or both or none.
func differences(trials []Trial, of func(Trial) (a, b []bool)) [][]int8 {
	var all [][]int8
	for _, t := range trials {
		a, b := of(t)
		row := make([]int8, len(a))
		for i := range a {
			switch {
			case a[i] && !b[i]:
				row[i] = 1
			case b[i] && !a[i]:
				row[i] = -1
			}
		}
		all = append(all, row)
	}
	return all
}

// resamples is how often the bootstrap draws.
const resamples = 1000

// bootstrap returns the mean of the differences and its intervals by percentiles. Rows, the architectures, are drawn again with
// replacement, and for the wide interval columns too, the images: they move all architectures together.
func bootstrap(d [][]int8, seed uint64) Interval {
	rows, columns := len(d), len(d[0])
	once := Interval{Mean: weighted(d, slices.Repeat([]int{1}, rows), slices.Repeat([]int{1}, columns))}
	stream := random.New(seed, "bootstrap")
	var means, wide []float64
	for range resamples {
		w := multiplicities(stream, rows)
		means = append(means, weighted(d, w, slices.Repeat([]int{1}, columns)))
		wide = append(wide, weighted(d, w, multiplicities(stream, columns)))
	}
	once.Low, once.High = middle(means)
	once.WideLow, once.WideHigh = middle(wide)
	return once
}

// multiplicities returns how often each of n is among n that are drawn.
func multiplicities(stream *rand.Rand, n int) []int {
	times := make([]int, n)
	for range n {
		times[stream.IntN(n)]++
	}
	return times
}

// weighted returns the mean with rows and columns counted so many times.
func weighted(d [][]int8, rows, columns []int) float64 {
	total := 0
	for i, row := range d {
		if rows[i] == 0 {
			continue
		}
		sum := 0
		for j, x := range row {
			sum += columns[j] * int(x)
		}
		total += rows[i] * sum
	}
	return float64(total) / float64(len(rows)*len(columns))
}

// middle returns where the middle 95 % of the resamples' means begin and end.
func middle(means []float64) (low, high float64) {
	const tail = resamples * 25 / 1000
	slices.Sort(means)
	return means[tail], means[resamples-1-tail]
}
