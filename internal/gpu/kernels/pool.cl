// Pools over K × K windows. What lies outside x counts for neither maximum nor average.

struct pool { int N, C, H, W, OH, OW, K, stride, pad, max; };

// window is the part of a window that lies inside x.
struct window { int top, bottom, left, right; };

DEVICE struct window window_at(struct pool s, int i, int j)
{
	struct window w;
	int top = i * s.stride - s.pad, left = j * s.stride - s.pad;
	w.top = top > 0 ? top : 0;
	w.left = left > 0 ? left : 0;
	w.bottom = top + s.K < s.H ? top + s.K : s.H;
	w.right = left + s.K < s.W ? left + s.K : s.W;
	return w;
}

KERNEL(256) void pool(TARGET(y), VIEW(x), struct pool s)
{
	int at = GROUP_X * 256 + THREAD, size = s.OH * s.OW;
	if (at >= s.N * s.C * size)
		return;
	int n = at / (s.C * size), position = at % (s.C * size), c = position / size;
	struct window win = window_at(s, position % size / s.OW, position % size % s.OW);
	float result = 0;
	for (int h = win.top; h < win.bottom; h++)
		for (int w = win.left; w < win.right; w++) {
			float v = READ(x, n, c, (c * s.H + h) * s.W + w);
			if (!s.max)
				result = result + v;
			else if (h == win.top && w == win.left || v > result || v != v)
				result = v;
		}
	if (!s.max)
		result = result * (1.0f / (float)((win.bottom - win.top) * (win.right - win.left)));
	STORE(y, n, position, result);
}

// pool_gradient gathers for each pixel of x what the windows over it give: a maximum's gradient goes to the first pixel of the
// window, in scan order, that has it.
KERNEL(256) void pool_gradient(TARGET(dx), VIEW(dy), VIEW(x), struct pool s)
{
	int at = GROUP_X * 256 + THREAD, size = s.H * s.W;
	if (at >= s.N * s.C * size)
		return;
	int n = at / (s.C * size), position = at % (s.C * size), c = position / size;
	int h = position % size / s.W, w = position % size % s.W;
	// The windows that begin no later than here, from the first that ends no earlier.
	int i0 = (h + s.pad - s.K + s.stride) / s.stride, j0 = (w + s.pad - s.K + s.stride) / s.stride;
	if (h + s.pad - s.K < 0)
		i0 = 0;
	if (w + s.pad - s.K < 0)
		j0 = 0;
	float sum = 0;
	for (int i = i0; i < s.OH && i * s.stride - s.pad <= h; i++)
		for (int j = j0; j < s.OW && j * s.stride - s.pad <= w; j++) {
			struct window win = window_at(s, i, j);
			float g = READ(dy, n, c, (c * s.OH + i) * s.OW + j);
			if (!s.max) {
				sum = sum + g * (1.0f / (float)((win.bottom - win.top) * (win.right - win.left)));
				continue;
			}
			int winner = win.top * s.W + win.left;
			float best = READ(x, n, c, c * size + winner);
			for (int u = win.top; u < win.bottom; u++)
				for (int v = win.left; v < win.right; v++) {
					float candidate = READ(x, n, c, c * size + u * s.W + v);
					if (candidate > best) {
						best = candidate;
						winner = u * s.W + v;
					}
				}
			if (winner == h * s.W + w)
				sum = sum + g;
		}
	STORE(dx, n, position, sum);
}
