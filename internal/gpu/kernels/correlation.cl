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

// A group of 256 threads computes ROWS channels of COLUMNS pixels, in steps of DEPTH terms that lie in shared memory. Pixels are
// counted through all images.
#define ROWS 32
#define COLUMNS 128
#define DEPTH 16

// load_weights fills weights [DEPTH, ROWS], whose rows lie pitch apart.
DEVICE void load_weights(SHARED_PTR float *weights, int pitch, GLOBAL const float *k, int kAt, struct correlation s, int first, int firstRow)
{
	int taps = s.KH * s.KW;
	for (int e = THREAD; e < DEPTH * ROWS; e += 256) {
		int term = first + e % DEPTH, o = firstRow + e / DEPTH;
		int c = term / taps;
		weights[e % DEPTH * pitch + e / DEPTH] =
			term < s.C * taps && o < s.O ? k[kAt + o * s.outStep + c * s.inStep + term - c * taps] : 0;
	}
}

// load_pixels fills pixels [DEPTH, COLUMNS]; this thread has pixel i, j of image n, if it is inside.
DEVICE void load_pixels(SHARED_PTR float *pixels, int pitch, VIEW(x), struct correlation s, int first, int inside, int n, int i, int j)
{
	int taps = s.KH * s.KW;
	for (int d = THREAD / COLUMNS; d < DEPTH; d += 256 / COLUMNS) {
		int term = first + d;
		float v = 0;
		if (inside && term < s.C * taps) {
			int c = term / taps, t = term - c * taps;
			int position = tapped(s, i, j, t / s.KW, t % s.KW);
			if (position >= 0)
				v = rectified(READ(x, n, c, c * s.H * s.W + position), s.relu);
		}
		pixels[d * pitch + THREAD % COLUMNS] = v;
	}
}

// store_pixel stores channel o of pixel p of y. Where by is given, what is computed counts only where that is positive.
DEVICE void store_pixel(TARGET(y), VIEW(by), struct correlation s, int p, int o, float v)
{
	int size = s.OH * s.OW;
	if (p < s.N * size && o < s.O) {
		int image = p / size, position = o * size + p % size;
		if (by && !(READ(by, image, o, position) > 0))
			v = 0;
		STORE(y, image, position, v);
	}
}

// Of gradients by weights, a group of 128 threads computes OUTS channels of TERMS terms, in steps of SPAN pixels.
#define OUTS 32
#define TERMS 64
#define SPAN 32

// load_gradients fills gradients [SPAN, OUTS]; this thread has a pixel of image n, if it is inside.
DEVICE void load_gradients(SHARED_PTR float *gradients, int pitch, VIEW(dy), struct correlation s, int firstOut, int inside, int n, int position)
{
	for (int row = THREAD / SPAN; row < OUTS; row += 128 / SPAN) {
		int o = firstOut + row;
		gradients[THREAD % SPAN * pitch + row] = inside && o < s.O ? READ(dy, n, o, o * s.OH * s.OW + position) : 0;
	}
}

// load_inputs fills inputs [SPAN, TERMS] with what the terms meet at pixel i, j of image n, if it is inside.
DEVICE void load_inputs(SHARED_PTR float *inputs, int pitch, VIEW(x), struct correlation s, int firstTerm, int inside, int n, int i, int j)
{
	int taps = s.KH * s.KW;
	for (int row = THREAD / SPAN; row < TERMS; row += 128 / SPAN) {
		int term = firstTerm + row;
		float v = 0;
		if (inside && term < s.C * taps) {
			int c = term / taps, t = term - c * taps;
			int from = tapped(s, i, j, t / s.KW, t % s.KW);
			if (from >= 0)
				v = rectified(READ(x, n, c, c * s.H * s.W + from), s.relu);
		}
		inputs[THREAD % SPAN * pitch + row] = v;
	}
}
