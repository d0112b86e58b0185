/*
 * What the attention files share: shapes, and a head's matrices as operands of tiles.
 */
#ifndef KERNELS_CUDA_ATTN_CUH
#define KERNELS_CUDA_ATTN_CUH

#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/tile.cuh"

struct heads {
    int batch, length, width; /* B, T, D */
    int count, size;          /* heads and columns of one */
    bool causal;
    float scale;
    bool whole; /* rows of a head are at 16 bytes */

    __device__ bool sees(int query, int key) const
    {
        return query < length && key < length && (!causal || key <= query);
    }
    /* First number of a head (of all sequences', counted on) in [B, T, row]. */
    __device__ int64_t first(int head, int row) const
    {
        return (int64_t)(head / count) * length * row + head % count * size;
    }
    /* The head's [T, size] in rows of `row` numbers. */
    __device__ stored rows(const float *at, int head, int row) const
    {
        return { at + first(head, row), length, size, row, whole };
    }
};

static heads heads_of(ctensor *qkv, int count, bool causal)
{
    int width = (int)(qkv->dim[2] / 3), size = width / count;
    return { (int)qkv->dim[0],
             (int)qkv->dim[1],
             width,
             count,
             size,
             causal,
             1.0f / sqrtf((float)size),
             (uintptr_t)qkv->data % 16 == 0 && size % 4 == 0 };
}

/* Probabilities, or gradients of scores: [key][query] or [query][key], as the product wants them.
 */
typedef float tile_square[TILE][TILE_LINE];

/* x [row][column] of each thread's tile -> square [column][row] */
static __device__ void put_turned(const float x[4][4], tile_square square)
{
    EACH (c, 4)
        *(float4 *)&square[tile_col() + c][tile_row()] =
            make_float4(x[0][c], x[1][c], x[2][c], x[3][c]);
}

/*
 * A block keeps its results in registers, TILE columns of a head at a time; wide heads are cut into
 * slices of up to CHUNKS_MAX times TILE columns, one block each, that compute scores anew.
 */
#define CHUNKS_MAX 2 /* with 4, the adjoint's registers do not suffice on sm_90 */

static int slices_of(const heads &h)
{
    return (int)ceil_div(h.size, TILE * CHUNKS_MAX);
}

/* Launches kernel<chunks> for the fewest chunks that hold a slice. */
#define LAUNCH_SLICES(kernel, c, h, ...)                                                           \
    do {                                                                                           \
        dim3 grid((unsigned)ceil_div((h).length, TILE), (unsigned)((h).batch * (h).count),         \
                  (unsigned)slices_of(h));                                                         \
        if ((h).size <= TILE)                                                                      \
            LAUNCH(kernel<1>, grid, TILE_THREADS, 0, (c)->stream, h, __VA_ARGS__);                 \
        else                                                                                       \
            LAUNCH(kernel<CHUNKS_MAX>, grid, TILE_THREADS, 0, (c)->stream, h, __VA_ARGS__);        \
    } while (0)

/* to [row][size] (+)= the chunks of rows i.. */
template <int CHUNKS>
static __device__ void put_chunks(const heads &h, const float sums[CHUNKS][4][4], int i, int slice,
                                  bool add, float *to, int row)
{
    EACH (chunk, CHUNKS)
        EACH (r, 4)
            EACH (c, 4) {
                int t = i + tile_row() + r;
                int j = (slice * CHUNKS_MAX + chunk) * TILE + tile_col() + c;
                if (t >= h.length || j >= h.size)
                    continue;
                float *at = to + (int64_t)t * row + j;
                *at = sums[chunk][r][c] + (add ? *at : 0.0f);
            }
}

#endif
