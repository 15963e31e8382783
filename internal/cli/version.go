package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version that the linker sets in what make dist builds (-X nat/internal/cli.release=…).
var release = ""

// build says which program this is.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified"` // the source had changes that are in no commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildVersion reads what the Go tools noted in the program: the commit is known where it was built inside the repository.
func buildVersion() build {
	b := build{Version: "development", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if release != "" {
		b.Version = release
	}
	return b
}

func (p *program) versionCommand() *cobra.Command {
	var json bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Show which version of nat this is",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			b := buildVersion()
			if json {
				return p.printJSON(b)
			}
			p.print("nat %s\n%s, %s\n", b.Version, b.Go, b.Platform)
			if b.Commit != "" {
				changed := ""
				if b.Modified {
					changed = " with changes"
				}
				p.print("commit %s%s\n", b.Commit, changed)
			}
			return nil
		},
	}
	jsonFlag(c.Flags(), &json)
	return c
}
