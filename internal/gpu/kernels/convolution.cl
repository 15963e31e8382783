// Convolutions in single precision.

// correlate computes a correlation, each thread 4 × 4 numbers.
KERNEL(256) void correlate(TARGET(y), VIEW(x), GLOBAL const float *k, int kAt, VIEW(by), struct correlation s)
{
	SHARED float weights[DEPTH * ROWS], pixels[DEPTH * COLUMNS];
	int size = s.OH * s.OW, terms = s.C * s.KH * s.KW, thread = THREAD;
	int firstRow = GROUP_Y * ROWS, firstPixel = GROUP_X * COLUMNS;

	// The pixel that this thread loads.
	int pixel = firstPixel + thread % COLUMNS, inside = pixel < s.N * size;
	int n = pixel / size, i = pixel % size / s.OW, j = pixel % size % s.OW;

	float sums[4][4];
	UNROLL for (int r = 0; r < 4; r++)
		UNROLL for (int q = 0; q < 4; q++)
			sums[r][q] = 0;

	for (int first = 0; first < terms; first += DEPTH) {
		load_weights(weights, ROWS, k, kAt, s, first, firstRow);
		load_pixels(pixels, COLUMNS, SEEN(x), s, first, inside, n, i, j);
		BARRIER;
		for (int d = 0; d < DEPTH; d++) {
			SHARED_PTR const float *u = weights + d * ROWS + thread / 32 * 4, *v = pixels + d * COLUMNS + thread % 32;
			UNROLL for (int r = 0; r < 4; r++)
				UNROLL for (int q = 0; q < 4; q++)
					sums[r][q] = FMA(u[r], v[32 * q], sums[r][q]);
		}
		BARRIER;
	}
	UNROLL for (int q = 0; q < 4; q++) {
		int p = firstPixel + thread % 32 + 32 * q;
		UNROLL for (int r = 0; r < 4; r++) {
			int o = firstRow + thread / 32 * 4 + r;
			store_pixel(y, yLies, SEEN(by), s, p, o, sums[r][q]);
		}
	}
}

// correlate_depthwise does the same channel by channel; k[o·outStep + …] are the weights of channel o.
KERNEL(256) void correlate_depthwise(TARGET(y), VIEW(x), GLOBAL const float *k, int kAt, VIEW(by), struct correlation s)
{
	int at = GROUP_X * 256 + THREAD, size = s.OH * s.OW;
	if (at >= s.N * s.O * size)
		return;
	int n = at / (s.O * size), position = at % (s.O * size), o = position / size;
	int i = position % size / s.OW, j = position % size % s.OW;
	float sum = 0;
	for (int a = 0; a < s.KH; a++)
		for (int b = 0; b < s.KW; b++) {
			int from = tapped(s, i, j, a, b);
			if (from >= 0)
				sum = FMA(k[kAt + o * s.outStep + a * s.KW + b], rectified(READ(x, n, o, o * s.H * s.W + from), s.relu), sum);
		}
	if (by && !(READ(by, n, o, position) > 0))
		sum = 0;
	STORE(y, n, position, sum);
}

// weight_parts computes the gradients by the weights, dk[o, c, a, b] = Σ dy[n, o, i, j] · x[n, c, h, w], summed over a part of
// the pixels of all images: partial[part, o, c, a, b]. Each thread computes 4 × 4 numbers.
KERNEL(128) void weight_parts(GLOBAL float *partial, int partialAt, VIEW(dy), VIEW(x), struct correlation s, int parts)
{
	SHARED float gradients[SPAN * (OUTS + 1)], inputs[SPAN * (TERMS + 1)];
	int size = s.OH * s.OW, terms = s.C * s.KH * s.KW, thread = THREAD, part = GROUP_Z;
	int firstOut = GROUP_Y * OUTS, firstTerm = GROUP_X * TERMS;
	int each = (s.N * size + parts - 1) / parts, end = part * each + each;
	if (end > s.N * size)
		end = s.N * size;

	float sums[4][4];
	UNROLL for (int r = 0; r < 4; r++)
		UNROLL for (int q = 0; q < 4; q++)
			sums[r][q] = 0;

	for (int first = part * each; first < end; first += SPAN) {
		int lane = thread % SPAN, pixel = first + lane, inside = pixel < end;
		int n = pixel / size, position = pixel % size, i = position / s.OW, j = position % s.OW;
		load_gradients(gradients, OUTS + 1, SEEN(dy), s, firstOut, inside, n, position);
		load_inputs(inputs, TERMS + 1, SEEN(x), s, firstTerm, inside, n, i, j);
		BARRIER;
		for (int p = 0; p < SPAN; p++) {
			SHARED_PTR const float *u = gradients + p * (OUTS + 1) + thread / 16, *v = inputs + p * (TERMS + 1) + thread % 16;
			UNROLL for (int r = 0; r < 4; r++)
				UNROLL for (int q = 0; q < 4; q++)
					sums[r][q] = FMA(u[8 * r], v[16 * q], sums[r][q]);
		}
		BARRIER;
	}
	UNROLL for (int r = 0; r < 4; r++)
		UNROLL for (int q = 0; q < 4; q++) {
			int o = firstOut + thread / 16 + 8 * r, term = firstTerm + thread % 16 + 16 * q;
			if (o < s.O && term < terms)
				partial[partialAt + (part * s.O + o) * terms + term] = sums[r][q];
		}
}

// weight_parts_depthwise does the same for a depthwise convolution: partial[part, o, a, b]. A group does a channel.
KERNEL(128) void weight_parts_depthwise(GLOBAL float *partial, int partialAt, VIEW(dy), VIEW(x), struct correlation s, int parts)
{
	SHARED float sums[128];
	int size = s.OH * s.OW, taps = s.KH * s.KW, o = GROUP_X, part = GROUP_Y;
	int each = (s.N * size + parts - 1) / parts, end = part * each + each;
	if (end > s.N * size)
		end = s.N * size;
	for (int t = 0; t < taps; t++) {
		float sum = 0;
		for (int pixel = part * each + THREAD; pixel < end; pixel += 128) {
			int n = pixel / size, position = pixel % size;
			int from = tapped(s, position / s.OW, position % s.OW, t / s.KW, t % s.KW);
			if (from >= 0)
				sum = FMA(READ(dy, n, o, o * size + position), rectified(READ(x, n, o, o * s.H * s.W + from), s.relu), sum);
		}
		sum = total(sums, sum);
		if (THREAD == 0)
			partial[partialAt + (part * s.O + o) * taps + t] = sum;
	}
}

// sum_parts adds parts of n numbers, in their order.
KERNEL(256) void sum_parts(GLOBAL float *y, int yAt, GLOBAL const float *partial, int partialAt, int n, int parts)
{
	int i = GROUP_X * 256 + THREAD;
	if (i >= n)
		return;
	float sum = 0;
	for (int part = 0; part < parts; part++)
		sum = sum + partial[partialAt + part * n + i];
	y[yAt + i] = sum;
}
