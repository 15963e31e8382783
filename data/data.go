// Package data embeds a sample of CIFAR-10, so that the program runs with no network and no disk. README.md beside it
// says what the sample is. Package dataset reads it; this one only holds the files.
package data

import "embed"

// Columns is the number of images in a row of a picture.
const Columns = 32

// A Part is a part of the sample: its images side by side, row after row, in one picture, and their labels.
type Part struct {
	Picture []byte // PNG
	Labels  []byte // a digit for each image, a line for each row of the picture
}

//go:embed selection.png selection.txt test.png test.txt
var files embed.FS

// Selection gives the images to choose architectures on, in split order.
func Selection() Part { return part("selection") }

// Test gives the images to report on, in canonical order.
func Test() Part { return part("test") }

func part(name string) Part {
	return Part{Picture: file(name + ".png"), Labels: file(name + ".txt")}
}

func file(name string) []byte {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the build embeds it
	}
	return content
}
