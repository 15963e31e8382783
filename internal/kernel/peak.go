package kernel

import "runtime"

// MultiplyAdd keeps every thread busy with nothing but multiplications and additions in registers, rounds times, and returns
// how many operations that were. What is reached so is the most that any kernel of the set can reach.
func MultiplyAdd(w *Workers, rounds int) (operations int) {
	w.Run(w.threads, func(int, *Scratch) { w.set.multiplyAdd(rounds) })
	return w.threads * rounds * w.set.multiplyAdds * 2
}

// portableMultiplyAdds is how many sums the portable loop has under way at once.
const portableMultiplyAdds = 8

func portableMultiplyAdd(rounds int) {
	var sums [portableMultiplyAdds]float32
	x := float32(rounds)
	for range rounds {
		for i := range sums {
			sums[i] += x * x
		}
	}
	runtime.KeepAlive(&sums)
}
