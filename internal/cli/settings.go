package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// setting is the value of a flag that checks itself while the command line is read.
type setting[T any] struct {
	value *T
	read  func(text string) (T, error)
	kind  string // what --help shows behind the flag
	text  string // the value as it was written, at first the default
}

func (s *setting[T]) String() string { return s.text }
func (s *setting[T]) Type() string   { return s.kind }

func (s *setting[T]) Set(text string) error {
	value, err := s.read(text)
	if err == nil {
		*s.value, s.text = value, text
	}
	return err
}

// wholeNumber defines a flag for a whole number from low to high, which the usage text then says. A standard of 0 below
// low stands for none.
func wholeNumber(flags *pflag.FlagSet, value *int, name string, standard, low, high int, usage string) {
	*value = standard
	read := func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("give a whole number from %d to %d", low, high)
		}
		return n, nil
	}
	text := ""
	if standard >= low {
		text = strconv.Itoa(standard)
	}
	flags.Var(&setting[int]{value, read, "n", text}, name, fmt.Sprintf("%s, %d to %d", usage, low, high))
}

// realNumber defines a flag for a number from low to high, which the usage text then says. NaN is none.
func realNumber(flags *pflag.FlagSet, value *float64, name string, standard, low, high float64, usage string) {
	*value = standard
	read := func(text string) (float64, error) {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || !(x >= low && x <= high) {
			return 0, fmt.Errorf("give a number from %g to %g", low, high)
		}
		return x, nil
	}
	flags.Var(&setting[float64]{value, read, "x", fmt.Sprint(standard)}, name, fmt.Sprintf("%s, %g to %g", usage, low, high))
}

// choice defines a flag for one of a few words. Capitals, hyphens and underscores don't matter.
func choice(flags *pflag.FlagSet, value *string, name, standard, usage string, words ...string) {
	*value = standard
	plain := strings.NewReplacer("-", "", "_", "")
	read := func(text string) (string, error) {
		i := slices.IndexFunc(words, func(word string) bool {
			return strings.EqualFold(plain.Replace(word), plain.Replace(text))
		})
		if i < 0 {
			return "", errors.New(choices(text, words))
		}
		return words[i], nil
	}
	flags.Var(&setting[string]{value, read, "word", standard}, name, usage+": "+strings.Join(words, ", "))
}

// seedFlag defines --seed, which means the same in every command that has it.
func seedFlag(flags *pflag.FlagSet, seed *uint64) {
	*seed = 1234
	read := func(text string) (uint64, error) {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("give a whole number from 0 to %d", uint64(math.MaxUint64))
		}
		return n, nil
	}
	flags.Var(&setting[uint64]{seed, read, "n", strconv.FormatUint(*seed, 10)}, "seed", "what all random draws follow from")
}

// jsonFlag defines --json, which means the same in every command that has it.
func jsonFlag(flags *pflag.FlagSet, json *bool) {
	flags.BoolVar(json, "json", false, "print one JSON object on one line instead of text")
}
