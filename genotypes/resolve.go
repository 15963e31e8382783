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

// expression is what a pasted genotype looks like, rather than a name or a path.
var expression = regexp.MustCompile(`\bGenotype\s*\(|^\s*[{\[(]|\n`)

// Resolve returns the architecture that an ARCH argument names, and what the user should be told about how it was read.
// The argument is a published name, FILE, FILE:NAME, a pasted expression, or "-" for standard input. A file of the user's
// wins over a published name.
func Resolve(arg string, stdin io.Reader) (genotype.Genotype, []string, error) {
	switch {
	case arg == "-":
		if stdin == nil {
			return genotype.Genotype{}, nil, errors.New("there is no standard input to read an architecture from")
		}
		return only("standard input", stdin)
	case expression.MatchString(arg):
		return only("expression", strings.NewReader(arg))
	case isFile(arg):
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

// only reads the text's only genotype.
func only(source string, r io.Reader) (genotype.Genotype, []string, error) {
	f, err := parse(source, r)
	if err != nil {
		return genotype.Genotype{}, nil, err
	}
	return f.Only()
}

// fromFile reads a genotype of a file: that of a name, or if that is empty its only one. One without a name of its own gets
// the file's.
func fromFile(path, name string) (genotype.Genotype, []string, error) {
	r, err := os.Open(path)
	if err != nil {
		return genotype.Genotype{}, nil, err
	}
	defer func() { _ = r.Close() }()
	f, err := parse(path, r)
	if err != nil {
		return genotype.Genotype{}, nil, err
	}
	if name != "" {
		return f.Find(name)
	}
	g, warnings, err := f.Only()
	if g.Name == "" {
		base := filepath.Base(path)
		g.Name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	return g, warnings, err
}

func parse(source string, r io.Reader) (*genotype.File, error) {
	text, err := io.ReadAll(io.LimitReader(r, genotype.MaxText+1))
	if err != nil {
		return nil, fmt.Errorf("%s can't be read: %w", source, err)
	}
	return genotype.Parse(source, string(text))
}
