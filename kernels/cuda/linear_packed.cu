/*
 * Products with packed matrices: rows x [m, k] w [n, k]^T for any m, made for decoding, where m is
 * the number of sequences. Floats go to rows.cu. Beside whole numbers rows of x are quantised as
 * well, block by block; then a lane multiplies 16 bytes of w at a time, exactly, and scales the
 * result. The order of a row's sum depends on k alone, so its bits do not depend on m.
 */
#include "kernels/cuda/number.cuh"
#include "kernels/cuda/packed.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"

#define INT_THREADS 128
#define COLS 2 /* rows of w that a warp takes */

/* ---- rows of x as whole numbers -127..127 times a scale ---- */

/* m rows of blocks, all in scratch. */
struct quantised {
    signed char *q; /* [m, blocks, BLOCK_DEPTH] */
    float *scale;   /* [m, blocks]; NaN when a number is none or infinite */
    int *sum;       /* [m, blocks]: of q, for zero points */
};

static size_t quantised_bytes(int64_t blocks)
{
    return (size_t)blocks * (BLOCK_DEPTH + sizeof(float) + sizeof(int));
}

static quantised quantised_at(void *memory, int64_t m, int64_t blocks)
{
    signed char *q = (signed char *)memory;
    float *scale = (float *)(q + m * blocks * BLOCK_DEPTH);
    return { q, scale, (int *)(scale + m * blocks) };
}

#define INFINITE 0x7f800000u

/* A warp a block, a number a lane. */
static __global__ void quantise_kernel(const float *x, int64_t m, int64_t k, int64_t blocks,
                                       quantised to)
{
    int64_t at = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / WARP, row = at / blocks;
    int64_t lane = threadIdx.x % WARP, column = at % blocks * BLOCK_DEPTH + lane;
    if (row >= m)
        return;
    float v = column < k ? x[row * k + column] : 0.0f;
    /* As whole numbers bits are in the order of the floats; infinite ones and NaN come last. */
    unsigned bits = warp_reduce(__float_as_uint(fabsf(v)), take_larger());
    bool finite = bits < INFINITE;
    float top = __uint_as_float(bits), inverse = finite && top > 0.0f ? 127.0f / top : 0.0f;
    int q = finite ? __float2int_rn(v * inverse) : 0, sum = warp_reduce(q, add_up());
    to.q[at * BLOCK_DEPTH + lane] = (signed char)q;
    if (lane == 0) {
        to.scale[at] = finite ? top / 127.0f : nanf("");
        to.sum[at] = sum;
    }
}

/* ---- dot products of bytes ---- */

static __device__ int dot16(int4 a, int4 b, int sum)
{
    return __dp4a(a.w, b.w, __dp4a(a.z, b.z, __dp4a(a.y, b.y, __dp4a(a.x, b.x, sum))));
}

static __device__ int4 low_halves(int4 w, int shift)
{
    return make_int4(w.x >> shift & 0x0f0f0f0f, w.y >> shift & 0x0f0f0f0f,
                     w.z >> shift & 0x0f0f0f0f, w.w >> shift & 0x0f0f0f0f);
}

/* Sixteen bytes of w: half a block. x: the row's bytes, sixteen at a time. */
struct q8_format {
    static constexpr int PER_BLOCK = 2;
    static __device__ int dot(int4 w, const int4 *x, int64_t at, int sum)
    {
        (void)sum;
        return dot16(w, x[at], 0);
    }
};

/* Sixteen bytes of w: a block. */
struct q4_format {
    static constexpr int PER_BLOCK = 1;
    static __device__ int dot(int4 w, const int4 *x, int64_t at, int sum)
    {
        int low = dot16(low_halves(w, 0), x[2 * at], -Q4_ZERO * sum);
        return dot16(low_halves(w, 4), x[2 * at + 1], low);
    }
};

/* ---- the product ---- */

struct int_product {
    int64_t m, n, blocks;
    quantised x;
    const int4 *w;        /* [n, blocks * PER_BLOCK] */
    const __half *scales; /* [n, blocks] */
    struct finish to;
};

/* grid: (n / columns of a block, m / ROWS). Four blocks at once leave 128 registers a thread, which 8
 * rows of q4_0 exceed. */
template <class Format, int ROWS>
static __global__ void __launch_bounds__(INT_THREADS, ROWS < 8 ? 4 : 3)
    int_rows_kernel(int_product p)
{
    int64_t j = ((int64_t)blockIdx.x * (INT_THREADS / WARP) + threadIdx.x / WARP) * COLS;
    int64_t i = (int64_t)blockIdx.y * ROWS, per_row = p.blocks * Format::PER_BLOCK;
    int lane = (int)(threadIdx.x % WARP);
    float sum[ROWS][COLS] = {};
    if (j >= p.n)
        return;
    for (int64_t at = lane; at < per_row; at += WARP) {
        int64_t block = at / Format::PER_BLOCK;
        int4 w[COLS];
        float scale[COLS];
        EACH (c, COLS) {
            int64_t row = least(j + c, p.n - 1);
            w[c] = p.w[row * per_row + at];
            scale[c] = to_float(p.scales[row * p.blocks + block]);
        }
        EACH (r, ROWS) {
            int64_t row = least(i + r, p.m - 1), x_block = row * p.blocks + block;
            const int4 *x = (const int4 *)(p.x.q + row * p.blocks * BLOCK_DEPTH);
            EACH (c, COLS)
                sum[r][c] += (float)Format::dot(w[c], x, at, p.x.sum[x_block]) *
                             (p.x.scale[x_block] * scale[c]);
        }
    }
    EACH (r, ROWS)
        EACH (c, COLS) {
            float total = warp_reduce(sum[r][c], add_up());
            if (lane == 0 && i + r < p.m && j + c < p.n)
                p.to.put(i + r, j + c, total);
        }
}

template <class Format, int ROWS>
static void launch_int_rows(const struct cuda *c, const int_product &p)
{
    dim3 grid((unsigned)ceil_div(p.n, COLS * INT_THREADS / WARP), (unsigned)ceil_div(p.m, ROWS));
    LAUNCH((int_rows_kernel<Format, ROWS>), grid, INT_THREADS, 0, c->stream, p);
}

template <class Format> static void int_rows_of(const struct cuda *c, const int_product &p)
{
    if (p.m == 1)
        launch_int_rows<Format, 1>(c, p);
    else if (p.m == 2)
        launch_int_rows<Format, 2>(c, p);
    else if (p.m <= 4)
        launch_int_rows<Format, 4>(c, p);
    else
        launch_int_rows<Format, 8>(c, p);
}

/* Rows of x in as many turns as scratch wants. */
static int whole_product(const struct cuda *c, ctensor *x, ctensor *w, const finish &to,
                         struct err *e)
{
    int64_t m = tensor_rows(x), k = w->dim[1], blocks = packed_blocks(k);
    int64_t most = (int64_t)(CUDA_SCRATCH_BYTES / quantised_bytes(blocks));
    if (most < 1)
        return err_set(e, ERR_TOO_LARGE,
                       "linear_packed: rows of %lld do not fit the scratch memory", (long long)k);
    for (int64_t i = 0; i < m; i += most) {
        int_product p = { least(most, m - i),    w->dim[0],        blocks, {},
                          (const int4 *)w->data, packed_scales(w), to };
        p.x = quantised_at(c->scratch, p.m, blocks);
        p.to.y += i * to.ld;
        p.to.residual = to.residual ? to.residual + i * to.ld : NULL;
        LAUNCH(quantise_kernel, (unsigned)ceil_div(p.m * blocks * WARP, CUDA_BLOCK), CUDA_BLOCK, 0,
               c->stream, floats(x) + i * k, p.m, k, blocks, p.x);
        if (w->dtype == DTYPE_Q8_0)
            int_rows_of<q8_format>(c, p);
        else
            int_rows_of<q4_format>(c, p);
    }
    return cuda_launched("linear_packed", w, e);
}

static int float_product(const struct cuda *c, ctensor *x, ctensor *w, const finish &to,
                         struct err *e)
{
    int64_t k = w->dim[1];
    struct rows_product p = {};
    p.m = tensor_rows(x);
    p.n = w->dim[0];
    p.k = k;
    p.batch = 1;
    p.x = floats(x);
    p.ldx = k;
    p.format = w->dtype;
    p.w = w->data;
    p.ldw = packed_blocks(k) * BLOCK_DEPTH;
    p.to = to;
    cuda_rows(c, &p);
    return cuda_launched("linear_packed", w, e);
}

int cuda_linear_packed(void *ctx, ctensor *x, ctensor *w, ctensor *bias, enum backend_act act,
                       ctensor *residual, struct tensor *y, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    if (CUDA_ALL_F32("linear_packed", e, x, bias, residual, y))
        return -1;
    if (act != ACT_NONE && act != ACT_GELU)
        return err_set(e, ERR_UNSUPPORTED, "linear_packed: activation %d is not fused", (int)act);
    finish to = {
        1.0f, 0.0f, floats(bias), act == ACT_GELU, floats(residual), floats(y), w->dim[0]
    };
    return packed_is_whole(w->dtype) ? whole_product(c, x, w, to, e)
                                     : float_product(c, x, w, to, e);
}
