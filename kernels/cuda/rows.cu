/*
 * Few rows times weights that are read once, from memory: the time is that of reading them. A warp
 * takes COLS rows of w and up to ROWS rows of x; a lane multiplies RUN neighbouring numbers at a
 * time, then the lanes' sums are added. The order of a row's sum depends on k alone.
 */
#include "kernels/cuda/number.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"

#define ROWS_THREADS 128
#define COLS 2
#define RUN 8 /* numbers of a lane's turn: 16 bytes of halves */

/* ---- RUN numbers as floats, zeros from `left` on ---- */

/* As many numbers as 16 bytes hold. */
template <class T> struct alignas(16) pack16 {
    T at[16 / sizeof(T)];
};

template <class T> static __device__ bool aligned16(const T *p)
{
    return (uintptr_t)p % 16 == 0;
}

template <class T> static __device__ void load_run(const T *from, int64_t left, float to[RUN])
{
    constexpr int PER = 16 / sizeof(T);
    if (left >= RUN && aligned16(from)) {
        EACH (i, RUN / PER) {
            pack16<T> pack = *(const pack16<T> *)(from + i * PER);
            EACH (l, PER)
                to[i * PER + l] = to_float(pack.at[l]);
        }
        return;
    }
    EACH (i, RUN)
        to[i] = i < left ? to_float(from[i]) : 0.0f;
}

/* ---- the product ---- */

/* The warp's rows of w, and of x, at one turn. Rows behind the last are the last once more. */
template <class T, int ROWS>
static __device__ void add_run(const rows_product &p, const T *w, const float *x, int64_t j,
                               int64_t i, int64_t at, float sum[ROWS][COLS])
{
    float ws[COLS][RUN];
    EACH (c, COLS)
        load_run(w + least(j + c, p.n - 1) * p.ldw + at, p.k - at, ws[c]);
    EACH (r, ROWS) {
        float xs[RUN];
        load_run(x + least(i + r, p.m - 1) * p.ldx + at, p.k - at, xs);
        EACH (c, COLS)
            EACH (l, RUN)
                sum[r][c] += xs[l] * ws[c][l];
    }
}

/* grid: (n / columns of a block, m / ROWS, batch) */
template <class T, int ROWS>
static __global__ void __launch_bounds__(ROWS_THREADS) rows_kernel(rows_product p)
{
    int64_t j = ((int64_t)blockIdx.x * (ROWS_THREADS / WARP) + threadIdx.x / WARP) * COLS;
    int64_t i = (int64_t)blockIdx.y * ROWS, batch = blockIdx.z;
    int lane = (int)(threadIdx.x % WARP);
    const T *w = (const T *)p.w + batch * p.stride_w;
    const float *x = p.x + batch * p.stride_x;
    float sum[ROWS][COLS] = {};
    if (j >= p.n)
        return;
    for (int64_t at = lane * RUN; at < p.k; at += WARP * RUN)
        add_run<T, ROWS>(p, w, x, j, i, at, sum);
    p.to.y += batch * p.stride_y;
    EACH (r, ROWS)
        EACH (c, COLS) {
            float total = warp_reduce(sum[r][c], add_up());
            if (lane == 0 && i + r < p.m && j + c < p.n)
                p.to.put(i + r, j + c, total);
        }
}

template <class T, int ROWS> static void launch_rows(const struct cuda *c, const rows_product &p)
{
    dim3 grid((unsigned)ceil_div(p.n, COLS * ROWS_THREADS / WARP), (unsigned)ceil_div(p.m, ROWS),
              (unsigned)p.batch);
    LAUNCH((rows_kernel<T, ROWS>), grid, ROWS_THREADS, 0, c->stream, p);
}

template <class T> static void rows_of(const struct cuda *c, const rows_product &p)
{
    if (p.m == 1)
        launch_rows<T, 1>(c, p);
    else if (p.m == 2)
        launch_rows<T, 2>(c, p);
    else if (p.m <= 4)
        launch_rows<T, 4>(c, p);
    else
        launch_rows<T, 8>(c, p);
}

void cuda_rows(const struct cuda *c, const struct rows_product *p)
{
    if (p->format == DTYPE_F16)
        rows_of<__half>(c, *p);
    else if (p->format == DTYPE_BF16)
        rows_of<__nv_bfloat16>(c, *p);
    else
        rows_of<float>(c, *p);
}
