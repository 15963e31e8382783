package dataset

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSampleAsADataSet(t *testing.T) {
	set := embedded()
	if set.Train.Len() != sampleImages || set.Test.Len() != sampleImages {
		t.Fatalf("%d training and %d test images, want %d", set.Train.Len(), set.Test.Len(), sampleImages)
	}
	seen := map[digest]bool{}
	for _, m := range []*Images{set.Train, set.Test} {
		classes := map[uint16]int{}
		for i, d := range m.digests {
			if seen[d] {
				t.Errorf("image %d is there twice", i)
			}
			seen[d] = true
			classes[m.Labels[i]]++
		}
		if len(classes) != len(m.Classes) || len(m.Classes) != 10 {
			t.Errorf("images of %d of %d classes", len(classes), len(m.Classes))
		}
	}
}

func TestSampleSelection(t *testing.T) {
	set := embedded()
	own := set.Train.Fingerprint()
	stored := set.selection
	_, heldOut := Split(sampleImages, 0.25, 5)
	for _, c := range []struct {
		name           string
		request        SelectionRequest
		want           *Images
		warning, error string
	}{
		{"default", SelectionRequest{Seed: 1234, Portion: 0.4, Images: 512}, stored, "", ""},
		{"all", SelectionRequest{Seed: 1234, Portion: 0.4}, stored, "", ""},
		{"fewer", SelectionRequest{Seed: 1234, Portion: 0.4, Images: 64, TrainedOn: cifar10Fingerprint}, stored.First(64), "", ""},
		{"more", SelectionRequest{Seed: 1234, Portion: 0.4, Images: 513}, nil, "", "--data DIR"},
		{"another seed", SelectionRequest{Seed: 7, Portion: 0.4}, stored, "with seed 7", ""},
		{"another portion", SelectionRequest{Seed: 1234, Portion: 0.5}, stored, "portion 0.5", ""},
		{"trained on the sample", SelectionRequest{Seed: 5, Portion: 0.25, TrainedOn: own}, set.Train.Select(heldOut), "", ""},
		{"trained elsewhere", SelectionRequest{Seed: 1234, Portion: 0.4, TrainedOn: "ab"}, stored, "other images", ""},
	} {
		images, warning, err := set.Selection(c.request)
		checkText(t, c.name+": warning", warning, c.warning)
		checkError(t, c.name, err, c.error)
		if err == nil && images.Fingerprint() != c.want.Fingerprint() {
			t.Errorf("%s: other images than wanted", c.name)
		}
	}
}

// realCIFAR10 is the folder of all of CIFAR-10, where this machine has it.
func realCIFAR10(t *testing.T) string {
	folder := os.Getenv("NAT_CIFAR10")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "cifar-10")
	}
	if _, ok := locate(folder); !ok {
		t.Skipf("needs all of CIFAR-10: NAT_CIFAR10 names its folder (%s has none)", folder)
	}
	return folder
}

func TestSampleIsWhatCIFAR10Gives(t *testing.T) {
	all, err := Open(t.Context(), OpenOptions{Data: realCIFAR10(t)})
	if err != nil {
		t.Fatal(err)
	}
	if all.Train.Len() != 50000 || all.Test.Len() != 10000 || all.Train.Fingerprint() != cifar10Fingerprint {
		t.Fatalf("%d training images of fingerprint %s and %d test images", all.Train.Len(), all.Train.Fingerprint(), all.Test.Len())
	}
	sample := embedded()
	request := SelectionRequest{Seed: 1234, Portion: 0.4, Images: 512}
	want, _, err := all.Selection(request)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := sample.Selection(request)
	if err != nil {
		t.Fatal(err)
	}
	// A fingerprint covers pixels, labels and order.
	if got.Fingerprint() != want.Fingerprint() {
		t.Error("the sample's selection images are not those of CIFAR-10")
	}
	if sample.Test.Fingerprint() != all.Test.First(512).Fingerprint() {
		t.Error("the sample's test images are not the first of CIFAR-10")
	}
}
