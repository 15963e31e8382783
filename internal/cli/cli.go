// Package cli is the command line: one file a command, which turns flags into calls and results into print. It stands
// on top of everything and is the only package that knows flags, prints, or shows progress. The rules that all commands
// follow:
//
//   - Results go to standard output, everything else to standard error. With --json a result is one object on one line.
//   - An error is one line: what, where, what to do. Exit codes: 0 done, 1 failed, 2 called wrongly, 130 interrupted.
//   - Flags are written --in-kebab-case; the published program's --snake_case is read too. Settings are checked while
//     they are read (settings.go), so that a wrong one is refused before any work.
//   - An interrupt, a signal to terminate or a terminal that is closed cancels the context of the command; a second such
//     signal ends the program at once. A closed standard output is no reason to complain, and a closed standard error none
//     to stop.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// program is one run of nat: where it reads and writes.
type program struct {
	stdin  io.Reader
	stdout *output
	stderr io.Writer
}

// Run does what the command line args say, without the program's name, and returns the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(syscall.SIGPIPE) // of a closed pipe the write tells
	ctx, stop := signal.NotifyContext(ctx, stopSignals()...)
	defer stop()
	// Signals go back to the system, which ends the program at the second one: after a moment, since some programs that run
	// others, such as timeout, send a signal to them and to their group, which is twice to them.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	p := &program{stdin: &interruptible{ctx: ctx, r: stdin}, stdout: &output{w: stdout}, stderr: stderr}
	root := p.root(args)
	root.SetArgs(append([]string{}, args...)) // never nil, for which cobra would read os.Args
	return p.exitCode(ctx, root.ExecuteContext(ctx))
}

// stopSignals returns the signals that stop a command. Under nohup, a closed terminal doesn't.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// exitCode reports a command's error and returns the exit code that it deserves.
func (p *program) exitCode(ctx context.Context, err error) int {
	if err == nil {
		err = p.stdout.err // nobody has looked at the error of each print
	}
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, syscall.EPIPE):
		return exitFailed
	case errors.As(err, &usage):
		p.report(err)
		return exitUsage
	default:
		p.report(err)
		return exitFailed
	}
}

func (p *program) report(err error) { fmt.Fprintf(p.stderr, "nat: %s\n", oneLine(err.Error())) }

// warn prints one line about something that is not an error.
func (p *program) warn(format string, values ...any) {
	fmt.Fprintf(p.stderr, "nat: warning: %s\n", oneLine(fmt.Sprintf(format, values...)))
}

// root puts the commands together. args is the whole command line, which error messages refer to.
func (p *program) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "nat",
		Short: "Turn architectures of convolutional networks into better ones that cost no more",
		Long: `nat takes any architecture of a convolutional network and keeps or replaces each of its operations by a cheaper one,
so that it becomes more accurate without costing more (Neural Architecture Transformer, NATv2).

ARCH stands for an architecture: a published name (nat genotypes), FILE, FILE:NAME, - for standard input, or an
expression "Genotype(…)".`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           buildVersion().Version,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              knownCommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetVersionTemplate("nat {{.Version}}\n")
	root.SetGlobalNormalizationFunc(kebabCase)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return flagError(c, args, err) })
	root.SetHelpCommand(helpCommand())
	root.AddCommand(
		p.searchCommand(), p.deriveCommand(), p.evalPolicyCommand(), p.reportCommand(),
		p.trainCommand(), p.evalCommand(), p.exportCommand(), p.compareCommand(),
		p.visualizeCommand(), p.genotypesCommand(), p.opsCommand(), p.costCommand(),
		p.benchCommand(), p.downloadCommand(), p.devicesCommand(),
		p.versionCommand(), p.completionCommand(),
	)
	return root
}

// kebabCase lets flags be written with underscores, as the published program has them.
func kebabCase(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
}

// knownCommand refuses arguments that reach the root: they were meant as a command.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknownCommand(root, args[0])
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show what a command does and its flags",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			named, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(c.Root(), args[0])
			}
			named.InitDefaultHelpFlag()
			named.InitDefaultVersionFlag()
			return named.Help()
		},
		ValidArgsFunction: func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return commandNames(c.Root()), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// commandNames returns the names of the commands that a user may type.
func commandNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}
