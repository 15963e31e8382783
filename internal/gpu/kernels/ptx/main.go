// Command ptx compiles the kernels for CUDA to kernels.ptx, in the current folder. It needs clang, and nothing of NVIDIA's.
// Other versions of clang than the one it asks for write other texts for the same kernels.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"nat/internal/gpu/kernels"
)

const (
	clang   = "clang"
	version = "clang version 14."
	output  = "kernels.ptx"
)

// flags are what turns CUDA C into PTX for Volta, the oldest generation; drivers compile that for every later one. Nothing of
// the toolkit is read.
var flags = []string{
	"-x", "cuda", "--cuda-device-only", "--cuda-gpu-arch=sm_70", "-nocudainc", "-nocudalib", "-ffp-contract=off", "-O3", "-S",
}

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "ptx:", err)
		os.Exit(1)
	}
}

func generate() error {
	said, err := exec.Command(clang, "--version").Output()
	if err != nil {
		return fmt.Errorf("clang is needed (Debian 12: apt-get install clang): %w", err)
	}
	if !bytes.Contains(said, []byte(version)) {
		line, _, _ := bytes.Cut(said, []byte{'\n'})
		return fmt.Errorf("this is %s, and %sx is needed", line, version)
	}
	folder, err := os.MkdirTemp("", "ptx")
	if err != nil {
		return err
	}
	err = compile(filepath.Join(folder, "kernels.cu"))
	return errors.Join(err, os.RemoveAll(folder))
}

func compile(source string) error {
	if err := os.WriteFile(source, []byte(kernels.CUDA()), 0o600); err != nil {
		return err
	}
	c := exec.Command(clang, append(flags, source, "-o", output)...)
	c.Stderr = os.Stderr
	return c.Run()
}
