/*
 * Attention: softmax(q k^T / sqrt(size)) v for every head, without a [T, T] matrix in memory.
 *
 * A block takes TILE queries of one head and goes through its keys and values tile by tile. A row's
 * maximum and sum so far are kept, and what it has is scaled down when its maximum rises (Milakov
 * and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135).
 */
#include <limits.h>

#include "kernels/cuda/attn.cuh"

/* One row of a thread's tile; 16 neighbouring lanes hold the row together. */
struct softmax_row {
    float top, sum; /* so far */

    /* s: scores, hidden ones -inf -> e^(s - top). Returns by what earlier sums count now. */
    __device__ float see(float s[4])
    {
        float most = fmaxf(fmaxf(s[0], s[1]), fmaxf(s[2], s[3]));
        float now = fmaxf(top, warp_reduce(most, take_larger(), 16)), more = 0;
        float keep = expf(top - now);
        EACH (c, 4) {
            s[c] = expf(s[c] - now);
            more += s[c];
        }
        sum = sum * keep + warp_reduce(more, add_up(), 16);
        top = now;
        return keep;
    }
};

/* grid: (query tiles, heads of all sequences, slices) */
template <int CHUNKS>
static __global__ void __launch_bounds__(TILE_THREADS)
    attention_kernel(heads h, const float *qkv, float *out, float *lse)
{
    __shared__ tile_square probs;
    int i = (int)blockIdx.x * TILE, head = (int)blockIdx.y, slice = (int)blockIdx.z;
    int seen = h.causal ? (int)least(i + TILE, h.length) : h.length;
    stored_lines q = { h.rows(qkv, head, 3 * h.width) };
    stored_lines k = { h.rows(qkv + h.width, head, 3 * h.width) };
    stored_columns v = { h.rows(qkv + 2 * h.width, head, 3 * h.width) };
    float sums[CHUNKS][4][4] = {};
    softmax_row row[4];
    for (int r = 0; r < 4; r++)
        row[r] = { -INFINITY, 0.0f };

    for (int j = 0; j < seen; j += TILE) {
        float s[4][4] = {};
        tile_product(q, k, i, j, 0, h.size, s);
        EACH (r, 4) {
            /* Rows behind the last query are computed, and not stored: all see the first key. */
            int query = (int)least(i + tile_row() + r, h.length - 1);
            EACH (c, 4)
                s[r][c] = h.sees(query, j + tile_col() + c) ? s[r][c] * h.scale : -INFINITY;
            float keep = row[r].see(s[r]);
            EACH (chunk, CHUNKS)
                EACH (c, 4)
                    sums[chunk][r][c] *= keep;
        }
        put_turned(s, probs);
        EACH (chunk, CHUNKS)
            tile_product_of(probs, v, (slice * CHUNKS_MAX + chunk) * TILE, j, sums[chunk]);
    }
    EACH (r, 4) {
        int t = i + tile_row() + r;
        EACH (chunk, CHUNKS)
            EACH (c, 4)
                sums[chunk][r][c] /= row[r].sum;
        if (lse && slice == 0 && tile_col() == 0 && t < h.length)
            lse[(int64_t)head * h.length + t] = row[r].top + logf(row[r].sum);
    }
    put_chunks<CHUNKS>(h, sums, i, slice, false, out + h.first(head, h.width), h.width);
}

int cuda_attention(void *ctx, ctensor *qkv, int heads, bool causal, struct tensor *out,
                   struct tensor *lse, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    struct heads h = heads_of(qkv, heads, causal);
    if (CUDA_ALL_F32("attention", e, qkv, out, lse))
        return -1;
    if ((int64_t)h.batch * h.count > 65535)
        return err_set(e, ERR_TOO_LARGE, "attention: %lld heads of all sequences, at most 65535",
                       (long long)h.batch * h.count);
    LAUNCH_SLICES(attention_kernel, c, h, floats(qkv), floats(out), floats(lse));
    return cuda_launched("attention", qkv, e);
}
