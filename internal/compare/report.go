package compare

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Report is what a comparison has found so far.
type Report struct {
	Rows        []Row        `json:"architectures"`
	Differences []Difference `json:"differences"` // of every two, in the order of the rows
}

// Row is what was found of an architecture.
type Row struct {
	Name       string    `json:"name"`
	Genotype   string    `json:"genotype"`
	Parameters int       `json:"parameters"`
	MAdds      int       `json:"madds"`
	Runs       []float64 `json:"runs"` // accuracies by seed
	Accuracy   Estimate  `json:"accuracy"`
}

// Difference is by how much one architecture is more accurate than another, trained with the same seeds.
type Difference struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Accuracy Estimate `json:"accuracy"` // To's less From's
}

// Estimate is a mean over seeds with its 95 % interval, by Student's distribution. The interval says how much other seeds would
// change; a single one leaves it open, from −1 to 1.
type Estimate struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	N    int     `json:"n"` // seeds
}

// Report returns what has been found so far.
func (c *Comparison) Report() (Report, error) {
	var r Report
	for i, name := range c.settings.Names {
		cost, err := c.settings.cost(i)
		if err != nil {
			return r, err
		}
		row := Row{
			Name: name, Genotype: c.settings.Architectures[i].String(), Parameters: cost.Parameters, MAdds: cost.MAdds, Runs: []float64{},
		}
		for _, result := range c.results {
			if result.Name == name {
				row.Runs = append(row.Runs, result.Accuracy)
			}
		}
		row.Accuracy = estimate(row.Runs)
		r.Rows = append(r.Rows, row)
	}
	for i, from := range r.Rows {
		for _, to := range r.Rows[i+1:] {
			var differences []float64 // seed by seed: what a seed does to both alike cancels
			for k := range min(len(from.Runs), len(to.Runs)) {
				differences = append(differences, to.Runs[k]-from.Runs[k])
			}
			r.Differences = append(r.Differences, Difference{from.Name, to.Name, estimate(differences)})
		}
	}
	return r, nil
}

func estimate(values []float64) Estimate {
	n := len(values)
	e := Estimate{Low: -1, High: 1, N: n}
	if n == 0 {
		return e
	}
	for _, v := range values {
		e.Mean += v / float64(n)
	}
	if n == 1 {
		return e
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - e.Mean) * (v - e.Mean)
	}
	half := student(n-1) * math.Sqrt(squares/float64(n-1)/float64(n))
	e.Low, e.High = e.Mean-half, e.Mean+half
	return e
}

// student returns how many standard errors half of a 95 % interval takes, by Student's distribution with that many degrees of
// freedom.
func student(freedom int) float64 {
	const outside = 0.05
	nu := float64(freedom)
	x := mathext.InvRegIncBeta(nu/2, 0.5, outside)
	return math.Sqrt(nu * (1 - x) / x)
}

// WriteReport writes a text into the comparison's folder as its report.json.
func (c *Comparison) WriteReport(text string) error { return c.folder.WriteText(text, "report.json") }
