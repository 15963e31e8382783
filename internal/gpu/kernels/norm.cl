// Batch normalisation. Sums over a batch are made in two stages: a group of threads for each channel of each image, and then
// one for each channel.

struct norm { int N, C, pixels; };

// moments computes of each channel of each image the mean and the sum of squared deviations from it: [N, C, 2].
KERNEL(128) void moments(GLOBAL float *y, int yAt, VIEW(x), struct norm s)
{
	SHARED float sums[128];
	int c = GROUP_X, n = GROUP_Y;
	float sum = 0;
	for (int p = THREAD; p < s.pixels; p += 128)
		sum = sum + READ(x, n, c, c * s.pixels + p);
	float mean = total(sums, sum) / (float)s.pixels;
	float off = 0, squares = 0;
	for (int p = THREAD; p < s.pixels; p += 128) {
		float d = READ(x, n, c, c * s.pixels + p) - mean;
		off = off + d;
		squares = FMA(d, d, squares);
	}
	off = total(sums, off);
	squares = total(sums, squares) - off * off / (float)s.pixels;
	if (THREAD == 0) {
		y[yAt + 2 * (n * s.C + c)] = mean + off / (float)s.pixels;
		y[yAt + 2 * (n * s.C + c) + 1] = squares > 0 ? squares : 0;
	}
}

// norm_statistics merges moments into mean, variance and what normalises. mean and variance may not be wanted.
KERNEL(128) void norm_statistics(GLOBAL float *mean, int meanAt, GLOBAL float *variance, int varianceAt,
	GLOBAL float *scale, int scaleAt, GLOBAL float *shift, int shiftAt, GLOBAL const float *moments, int momentsAt,
	struct norm s, float eps)
{
	SHARED float sums[128];
	int c = GROUP_X;
	GLOBAL const float *own = moments + momentsAt + 2 * c;
	float first = own[0], sum = 0; // means are summed less the first one, so that small numbers are added
	for (int n = THREAD; n < s.N; n += 128)
		sum = sum + (own[2 * n * s.C] - first);
	float m = total(sums, sum) / (float)s.N, squares = 0;
	for (int n = THREAD; n < s.N; n += 128) {
		float off = own[2 * n * s.C] - first - m;
		squares = squares + (own[2 * n * s.C + 1] + (float)s.pixels * off * off);
	}
	float v = total(sums, squares) / ((float)s.N * (float)s.pixels);
	m = first + m;
	if (THREAD > 0)
		return;
	float inverse = 1.0f / SQRT(v + eps);
	scale[scaleAt + c] = inverse;
	shift[shiftAt + c] = -m * inverse;
	if (mean)
		mean[meanAt + c] = m;
	if (variance)
		variance[varianceAt + c] = v;
}

// gradient_sums computes of each channel of each image Σ dy and Σ dy·(x − centre): [N, C, 2]. The centre is where x·scale +
// shift is 0, or 0 without a scale; x counts as it lies in memory.
KERNEL(128) void gradient_sums(GLOBAL float *y, int yAt, VIEW(dy), GLOBAL const float *x, int xAt, int xStride,
	GLOBAL const float *scale, int scaleAt, GLOBAL const float *shift, int shiftAt, struct norm s)
{
	SHARED float sums[128];
	int c = GROUP_X, n = GROUP_Y;
	float centre = scale ? -shift[shiftAt + c] / scale[scaleAt + c] : 0;
	float sum = 0, products = 0;
	for (int p = THREAD; p < s.pixels; p += 128) {
		float g = READ(dy, n, c, c * s.pixels + p);
		sum = sum + g;
		products = FMA(g, x[xAt + n * xStride + c * s.pixels + p] - centre, products);
	}
	sum = total(sums, sum);
	products = total(sums, products);
	if (THREAD == 0) {
		y[yAt + 2 * (n * s.C + c)] = sum;
		y[yAt + 2 * (n * s.C + c) + 1] = products;
	}
}

// norm_gradient turns these sums into the coefficients of the gradient by x: dx = scale·dy + otherScale·x + shift.
KERNEL(128) void norm_gradient(GLOBAL float *scale, int scaleAt, GLOBAL float *otherScale, int otherScaleAt,
	GLOBAL float *shift, int shiftAt, GLOBAL const float *partial, int partialAt,
	GLOBAL const float *by, int byAt, GLOBAL const float *off, int offAt, struct norm s)
{
	SHARED float sums[128];
	int c = GROUP_X;
	float sum = 0, products = 0;
	for (int n = THREAD; n < s.N; n += 128) {
		sum = sum + partial[partialAt + 2 * (n * s.C + c)];
		products = products + partial[partialAt + 2 * (n * s.C + c) + 1];
	}
	float count = (float)s.N * (float)s.pixels;
	float mean = total(sums, sum) / count, a = by[byAt + c], b = off[offAt + c];
	float meanProduct = a * (total(sums, products) / count);
	if (THREAD > 0)
		return;
	scale[scaleAt + c] = a;
	otherScale[otherScaleAt + c] = -a * a * meanProduct;
	shift[shiftAt + c] = -a * (mean + b * meanProduct);
}

// channel_sums adds both kinds of sums up for each channel.
KERNEL(128) void channel_sums(GLOBAL float *first, int firstAt, GLOBAL float *second, int secondAt,
	GLOBAL const float *partial, int partialAt, struct norm s)
{
	SHARED float sums[128];
	int c = GROUP_X;
	float a = 0, b = 0;
	for (int n = THREAD; n < s.N; n += 128) {
		a = a + partial[partialAt + 2 * (n * s.C + c)];
		b = b + partial[partialAt + 2 * (n * s.C + c) + 1];
	}
	a = total(sums, a);
	b = total(sums, b);
	if (THREAD == 0) {
		first[firstAt + c] = a;
		second[secondAt + c] = b;
	}
}
