// Command generate makes the embedded sample in package data from all of CIFAR-10:
//
//	go run ./data/generate DIR
//
// where DIR holds CIFAR-10 as --data of the program takes it. It writes into the folder data of the working directory.
package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"

	"nat/data"
	"nat/internal/atomicfile"
	"nat/internal/dataset"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./data/generate DIR")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(path string) error {
	set, err := dataset.Open(context.Background(), dataset.OpenOptions{Data: path})
	if err != nil {
		return err
	}
	selection, test, err := dataset.SampleOf(set)
	if err != nil {
		return err
	}
	fmt.Println("fingerprint of the training set:", set.Train.Fingerprint())
	if err := write("selection", selection); err != nil {
		return err
	}
	return write("test", test)
}

// write writes a part of the sample as package data describes it.
func write(name string, m *dataset.Images) error {
	rows := m.Len() / data.Columns
	picture := image.NewRGBA(image.Rect(0, 0, data.Columns*m.Width, rows*m.Height))
	var labels bytes.Buffer
	for i := range m.Len() {
		left, top := i%data.Columns*m.Width, i/data.Columns*m.Height
		pixels, plane := m.Image(i), m.Height*m.Width
		for p := range plane {
			c := color.RGBA{R: pixels[p], G: pixels[plane+p], B: pixels[2*plane+p], A: 255}
			picture.SetRGBA(left+p%m.Width, top+p/m.Width, c)
		}
		fmt.Fprint(&labels, m.Labels[i])
		if i%data.Columns == data.Columns-1 {
			fmt.Fprintln(&labels)
		}
	}
	var encoded bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&encoded, picture); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join("data", name+".png"), encoded.Bytes()); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join("data", name+".txt"), labels.Bytes())
}
