// What is computed number by number.

// add computes y = a + b, or y = a if b isn't given.
KERNEL(256) void add(TARGET(y), VIEW(a), VIEW(b), struct norm s)
{
	int at = GROUP_X * 256 + THREAD, size = s.C * s.pixels;
	if (at >= s.N * size)
		return;
	int n = at / size, position = at % size, c = position / s.pixels;
	float v = READ(a, n, c, position);
	if (b)
		v = v + READ(b, n, c, position);
	STORE(y, n, position, v);
}

KERNEL(256) void relu(GLOBAL float *y, int yAt, GLOBAL const float *x, int xAt, int n)
{
	int i = GROUP_X * 256 + THREAD;
	if (i < n)
		y[yAt + i] = rectified(x[xAt + i], 1);
}

KERNEL(256) void relu_gradient(GLOBAL float *dx, int dxAt, GLOBAL const float *dy, int dyAt, GLOBAL const float *x, int xAt, int n)
{
	int i = GROUP_X * 256 + THREAD;
	if (i < n)
		dx[dxAt + i] = x[xAt + i] > 0 ? dy[dyAt + i] : 0;
}

// scale_images multiplies each image by a factor of its own.
KERNEL(256) void scale_images(GLOBAL float *y, int yAt, GLOBAL const float *x, int xAt, GLOBAL const float *factors, int factorsAt,
	int n, int size)
{
	int i = GROUP_X * 256 + THREAD;
	if (i < n * size)
		y[yAt + i] = x[xAt + i] * factors[factorsAt + i / size];
}

KERNEL(256) void zero(TARGET(y), struct norm s)
{
	int at = GROUP_X * 256 + THREAD, size = s.C * s.pixels;
	if (at < s.N * size)
		y[yLies.at + at / size * yLies.stride + at % size] = 0;
}

// global_average computes y [N, C], the averages of the channels of x.
KERNEL(256) void global_average(GLOBAL float *y, int yAt, GLOBAL const float *x, int xAt, struct norm s)
{
	int i = GROUP_X * 256 + THREAD;
	if (i >= s.N * s.C)
		return;
	float sum = 0;
	for (int p = 0; p < s.pixels; p++)
		sum = sum + x[xAt + i * s.pixels + p];
	y[yAt + i] = sum / (float)s.pixels;
}

KERNEL(256) void global_average_gradient(GLOBAL float *dx, int dxAt, GLOBAL const float *dy, int dyAt, struct norm s)
{
	int at = GROUP_X * 256 + THREAD;
	if (at < s.N * s.C * s.pixels)
		dx[dxAt + at] = dy[dyAt + at / s.pixels] / (float)s.pixels;
}

// augment computes images [N, C, H, W] from those of the data set, in bytes, of the same size: black, then normalised,
// outside.
KERNEL(256) void augment(GLOBAL float *y, int yAt, GLOBAL const byte *images, GLOBAL const int *places, int placesAt,
	GLOBAL const float *levels, int levelsAt, int N, int C, int H, int W)
{
	int at = GROUP_X * 256 + THREAD, size = C * H * W;
	if (at >= N * size)
		return;
	GLOBAL const int *place = places + placesAt + at / size * 8;
	int c = at % size / (H * W), i = at % (H * W) / W, j = at % W;
	int h = i + place[1], w = (place[3] ? W - 1 - j : j) + place[2], level = 0;
	if (h >= 0 && h < H && w >= 0 && w < W)
		level = images[(long)place[0] * size + (c * H + h) * W + w];
	int hole = i >= place[4] && i < place[5] && j >= place[6] && j < place[7];
	y[yAt + at] = hole ? 0 : levels[levelsAt + c * 256 + level];
}
