package cli

import (
	"path/filepath"

	"nat/internal/dataset"
	"nat/internal/draw"
)

// newPainter returns what makes drawings. It keeps Graphviz's compiled code in the user's cache; where there is none,
// drawing starts a little later.
func newPainter() (*draw.Painter, error) {
	cache, err := dataset.CacheFolder()
	if err != nil {
		return draw.NewPainter("")
	}
	return draw.NewPainter(filepath.Join(cache, "graphviz"))
}
