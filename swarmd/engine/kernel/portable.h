/* All that differs between a GPU and an ordinary processor, so that `backtest.cuh` is one text for both.

   On a GPU (nvcc, or NVRTC through CuPy) a kernel runs once per thread. Compiled by g++ it is a plain function that a
   loop calls once per work item. A warp, 32 threads in lock step, becomes a loop over its 32 lanes; nothing else in
   the source knows of it.

   Both must round alike. Only + - * / sqrt and comparisons are used, which IEEE 754 fixes to the last bit; compilers
   must not fuse a product and a sum into one rounding: g++ -ffp-contract=off, NVRTC and nvcc --fmad=false.

   No headers are included: NVRTC has none. */
#ifndef SWARMD_PORTABLE_H
#define SWARMD_PORTABLE_H

#define LANES 32
#define ALL_LANES 0xffffffffu

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

#define FUNCTION static __device__ __forceinline__
/* Rare code: called, not copied into its caller, which would cost every thread registers. */
#define RARE_FUNCTION static __device__ __noinline__
#define KERNEL extern "C" __global__ void __launch_bounds__(128)

/* An argument of a kernel that may be referred to without a copy for each thread. */
#define ARGUMENT(type) const __grid_constant__ type

/* Which work item this thread, or this warp, has. */
#define THREAD_ITEM() ((long long)blockIdx.x * blockDim.x + threadIdx.x)
#define WARP_ITEM() (THREAD_ITEM() / LANES)
#define LANE() ((int)(threadIdx.x % LANES))

/* Declares `name`: bit `lane` says whether `condition`, which may use `lane`, holds there. All lanes must come here. */
#define BALLOT(name, lane, condition)                         \
  unsigned name;                                              \
  {                                                           \
    const int lane = LANE();                                  \
    name = __ballot_sync(ALL_LANES, (condition));             \
  }
/* The statement that follows runs on each lane whose bit is set in `mask`. */
#define FOR_LANES_IN(mask, lane) \
  for (int lane = LANE(), once = (int)(((mask) >> lane) & 1u); once; once = 0)
#define ON_FIRST_LANE if (LANE() == 0)

#define BIT_COUNT(mask) __popc(mask)
#define SQUARE_ROOT(x) sqrt(x)
#define INFINITE __longlong_as_double(0x7ff0000000000000LL)

#else /* an ordinary processor */

#define FUNCTION static inline
#define RARE_FUNCTION static __attribute__((noinline))
#define KERNEL extern "C" void

#define ARGUMENT(type) const type

static thread_local long long item_at_work;
#define THREAD_ITEM() item_at_work
#define WARP_ITEM() item_at_work

#define BALLOT(name, lane, condition)         \
  unsigned name = 0;                          \
  for (int lane = 0; lane < LANES; lane++) {  \
    if (condition) name |= 1u << lane;        \
  }
#define FOR_LANES_IN(mask, lane)            \
  for (int lane = 0; lane < LANES; lane++)  \
    if (((mask) >> lane) & 1u)
#define ON_FIRST_LANE

#define BIT_COUNT(mask) __builtin_popcount(mask)
#define SQUARE_ROOT(x) __builtin_sqrt(x)
#define INFINITE __builtin_huge_val()

#endif

FUNCTION double smaller(double a, double b) { return b < a ? b : a; }
FUNCTION double larger(double a, double b) { return b > a ? b : a; }

#endif
