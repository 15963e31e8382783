// Steps of parameters (spec section 7).

// sgd is a step of gradient descent with momentum; the first one finds no buffer.
KERNEL(256) void sgd(GLOBAL float *p, int pAt, GLOBAL float *buffer, int bufferAt, GLOBAL const float *gradient, int gradientAt,
	int n, int first, float rate, float momentum, float decay)
{
	int i = GROUP_X * 256 + THREAD;
	if (i >= n)
		return;
	float x = p[pAt + i], b = gradient[gradientAt + i] + decay * x;
	if (!first)
		b = momentum * buffer[bufferAt + i] + b;
	buffer[bufferAt + i] = b;
	p[pAt + i] = x - rate * b;
}

// adam is a step of Adam: rate is that over 1 − β1^t, and correction √(1 − β2^t). rest1 and rest2 are 1 − β1 and 1 − β2.
KERNEL(256) void adam(GLOBAL float *p, int pAt, GLOBAL float *first, int firstAt, GLOBAL float *second, int secondAt,
	GLOBAL const float *gradient, int gradientAt, int n, float rate, float correction, float epsilon, float decay,
	float beta1, float rest1, float beta2, float rest2)
{
	int i = GROUP_X * 256 + THREAD;
	if (i >= n)
		return;
	float x = p[pAt + i], g = FMA(decay, x, gradient[gradientAt + i]);
	float a = FMA(beta1, first[firstAt + i], rest1 * g), b = FMA(beta2, second[secondAt + i], rest2 * g * g);
	first[firstAt + i] = a;
	second[secondAt + i] = b;
	p[pAt + i] = x - rate * a / (SQRT(b) / correction + epsilon);
}
