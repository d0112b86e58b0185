/*
 * Attention over the key/value cache: a block takes one head of one query.
 *
 * A slot holds its heads one after the other, [head][position][size], so a block reads its keys and
 * values from the first byte to the last. Slots and positions are known to the device alone; what
 * lies outside the cache is not written, and its query becomes NaN, so that it cannot pass
 * unnoticed.
 */
#include "kernels/cuda/number.cuh"
#include "kernels/cuda/reduce.cuh"

#define CACHED_WARPS 4
#define SCORES_BYTES_MAX (40 << 10) /* of the 48 KiB of shared memory that every device has */

/* One call. T: of the cache. */
template <class T> struct cached {
    int64_t length, width, count, size; /* positions of qkv, D, heads, columns of one */
    int64_t slots, positions;
    float scale;
    T *keys, *values; /* of the layer */
    const int32_t *slot, *pos;
    const float *qkv; /* [B T, 3 D] */
    float *out;       /* [B T, D] */

    __device__ bool is_inside(int64_t b) const
    {
        return slot[b] >= 0 && slot[b] < slots && pos[b] >= 0 && pos[b] + length <= positions;
    }
    /* Where a head begins, at a position of b's slot. */
    __device__ int64_t place(int64_t b, int64_t head, int64_t position) const
    {
        return ((slot[b] * count + head) * positions + position) * size;
    }
};

/* Key and value i of [B T, D] -> the cache. */
template <class T> struct append_each {
    cached<T> c;
    __device__ void operator()(int64_t i) const
    {
        int64_t row = quotient(i, c.width), column = i - row * c.width;
        int64_t b = quotient(row, c.length), head = quotient(column, c.size);
        if (!c.is_inside(b))
            return;
        int64_t to = c.place(b, head, c.pos[b] + row - b * c.length) + column - head * c.size;
        const float *from = c.qkv + row * 3 * c.width + column;
        store_float(from[c.width], c.keys + to);
        store_float(from[2 * c.width], c.values + to);
    }
};

/* scores [n] = q k^T, a warp a key */
template <class T>
static __device__ void find_scores(const float *q, const T *keys, int64_t n, int64_t size,
                                   float scale, float *scores)
{
    int64_t lane = threadIdx.x % WARP;
    for (int64_t j = threadIdx.x / WARP; j < n; j += CACHED_WARPS) {
        float dot = 0;
        for (int64_t d = lane; d < size; d += WARP)
            dot += q[d] * to_float(keys[j * size + d]);
        dot = warp_reduce(dot, add_up());
        if (lane == 0)
            scores[j] = dot * scale;
    }
    __syncthreads();
}

/* scores -> e^(score - largest); returns their sum. */
static __device__ float weigh(float *scores, int64_t n)
{
    float top = -INFINITY, sum = 0;
    for (int64_t j = threadIdx.x; j < n; j += blockDim.x)
        top = fmaxf(top, scores[j]);
    top = block_max(top);
    for (int64_t j = threadIdx.x; j < n; j += blockDim.x) {
        scores[j] = expf(scores[j] - top);
        sum += scores[j];
    }
    return block_sum(sum);
}

/* out [size] = weights values / sum: a warp takes every CACHED_WARPS-th key, WARP columns at a
 * time. */
template <class T>
static __device__ void weigh_values(const float *weights, float sum, const T *values, int64_t n,
                                    int64_t size, float *out)
{
    __shared__ float part[CACHED_WARPS][WARP];
    int64_t lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    for (int64_t first = 0; first < size; first += WARP) {
        int64_t d = first + lane;
        float mine = 0;
        for (int64_t j = warp; j < n && d < size; j += CACHED_WARPS)
            mine += weights[j] * to_float(values[j * size + d]);
        part[warp][lane] = mine;
        __syncthreads();
        for (int w = 1; w < CACHED_WARPS; w++)
            mine += part[w][lane];
        if (warp == 0 && d < size)
            out[d] = mine / sum;
        __syncthreads();
    }
}

/* grid: (heads, B T); the block's shared memory holds a score for every position */
template <class T>
static __global__ void __launch_bounds__(CACHED_WARPS *WARP) cached_kernel(cached<T> c)
{
    DYNAMIC_SHARED(float, scores);
    int64_t head = blockIdx.x, row = blockIdx.y, b = row / c.length;
    float *out = c.out + row * c.width + head * c.size;
    if (!c.is_inside(b)) {
        for (int64_t d = threadIdx.x; d < c.size; d += blockDim.x)
            out[d] = nanf("");
        return;
    }
    int64_t n = c.pos[b] + row % c.length + 1, at = c.place(b, head, 0);
    const float *q = c.qkv + row * 3 * c.width + head * c.size;
    find_scores(q, c.keys + at, n, c.size, c.scale, scores);
    float sum = weigh(scores, n);
    weigh_values(scores, sum, c.values + at, n, c.size, out);
}

template <class T>
static int attend(void *ctx, ctensor *qkv, int64_t heads, struct kv *kv, int layer,
                  struct tensor *out, struct err *e)
{
    const struct cuda *dev = (const struct cuda *)ctx;
    int64_t width = qkv->dim[2] / 3, rows = qkv->dim[0] * qkv->dim[1];
    int64_t base = (int64_t)layer * kv->slots * kv->positions * width;
    cached<T> c = { qkv->dim[1],
                    width,
                    heads,
                    width / heads,
                    kv->slots,
                    kv->positions,
                    1.0f / sqrtf((float)(width / heads)),
                    (T *)kv->keys.data + base,
                    (T *)kv->values.data + base,
                    ints(kv->slot),
                    ints(kv->pos),
                    floats(qkv),
                    floats(out) };
    if (cuda_each(ctx, "attention_cached", qkv, rows * width, append_each<T>{ c }, e))
        return -1;
    LAUNCH(cached_kernel<T>, dim3((unsigned)heads, (unsigned)rows), CACHED_WARPS * WARP,
           (size_t)kv->positions * sizeof(float), dev->stream, c);
    return cuda_launched("attention_cached", qkv, e);
}

int cuda_attention_cached(void *ctx, ctensor *qkv, int heads, struct kv *kv, int layer,
                          struct tensor *out, struct err *e)
{
    enum dtype t = kv->keys.dtype;
    int64_t rows = qkv->dim[0] * qkv->dim[1];
    if (CUDA_ALL_F32("attention_cached", e, qkv, out) ||
        CUDA_ALL_I32("attention_cached", e, kv->slot, kv->pos))
        return -1;
    if (t != kv->values.dtype || (t != DTYPE_F32 && t != DTYPE_F16))
        return err_set(e, ERR_UNSUPPORTED,
                       "attention_cached: a cache of %s and %s, CUDA has f32 and f16",
                       dtype_name(t), dtype_name(kv->values.dtype));
    if ((size_t)kv->positions * sizeof(float) > SCORES_BYTES_MAX || rows > 65535)
        return err_set(e, ERR_TOO_LARGE,
                       "attention_cached: %lld queries over %d positions, at most 65535 over %d",
                       (long long)rows, kv->positions, (int)(SCORES_BYTES_MAX / sizeof(float)));
    return t == DTYPE_F16 ? attend<__half>(ctx, qkv, heads, kv, layer, out, e)
                          : attend<float>(ctx, qkv, heads, kv, layer, out, e);
}
