/*
 * Rows of a table by their number.
 */
#include "kernels/cuda/reduce.cuh"

struct embed_each {
    const float *table;
    const int32_t *ids;
    int64_t rows, n;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        int64_t row = quotient(i, n);
        int32_t id = ids[row];
        y[i] = id >= 0 && id < rows ? table[id * n + i - row * n] : nanf("");
    }
};

int cuda_embedding(void *ctx, ctensor *table, ctensor *ids, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("embedding", e, table, y) || CUDA_ALL_I32("embedding", e, ids))
        return -1;
    embed_each each = { floats(table), ints(ids), tensor_rows(table), tensor_cols(table),
                        floats(y) };
    return cuda_each(ctx, "embedding", y, tensor_count(y), each, e);
}

/* A warp a row of the table: it looks through all ids for its row, 32 at a time, and adds what it
 * finds in their order. No two warps write to one place. */
static __global__ void embed_bwd_kernel(const int32_t *ids, int64_t count, const float *dy,
                                        int64_t rows, int64_t n, float *dtable)
{
    int64_t row = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / WARP;
    int lane = (int)(threadIdx.x % WARP);
    if (row >= rows)
        return;
    for (int64_t i = 0; i < count; i += WARP) {
        unsigned found = __ballot_sync(ALL_LANES, i + lane < count && ids[i + lane] == row);
        for (; found; found &= found - 1) {
            const float *from = dy + (i + __ffs((int)found) - 1) * n;
            for (int64_t j = lane; j < n; j += WARP)
                dtable[row * n + j] += from[j];
        }
    }
}

int cuda_embedding_bwd(void *ctx, ctensor *ids, ctensor *dy, struct tensor *dtable, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    int64_t rows = tensor_rows(dtable);
    if (CUDA_ALL_F32("embedding_bwd", e, dy, dtable) || CUDA_ALL_I32("embedding_bwd", e, ids))
        return -1;
    LAUNCH(embed_bwd_kernel, (unsigned)ceil_div(rows * WARP, CUDA_BLOCK), CUDA_BLOCK, 0, c->stream,
           ints(ids), tensor_count(ids), floats(dy), rows, tensor_cols(dtable), floats(dtable));
    return cuda_launched("embedding_bwd", dtable, e);
}
