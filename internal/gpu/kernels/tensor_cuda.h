// What tensor.cl is written in, for CUDA C: instructions of cards of compute capability 8.0 and newer.

#define TF32 0
#define BF16 1

// ONE_TF32 rounds to nearest, ties away from zero; TWO_BF16 has the first number in the lower half, rounded to nearest, ties to even.
DEVICE unsigned ONE_TF32(float x)
{
	unsigned word;
	__asm__("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(x));
	return word;
}

DEVICE unsigned TWO_BF16(float first, float second)
{
	unsigned word;
	__asm__("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
	return word;
}

// Tensor cores see the fragments of a whole warp, so exchange isn't needed.
#define EXCHANGE(threads) unsigned *exchange = 0

#define MMA(shape) \
	__asm__ volatile("mma.sync.aligned." shape " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
		: "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3]) \
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

// mma adds the product of a [16, K] and b [K, 8] to sums [16, 8], all fragments.
DEVICE void mma(int type, float *sums, const unsigned *a, const unsigned *b, unsigned *exchange)
{
	if (type == BF16)
		MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
	else
		MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
}
