package derive

import (
	"cmp"
	"slices"
)

// front returns those architectures that no cheaper one equals in accuracy, by multiply-adds, and the others.
func front(all []Architecture) (front, behind []Architecture) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Architecture) int {
		return cmp.Or(cmp.Compare(a.Cost.MAdds, b.Cost.MAdds), cmp.Compare(b.Selection.Correct, a.Selection.Correct))
	})
	most := -1
	for _, a := range all {
		if a.Selection.Correct > most {
			most = a.Selection.Correct
			front = append(front, a)
		} else {
			behind = append(behind, a)
		}
	}
	return front, behind
}
