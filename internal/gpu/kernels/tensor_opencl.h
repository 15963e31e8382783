// What tensor.cl is written in, for OpenCL C: what tensor cores do, for tests of the kernels where there are none. The places of
// numbers in fragments are those that NVIDIA's description of the instructions gives.

#define TF32 0
#define BF16 1

DEVICE unsigned ONE_TF32(float x)
{
	unsigned word = as_uint(x);
	if ((word & 0x7f800000) == 0x7f800000)
		return word; // no number, or infinite
	return (word + 0x1000) & ~0x1fffu;
}

DEVICE unsigned ONE_BF16(float x)
{
	unsigned word = as_uint(x);
	if ((word & 0x7fffffff) > 0x7f800000)
		return 0x7fff; // no number
	return (word + 0x7fff + (word >> 16 & 1)) >> 16;
}

DEVICE unsigned TWO_BF16(float first, float second) { return ONE_BF16(second) << 16 | ONE_BF16(first); }

// EXCHANGE declares the memory through which the threads of a group see each other's fragments.
#define EXCHANGE(threads) SHARED unsigned exchange[6 * threads]

// held returns number i of those that a word of a fragment holds.
DEVICE float held(int type, unsigned word, int i)
{
	if (type == TF32)
		return as_float(word);
	return as_float(i == 0 ? word << 16 : word & 0xffff0000);
}

// mma adds the product of a [16, K] and b [K, 8] to sums [16, 8], all fragments. Every thread of a group must come here.
DEVICE void mma(int type, float *sums, const unsigned *a, const unsigned *b, SHARED_PTR unsigned *exchange)
{
	BARRIER; // exchange may still be in use
	for (int i = 0; i < 4; i++)
		exchange[6 * THREAD + i] = a[i];
	for (int i = 0; i < 2; i++)
		exchange[6 * THREAD + 4 + i] = b[i];
	BARRIER;
	int each = type == BF16 ? 2 : 1, lane = THREAD % 32;
	SHARED_PTR const unsigned *warp = exchange + 6 * (THREAD - lane);
	for (int i = 0; i < 4; i++) {
		int row = i < 2 ? lane >> 2 : (lane >> 2) + 8, column = (lane % 4) * 2 + (i & 1);
		for (int k = 0; k < 8 * each; k++) {
			int word = k / each;
			unsigned ofA = warp[6 * (row % 8 * 4 + word % 4) + (row < 8 ? 0 : 1) + (word < 4 ? 0 : 2)];
			unsigned ofB = warp[6 * (column * 4 + word % 4) + 4 + (word < 4 ? 0 : 1)];
			sums[i] = FMA(held(type, ofA, k % each), held(type, ofB, k % each), sums[i]);
		}
	}
}
