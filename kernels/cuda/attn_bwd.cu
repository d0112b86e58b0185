/*
 * The adjoint of attention. Probabilities of a tile are computed again from lse, the logarithm of
 * each row's sum (Dao et al., arXiv 2205.14135), so no [T, T] matrix is kept. One kernel goes
 * through keys for the gradient of queries, another through queries for those of keys and values:
 * no two blocks add to one place.
 */
#include "kernels/cuda/attn.cuh"

/* delta [heads of all sequences, T]: sum of out dout over the head's columns. */
struct delta_each {
    heads h;
    const float *out, *dout;
    float *delta;
    __device__ void operator()(int64_t i) const
    {
        int head = (int)(i / h.length), t = (int)(i % h.length);
        int64_t at = h.first(head, h.width) + (int64_t)t * h.width;
        float sum = 0;
        for (int j = 0; j < h.size; j++)
            sum += out[at + j] * dout[at + j];
        delta[i] = sum;
    }
};

/* What both kernels are given. */
struct adjoint {
    const float *qkv, *dout, *lse, *delta;
    float *dqkv;
};

/* One score and the gradient of its probability -> the probability, and the score's gradient. */
static __device__ void score_gradient(const heads &h, const adjoint &a, int head, int query,
                                      int key, float *s, float *ds)
{
    bool seen = h.sees(query, key);
    int64_t at = (int64_t)head * h.length + (seen ? query : 0);
    float p = seen ? expf(*s * h.scale - a.lse[at]) : 0.0f;
    *s = p;
    *ds = seen ? p * (*ds - a.delta[at]) * h.scale : 0.0f;
}

/* grid: (query tiles, heads of all sequences, slices) */
template <int CHUNKS>
static __global__ void __launch_bounds__(TILE_THREADS, 1) queries_kernel(heads h, adjoint a)
{
    __shared__ tile_square square;
    int i = (int)blockIdx.x * TILE, head = (int)blockIdx.y, slice = (int)blockIdx.z;
    int seen = h.causal ? (int)least(i + TILE, h.length) : h.length;
    stored_lines q = { h.rows(a.qkv, head, 3 * h.width) };
    stored_lines k = { h.rows(a.qkv + h.width, head, 3 * h.width) };
    stored_lines v = { h.rows(a.qkv + 2 * h.width, head, 3 * h.width) };
    stored_lines dout = { h.rows(a.dout, head, h.width) };
    stored_columns keys = { k };
    float dq[CHUNKS][4][4] = {};

    for (int j = 0; j < seen; j += TILE) {
        float s[4][4] = {}, ds[4][4] = {};
        tile_product(q, k, i, j, 0, h.size, s);
        tile_product(dout, v, i, j, 0, h.size, ds);
        EACH (r, 4)
            EACH (c, 4)
                score_gradient(h, a, head, i + tile_row() + r, j + tile_col() + c, &s[r][c],
                               &ds[r][c]);
        put_turned(ds, square);
        EACH (chunk, CHUNKS)
            tile_product_of(square, keys, (slice * CHUNKS_MAX + chunk) * TILE, j, dq[chunk]);
    }
    put_chunks<CHUNKS>(h, dq, i, slice, true, a.dqkv + h.first(head, 3 * h.width), 3 * h.width);
}

/* grid: (key tiles, heads of all sequences, slices) */
template <int CHUNKS>
static __global__ void __launch_bounds__(TILE_THREADS, 1) keys_kernel(heads h, adjoint a)
{
    __shared__ tile_square square;
    int j = (int)blockIdx.x * TILE, head = (int)blockIdx.y, slice = (int)blockIdx.z;
    stored_lines q = { h.rows(a.qkv, head, 3 * h.width) };
    stored_lines k = { h.rows(a.qkv + h.width, head, 3 * h.width) };
    stored_lines v = { h.rows(a.qkv + 2 * h.width, head, 3 * h.width) };
    stored_lines dout = { h.rows(a.dout, head, h.width) };
    stored_columns queries = { q }, douts = { dout };
    float dk[CHUNKS][4][4] = {}, dv[CHUNKS][4][4] = {};
    float *to = a.dqkv + h.first(head, 3 * h.width);

    /* Queries before a key do not see it. */
    for (int i = h.causal ? j : 0; i < h.length; i += TILE) {
        float s[4][4] = {}, ds[4][4] = {};
        tile_product(k, q, j, i, 0, h.size, s);
        tile_product(v, dout, j, i, 0, h.size, ds);
        EACH (r, 4)
            EACH (c, 4)
                score_gradient(h, a, head, i + tile_col() + c, j + tile_row() + r, &s[r][c],
                               &ds[r][c]);
        put_turned(s, square);
        EACH (chunk, CHUNKS)
            tile_product_of(square, douts, (slice * CHUNKS_MAX + chunk) * TILE, i, dv[chunk]);
        put_turned(ds, square);
        EACH (chunk, CHUNKS)
            tile_product_of(square, queries, (slice * CHUNKS_MAX + chunk) * TILE, i, dk[chunk]);
    }
    put_chunks<CHUNKS>(h, dk, j, slice, true, to + h.width, 3 * h.width);
    put_chunks<CHUNKS>(h, dv, j, slice, true, to + 2 * h.width, 3 * h.width);
}

int cuda_attention_bwd(void *ctx, ctensor *qkv, int heads, bool causal, ctensor *out, ctensor *lse,
                       ctensor *dout, struct tensor *dqkv, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    struct heads h = heads_of(qkv, heads, causal);
    int64_t rows = (int64_t)h.batch * h.count * h.length;
    float *delta = (float *)c->scratch;
    if (CUDA_ALL_F32("attention_bwd", e, qkv, out, lse, dout, dqkv))
        return -1;
    if (rows > CUDA_SCRATCH_FLOATS || (int64_t)h.batch * h.count > 65535)
        return err_set(e, ERR_TOO_LARGE,
                       "attention_bwd: %lld heads of all sequences, %d positions: at most 65535, "
                       "and %lld of both",
                       (long long)h.batch * h.count, h.length, (long long)CUDA_SCRATCH_FLOATS);
    delta_each each = { h, floats(out), floats(dout), delta };
    if (cuda_each(ctx, "attention_bwd", qkv, rows, each, e))
        return -1;
    adjoint a = { floats(qkv), floats(dout), floats(lse), delta, floats(dqkv) };
    LAUNCH_SLICES(queries_kernel, c, h, a);
    LAUNCH_SLICES(keys_kernel, c, h, a);
    return cuda_launched("attention_bwd", qkv, e);
}
