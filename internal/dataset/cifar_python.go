package dataset

import (
	"io"

	"nat/internal/pickle"
)

// readPickledImages appends the records of a file in the Python layout, a pickle of a dict with a uint8 array, data
// [records, 3072], and a list of labels.
func readPickledImages(p publication, m *Images, r io.Reader, size int64) error {
	if size > p.largest {
		return damaged("%d bytes, expected at most %d", size, p.largest)
	}
	batch, err := readDict(p, io.LimitReader(r, size))
	if err != nil {
		return err
	}
	pixels, labels, err := pickledRecords(p, batch)
	if err != nil {
		return err
	}
	for i, label := range labels {
		if label < 0 || int(label) >= p.classCount {
			return damaged("image %d has label %d, expected 0 to %d", i+1, label, p.classCount-1)
		}
		m.Labels = append(m.Labels, uint16(label))
	}
	m.Pixels = append(m.Pixels, pixels...)
	return nil
}

// pickledRecords takes the pixels, record after record, and the labels out of a pickled dict.
func pickledRecords(p publication, batch *pickle.Dict) (pixels []byte, labels []int64, err error) {
	value, _ := batch.Lookup("data")
	data, ok := value.(*pickle.Array)
	if !ok || data.Type != "u1" || len(data.Shape) != 2 || data.Shape[1] != cifarPixels {
		return nil, nil, damaged("its data are no uint8 array of shape (%d, %d)", p.perFile, cifarPixels)
	}
	value, _ = batch.Lookup(p.labels)
	labels, ok = pickle.Ints(value)
	if records := data.Shape[0]; !ok || len(labels) != records || records == 0 || records > p.perFile {
		return nil, nil, damaged("%d images and %d labels, expected %d of both", records, len(labels), p.perFile)
	}
	if !data.FortranOrder {
		return data.Data, labels, nil
	}
	pixels = make([]byte, len(data.Data))
	for i, v := range data.Data { // element [record, pixel] lies at pixel·records + record
		pixels[i%len(labels)*cifarPixels+i/len(labels)] = v
	}
	return pixels, labels, nil
}

// readPickledClasses reads the class names of a pickled dict.
func readPickledClasses(p publication, r io.Reader) ([]string, error) {
	meta, err := readDict(p, r)
	if err != nil {
		return nil, err
	}
	value, _ := meta.Lookup(p.classNames)
	names, ok := value.(*pickle.List)
	if !ok {
		return nil, damaged("no list of %s in it", p.classNames)
	}
	classes := make([]string, len(names.Items))
	for i, name := range names.Items {
		if classes[i], ok = pickle.Text(name); !ok {
			return nil, damaged("class name %d is %s, expected a text", i, pickle.Describe(name))
		}
	}
	return classes, nil
}

// readDict reads a pickle that is a dict.
func readDict(p publication, r io.Reader) (*pickle.Dict, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	value, _, err := pickle.Decode(content, pickle.Names{})
	if err != nil {
		return nil, damaged("not %s's pickle: %w", p.title, err)
	}
	dict, ok := value.(*pickle.Dict)
	if !ok {
		return nil, damaged("a pickle of %s, expected a dict", pickle.Describe(value))
	}
	return dict, nil
}
