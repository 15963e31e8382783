package dataset

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// An assembly puts a set together from its files, which come in any order.
type assembly struct {
	layout      layout
	train, test *Images
	counts      map[string]int // images of each file
	named       bool           // whether the file of the class names was there
}

func newAssembly(l layout) *assembly {
	return &assembly{layout: l, counts: map[string]int{}, train: l.of.empty(), test: l.of.empty()}
}

// add reads one file of the set, size bytes long.
func (a *assembly) add(name string, size int64, r io.Reader) error {
	err := a.read(name, size, r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (a *assembly) read(name string, size int64, r io.Reader) error {
	if name == a.layout.classes {
		classes, err := a.layout.readClasses(io.LimitReader(r, 1<<16))
		if err != nil {
			return err
		}
		if len(classes) != len(a.train.Classes) {
			return damaged("%d class names, expected %d", len(classes), len(a.train.Classes))
		}
		a.train.Classes, a.test.Classes, a.named = classes, classes, true
		return nil
	}
	if _, twice := a.counts[name]; twice {
		return errors.New("it is there twice")
	}
	m := a.train
	if name == a.layout.test {
		m = a.test
	}
	before := m.Len()
	if err := a.layout.readImages(m, r, size); err != nil {
		return err
	}
	a.counts[name] = m.Len() - before
	return nil
}

// finish checks that all files were there and gives the set in canonical order.
func (a *assembly) finish() (*Set, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	a.train.sortCanonically()
	a.test.sortCanonically()
	if a.layout.of.mean == nil {
		a.train.measure()
		a.test.Mean, a.test.Std = a.train.Mean, a.train.Std
	}
	return &Set{Name: a.layout.of.name, Train: a.train, Test: a.test}, nil
}

// check finds files that are missing, and those cut between two records, which shows only beside the others. A small set,
// made for a test, may test on any small number.
func (a *assembly) check() error {
	l, most := a.layout, 0
	for _, name := range append(slices.Clone(l.training), l.test) {
		count, there := a.counts[name]
		if !there {
			return damaged("no %s, which belongs to %s", name, l.of.title)
		}
		if name != l.test {
			most = max(most, count)
		}
	}
	if !a.named && l.of.classes == nil {
		return damaged("no %s, which names the classes of %s", l.classes, l.of.title)
	}
	for _, name := range l.training {
		if count := a.counts[name]; count != most {
			return damaged("%s: %d images, expected %d as in the other files", name, count, most)
		}
	}
	switch tests := a.counts[l.test]; {
	case most == l.of.perFile && tests != l.of.testRecords:
		return damaged("%s: %d images, expected %d", l.test, tests, l.of.testRecords)
	case most < l.of.perFile && tests == l.of.testRecords:
		return damaged("%s: %d images, expected %d", l.training[0], most, l.of.perFile)
	}
	return nil
}
