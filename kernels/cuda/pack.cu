/*
 * Rows of a matrix -> its packed form (packed.cuh). Rows travel through scratch as they are; a warp
 * packs a block, a number a lane.
 */
#include <limits.h>

#include "kernels/cuda/number.cuh"
#include "kernels/cuda/packed.cuh"
#include "kernels/cuda/reduce.cuh"

extern "C" {
#include "base/num.h"
}

/* Scratch begins with the first row that does not fit; rows follow at 16 bytes. */
#define HEAD_BYTES 256

bool cuda_packed_bytes(void *ctx, enum dtype format, int64_t n, int64_t k, size_t *ret_bytes)
{
    (void)ctx;
    size_t bytes = packed_block_bytes(format) + (packed_is_whole(format) ? sizeof(__half) : 0);
    if (!packed_block_bytes(format) || n < 1 || k < 1 || n > INT_MAX || k > INT64_MAX - BLOCK_DEPTH)
        return false;
    return num_mul(bytes, (size_t)n, &bytes) && num_mul(bytes, (size_t)packed_blocks(k), ret_bytes);
}

/* ---- blocks of whole numbers: one number a lane; rounded as kernels/blocks.h rounds them ---- */

/* The scale as it will be read, so that rounding it costs nothing; and what to multiply with. */
static __device__ __half round_scale(float scale, float *ret_inverse)
{
    __half rounded = __float2half_rn(scale);
    float read = __half2float(rounded);
    *ret_inverse = read != 0.0f ? 1.0f / read : 0.0f;
    return rounded;
}

/* low where x is no number */
static __device__ int whole_number(float x, float low, float high)
{
    float up = x > low ? x : low;
    return __float2int_rn(up < high ? up : high);
}

static __device__ void put_q8(float x, int lane, signed char *block, __half *scale)
{
    float inverse, top = warp_reduce(fabsf(x), take_larger());
    __half rounded = round_scale(top / 127, &inverse);
    block[lane] = (signed char)whole_number(x * inverse, -128, 127);
    if (lane == 0)
        *scale = rounded;
}

static __device__ void put_q4(float x, int lane, unsigned char *block, __half *scale)
{
    float inverse, most = warp_reduce(x > 0.0f ? x : 0.0f, take_larger());
    float least = -warp_reduce(x < 0.0f ? -x : 0.0f, take_larger());
    __half rounded = round_scale((-least > most ? least : most) / -8, &inverse);
    int mine = whole_number(x * inverse, -8, 7) + Q4_ZERO;
    int other = __shfl_xor_sync(ALL_LANES, mine, BLOCK_DEPTH / 2);
    if (lane < BLOCK_DEPTH / 2)
        block[lane] = (unsigned char)(mine | other << 4);
    if (lane == 0)
        *scale = rounded;
}

/* ---- blocks as files have them (kernels/blocks.h): a scale, then the block's bytes ---- */

#define SCALE_BYTES 2
#define F16_MAX 65504.0f

/* Bytes of a row; 0: no rows of this type are read. */
static size_t row_bytes_of(enum dtype type, int64_t k)
{
    if (packed_is_whole(type))
        return (size_t)(k / BLOCK_DEPTH) * (packed_block_bytes(type) + SCALE_BYTES);
    return packed_block_bytes(type) ? (size_t)k * dtype_size(type) : 0;
}

/* At any address. */
static __device__ __half scale_of(const unsigned char *block)
{
    return __ushort_as_half((unsigned short)(block[0] | block[1] << 8));
}

static __device__ float q8_number(const unsigned char *block, int k)
{
    return to_float(scale_of(block)) * (float)(signed char)block[SCALE_BYTES + k];
}

static __device__ float q4_number(const unsigned char *block, int k)
{
    int both = block[SCALE_BYTES + k % (BLOCK_DEPTH / 2)];
    return to_float(scale_of(block)) *
           (float)((k < BLOCK_DEPTH / 2 ? both & 15 : both >> 4) - Q4_ZERO);
}

/* ---- rows ---- */

/* A matrix on its way. */
struct packing {
    enum dtype type;           /* of the rows */
    const unsigned char *rows; /* first, .. first + count - 1 */
    int64_t first, count, k, blocks;
    enum dtype format;
    int64_t block_bytes; /* of the format, without its scale */
    float limit;         /* largest magnitude that it can hold */
    unsigned char *to;
    __half *scales;
    int *misfit;

    /* The block that holds number i, when rows are of blocks. */
    __device__ const unsigned char *stored(int64_t i) const
    {
        int64_t bytes = (type == DTYPE_Q8_0 ? BLOCK_DEPTH : BLOCK_DEPTH / 2) + SCALE_BYTES;
        return rows + i / BLOCK_DEPTH * bytes;
    }
    __device__ float read(int64_t row, int64_t column) const
    {
        int64_t i = row * k + column;
        if (column >= k)
            return 0.0f;
        switch (type) {
        case DTYPE_F16:
            return to_float(((const __half *)rows)[i]);
        case DTYPE_BF16:
            return to_float(((const __nv_bfloat16 *)rows)[i]);
        case DTYPE_Q8_0:
            return q8_number(stored(i), (int)(i % BLOCK_DEPTH));
        case DTYPE_Q4_0:
            return q4_number(stored(i), (int)(i % BLOCK_DEPTH));
        default:
            return ((const float *)rows)[i];
        }
    }
};

/* As it is, not rounded again. */
static __device__ void move_block(const packing &p, int64_t row, int64_t column, int64_t block,
                                  int lane)
{
    const unsigned char *from = p.stored(row * p.k + column);
    if (lane < p.block_bytes)
        p.to[block * p.block_bytes + lane] = from[SCALE_BYTES + lane];
    if (lane > 0)
        return;
    p.scales[block] = scale_of(from);
    if (!(fabsf(to_float(scale_of(from))) <= F16_MAX))
        atomicMin(p.misfit, (int)(p.first + row));
}

static __device__ void round_block(const packing &p, int64_t row, int64_t column, int64_t block,
                                   int lane)
{
    float x = p.read(row, column + lane);
    if (p.limit < INFINITY && !(fabsf(x) <= p.limit))
        atomicMin(p.misfit, (int)(p.first + row));
    if (p.format == DTYPE_Q8_0)
        put_q8(x, lane, (signed char *)p.to + block * BLOCK_DEPTH, p.scales + block);
    else if (p.format == DTYPE_Q4_0)
        put_q4(x, lane, p.to + block * BLOCK_DEPTH / 2, p.scales + block);
    else if (p.format == DTYPE_F16)
        store_float(x, (__half *)p.to + block * BLOCK_DEPTH + lane);
    else if (p.format == DTYPE_BF16)
        store_float(x, (__nv_bfloat16 *)p.to + block * BLOCK_DEPTH + lane);
    else
        store_float(x, (float *)p.to + block * BLOCK_DEPTH + lane);
}

static __global__ void pack_kernel(packing p)
{
    int64_t at = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / WARP;
    int64_t row = at / p.blocks, column = at % p.blocks * BLOCK_DEPTH;
    int64_t block = p.first * p.blocks + at;
    int lane = (int)(threadIdx.x % WARP);
    if (row >= p.count)
        return;
    if (p.type == p.format && (p.type == DTYPE_Q8_0 || p.type == DTYPE_Q4_0))
        move_block(p, row, column, block, lane);
    else
        round_block(p, row, column, block, lane);
}

static float limit_of(enum dtype format)
{
    switch (format) {
    case DTYPE_F16:
        return F16_MAX;
    case DTYPE_BF16:
        return 0x1.fep127f;
    case DTYPE_Q8_0:
        return F16_MAX * 127;
    case DTYPE_Q4_0:
        return F16_MAX * 8;
    default:
        return INFINITY;
    }
}

/* All rows, as many at a time as scratch holds. */
static int pack_rows(void *ctx, packing *p, const unsigned char *rows, int64_t n, ctensor *w,
                     struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    size_t row_bytes = row_bytes_of(p->type, p->k);
    int64_t most = (int64_t)((CUDA_SCRATCH_BYTES - HEAD_BYTES) / row_bytes);
    for (p->first = 0; p->first < n; p->first += p->count) {
        p->count = least(most, n - p->first);
        if (cuda_upload(ctx, (void *)p->rows, rows + (size_t)p->first * row_bytes,
                        (size_t)p->count * row_bytes, e))
            return -1;
        LAUNCH(pack_kernel, (unsigned)ceil_div(p->count * p->blocks * WARP, CUDA_BLOCK), CUDA_BLOCK,
               0, c->stream, *p);
    }
    return cuda_launched("pack", w, e);
}

static int check_rows(enum dtype type, ctensor *w, struct err *e)
{
    size_t row_bytes = row_bytes_of(type, w->dim[1]);
    if (!packed_block_bytes(type))
        return err_set(e, ERR_UNSUPPORTED,
                       "pack: rows of %s, CUDA reads f32, f16, bf16, q8_0 and q4_0",
                       dtype_name(type));
    if (packed_is_whole(type) && w->dim[1] % BLOCK_DEPTH)
        return err_set(e, ERR_INTERNAL, "pack: rows of %lld numbers are not whole blocks of %d",
                       (long long)w->dim[1], BLOCK_DEPTH);
    if (row_bytes > CUDA_SCRATCH_BYTES - HEAD_BYTES)
        return err_set(e, ERR_TOO_LARGE, "pack: rows of %lld numbers do not fit the scratch memory",
                       (long long)w->dim[1]);
    return 0;
}

int cuda_pack_wait(void *ctx, enum dtype type, const void *rows, struct tensor *w, struct err *e)
{
    unsigned char *scratch = (unsigned char *)((const struct cuda *)ctx)->scratch;
    int n = (int)w->dim[0], misfit = n;
    if (check_rows(type, w, e))
        return -1;
    packing p = {};
    p.type = type;
    p.rows = scratch + HEAD_BYTES;
    p.k = w->dim[1];
    p.blocks = packed_blocks(p.k);
    p.format = w->dtype;
    p.block_bytes = (int64_t)packed_block_bytes(w->dtype);
    p.limit = limit_of(w->dtype);
    p.to = (unsigned char *)w->data;
    p.scales = packed_scales(w);
    p.misfit = (int *)scratch;
    if (cuda_upload(ctx, scratch, &misfit, sizeof misfit, e) ||
        pack_rows(ctx, &p, (const unsigned char *)rows, n, w, e) ||
        cuda_download_wait(ctx, &misfit, scratch, sizeof misfit, e))
        return -1;
    if (misfit < n)
        return err_set(e, ERR_FORMAT, "row %d holds a number beyond what %s can hold, +-%g", misfit,
                       dtype_name(w->dtype), (double)p.limit);
    return 0;
}
