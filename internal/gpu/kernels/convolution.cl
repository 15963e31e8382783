// Convolutions, as correlations: y[n, o, i, j] is the sum over c, a, b of x[n, c, h, w] · k[o·outStep + c·inStep + a·KW + b],
// where h = (i·stepH − offsetH + a·dilationH) / divideH, if that is a whole number within x, and w likewise. Forward,
// the step is the convolution's stride and nothing is divided; backward to x, whose place y has then, the step is 1, offset and
// dilation are the convolution's negated, and the stride divides.

struct correlation {
	int N, C, H, W;    // x
	int O, OH, OW;     // y
	int KH, KW;
	int stepH, stepW, offsetH, offsetW, dilationH, dilationW, divideH, divideW;
	int outStep, inStep;
	int relu;          // x is rectified as it is read
};

// along returns which row of x the tap a meets at row i of y, −1 for none; or column.
DEVICE int along(int i, int step, int offset, int a, int dilation, int divide, int size)
{
	int h = i * step - offset + a * dilation;
	if (divide > 1) {
		if (h < 0 || h % divide != 0)
			return -1;
		h = h / divide;
	}
	return h >= 0 && h < size ? h : -1;
}

// tapped returns where in a plane of x the tap a, b meets pixel i, j of y, −1 for nowhere.
DEVICE int tapped(struct correlation s, int i, int j, int a, int b)
{
	int h = along(i, s.stepH, s.offsetH, a, s.dilationH, s.divideH, s.H);
	int w = along(j, s.stepW, s.offsetW, b, s.dilationW, s.divideW, s.W);
	return h < 0 || w < 0 ? -1 : h * s.W + w;
}

DEVICE float rectified(float x, int relu) { return relu && x < 0 ? 0 : x; }

// A group of 256 threads computes ROWS channels of COLUMNS pixels, each thread 4 × 4 of them, in steps of DEPTH terms that lie in
// shared memory. Pixels are counted through all images. Where by is given, what is computed counts only where that is positive.
#define ROWS 32
#define COLUMNS 128
#define DEPTH 16

KERNEL(256) void correlate(TARGET(y), VIEW(x), GLOBAL const float *k, int kAt, VIEW(by), struct correlation s)
{
	SHARED float weights[DEPTH * ROWS], pixels[DEPTH * COLUMNS];
	int size = s.OH * s.OW, taps = s.KH * s.KW, terms = s.C * taps, thread = THREAD;
	int firstRow = GROUP_Y * ROWS, firstPixel = GROUP_X * COLUMNS;

	// The pixel that this thread loads.
	int pixel = firstPixel + thread % COLUMNS, inside = pixel < s.N * size;
	int n = pixel / size, i = pixel % size / s.OW, j = pixel % size % s.OW;

	float sums[4][4];
	UNROLL for (int r = 0; r < 4; r++)
		UNROLL for (int q = 0; q < 4; q++)
			sums[r][q] = 0;

	for (int first = 0; first < terms; first += DEPTH) {
		for (int e = thread; e < DEPTH * ROWS; e += 256) {
			int term = first + e % DEPTH, o = firstRow + e / DEPTH;
			int c = term / taps;
			weights[e % DEPTH * ROWS + e / DEPTH] =
				term < terms && o < s.O ? k[kAt + o * s.outStep + c * s.inStep + term - c * taps] : 0;
		}
		for (int d = thread / COLUMNS; d < DEPTH; d += 256 / COLUMNS) {
			int term = first + d;
			float v = 0;
			if (inside && term < terms) {
				int c = term / taps, t = term - c * taps;
				int position = tapped(s, i, j, t / s.KW, t % s.KW);
				if (position >= 0)
					v = rectified(READ(x, n, c, c * s.H * s.W + position), s.relu);
			}
			pixels[d * COLUMNS + thread % COLUMNS] = v;
		}
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
			if (p < s.N * size && o < s.O) {
				int image = p / size, position = o * size + p % size;
				float v = sums[r][q];
				if (by && !(READ(by, image, o, position) > 0))
					v = 0;
				STORE(y, image, position, v);
			}
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
// the pixels of all images: partial[part, o, c, a, b]. A group of 128 threads computes OUTS channels of TERMS terms, 4 × 4 a
// thread, in steps of SPAN pixels.
#define OUTS 32
#define TERMS 64
#define SPAN 32

KERNEL(128) void weight_parts(GLOBAL float *partial, int partialAt, VIEW(dy), VIEW(x), struct correlation s, int parts)
{
	SHARED float gradients[SPAN * (OUTS + 1)], inputs[SPAN * (TERMS + 1)];
	int size = s.OH * s.OW, taps = s.KH * s.KW, terms = s.C * taps, thread = THREAD, part = GROUP_Z;
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
		for (int row = thread / SPAN; row < OUTS; row += 128 / SPAN) {
			int o = firstOut + row;
			gradients[lane * (OUTS + 1) + row] = inside && o < s.O ? READ(dy, n, o, o * size + position) : 0;
		}
		for (int row = thread / SPAN; row < TERMS; row += 128 / SPAN) {
			int term = firstTerm + row;
			float v = 0;
			if (inside && term < terms) {
				int c = term / taps, t = term - c * taps;
				int from = tapped(s, i, j, t / s.KW, t % s.KW);
				if (from >= 0)
					v = rectified(READ(x, n, c, c * s.H * s.W + from), s.relu);
			}
			inputs[lane * (TERMS + 1) + row] = v;
		}
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
