package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scaledDown is what TestReadme adds to a command that would take long, or need a network. Of a flag that is given twice the
// last counts.
var scaledDown = map[string]string{
	"report":      "--images 12 --n-archs 2",
	"search":      "--init-channels 2 --layers 3 --transformer-nfeat 8 --images 16 --epochs 1",
	"bench":       "--channels 2 --layers 3 --batch 2 --repeat 1",
	"derive":      "--images 12 --n-archs 2",
	"eval-policy": "--n-inputs 2 --images 12 --n-archs 2",
	"train":       "--data sample --init-channels 2 --layers 3 --epochs 1",
	"compare":     "--data sample --init-channels 2 --layers 1 --epochs 1 --batch-size 256 --seeds 1",
}

// TestReadme runs every command of the README, in its order and in one folder, scaled down where it would take long.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := writeImages("photos", true, "plane", "car", "bird"); err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			commands++
			if target, ok := strings.CutPrefix(line, "make "); ok {
				if !strings.Contains(string(makefile), "\n"+target+":") {
					t.Errorf("%s: the Makefile has no such target", line)
				}
				continue
			}
			if line == "go install ./cmd/nat" {
				continue // this test is built of the same packages
			}
			rest, ok := strings.CutPrefix(strings.Replace(line, "go run ./cmd/nat ", "nat ", 1), "nat ")
			if !ok {
				t.Errorf("%s: the README has a command that isn't tested", line)
				continue
			}
			runReadmeCommand(t, line, words(rest))
		}
	}
	if commands < 15 {
		t.Errorf("found %d commands, the README has more", commands)
	}
	for _, made := range []string{"DARTS-normal.svg", "DARTS-to-NATv2_DARTS-normal.pdf", "transitions.svg", "runs/small/latest.safetensors"} {
		if _, err := os.Stat(filepath.FromSlash(made)); err != nil {
			t.Errorf("the commands have not made %s", made)
		}
	}
}

// runReadmeCommand runs a command as the README has it but for its size. The download, for which there is no network, must
// say so.
func runReadmeCommand(t *testing.T, line string, args []string) {
	t.Helper()
	switch extra := strings.Fields(scaledDown[args[0]]); {
	case args[0] == "download":
		args = append(args, "--url", "http://127.0.0.1:1/cifar-10-binary.tar.gz", "--data", "cifar-10")
		if code, _, stderr := run("", args...); code != exitFailed || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d without a network, and %q", line, code, stderr)
		}
		return
	case slices.Contains(args, "--resume"): // its settings are those of the run; only the epochs may grow
		args[len(args)-1] = "2"
	case slices.Contains(args, "--supernet"): // whose size counts
		args = append(args, "--epochs", "1", "--images", "16", "--data", "sample")
	default:
		args = append(args, extra...)
		if args[0] == "search" && !slices.Contains(args, "--data") {
			args = append(args, "--data", "sample")
		}
	}
	if code, stdout, stderr := run("", args...); code != exitDone || stdout == "" && args[0] != "visualize" {
		t.Errorf("%s: exit code %d, %q", line, code, stderr)
	}
}

// words splits a command line at blanks outside double quotes.
func words(line string) (list []string) {
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		list = append(list, m[1]+m[2])
	}
	return list
}
