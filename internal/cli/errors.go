package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a mistake in the command line, as opposed to a failure in doing what it asks for.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// usagef returns a usageError that ends in where the command c is explained.
func usagef(c *cobra.Command, format string, values ...any) error {
	return usageError{fmt.Sprintf(format, values...) + " (see " + c.CommandPath() + " --help)"}
}

// noArguments is the argument check of commands that take flags only.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(c, "%s takes no arguments, but was given %q", c.CommandPath(), args[0])
	}
	return nil
}

// exclusive refuses two flags that contradict one another.
func exclusive(c *cobra.Command, first, second string) error {
	if c.Flags().Changed(first) && c.Flags().Changed(second) {
		return usagef(c, "--%s and --%s exclude each other: give one of them", first, second)
	}
	return nil
}

// unknownCommand says that root has no command of that name.
func unknownCommand(root *cobra.Command, name string) error {
	return usagef(root, "no command %q%s", name, didYouMean(nearest(name, commandNames(root))))
}

// flagError says in our words what is wrong with the flags of the command c.
func flagError(c *cobra.Command, commandLine []string, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(c, commandLine, unknown)
	case errors.As(err, &missing):
		_, usage := pflag.UnquoteUsage(missing.GetFlag())
		return usagef(c, "--%s needs a value: %s", missing.GetFlag().Name, usage)
	case errors.As(err, &invalid):
		return usagef(c, "--%s %q: %s", invalid.GetFlag().Name, invalid.GetValue(), errors.Unwrap(invalid))
	default:
		return usagef(c, "%s", err)
	}
}

// unknownFlag tells a misspelt flag from one in front of its command, and both from a misspelt command, which has no
// flags yet.
func unknownFlag(c *cobra.Command, commandLine []string, unknown *pflag.NotExistError) error {
	name := unknown.GetSpecifiedName()
	written := "--" + name
	if short := unknown.GetSpecifiedShortnames(); short != "" {
		name, written = short, "-"+short
	}
	if !c.HasParent() {
		for _, word := range commandLine {
			if strings.HasPrefix(word, "-") {
				continue
			}
			if command, _, err := c.Find([]string{word}); err == nil && command != c {
				return usagef(command, "%s in front of the command: write nat %s %s", written, word, written)
			}
			return unknownCommand(c, word)
		}
	}
	var flags []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	near := nearest(name, flags)
	if near != "" {
		near = "--" + near
	}
	return usagef(c, "%s has no flag %s%s", c.CommandPath(), written, didYouMean(near))
}

// didYouMean turns a suggestion, if there is one, into the end of a sentence.
func didYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return ": did you mean " + suggestion + "?"
}

// choices names the words to choose from, and the one that word probably means.
func choices(word string, words []string) string {
	return "choose " + strings.Join(words, ", ") + didYouMean(nearest(word, words))
}

// nearest returns the candidate that looks most like word, or "" if none does: at most a third of the letters differ, or
// one contains the other.
func nearest(word string, candidates []string) string {
	word = strings.ToLower(strings.ReplaceAll(word, "_", "-"))
	best, least := "", len(word)/3+2
	for _, candidate := range candidates {
		d := levenshtein.ComputeDistance(word, strings.ToLower(candidate))
		if len(word) > 2 && (strings.Contains(candidate, word) || strings.Contains(word, candidate)) {
			d = min(d, 2)
		}
		if d < least {
			best, least = candidate, d
		}
	}
	return best
}

// oneLine makes a message fit for one line of a terminal: joined errors are separated by semicolons, and characters that
// could move the cursor, as foreign files hold them, are escaped.
func oneLine(message string) string {
	var line strings.Builder
	for _, r := range strings.ReplaceAll(strings.TrimSpace(message), "\n", "; ") {
		if unicode.IsPrint(r) {
			line.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			line.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return line.String()
}
