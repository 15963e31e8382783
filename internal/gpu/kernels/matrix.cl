// Products of small matrices.

// matmul computes y [M, N]: each number is the sum over k of a[i·aRow + k·aColumn] · b[k·bRow + j·bColumn], plus bias[j].
KERNEL(256) void matmul(GLOBAL float *y, int yAt, GLOBAL const float *a, int aAt, GLOBAL const float *b, int bAt,
	GLOBAL const float *bias, int biasAt, int M, int K, int N, int aRow, int aColumn, int bRow, int bColumn)
{
	int at = GROUP_X * 256 + THREAD;
	if (at >= M * N)
		return;
	int i = at / N, j = at % N;
	float sum = 0;
	for (int k = 0; k < K; k++)
		sum = FMA(a[aAt + i * aRow + k * aColumn], b[bAt + k * bRow + j * bColumn], sum);
	y[yAt + at] = bias ? sum + bias[biasAt + j] : sum;
}

// sum_rows computes the sums of the columns of x [rows, columns].
KERNEL(256) void sum_rows(GLOBAL float *y, int yAt, GLOBAL const float *x, int xAt, int rows, int columns)
{
	int j = GROUP_X * 256 + THREAD;
	if (j >= columns)
		return;
	float sum = 0;
	for (int i = 0; i < rows; i++)
		sum = sum + x[xAt + i * columns + j];
	y[yAt + j] = sum;
}
