// Steps of parameters (spec section 7). Parameters lie in one piece of memory, and what belongs to them (gradients, momentum) at
// the same places in others. A step moves some of them: pieces [count][4] are where each begins among all numbers that are
// moved, where it lies, and two numbers of its own.

// pieceOf returns the piece that number i of those moved belongs to.
DEVICE GLOBAL const int *pieceOf(GLOBAL const int *pieces, int count, int i)
{
	int low = 0, high = count - 1; // the last piece that begins at i or before
	while (low < high) {
		int middle = (low + high + 1) / 2;
		if (pieces[4 * middle] <= i)
			low = middle;
		else
			high = middle - 1;
	}
	return pieces + 4 * low;
}

// sgd is a step of gradient descent with momentum. A first step finds zeros in the buffer. Gradients are multiplied by
// factor[0], if that is given.
KERNEL(256) void sgd(GLOBAL float *p, int pAt, GLOBAL float *buffer, int bufferAt, GLOBAL const float *gradient, int gradientAt,
	GLOBAL const int *pieces, int piecesAt, int count, int n, GLOBAL const float *factor, int factorAt,
	float rate, float momentum, float decay)
{
	int i = GROUP_X * 256 + THREAD;
	if (i >= n)
		return;
	GLOBAL const int *piece = pieceOf(pieces + piecesAt, count, i);
	int at = piece[1] + i - piece[0];
	float x = p[pAt + at], g = gradient[gradientAt + at];
	if (factor)
		g = g * factor[factorAt];
	float b = momentum * buffer[bufferAt + at] + (g + decay * x);
	buffer[bufferAt + at] = b;
	p[pAt + at] = x - rate * b;
}

// adam is a step of Adam. The numbers of a piece are the bits of its rate, which is that over 1 − β1^t, and of its correction
// √(1 − β2^t). rest1 and rest2 are 1 − β1 and 1 − β2. For the factor see sgd.
KERNEL(256) void adam(GLOBAL float *p, int pAt, GLOBAL float *first, int firstAt, GLOBAL float *second, int secondAt,
	GLOBAL const float *gradient, int gradientAt, GLOBAL const int *pieces, int piecesAt, int count, int n,
	GLOBAL const float *factor, int factorAt, float epsilon, float decay, float beta1, float rest1, float beta2, float rest2)
{
	int i = GROUP_X * 256 + THREAD;
	if (i >= n)
		return;
	GLOBAL const int *piece = pieceOf(pieces + piecesAt, count, i);
	int at = piece[1] + i - piece[0];
	float rate = FLOAT(piece[2]), correction = FLOAT(piece[3]);
	float x = p[pAt + at], g = gradient[gradientAt + at];
	if (factor)
		g = g * factor[factorAt];
	g = FMA(decay, x, g);
	float a = FMA(beta1, first[firstAt + at], rest1 * g), b = FMA(beta2, second[secondAt + at], rest2 * g * g);
	first[firstAt + at] = a;
	second[secondAt + at] = b;
	p[pAt + at] = x - rate * a / (SQRT(b) / correction + epsilon);
}

// squares computes the sums of the squares of gradients, one of every 256 numbers that a step moves.
KERNEL(256) void squares(GLOBAL float *sums, int sumsAt, GLOBAL const float *gradient, int gradientAt,
	GLOBAL const int *pieces, int piecesAt, int count, int n)
{
	SHARED float each[256];
	int i = GROUP_X * 256 + THREAD;
	float g = 0;
	if (i < n) {
		GLOBAL const int *piece = pieceOf(pieces + piecesAt, count, i);
		g = gradient[gradientAt + piece[1] + i - piece[0]];
	}
	each[THREAD] = g * g;
	BARRIER;
	for (int span = 128; span > 0; span /= 2) {
		if (THREAD < span)
			each[THREAD] = each[THREAD] + each[THREAD + span];
		BARRIER;
	}
	if (THREAD == 0)
		sums[sumsAt + GROUP_X] = each[0];
}

// clip computes what gradients are multiplied by so that their norm, of the squares' n sums, is at most limit. One group.
KERNEL(256) void clip(GLOBAL float *factor, int factorAt, GLOBAL const float *sums, int sumsAt, int n, float limit)
{
	SHARED float each[256];
	float sum = 0;
	for (int i = THREAD; i < n; i += 256)
		sum = sum + sums[sumsAt + i];
	each[THREAD] = sum;
	BARRIER;
	for (int span = 128; span > 0; span /= 2) {
		if (THREAD < span)
			each[THREAD] = each[THREAD] + each[THREAD + span];
		BARRIER;
	}
	if (THREAD == 0) {
		float by = limit / (SQRT(each[0]) + 1e-6f);
		factor[factorAt] = by < 1 ? by : 1;
	}
}
