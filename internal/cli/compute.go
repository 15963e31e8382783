package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/pflag"

	"nat/internal/supernet"
)

// maxThreads bounds --threads.
const maxThreads = 1024

// threadsFlag defines --threads, which means the same in every command that has it.
func threadsFlag(flags *pflag.FlagSet, threads *int) {
	wholeNumber(flags, threads, "threads", min(runtime.NumCPU(), maxThreads), 1, maxThreads, "processor cores to use")
}

// batchSizeFlag defines --batch-size, which means the same in every command that has it.
func batchSizeFlag(flags *pflag.FlagSet, size *int) {
	wholeNumber(flags, size, "batch-size", 64, 1, 1<<14, "images that are computed, and normalised, together")
}

// opTypeFlag defines --op-type. It is empty where it isn't given.
func opTypeFlag(flags *pflag.FlagSet, opType *supernet.OpType, usage string) {
	flags.Var(&setting[supernet.OpType]{value: opType, read: supernet.ParseOpType, kind: "word"}, "op-type",
		fmt.Sprintf("%s: %s, %s", usage, supernet.FullyConcat, supernet.LooseEnd))
}

// note prints one line about what is being done.
func (p *program) note(format string, values ...any) {
	fmt.Fprintf(p.stderr, "nat: %s\n", oneLine(fmt.Sprintf(format, values...)))
}
