package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// output is standard output with a memory: after an error, such as a full disk or a closed pipe, nothing more is written
// and the error is kept, so that the prints of a command need not be checked one by one.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	if err != nil {
		o.err = fmt.Errorf("standard output: %w", err)
	}
	return n, o.err
}

// print writes a result.
func (p *program) print(format string, values ...any) { fmt.Fprintf(p.stdout, format, values...) }

// printJSON writes a result as one object on one line.
func (p *program) printJSON(result any) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false) // no browser reads it, and genotypes stay legible
	return encoder.Encode(result)
}

// printTable writes rows in columns as wide as their widest cell, the first row being the header.
func (p *program) printTable(rows [][]string) {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
}

// grouped writes a number with commas between thousands.
func grouped(n int) string { return message.NewPrinter(language.English).Sprintf("%d", n) }

// millions writes a number in millions with that many digits behind the point, aligned in a table.
func millions(n, digits int) string { return fmt.Sprintf("%8.*f M", digits, float64(n)/1e6) }
