// What the kernels are written in, for OpenCL C.

#pragma OPENCL FP_CONTRACT OFF

#define KERNEL(threads) __kernel __attribute__((reqd_work_group_size(threads, 1, 1)))
#define DEVICE static
#define GLOBAL __global
#define SHARED __local    // declares memory of a group
#define SHARED_PTR __local // what a pointer to it is
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#define UNROLL

#define THREAD ((int)get_local_id(0))
#define THREADS ((int)get_local_size(0))
#define GROUP_X ((int)get_group_id(0))
#define GROUP_Y ((int)get_group_id(1))
#define GROUP_Z ((int)get_group_id(2))

#define FMA(a, b, c) fma(a, b, c)
#define SQRT(x) sqrt(x)
#define FLOOR(x) floor(x)
#define BITS(x) as_int(x)
#define FLOAT(bits) as_float(bits)

typedef uchar byte;
