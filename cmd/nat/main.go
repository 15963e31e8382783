// Command nat turns architectures of convolutional networks into ones that are at least as accurate and no dearer.
package main

import (
	"context"
	"os"

	"nat/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
