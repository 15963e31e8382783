// Command ptx compiles the kernels for CUDA to kernels.ptx and tensor.ptx, in the current folder. It needs clang, and nothing of NVIDIA's.
// Other versions of clang than the one it asks for write other texts for the same kernels.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"nat/internal/gpu/kernels"
)

const (
	clang   = "clang"
	version = "clang version 14."
)

// programs are what is compiled: for Volta, the oldest generation, and what needs tensor cores for Ampere. Drivers compile that for
// every later one.
var programs = []struct{ output, architecture, source string }{
	{"kernels.ptx", "sm_70", kernels.CUDA()},
	{"tensor.ptx", "sm_80", kernels.TensorCUDA()},
}

// flags are what turns CUDA C into PTX. Nothing of the toolkit is read.
var flags = []string{
	"-x", "cuda", "--cuda-device-only", "-nocudainc", "-nocudalib", "-ffp-contract=off", "-O3", "-S",
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
	for _, p := range programs {
		err = errors.Join(err, compile(filepath.Join(folder, "kernels.cu"), p.source, p.architecture, p.output))
	}
	return errors.Join(err, os.RemoveAll(folder))
}

// compile writes the source to a file and what becomes of it to output.
func compile(file, source, architecture, output string) error {
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return err
	}
	c := exec.Command(clang, append(slices.Clone(flags), "--cuda-gpu-arch="+architecture, file, "-o", output)...)
	c.Stderr = os.Stderr
	return c.Run()
}
