// Command generate makes a shipped checkpoint of one from a search:
//
//	go run ./pretrained/generate CHECKPOINT pretrained/fully_connect.safetensors
//
// It keeps parameters and what describes them, in half precision, and leaves out what only resuming needs.
package main

import (
	"fmt"
	"os"

	"nat/internal/checkpoint"
	"nat/internal/model"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./pretrained/generate CHECKPOINT SHIPPED")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(from, to string) error {
	m, err := model.Load(from, "")
	if err != nil {
		return err
	}
	return checkpoint.Write(to, m.File(), checkpoint.F16)
}
