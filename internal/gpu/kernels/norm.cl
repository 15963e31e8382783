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

// gradient_sums computes of each channel of each image Σ dy and Σ dy·x: [N, C, 2]. x is in memory as it is, but for scale and
// shift. What is summed are products with x off the centre, where x·scale + shift is 0: sums of both signs lose fewer bits.
KERNEL(128) void gradient_sums(GLOBAL float *y, int yAt, VIEW(dy), GLOBAL const float *x, int xAt, int xStride,
	GLOBAL const float *scale, int scaleAt, GLOBAL const float *shift, int shiftAt, struct norm s)
{
	SHARED float sums[128];
	int c = GROUP_X, n = GROUP_Y;
	float a = scale ? scale[scaleAt + c] : 1, b = shift ? shift[shiftAt + c] : 0;
	float centre = a != 0 ? -b / a : 0;
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
		y[yAt + 2 * (n * s.C + c) + 1] = a * products + FMA(a, centre, b) * sum;
	}
}

// channel_total returns the sum over the images of one of the two kinds of sums, to every thread.
DEVICE float channel_total(SHARED_PTR float *sums, GLOBAL const float *partial, struct norm s, int c, int kind)
{
	float sum = 0;
	for (int n = THREAD; n < s.N; n += 128)
		sum = sum + partial[2 * (n * s.C + c) + kind];
	return total(sums, sum);
}

// norm_gradient turns these sums into the coefficients of the gradient by x: dx = scale·dy + otherScale·x + shift, where dy
// counts without its own scale dyScale, if it has one.
KERNEL(128) void norm_gradient(GLOBAL float *scale, int scaleAt, GLOBAL float *otherScale, int otherScaleAt,
	GLOBAL float *shift, int shiftAt, GLOBAL const float *partial, int partialAt,
	GLOBAL const float *by, int byAt, GLOBAL const float *off, int offAt, GLOBAL const float *dyScale, int dyScaleAt,
	struct norm s)
{
	SHARED float sums[128];
	int c = GROUP_X;
	float count = (float)s.N * (float)s.pixels, a = by[byAt + c], b = off[offAt + c];
	float mean = channel_total(sums, partial + partialAt, s, c, 0) / count;
	float meanProduct = channel_total(sums, partial + partialAt, s, c, 1) / count;
	if (THREAD > 0)
		return;
	scale[scaleAt + c] = dyScale ? a * dyScale[dyScaleAt + c] : a;
	otherScale[otherScaleAt + c] = -a * a * meanProduct;
	shift[shiftAt + c] = -a * FMA(b, meanProduct, mean);
}

// channel_sums adds both kinds of sums up for each channel.
KERNEL(128) void channel_sums(GLOBAL float *first, int firstAt, GLOBAL float *second, int secondAt,
	GLOBAL const float *partial, int partialAt, struct norm s)
{
	SHARED float sums[128];
	int c = GROUP_X;
	float a = channel_total(sums, partial + partialAt, s, c, 0);
	float b = channel_total(sums, partial + partialAt, s, c, 1);
	if (THREAD == 0) {
		first[firstAt + c] = a;
		second[secondAt + c] = b;
	}
}

// scale_coefficients computes k [2, C], the scale and shift of a view that is multiplied by scale and then moved by shift;
// oldScale and oldShift are the view's own, if it has them. scale_coefficient does that for a scale alone.
KERNEL(256) void scale_coefficients(GLOBAL float *k, int kAt, GLOBAL const float *scale, int scaleAt,
	GLOBAL const float *shift, int shiftAt, GLOBAL const float *oldScale, int oldScaleAt,
	GLOBAL const float *oldShift, int oldShiftAt, int C)
{
	int c = GROUP_X * 256 + THREAD;
	if (c >= C)
		return;
	float a = scale[scaleAt + c], b = shift[shiftAt + c];
	k[kAt + c] = oldScale ? oldScale[oldScaleAt + c] * a : a;
	k[kAt + C + c] = oldShift ? oldShift[oldShiftAt + c] * a + b : b;
}

KERNEL(256) void scale_coefficient(GLOBAL float *k, int kAt, GLOBAL const float *scale, int scaleAt,
	GLOBAL const float *old, int oldAt, int C)
{
	int c = GROUP_X * 256 + THREAD;
	if (c < C)
		k[kAt + c] = old ? old[oldAt + c] * scale[scaleAt + c] : scale[scaleAt + c];
}
