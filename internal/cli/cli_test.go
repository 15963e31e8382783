package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"nat": func() { os.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the scripts of testdata/script, each of which shows what a command does for its users. Beside the
// usual commands they have exits.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, Cmds: scriptCommands()})
}

// scriptCommands are the commands of scripts beside the usual ones: "exits CODE COMMAND…" checks an exit code.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) < 2 {
				ts.Fatalf("usage: exits CODE COMMAND…")
			}
			code := 0
			var failed *exec.ExitError
			switch err := ts.Exec(args[1], args[2:]...); {
			case errors.As(err, &failed):
				code = failed.ExitCode()
			case err != nil:
				ts.Fatalf("%v", err)
			}
			if strconv.Itoa(code) != args[0] {
				ts.Fatalf("exit code %d, want %s", code, args[0])
			}
		},
	}
}

// run is one run of the program in this process.
func run(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, notes bytes.Buffer
	code = Run(context.Background(), args, strings.NewReader(stdin), &out, &notes)
	return code, out.String(), notes.String()
}

// TestBadInput is the table of what users get wrong: each mistake ends in one line that says what, where and what to do,
// and prints no result.
func TestBadInput(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args string // separated by blanks
		code int
		want string
	}{
		{"cots", exitUsage, `no command "cots": did you mean cost? (see nat --help)`},
		{"serch --op_type X", exitUsage, `no command "serch": did you mean search? (see nat --help)`},
		{"help cots", exitUsage, `no command "cots": did you mean cost? (see nat --help)`},
		{"--json ops", exitUsage, `--json in front of the command: write nat ops --json (see nat ops --help)`},
		{"--nonsense", exitUsage, `nat has no flag --nonsense (see nat --help)`},
		{"ops --jsn", exitUsage, `nat ops has no flag --jsn: did you mean --json? (see nat ops --help)`},
		{"ops -json", exitUsage, `nat ops has no flag -json: did you mean --json? (see nat ops --help)`},
		{"ops --json=perhaps", exitUsage, `--json "perhaps": must be true or false (see nat ops --help)`},
		{"ops --=", exitUsage, `bad flag syntax: --= (see nat ops --help)`},
		{"ops sep_conv_3x", exitFailed, `no operation "sep_conv_3x", nat ops lists them: did you mean sep_conv_3x3?`},
		{"ops identity", exitFailed, `no operation "identity", nat ops lists them: did you mean skip_connect?`},
		{"version now", exitUsage, `nat version takes no arguments, but was given "now" (see nat version --help)`},
		{"genotypes --random 0", exitUsage, `--random "0": give a whole number from 1 to 10000 (see nat genotypes --help)`},
		{"genotypes --random -3", exitUsage, `--random "-3": give a whole number from 1 to 10000 (see nat genotypes --help)`},
		{"genotypes --random 3 --nodes 13", exitUsage, `--nodes "13": give a whole number from 1 to 12 (see nat genotypes --help)`},
		{"genotypes --random 3 --seed -1", exitUsage, `--seed "-1": give a whole number from 0 to 18446744073709551615 (see nat genotypes --help)`},
		{"genotypes --random 3 --names", exitUsage, `--names and --random exclude each other: give one of them (see nat genotypes --help)`},
		{"genotypes --nodes 3", exitUsage, `--nodes has a meaning with --random N only (see nat genotypes --help)`},
		{"cost", exitUsage, `name an architecture, as in nat cost DARTS; nat genotypes lists the published ones (see nat cost --help)`},
		{"cost DARTS --layers", exitUsage, `--layers needs a value: cells (20 for cifar10, 14 for imagenet), 1 to 1000 (see nat cost --help)`},
		{"download --data", exitUsage, `--data needs a value: folder to keep it in, instead of nat's folder in the user's cache (see nat download --help)`},
		{"cost DARTS --layers NaN", exitUsage, `--layers "NaN": give a whole number from 1 to 1000 (see nat cost --help)`},
		{"cost DARTS --layers 99999999999999999999", exitUsage, `--layers "99999999999999999999": give a whole number from 1 to 1000 (see nat cost --help)`},
		{"cost DARTS --channels 3", exitUsage, `nat cost has no flag --channels: did you mean --init-channels? (see nat cost --help)`},
		{"cost DARTS --dataset imagnet", exitUsage, `--dataset "imagnet": choose cifar10, imagenet: did you mean imagenet? (see nat cost --help)`},
		{"cost DARTS --dataset imagenet --init-channels 47", exitUsage, `channels 47: the ImageNet stem begins with half as many, choose an even number (see nat cost --help)`},
		{"cost - -", exitFailed, `- is given twice: standard input can be read once`},
		{"search 0.003", exitUsage, `nat search takes no arguments, but was given "0.003" (see nat search --help)`},
		{"search --entropy_coeff 0.003 0.01", exitUsage, `--entropy-coeff 0.003 0.01: the normal and the reduce cell have the same here, give one value (see nat search --help)`},
		{"search --entropy_coeff 0.003 x", exitUsage, `nat search takes no arguments, but was given "x" (see nat search --help)`},
		{"search --data sample --image-size 64", exitFailed, "the images of sample have 32×32 pixels: leave --image-size out"},
		{"search --data sample --classes cat,dog", exitFailed, "the classes of sample can't be chosen: leave --classes out"},
		{"search --data sample --image-size 3", exitUsage, `--image-size "3": give a whole number from 4 to 1024 (see nat search --help)`},
		{"search --entropy_coeff 0.003 3e-3 --data none", exitFailed, `no data set: stat none: no such file or directory (--data names a folder of images, a folder or archive of CIFAR-10 or CIFAR-100, or sample)`},
		{"search --init-channels 512", exitUsage, `a supernet of 512 init channels, 8 layers and 4 nodes has 9343885312 weights or more: more than 268435456 can't be (see nat search --help)`},
		{"completion", exitUsage, `name one shell: bash, zsh, fish, powershell (see nat completion --help)`},
		{"completion bsh", exitUsage, `no completion for the shell "bsh": choose bash, zsh, fish, powershell: did you mean bash? (see nat completion --help)`},
	} {
		code, stdout, stderr := run("", strings.Fields(c.args)...)
		if want := "nat: " + c.want + "\n"; code != c.code || stderr != want {
			t.Errorf("nat %s: exit code %d, want %d; error\n%swant\n%s", c.args, code, c.code, stderr, want)
		}
		if stdout != "" {
			t.Errorf("nat %s: prints %q in spite of the error", c.args, stdout)
		}
	}
}

// commands returns the whole tree of commands, the root first.
func commands() []*cobra.Command {
	p := &program{stdin: strings.NewReader(""), stdout: &output{w: io.Discard}, stderr: io.Discard}
	root := p.root(nil)
	return append([]*cobra.Command{root}, root.Commands()...)
}

// TestHelp asks every command for help, and gives each flag the default that help promises.
func TestHelp(t *testing.T) {
	promise := regexp.MustCompile(`--([a-z-]+).*\(default (.*)\)`)
	for _, c := range commands() {
		path := strings.Fields(c.CommandPath())[1:]
		code, help, stderr := run("", append(path, "--help")...)
		if code != exitDone || stderr != "" || !strings.Contains(help, "Usage:\n  "+c.CommandPath()) {
			t.Errorf("%s --help: exit code %d, prints %q and %q", c.CommandPath(), code, help, stderr)
		}
		if _, other, _ := run("", append([]string{"help"}, path...)...); other != help {
			t.Errorf("nat help %s prints something else than --help", strings.Join(path, " "))
		}
		for _, found := range promise.FindAllStringSubmatch(help, -1) {
			value, _, _ := strings.Cut(found[2], ", ") // what follows says when it is another
			if unquoted, err := strconv.Unquote(value); err == nil {
				value = unquoted
			}
			if err := c.Flags().Set(found[1], value); err != nil {
				t.Errorf("%s: the default of --%s is refused: %v", c.CommandPath(), found[1], err)
			}
		}
	}
}

// TestFlagsAreKebabCase keeps underscores and capitals out of flags, and a sentence in each explanation.
func TestFlagsAreKebabCase(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for _, c := range commands() {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !name.MatchString(f.Name) || f.Usage == "" {
				t.Errorf("%s --%s %q", c.CommandPath(), f.Name, f.Usage)
			}
		})
	}
}

// failing is a standard output that takes nothing.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestStandardOutputThatFails(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"full disk", syscall.ENOSPC, "nat: standard output: " + syscall.ENOSPC.Error() + "\n"},
		{"closed pipe", syscall.EPIPE, ""},
	} {
		for _, args := range [][]string{{"ops"}, {"ops", "--json"}, {"version"}, {"genotypes", "--names"}, {"--help"}, {"completion", "bash"}} {
			var stderr bytes.Buffer
			code := Run(context.Background(), args, strings.NewReader(""), failing{c.err}, &stderr)
			if code != exitFailed || stderr.String() != c.want {
				t.Errorf("%s, nat %v: exit code %d, error %q, want %q", c.name, args, code, stderr.String(), c.want)
			}
		}
	}
}

// TestInterruptEndsWaitingForInput interrupts a program whose standard input never says anything.
func TestInterruptEndsWaitingForInput(t *testing.T) {
	silent, typist := io.Pipe()
	defer typist.Close()
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	var out, notes bytes.Buffer
	code := Run(ctx, []string{"cost", "-"}, silent, &out, &notes)
	if code != exitInterrupted || out.Len()+notes.Len() != 0 {
		t.Errorf("exit code %d, prints %q and %q", code, out.String(), notes.String())
	}
}

func TestNumbersOutsideTheirRange(t *testing.T) {
	var rate float64
	flags := pflag.NewFlagSet("search", pflag.ContinueOnError)
	realNumber(flags, &rate, "learning-rate", 0.01, 1e-6, 10, "step size")
	for _, text := range []string{"NaN", "0", "-1", "Inf", "1e9", "fast", ""} {
		if err := flags.Set("learning-rate", text); err == nil || rate != 0.01 {
			t.Errorf("%q is read as %g, error %v", text, rate, err)
		}
	}
	if err := flags.Set("learning-rate", "3e-4"); err != nil || rate != 3e-4 {
		t.Errorf("3e-4 is read as %g, error %v", rate, err)
	}
}

func TestPublishedFlagsAreReadAndIgnored(t *testing.T) {
	var notes bytes.Buffer
	p := &program{stdout: &output{w: io.Discard}, stderr: &notes}
	c := &cobra.Command{Use: "search", Run: func(*cobra.Command, []string) {}}
	c.SetGlobalNormalizationFunc(kebabCase)
	p.acceptPublished(c)
	c.SetArgs(strings.Fields("--gpu 0 --prefix . --controller_hid=100 --report_freq 50"))
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	want := "nat: warning: ignored, without a meaning here: --controller-hid --gpu --prefix --report-freq\n"
	if notes.String() != want {
		t.Errorf("warns %q, want %q", notes.String(), want)
	}
	if strings.Contains(c.UsageString(), "gpu") {
		t.Error("--help shows a flag that means nothing")
	}
}

func TestOneLine(t *testing.T) {
	for message, want := range map[string]string{
		"plain, with ×":        "plain, with ×",
		"first\nsecond\n":      "first; second",
		"bell \a escape \x1b[": `bell \a escape \x1b[`,
		"turned \u202e text":   `turned \u202e text`,
		"no text \xff":         "no text \ufffd",
	} {
		if got := oneLine(message); got != want {
			t.Errorf("oneLine(%q) is %q, want %q", message, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	flags := []string{"init-channels", "layers", "n-archs", "json"}
	for word, want := range map[string]string{
		"channels": "init-channels", "Layers": "layers", "narchs": "n-archs", "init_chanels": "init-channels",
		"jso": "json", "momentum": "", "x": "",
	} {
		if got := nearest(word, flags); got != want {
			t.Errorf("nearest(%s) is %q, want %q", word, got, want)
		}
	}
}
