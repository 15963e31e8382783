package genotype

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"nat/internal/primitive"
)

// foreign says what the operations of other search spaces are called here, or are nearest to. They are suggested, never
// taken: some differ in what they do.
var foreign = map[string]primitive.ID{
	"zero": primitive.NullOp, "zeroize": primitive.NullOp, "nothing": primitive.NullOp, "no_connection": primitive.NullOp,
	"zeros": primitive.NullOp, "none_op": primitive.NullOp, "no_op": primitive.NullOp, "noop": primitive.NullOp,
	"identity": primitive.SkipConnect, "skip": primitive.SkipConnect, "id": primitive.SkipConnect, "residual": primitive.SkipConnect,
	"conv_3x1_1x3": primitive.Conv1x3x3x1, "conv_1x3_3x1": primitive.Conv1x3x3x1, "conv_3x1_3x1": primitive.Conv1x3x3x1,
	"maxpool": primitive.MaxPool3x3, "avgpool": primitive.AvgPool3x3, "max_pool": primitive.MaxPool3x3, "avg_pool": primitive.AvgPool3x3,
	"conv": primitive.Conv3x3, "sepconv": primitive.SepConv3x3, "dilconv": primitive.DilConv3x3,
	"sep_conv": primitive.SepConv3x3, "dil_conv": primitive.DilConv3x3,
}

// prefixes are how families are written elsewhere.
var prefixes = []struct{ theirs, ours string }{
	{"relu_conv_bn", "conv"}, {"conv_bn_relu", "conv"}, {"nor_conv", "conv"}, {"van_conv", "conv"}, {"std_conv", "conv"}, {"dil_sep_conv", "dil_conv"}, {"dil_sepc", "dil_conv"},
	{"dua_sepc", "sep_conv"}, {"dilconv", "dil_conv"}, {"dilated_conv", "dil_conv"}, {"dil", "dil_conv"}, {"sepconv", "sep_conv"},
	{"separable_conv", "sep_conv"}, {"sep", "sep_conv"}, {"maxpool", "max_pool"}, {"avgpool", "avg_pool"}, {"max", "max_pool"}, {"avg", "avg_pool"},
}

var (
	// kernelPattern is a known family with its kernel, which may be none of the known ones, and perhaps the number of passes.
	kernelPattern = regexp.MustCompile(`^(conv|sep_conv|dil_conv|max_pool|avg_pool)_?(\d+)x\d+(?:_\d)?$`)
	// frontPattern is a kernel in front of its family.
	frontPattern = regexp.MustCompile(`^(\d+x\d+)_(.+)$`)
)

// SuggestPrimitive returns the known primitive that a name of another space, or a misspelt one, most likely means. It is
// empty where none is near.
func SuggestPrimitive(name string) string {
	clean := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
	if id, ok := foreign[clean]; ok {
		return id.String()
	}
	clean = frontPattern.ReplaceAllString(clean, "${2}_$1")
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(clean, p.theirs); ok && !strings.HasPrefix(clean, p.ours) {
			clean = p.ours + "_" + strings.TrimLeft(rest, "_")
			break
		}
	}
	if id, ok := primitive.ByName(clean); ok {
		return id.String()
	}
	if m := kernelPattern.FindStringSubmatch(clean); m != nil {
		return nearestKernel(m[1], m[2])
	}
	var known []string
	for _, id := range primitive.All() {
		known = append(known, id.String())
	}
	near := Nearest(clean, known)
	if 3*levenshtein.ComputeDistance(clean, near) > max(len(clean), len(near)) {
		return "" // an operation of its own, rather than a misspelt one
	}
	return near
}

// nearestKernel returns the primitive of a family whose kernel is nearest to a width. Pools of even width, which fit on few
// edges, are left out.
func nearestKernel(family, width string) string {
	kernel, err := strconv.Atoi(width)
	if err != nil {
		kernel = math.MaxInt
	}
	best, least := "", math.MaxInt
	for _, id := range primitive.All() {
		p := id.Get()
		if difference := max(p.Kernel-kernel, kernel-p.Kernel); strings.HasPrefix(p.Name, family+"_") && !p.Pair && p.Kernel%2 == 1 && difference < least {
			best, least = p.Name, difference
		}
	}
	return best
}

// Nearest returns the known name that differs least from name, ignoring case: empty where all differ in half of their
// letters or more.
func Nearest(name string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k)); best == "" || d < least {
			best, least = k, d
		}
	}
	if 2*least >= max(len(name), len(best)) {
		return ""
	}
	return best
}
