package genotypes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"nat/internal/genotype"
)

// pasted is what an expression has, or an architecture in another language, and a name or path has not.
var pasted = regexp.MustCompile(`[\n(\[{|=]|^[\d\s,]+$`)

// Resolve returns the architecture that an ARCH argument names, and what the user should be told about how it was read.
// The argument is FILE, FILE:NAME, a published name, a pasted expression, or "-" for standard input, of which -:NAME picks
// one. A file of the user's wins over a published name.
func Resolve(arg string, stdin io.Reader) (genotype.Genotype, []string, error) {
	if name, ok := strings.CutPrefix(arg, "-"); ok && (name == "" || name[0] == ':') {
		if stdin == nil {
			return genotype.Genotype{}, nil, errors.New("there is no standard input to read an architecture from")
		}
		return pick("standard input", stdin, strings.TrimPrefix(name, ":"), "")
	}
	if isFile(arg) {
		g, warnings, err := fromFile(arg, "")
		if _, known := Lookup(arg); known {
			warnings = append([]string{fmt.Sprintf("%s was read from the file of that name, not taken from the published architectures", arg)}, warnings...)
		}
		return g, warnings, err
	}
	if colon := strings.LastIndexByte(arg, ':'); colon > 0 && isFile(arg[:colon]) {
		return fromFile(arg[:colon], arg[colon+1:])
	}
	if g, ok := Lookup(arg); ok {
		return g, nil, nil
	}
	if pasted.MatchString(arg) {
		return pick("expression", strings.NewReader(arg), "", "")
	}
	return genotype.Genotype{}, nil, unknown(arg)
}

// unknown is the error for an argument that names nothing.
func unknown(arg string) error {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name a file with a genotype", arg)
	}
	if arg == "" {
		return errors.New("the name of the architecture is empty: give a published name (nat genotypes lists them), a file, or - for standard input")
	}
	if near := genotype.Nearest(arg, Names()); near != "" {
		return fmt.Errorf("no architecture or file is called %q: did you mean %s?", arg, near)
	}
	return fmt.Errorf("no architecture or file is called %q: nat genotypes lists the published names; or give FILE, FILE:NAME, - or Genotype(…)", arg)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// fromFile reads a genotype of a file: that of a name, or if that is empty its only one. One without a name of its own gets
// the file's.
func fromFile(path, name string) (genotype.Genotype, []string, error) {
	r, err := os.Open(path)
	if err != nil {
		return genotype.Genotype{}, nil, err
	}
	defer func() { _ = r.Close() }()
	base := filepath.Base(path)
	return pick(path, r, name, strings.TrimSuffix(base, filepath.Ext(base)))
}

// pick reads the genotype of a name out of a text, or its only one if the name is empty. One without a name of its own is
// called title.
func pick(source string, r io.Reader, name, title string) (g genotype.Genotype, warnings []string, err error) {
	text, err := io.ReadAll(io.LimitReader(r, genotype.MaxText+1))
	if err != nil {
		return g, nil, fmt.Errorf("%s can't be read: %w", source, err)
	}
	f, err := genotype.Parse(source, string(text))
	if err != nil {
		return g, nil, err
	}
	if name == "" {
		g, warnings, err = f.Only()
	} else {
		g, warnings, err = f.Find(name)
	}
	if g.Name == "" {
		g.Name = title
	}
	if published, ok := Lookup(g.Name); ok && err == nil && !g.Equal(published) {
		warnings = append(warnings, fmt.Sprintf("%s of %s was taken, whose cells are not those of the published architecture of that name", g.Name, source))
	}
	return g, warnings, err
}
