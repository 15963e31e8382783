package bench

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nat/internal/graph"
)

// Operation is what one kind of operation took in a step. Several networks share what they have in common, so there may be
// fewer calls than the architectures have operations.
type Operation struct {
	Phase     string // "w", "theta" or "network"
	Name      string // those of gradients end in -gradient
	Shape     string // of what is computed
	Algorithm string // of a convolution on the processor
	Calls     float64
	Time      time.Duration
	FLOPs     float64 // additions and multiplications of convolutions, in direct form, and of matrix products
	Bytes     float64 // of the tensors read and written, each counted once
}

// Limit returns the time that the operation would take if it did nothing but compute at the machine's peak, or move its
// tensors from and to memory, whichever takes longer; 0 where the limits aren't known.
func (o Operation) Limit(l Limits) time.Duration {
	if l == (Limits{}) {
		return 0
	}
	return time.Duration(max(o.FLOPs/l.FLOPs, o.Bytes/l.Bytes) * float64(time.Second))
}

// ledger adds up what operations take.
type ledger struct {
	phase   string // under way
	entries map[kind]*total
}

// kind is what operations are told apart by.
type kind struct{ phase, name, shape, algorithm string }

type total struct {
	calls        int
	time         time.Duration
	flops, bytes int
}

func newLedger() ledger { return ledger{entries: map[kind]*total{}} }

func (l *ledger) clear() { clear(l.entries) }

func (l *ledger) observe(o graph.Observation) {
	key := kind{l.phase, o.Operation, shapeText(o.Shape), o.Algorithm}
	t := l.entries[key]
	if t == nil {
		t = &total{}
		l.entries[key] = t
	}
	t.calls++
	t.time += o.Took
	t.flops += o.FLOPs
	t.bytes += o.Bytes
}

func shapeText(shape []int) string {
	sizes := make([]string, len(shape))
	for i, n := range shape {
		sizes[i] = strconv.Itoa(n)
	}
	return strings.Join(sizes, "×")
}

// slowest returns the operations by the time that they took in a step.
func (l *ledger) slowest(steps int) []Operation {
	var all []Operation
	mean := func(sum int) float64 { return float64(sum) / float64(steps) }
	for k, t := range l.entries {
		all = append(all, Operation{
			k.phase, k.name, k.shape, k.algorithm, mean(t.calls), t.time / time.Duration(steps), mean(t.flops), mean(t.bytes),
		})
	}
	slices.SortFunc(all, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(b.Phase, a.Phase), cmp.Compare(b.Time, a.Time), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Shape, b.Shape), cmp.Compare(a.Algorithm, b.Algorithm))
	})
	return all
}
