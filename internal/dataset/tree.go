package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A part is what a folder's images are for.
type part int

const (
	trainPart part = iota
	validationPart
	testPart
	parts
)

// folders are the names that the folder of a part goes by.
func (p part) folders() []string {
	return [parts][]string{{"train"}, {"val", "valid", "validation"}, {"test"}}[p]
}

// A tree is what an image folder holds: classes, and the files of each part. No file has been looked into.
type tree struct {
	root    string
	classes []string // in the order of their labels
	files   [parts][]treeFile
	remarks []string
}

// A treeFile is a file of an image folder.
type treeFile struct {
	path     string // in root, with slashes
	class    int
	size     int64 // bytes
	modified int64 // nanoseconds since 1970
}

// maxClasses is how many classes labels can tell apart.
const maxClasses = 1 << 16

// readTree lists an image folder: classes in folders of their own (FOLDER/<class>/*), or those below train, val and test.
// Chosen, where given, are the classes to take, in the order of their labels; else all are taken, in alphabetical order.
func readTree(root string, chosen []string) (*tree, error) {
	t := &tree{root: root}
	places, err := t.partFolders()
	if err != nil {
		return nil, err
	}
	if t.classes, err = t.findClasses(places[trainPart], chosen); err != nil {
		return nil, err
	}
	for p, place := range places {
		if place == "" {
			continue
		}
		if t.files[p], err = t.listPart(part(p), place, chosen != nil); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// partFolders finds the folder of each part, "" where there is none. A folder of classes alone is all for training.
func (t *tree) partFolders() (places [parts]string, err error) {
	for p := range parts {
		for _, name := range p.folders() {
			if info, err := os.Stat(filepath.Join(t.root, name)); err == nil && info.IsDir() && places[p] == "" {
				places[p] = name
			}
		}
	}
	switch {
	case places == [parts]string{}:
		places[trainPart] = "."
	case places[trainPart] == "":
		return places, fmt.Errorf("%s has a folder %s, but no folder train beside it", t.root, places[validationPart]+places[testPart])
	}
	return places, nil
}

// findClasses names the classes after the folders in the one of the training images.
func (t *tree) findClasses(place string, chosen []string) ([]string, error) {
	folder := filepath.Join(t.root, place)
	found, files, err := list(folder)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && len(files) > 0 {
		return nil, fmt.Errorf("%s holds files, but no folder for each class: put them into %s", folder, filepath.Join(folder, "CLASS", "…"))
	}
	for i, class := range chosen {
		if slices.Contains(chosen[:i], class) {
			return nil, fmt.Errorf("the class %q is named twice", class)
		}
		if !slices.Contains(found, class) {
			return nil, fmt.Errorf("%s has no folder of the class %q: it has %s", folder, class, enumerate(found))
		}
	}
	if chosen != nil {
		found = chosen
	}
	switch n := len(found); {
	case n == 1:
		return nil, fmt.Errorf("%s has one folder, %s: classes are told apart by a folder for each, of which there must be two or more", folder, found[0])
	case n == 0:
		return nil, fmt.Errorf("%s holds no data set: expected a folder of images for each class, or CIFAR-10 or CIFAR-100 (%s; nat download fetches them)",
			folder, strings.Join(publishedFolders(), ", "))
	case n > maxClasses:
		return nil, fmt.Errorf("%s has %d folders, one for each class: more than %d classes can't be", folder, n, maxClasses)
	}
	return found, nil
}

// listPart lists the files of a part. Some says that classes have been chosen, so that there may be others.
func (t *tree) listPart(p part, place string, some bool) ([]treeFile, error) {
	folders, files, err := list(filepath.Join(t.root, place))
	if err != nil {
		return nil, err
	}
	if len(folders) == 0 && p != trainPart {
		return t.listFlat(p, place, files, some)
	}
	var all []treeFile
	for _, name := range folders {
		class := slices.Index(t.classes, name)
		if class < 0 && some {
			continue
		}
		if class < 0 {
			return nil, fmt.Errorf("%s is no class of the training images: those are %s", filepath.Join(t.root, place, name), enumerate(t.classes))
		}
		of, err := t.listClass(path.Join(place, name), class)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

// listClass lists the files of a class.
func (t *tree) listClass(place string, class int) ([]treeFile, error) {
	folders, names, err := list(filepath.Join(t.root, place))
	if err != nil {
		return nil, err
	}
	if len(folders) > 0 {
		return nil, fmt.Errorf("%s is a folder within that of a class: images lie right in the folder of their class",
			filepath.Join(t.root, place, folders[0]))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s, the folder of a class, is empty: fill it or remove it", filepath.Join(t.root, place))
	}
	files := make([]treeFile, len(names))
	for i, name := range names {
		if files[i], err = t.file(path.Join(place, name), class); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// file describes a file by what the file system knows of it. One that it can't reach is left to whoever reads it.
func (t *tree) file(place string, class int) (treeFile, error) {
	f := treeFile{path: place, class: class}
	info, err := os.Stat(filepath.Join(t.root, place))
	if errors.Is(err, fs.ErrNotExist) { // a link to nowhere
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.size, f.modified = info.Size(), info.ModTime().UnixNano()
	return f, nil
}

// list gives the folders and the files in a folder, each in alphabetical order, without what is hidden or what systems leave
// there.
func list(folder string) (folders, files []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.Contains([]string{"__MACOSX", "Thumbs.db", "desktop.ini"}, name) {
			continue
		}
		isFolder := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(filepath.Join(folder, name))
			isFolder = err == nil && info.IsDir()
		}
		if isFolder {
			folders = append(folders, name)
		} else {
			files = append(files, name)
		}
	}
	return folders, files, nil
}

// enumerate names a few of many.
func enumerate(names []string) string {
	const most = 6
	if len(names) > most {
		return fmt.Sprintf("%s … and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
