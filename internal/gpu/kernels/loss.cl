// Cross-entropy.

// exponential is e^x of an x that isn't positive, and logarithm that of an x of at least 1: written out (after Cephes), so that
// all devices agree.
DEVICE float exponential(float x)
{
	if (x < -87.0f)
		return 0;
	float n = FLOOR(FMA(x, 1.44269504088896341f, 0.5f));
	float r = FMA(n, -0.693359375f, x);
	r = FMA(n, 2.12194440e-4f, r);
	float p = 1.9875691500e-4f;
	p = FMA(p, r, 1.3981999507e-3f);
	p = FMA(p, r, 8.3334519073e-3f);
	p = FMA(p, r, 4.1665795894e-2f);
	p = FMA(p, r, 1.6666665459e-1f);
	p = FMA(p, r, 5.0000001201e-1f);
	return (FMA(p * r, r, r) + 1.0f) * FLOAT(((int)n + 127) << 23);
}

DEVICE float logarithm(float x)
{
	int bits = BITS(x), e = (bits >> 23) - 126;
	float m = FLOAT((bits & 0x7fffff) | 0x3f000000); // x = m·2^e with m between 1/2 and 1
	if (m < 0.707106781186547524f) {
		e = e - 1;
		m = m + m - 1.0f;
	} else {
		m = m - 1.0f;
	}
	float z = m * m, p = 7.0376836292e-2f;
	p = FMA(p, m, -1.1514610310e-1f);
	p = FMA(p, m, 1.1676998740e-1f);
	p = FMA(p, m, -1.2420140846e-1f);
	p = FMA(p, m, 1.4249322787e-1f);
	p = FMA(p, m, -1.6668057665e-1f);
	p = FMA(p, m, 2.0000714765e-1f);
	p = FMA(p, m, -2.4999993993e-1f);
	p = FMA(p, m, 3.3333331174e-1f);
	float y = FMA((float)e, -2.12194440e-4f, p * m * z);
	y = FMA(-0.5f, z, y);
	return FMA((float)e, 0.693359375f, m + y);
}

// cross_entropy computes the probabilities [N, classes] of logits, the mean loss, and how many labels have the largest logit, of
// equal ones the first. One group does it all.
KERNEL(256) void cross_entropy(GLOBAL float *meanLoss, int meanLossAt, GLOBAL float *count, int countAt,
	GLOBAL float *probabilities, int probabilitiesAt,
	GLOBAL const float *logits, int logitsAt, GLOBAL const int *labels, int labelsAt, int N, int classes)
{
	SHARED float sums[256];
	float loss = 0, correct = 0;
	for (int n = THREAD; n < N; n += 256) {
		GLOBAL const float *x = logits + logitsAt + n * classes;
		GLOBAL float *p = probabilities + probabilitiesAt + n * classes;
		int best = 0, label = labels[labelsAt + n];
		for (int j = 1; j < classes; j++)
			if (x[j] > x[best])
				best = j;
		float highest = x[best], all = 0;
		for (int j = 0; j < classes; j++) {
			float e = exponential(x[j] - highest);
			p[j] = e;
			all = all + e;
		}
		for (int j = 0; j < classes; j++)
			p[j] = p[j] / all;
		loss = loss + (logarithm(all) - (x[label] - highest));
		correct = correct + (best == label ? 1.0f : 0.0f);
	}
	loss = total(sums, loss);
	correct = total(sums, correct);
	if (THREAD == 0) {
		meanLoss[meanLossAt] = loss / (float)N;
		count[countAt] = correct;
	}
}

// cross_entropy_gradient computes dlogits = dloss · (probability − [class is the label]) / N.
KERNEL(256) void cross_entropy_gradient(GLOBAL float *dlogits, int dlogitsAt, GLOBAL const float *probabilities, int probabilitiesAt,
	GLOBAL const float *dloss, int dlossAt, GLOBAL const int *labels, int labelsAt, int N, int classes)
{
	int i = GROUP_X * 256 + THREAD;
	if (i >= N * classes)
		return;
	float scale = dloss[dlossAt] / (float)N, g = probabilities[probabilitiesAt + i] * scale;
	if (labels[labelsAt + i / classes] == i % classes)
		g = g - scale;
	dlogits[dlogitsAt + i] = g;
}
