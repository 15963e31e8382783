// What the kernels are written in, for CUDA C as clang compiles it without NVIDIA's headers.

#define KERNEL(threads) extern "C" __attribute__((global)) __attribute__((launch_bounds(threads)))
#define DEVICE static __attribute__((device)) __attribute__((always_inline))
#define GLOBAL
#define SHARED __attribute__((shared))
#define SHARED_PTR
#define BARRIER __syncthreads()
#define UNROLL _Pragma("unroll")

#define THREAD ((int)__nvvm_read_ptx_sreg_tid_x())
#define THREADS ((int)__nvvm_read_ptx_sreg_ntid_x())
#define GROUP_X ((int)__nvvm_read_ptx_sreg_ctaid_x())
#define GROUP_Y ((int)__nvvm_read_ptx_sreg_ctaid_y())
#define GROUP_Z ((int)__nvvm_read_ptx_sreg_ctaid_z())

#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define SQRT(x) __nvvm_sqrt_rn_f(x)
#define FLOOR(x) __nvvm_floor_f(x)
#define BITS(x) __nvvm_bitcast_f2i(x)
#define FLOAT(bits) __nvvm_bitcast_i2f(bits)

typedef unsigned char byte;
