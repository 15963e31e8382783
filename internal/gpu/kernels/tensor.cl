// Dense convolutions by tensor cores: the tiles are those of convolution.cl, their numbers are rounded to type TF32 (10 bits of
// mantissa) or BF16 (7 bits) as they are taken from there, and summed in single precision.
//
// A warp, 32 threads in a row, has the product of matrices in fragments: as the instructions mma.m16n8k8 of TF32 (K is 8) and
// mma.m16n8k16 of BF16 (K is 16) want them, thread 4·g + t of a warp holds of a [16, K] rows g and g + 8, of b [K, 8] column g, and of the product
// [16, 8] in rows g and g + 8 columns 2·t and 2·t + 1. A word of a fragment holds one number of TF32, two of BF16.

// The padding of rows in shared memory keeps most threads of a warp at banks of their own, when tiles are filled and when fragments are taken.
#define PAD 9

// multiplied adds to sums, of a warp, the products of a [depth, 32] and b [depth, 16], summed over depth. sums[m][n][i] stands in
// row 16·m + rowOf(i), column 8·n + columnOf(i).
DEVICE void multiplied(int type, float sums[2][2][4], SHARED_PTR const float *a, int aPitch, SHARED_PTR const float *b, int bPitch,
	int depth, SHARED_PTR unsigned *exchange)
{
	int g = THREAD % 32 / 4, t = THREAD % 4, each = type == BF16 ? 2 : 1;
	UNROLL for (int first = 0; first < depth; first += 8 * each) {
		unsigned of_a[2][4], of_b[2][2];
		UNROLL for (int m = 0; m < 2; m++)
			UNROLL for (int i = 0; i < 4; i++) {
				SHARED_PTR const float *p = a + (first + each * (t + i / 2 * 4)) * aPitch + 16 * m + i % 2 * 8 + g;
				of_a[m][i] = type == BF16 ? TWO_BF16(p[0], p[aPitch]) : ONE_TF32(p[0]);
			}
		UNROLL for (int n = 0; n < 2; n++)
			UNROLL for (int i = 0; i < 2; i++) {
				SHARED_PTR const float *p = b + (first + each * (t + i * 4)) * bPitch + 8 * n + g;
				of_b[n][i] = type == BF16 ? TWO_BF16(p[0], p[bPitch]) : ONE_TF32(p[0]);
			}
		UNROLL for (int m = 0; m < 2; m++)
			UNROLL for (int n = 0; n < 2; n++)
				mma(type, sums[m][n], of_a[m], of_b[n], exchange);
	}
}

// rowOf and columnOf return where number i of a thread's fragment of a product stands.
DEVICE int rowOf(int i) { return THREAD % 32 / 4 + i / 2 * 8; }

DEVICE int columnOf(int i) { return THREAD % 4 * 2 + i % 2; }

// correlate_tensor is correlate. A warp computes all channels of 16 pixels.
DEVICE void correlate_tensor(int type, SHARED_PTR float *weights, SHARED_PTR float *pixels, SHARED_PTR unsigned *exchange,
	TARGET(y), VIEW(x), GLOBAL const float *k, int kAt, VIEW(by), struct correlation s)
{
	int size = s.OH * s.OW, terms = s.C * s.KH * s.KW, thread = THREAD, column = thread / 32 * 16;
	int firstRow = GROUP_Y * ROWS, firstPixel = GROUP_X * COLUMNS;

	// The pixel that this thread loads.
	int pixel = firstPixel + thread % COLUMNS, inside = pixel < s.N * size;
	int n = pixel / size, i = pixel % size / s.OW, j = pixel % size % s.OW;

	float sums[2][2][4];
	UNROLL for (int q = 0; q < 16; q++)
		sums[q / 8][q / 4 % 2][q % 4] = 0;

	for (int first = 0; first < terms; first += DEPTH) {
		load_weights(weights, ROWS + PAD, k, kAt, s, first, firstRow);
		load_pixels(pixels, COLUMNS + PAD, SEEN(x), s, first, inside, n, i, j);
		BARRIER;
		multiplied(type, sums, weights, ROWS + PAD, pixels + column, COLUMNS + PAD, DEPTH, exchange);
		BARRIER;
	}
	UNROLL for (int q = 0; q < 16; q++)
		store_pixel(y, yLies, SEEN(by), s, firstPixel + column + q / 4 % 2 * 8 + columnOf(q % 4),
			firstRow + q / 8 * 16 + rowOf(q % 4), sums[q / 8][q / 4 % 2][q % 4]);
}

KERNEL(256) void correlate_tf32(TARGET(y), VIEW(x), GLOBAL const float *k, int kAt, VIEW(by), struct correlation s)
{
	SHARED float weights[DEPTH * (ROWS + PAD)], pixels[DEPTH * (COLUMNS + PAD)];
	EXCHANGE(256);
	correlate_tensor(TF32, weights, pixels, exchange, y, yLies, SEEN(x), k, kAt, SEEN(by), s);
}

KERNEL(256) void correlate_bf16(TARGET(y), VIEW(x), GLOBAL const float *k, int kAt, VIEW(by), struct correlation s)
{
	SHARED float weights[DEPTH * (ROWS + PAD)], pixels[DEPTH * (COLUMNS + PAD)];
	EXCHANGE(256);
	correlate_tensor(BF16, weights, pixels, exchange, y, yLies, SEEN(x), k, kAt, SEEN(by), s);
}

// weight_parts_tensor is weight_parts. A warp computes all channels of 16 terms.
DEVICE void weight_parts_tensor(int type, SHARED_PTR float *gradients, SHARED_PTR float *inputs, SHARED_PTR unsigned *exchange,
	GLOBAL float *partial, int partialAt, VIEW(dy), VIEW(x), struct correlation s, int parts)
{
	int size = s.OH * s.OW, terms = s.C * s.KH * s.KW, thread = THREAD, part = GROUP_Z, column = thread / 32 * 16;
	int firstOut = GROUP_Y * OUTS, firstTerm = GROUP_X * TERMS;
	int each = (s.N * size + parts - 1) / parts, end = part * each + each;
	if (end > s.N * size)
		end = s.N * size;

	float sums[2][2][4];
	UNROLL for (int q = 0; q < 16; q++)
		sums[q / 8][q / 4 % 2][q % 4] = 0;

	for (int first = part * each; first < end; first += SPAN) {
		int pixel = first + thread % SPAN, inside = pixel < end;
		int n = pixel / size, position = pixel % size, i = position / s.OW, j = position % s.OW;
		load_gradients(gradients, OUTS + PAD, SEEN(dy), s, firstOut, inside, n, position);
		load_inputs(inputs, TERMS + PAD, SEEN(x), s, firstTerm, inside, n, i, j);
		BARRIER;
		multiplied(type, sums, gradients, OUTS + PAD, inputs + column, TERMS + PAD, SPAN, exchange);
		BARRIER;
	}
	UNROLL for (int q = 0; q < 16; q++) {
		int o = firstOut + q / 8 * 16 + rowOf(q % 4), term = firstTerm + column + q / 4 % 2 * 8 + columnOf(q % 4);
		if (o < s.O && term < terms)
			partial[partialAt + (part * s.O + o) * terms + term] = sums[q / 8][q / 4 % 2][q % 4];
	}
}

KERNEL(128) void weight_parts_tf32(GLOBAL float *partial, int partialAt, VIEW(dy), VIEW(x), struct correlation s, int parts)
{
	SHARED float gradients[SPAN * (OUTS + PAD)], inputs[SPAN * (TERMS + PAD)];
	EXCHANGE(128);
	weight_parts_tensor(TF32, gradients, inputs, exchange, partial, partialAt, SEEN(dy), SEEN(x), s, parts);
}

KERNEL(128) void weight_parts_bf16(GLOBAL float *partial, int partialAt, VIEW(dy), VIEW(x), struct correlation s, int parts)
{
	SHARED float gradients[SPAN * (OUTS + PAD)], inputs[SPAN * (TERMS + PAD)];
	EXCHANGE(128);
	weight_parts_tensor(BF16, gradients, inputs, exchange, partial, partialAt, SEEN(dy), SEEN(x), s, parts);
}
