// Views and targets, as kernel.View and kernel.Target: VIEW and TARGET declare them among a kernel's parameters, READ and
// STORE take one by its name there. Positions and strides are in floats.

struct view { int at, stride, scaleAt, shiftAt, otherAt, otherStride, otherScaleAt; };

#define VIEW(x) \
	GLOBAL const float *x, GLOBAL const float *x##Scale, GLOBAL const float *x##Shift, \
	GLOBAL const float *x##Other, GLOBAL const float *x##OtherScale, struct view x##Lies

// SEEN passes a view on to a function that declares one.
#define SEEN(x) x, x##Scale, x##Shift, x##Other, x##OtherScale, x##Lies

// READ is the number at a position in image n, which belongs to channel c.
#define READ(x, n, c, position) \
	viewed(x, x##Scale, x##Shift, x##Other, x##OtherScale, x##Lies, n, c, position)

DEVICE float viewed(GLOBAL const float *x, GLOBAL const float *scale, GLOBAL const float *shift,
	GLOBAL const float *other, GLOBAL const float *otherScale, struct view v, int n, int c, int position)
{
	float y = x[v.at + n * v.stride + position];
	if (scale)
		y = y * scale[v.scaleAt + c];
	if (other) {
		float o = other[v.otherAt + n * v.otherStride + position];
		if (otherScale)
			o = o * otherScale[v.otherScaleAt + c];
		y = y + o;
	}
	if (shift)
		y = y + shift[v.shiftAt + c];
	return y;
}

struct target { int at, stride, add; };

#define TARGET(y) GLOBAL float *y, struct target y##Lies

#define STORE(y, n, position, value) stored(y, y##Lies, n, position, value)

DEVICE void stored(GLOBAL float *y, struct target t, int n, int position, float value)
{
	int i = t.at + n * t.stride + position;
	y[i] = t.add ? y[i] + value : value;
}

// total returns the sum of what the threads of a group, a power of two, have; every thread gets it. sums has room for one
// number of each.
DEVICE float total(SHARED_PTR float *sums, float value)
{
	BARRIER; // sums may still be in use
	sums[THREAD] = value;
	for (int left = THREADS / 2; left > 0; left /= 2) {
		BARRIER;
		if (THREAD < left)
			sums[THREAD] = sums[THREAD] + sums[THREAD + left];
	}
	BARRIER;
	return sums[0];
}
