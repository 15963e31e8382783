package dataset

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// listNames are the files that may say the classes of a part whose images lie in one folder. For validation that may also
// be ImageNet's list of synsets, as it is handed about, or the one that comes with Kaggle's copy.
func listNames(p part, place string) []string {
	names := []string{place + ".txt", place + "_synsets.txt"}
	if p == validationPart {
		names = append(names, "imagenet_2012_validation_synset_labels.txt", "LOC_val_solution.csv")
	}
	return names
}

// listFlat lists a part whose images lie in one folder, by a list of their classes beside or in it. Images for the test
// may be without one, as ImageNet's are: they are passed over.
func (t *tree) listFlat(p part, place string, names []string, some bool) ([]treeFile, error) {
	lists := listNames(p, place)
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(lists, name) })
	list := t.findList(place, lists)
	whole := filepath.Join(t.root, place)
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("%s is empty: fill it or remove it", whole)
	case list == "" && p == testPart:
		t.remarks = append(t.remarks, fmt.Sprintf("%s has no folder for each class and no list of classes (%s): it is left aside", whole, lists[0]))
		return nil, nil
	case list == "":
		return nil, fmt.Errorf("%s holds files, but no folder for each class: put them into %s, or list them in %s, a line "+
			"“FILE CLASS” for each", whole, filepath.Join(whole, "CLASS"), whole+".txt")
	}
	f, err := os.Open(list)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	classes, err := readClassList(f, names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	var files []treeFile
	for i, name := range names {
		class := slices.Index(t.classes, classes[i])
		if class < 0 && some {
			continue
		}
		if class < 0 {
			return nil, fmt.Errorf("%s: %s is of class %q, and the training images have only %s", list, name, classes[i], enumerate(t.classes))
		}
		file, err := t.file(path.Join(place, name), class)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// findList gives the path of the first list that is there, or "".
func (t *tree) findList(place string, lists []string) string {
	for _, folder := range []string{".", place} {
		for _, name := range lists {
			if file := filepath.Join(t.root, folder, name); isFile(file) {
				return file
			}
		}
	}
	return ""
}

// The bounds of a list.
const (
	maxListBytes = 1 << 28
	maxListLine  = 1 << 16
)

// readClassList reads the class of each of the files: lines of “FILE CLASS”, in which FILE may lack its folder or its
// extension and anything may follow, or else one class a line, in the order of the files. Commas separate too.
func readClassList(r io.Reader, files []string) ([]string, error) {
	places := make(map[string]int, 2*len(files))
	for i, name := range files {
		places[name] = i
		places[strings.TrimSuffix(name, filepath.Ext(name))] = i
	}
	var alone []string // the classes of lines that have nothing else
	named := make([]string, len(files))
	in := bufio.NewScanner(io.LimitReader(r, maxListBytes))
	in.Buffer(nil, maxListLine)
	number := 0
	for in.Scan() {
		number++
		words := strings.FieldsFunc(in.Text(), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
		if len(words) == 0 {
			continue
		}
		place, known := places[path.Base(words[0])]
		switch {
		case len(words) == 1:
			alone = append(alone, words[0])
		case known:
			named[place] = words[1]
		case number > 1: // the first may be a heading
			return nil, fmt.Errorf("line %d: no file %s is there", number, words[0])
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", number+1, err)
	}
	missing := slices.Index(named, "")
	switch {
	case len(alone) == len(files) && !slices.ContainsFunc(named, func(class string) bool { return class != "" }):
		return alone, nil
	case len(alone) > 0:
		return nil, fmt.Errorf("%d lines of one word for %d files: expected lines of “FILE CLASS”, or one class for each file", len(alone), len(files))
	case missing >= 0:
		return nil, fmt.Errorf("it doesn't say the class of %s", files[missing])
	}
	return named, nil
}
