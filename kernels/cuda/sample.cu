/*
 * Logits -> filtered probabilities -> tokens, a block a row, no row aware of the others.
 *
 * A filter keeps the first numbers in descending order, up to some count or sum. Nothing is sorted:
 * the number at which the limit falls is found digit by digit (radix select). The weights of
 * numbers are added up as whole numbers, so that the order of additions does not matter.
 */
#include "base/rng.h"
#include "kernels/cuda/reduce.cuh"

#define SAMPLE_THREADS 512
#define DIGIT_BITS 8
#define DIGITS (1 << DIGIT_BITS)

/* ---- floats as keys in the same order ---- */

static __device__ uint32_t key_of(float x)
{
    uint32_t bits = __float_as_uint(x);
    return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

static __device__ float float_of(uint32_t key)
{
    return __uint_as_float(key ^ (key >> 31 ? 0x80000000u : 0xffffffffu));
}

/* ---- the number at which a sum over numbers in descending order passes a limit ---- */

typedef unsigned long long whole;

struct count_weight {
    __device__ whole operator()(float) const
    {
        return 1;
    }
};

/* Of weights in [0, 1]; what is lost of each is less than 2^-44. */
#define FIXED_ONE ((double)((whole)1 << 44))

struct fixed_weight {
    __device__ whole operator()(float x) const
    {
        return (whole)((double)x * FIXED_ONE);
    }
};

struct edge {
    uint32_t key; /* the number's */
    whole above;  /* sum over larger numbers: at most the limit; with equal ones it is more */
};

/* One digit of the key, the others above it known: bins of weights, walked from the largest. */
template <class Weight>
static __device__ void find_digit(const float *x, int64_t V, int shift, whole limit, Weight weight,
                                  edge *edge)
{
    __shared__ whole bins[DIGITS];
    __shared__ struct edge found;
    for (int b = (int)threadIdx.x; b < DIGITS; b += (int)blockDim.x)
        bins[b] = 0;
    __syncthreads();
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x) {
        uint32_t key = key_of(x[j]);
        if ((uint64_t)key >> (shift + DIGIT_BITS) == (uint64_t)edge->key >> (shift + DIGIT_BITS))
            atomicAdd(&bins[key >> shift & (DIGITS - 1)], weight(x[j]));
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        int b = DIGITS - 1;
        found = *edge;
        while (b > 0 && found.above + bins[b] <= limit)
            found.above += bins[b--];
        found.key |= (uint32_t)b << shift;
    }
    __syncthreads();
    *edge = found;
    __syncthreads();
}

/* The sum over all must be more than the limit. */
template <class Weight>
static __device__ edge find_edge(const float *x, int64_t V, whole limit, Weight weight)
{
    edge e = { 0, 0 };
    for (int shift = 32 - DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS)
        find_digit(x, V, shift, limit, weight, &e);
    return e;
}

/* ---- one row ---- */

/* What all rows ask for: columns of struct sample_rows. */
struct wishes {
    const float *logits, *guidance, *temperature, *top_p;
    const int32_t *cond_row, *uncond_row, *top_k, *seed, *position;
    int64_t V;
};

static wishes wishes_of(const struct sample_rows *r)
{
    return { floats(r->logits), floats(r->guidance),   floats(r->temperature), floats(r->top_p),
             ints(r->cond_row), ints(r->uncond_row),   ints(r->top_k),         ints(r->seed),
             ints(r->position), tensor_cols(r->logits) };
}

/* This thread's numbers, where neighbours matter. */
struct share {
    int64_t begin, end;
};

static __device__ share share_of(int64_t V)
{
    return { V * threadIdx.x / blockDim.x, V * (threadIdx.x + 1) / blockDim.x };
}

/* x = guided logits over the temperature */
static __device__ void guide(const wishes &w, int64_t row, float *x)
{
    const float *cond = w.logits + w.cond_row[row] * w.V;
    int32_t other = w.uncond_row[row];
    const float *uncond = other < 0 ? NULL : w.logits + other * w.V;
    float heat = w.temperature[row] > 0.0f ? w.temperature[row] : 1.0f;
    for (int64_t j = threadIdx.x; j < w.V; j += blockDim.x) {
        float v = uncond ? uncond[j] + w.guidance[row] * (cond[j] - uncond[j]) : cond[j];
        x[j] = v / heat;
    }
}

/* The lowest index of the largest, and what it is; -1 when there is a NaN, so that it cannot pass
 * unnoticed: op_embedding makes NaN of it. */
static __device__ int32_t largest(const float *x, int64_t V, float *ret_top)
{
    float top = -INFINITY;
    int nans = 0;
    int32_t first = INT32_MAX;
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x) {
        top = fmaxf(top, x[j]);
        nans += x[j] != x[j];
    }
    top = block_max(top);
    nans = block_sum(nans);
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x)
        first = x[j] == top && j < first ? (int32_t)j : first;
    *ret_top = top;
    first = -block_max(-first);
    return nans ? -1 : first;
}

/* x -> weights exp(x - top), 0 below `cut` */
static __device__ void weigh(float *x, int64_t V, float top, float cut)
{
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x)
        x[j] = x[j] < cut ? 0.0f : expf(x[j] - top);
}

static __device__ whole fixed_sum(const float *x, int64_t V)
{
    whole sum = 0;
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x)
        sum += fixed_weight()(x[j]);
    return block_sum(sum);
}

/* Keeps weights, from the largest down, while those before them sum to no more than share `p` of
 * all; zeroes the others. Of equal ones the lower index comes first. */
static __device__ void cut_top_p(float *x, int64_t V, float p)
{
    whole sum = fixed_sum(x, V), limit = (whole)((double)p * (double)sum), equal = 0;
    if (sum <= limit)
        return;
    edge e = find_edge(x, V, limit, fixed_weight());
    float value = float_of(e.key);
    whole stay = (limit - e.above) / fixed_weight()(value) + 1;
    share mine = share_of(V);
    for (int64_t j = mine.begin; j < mine.end; j++)
        equal += x[j] == value;
    equal = block_sum_before(equal);
    for (int64_t j = mine.begin; j < mine.end; j++) {
        if (x[j] < value || (x[j] == value && equal >= stay))
            x[j] = 0.0f;
        equal += x[j] == value;
    }
    __syncthreads();
}

/* Weights over their sum. */
static __device__ void normalise(float *x, int64_t V)
{
    double sum = 0;
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x)
        sum += x[j];
    sum = block_sum(sum);
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x)
        x[j] = (float)(x[j] / sum);
    __syncthreads();
}

static __device__ void one_hot(float *x, int64_t V, int32_t best)
{
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x)
        x[j] = j == best ? 1.0f : 0.0f;
}

static __device__ void all_nan(float *x, int64_t V)
{
    for (int64_t j = threadIdx.x; j < V; j += blockDim.x)
        x[j] = nanf("");
}

/* x = probabilities of a row, all zero but the kept. Returns the likeliest, -1 where there is none.
 */
static __device__ int32_t row_probs(const wishes &w, int64_t row, float *x)
{
    float top, cut = -INFINITY;
    int64_t k = w.top_k[row];
    guide(w, row, x);
    int32_t best = largest(x, w.V, &top);
    __syncthreads();
    if (w.temperature[row] <= 0.0f) {
        one_hot(x, w.V, best);
        return best;
    }
    if (best < 0) {
        all_nan(x, w.V);
        return best;
    }
    if (k > 0 && k < w.V)
        cut = float_of(find_edge(x, w.V, (whole)(k - 1), count_weight()).key);
    weigh(x, w.V, top, cut);
    __syncthreads();
    if (w.top_p[row] < 1.0f)
        cut_top_p(x, w.V, w.top_p[row]);
    normalise(x, w.V);
    return best;
}

/* The token whose share of [0, 1) holds u, shares in order of index. */
static __device__ int32_t draw(const float *probs, int64_t V, float u)
{
    share mine = share_of(V);
    double sum = 0;
    int32_t token = -1;
    for (int64_t j = mine.begin; j < mine.end; j++)
        sum += probs[j];
    double before = block_sum_before(sum);
    for (int64_t j = mine.begin; j < mine.end && before <= u; j++) {
        if (probs[j] > 0.0f)
            token = (int32_t)j;
        before += probs[j];
    }
    return block_max(token);
}

static __device__ float uniform(const wishes &w, int64_t row)
{
    uint64_t low = (uint32_t)w.seed[2 * row], high = (uint32_t)w.seed[2 * row + 1];
    return rng_uniform_at(low | high << 32, 0, (uint32_t)w.position[row]);
}

/* probs [N, V]: memory for the row's numbers; tokens [N] may be NULL. */
static __global__ void __launch_bounds__(SAMPLE_THREADS)
    sample_kernel(wishes w, float *probs, int32_t *tokens)
{
    int64_t row = blockIdx.x;
    float *x = probs + row * w.V;
    int32_t token = row_probs(w, row, x);
    if (!tokens)
        return;
    if (token >= 0 && w.temperature[row] > 0.0f)
        token = draw(x, w.V, uniform(w, row));
    if (threadIdx.x == 0)
        tokens[row] = token;
}

/* ---- entries ---- */

static int sample_check(const struct sample_rows *r, struct err *e)
{
    if (CUDA_ALL_F32("sample", e, r->logits, r->guidance, r->temperature, r->top_p))
        return -1;
    return CUDA_ALL_I32("sample", e, r->cond_row, r->uncond_row, r->top_k, r->seed, r->position);
}

int cuda_sample_draw(void *ctx, const struct sample_rows *rows, struct tensor *tokens,
                     struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    int64_t V = tensor_cols(rows->logits), n = tensor_count(tokens);
    if (sample_check(rows, e) || CUDA_ALL_I32("sample_draw", e, tokens))
        return -1;
    if (n > CUDA_SCRATCH_FLOATS / V)
        return err_set(e, ERR_TOO_LARGE,
                       "sample: %lld rows of %lld tokens do not fit the scratch memory",
                       (long long)n, (long long)V);
    LAUNCH(sample_kernel, (unsigned)n, SAMPLE_THREADS, 0, c->stream, wishes_of(rows),
           (float *)c->scratch, (int32_t *)tokens->data);
    return cuda_launched("sample_draw", rows->logits, e);
}

int cuda_sample_probs(void *ctx, const struct sample_rows *rows, struct tensor *probs,
                      struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    if (sample_check(rows, e) || CUDA_ALL_F32("sample_probs", e, probs))
        return -1;
    LAUNCH(sample_kernel, (unsigned)tensor_rows(probs), SAMPLE_THREADS, 0, c->stream,
           wishes_of(rows), floats(probs), (int32_t *)NULL);
    return cuda_launched("sample_probs", rows->logits, e);
}
