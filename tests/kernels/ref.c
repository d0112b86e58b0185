/*
 * References: products, attention, norms, elementwise.
 */
#include "tests/kernels/ref.h"

#include <math.h>

#include "base/rng.h"

/* Memory for out in the shape of a. */
static void like(struct array *out, const struct array *a)
{
    array_init(out, DTYPE_F32, a->n_dims, a->dim);
}

static double gelu(double x)
{
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* ---- products ---- */

void ref_linear(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *x = &in[0], *w = &in[1], *b = &in[2];
    int64_t I = w->dim[1], O = w->dim[0];
    struct array shape = *x;

    shape.dim[x->n_dims - 1] = O;
    like(out, &shape);
    for (int64_t n = 0; n < array_rows(x); n++) {
        for (int64_t o = 0; o < O; o++) {
            double sum = b->v ? b->v[o] : 0;
            for (int64_t i = 0; i < I; i++)
                sum += x->v[n * I + i] * w->v[o * I + i];
            out->v[n * O + o] = (k->i[0] ? gelu(sum) : sum) + (in[3].v ? in[3].v[n * O + o] : 0);
        }
    }
}

void ref_matmul(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *a = &in[0], *b = &in[1];
    int d = a->n_dims;
    bool ta = k->i[0], tb = k->i[1];
    int64_t B = d == 3 ? a->dim[0] : 1, M = a->dim[ta ? d - 1 : d - 2];
    int64_t K = a->dim[ta ? d - 2 : d - 1], N = b->dim[tb ? d - 2 : d - 1];

    array_init(out, DTYPE_F32, d, d == 3 ? (int64_t[]){ B, M, N } : (int64_t[]){ M, N });
    for (int64_t i = 0; i < B * M * N; i++) {
        int64_t n = i % N, m = i / N % M, batch = i / N / M;
        double sum = 0;
        for (int64_t j = 0; j < K; j++)
            sum += a->v[batch * M * K + (ta ? j * M + m : m * K + j)] *
                   b->v[batch * K * N + (tb ? n * K + j : j * N + n)];
        out->v[i] = k->f[0] * sum;
    }
}

/* ---- attention ---- */

/* One query [d] over the keys and values of positions 0..n - 1, rows `stride` apart. */
static void attend(const double *q, const double *keys, const double *values, int64_t stride,
                   int64_t n, int64_t d, double *out)
{
    double sum = 0, top = -INFINITY;

    for (int64_t pass = 0; pass < 2; pass++) {
        for (int64_t t = 0; t < n; t++) {
            double score = 0;
            for (int64_t j = 0; j < d; j++)
                score += q[j] * keys[t * stride + j] / sqrt((double)d);
            if (pass == 0) {
                top = fmax(top, score);
                continue;
            }
            double weight = exp(score - top);
            sum += weight;
            for (int64_t j = 0; j < d; j++)
                out[j] += weight * values[t * stride + j];
        }
    }
    for (int64_t j = 0; j < d; j++)
        out[j] /= sum;
}

void ref_attention(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t B = in->dim[0], T = in->dim[1], D = in->dim[2] / 3, d = D / k->i[0];

    array_init(out, DTYPE_F32, 3, (int64_t[]){ B, T, D });
    for (int64_t b = 0; b < B; b++) {
        const double *qkv = in->v + b * T * 3 * D;
        for (int64_t t = 0; t < T; t++)
            for (int64_t h = 0; h < D; h += d)
                attend(qkv + t * 3 * D + h, qkv + D + h, qkv + 2 * D + h, 3 * D,
                       k->i[1] ? t + 1 : T, d, out->v + (b * T + t) * D + h);
    }
}

/* ---- norms ---- */

/* Mean and variance (over n) of x[offset of i], i < n */
struct stats {
    double mean, var;
};

static struct stats stats_of(const double *x, int64_t n, int64_t run, int64_t stride)
{
    struct stats s = { 0, 0 };

    for (int64_t i = 0; i < n; i++)
        s.mean += x[i / run * stride + i % run] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = x[i / run * stride + i % run] - s.mean;
        s.var += d * d / (double)n;
    }
    return s;
}

void ref_layernorm(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *x = &in[0], *g = &in[1], *b = &in[2];
    int64_t D = array_cols(x);

    like(out, x);
    for (int64_t r = 0; r < array_rows(x); r++) {
        struct stats s = stats_of(x->v + r * D, D, D, 0);
        for (int64_t j = 0; j < D; j++)
            out->v[r * D + j] =
                (x->v[r * D + j] - s.mean) / sqrt(s.var + k->f[0]) * g->v[j] + b->v[j];
    }
}

void ref_groupnorm(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *x = &in[0], *g = &in[1], *b = &in[2];
    int64_t C = x->dim[3], hw = x->dim[1] * x->dim[2], n = C / k->i[0];

    like(out, x);
    for (int64_t i = 0; i < array_count(x); i++) {
        int64_t c = i % C, picture = i / C / hw * hw * C;
        struct stats s = { 0, 0 };
        if (c % n == 0 && i / C % hw == 0)
            s = stats_of(x->v + picture + c, hw * n, n, C);
        else
            continue;
        for (int64_t j = 0; j < hw * n; j++) {
            int64_t channel = c + j % n, at = picture + j / n * C + channel;
            double y = (x->v[at] - s.mean) / sqrt(s.var + k->f[0]) * g->v[channel] + b->v[channel];
            out->v[at] = k->i[1] ? y * sigmoid(y) : y;
        }
    }
}

void ref_batchnorm(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *x = &in[0], *g = &in[1], *b = &in[2], *mean = &in[3], *var = &in[4];
    int64_t C = x->dim[3], n = array_rows(x);
    double momentum = k->f[0];

    like(&out[0], x);
    like(&out[1], mean);
    like(&out[2], var);
    for (int64_t c = 0; c < C; c++) {
        struct stats s = { mean->v[c], var->v[c] };
        if (k->training)
            s = stats_of(x->v + c, n, 1, C);
        for (int64_t i = 0; i < n; i++)
            out[0].v[i * C + c] =
                (x->v[i * C + c] - s.mean) / sqrt(s.var + k->f[1]) * g->v[c] + b->v[c];
        double unbiased = s.var * (double)n / (double)(n - 1);
        out[1].v[c] = k->training ? (1 - momentum) * mean->v[c] + momentum * s.mean : mean->v[c];
        out[2].v[c] = k->training ? (1 - momentum) * var->v[c] + momentum * unbiased : var->v[c];
    }
}

void ref_l2norm(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t D = array_cols(in);

    like(out, in);
    for (int64_t r = 0; r < array_rows(in); r++) {
        double square = 0;
        for (int64_t j = 0; j < D; j++)
            square += in->v[r * D + j] * in->v[r * D + j];
        for (int64_t j = 0; j < D; j++)
            out->v[r * D + j] = in->v[r * D + j] / fmax(sqrt(square), k->f[0]);
    }
}

void ref_softmax(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t D = array_cols(in);

    (void)k;
    like(out, in);
    for (int64_t r = 0; r < array_rows(in); r++) {
        double sum = 0, top = -INFINITY;
        for (int64_t j = 0; j < D; j++)
            top = fmax(top, in->v[r * D + j]);
        for (int64_t j = 0; j < D; j++)
            sum += exp(in->v[r * D + j] - top);
        for (int64_t j = 0; j < D; j++)
            out->v[r * D + j] = exp(in->v[r * D + j] - top) / sum;
    }
}

/* ---- elementwise ---- */

#define REF_MAP(name, y)                                                                           \
    void ref_##name(const struct kernel_case *k, const struct array *in, struct array *out)        \
    {                                                                                              \
        const double *f = k->f;                                                                    \
        (void)f;                                                                                   \
        like(out, in);                                                                             \
        for (int64_t i = 0; i < array_count(in); i++) {                                            \
            double x = in->v[i];                                                                   \
            out->v[i] = y;                                                                         \
        }                                                                                          \
    }

REF_MAP(gelu, gelu(x))
REF_MAP(quick_gelu, x *sigmoid(1.702 * x))
REF_MAP(silu, x *sigmoid(x))
REF_MAP(relu, x > 0 ? x : 0)
REF_MAP(leaky_relu, x > 0 ? x : f[0] * x)
REF_MAP(scale, f[0] * x)
REF_MAP(scale_exp, x *exp(in[1].v[0]))
REF_MAP(add, x + in[1].v[i % array_count(&in[1])])

static float dropout_draw(uint64_t i)
{
    uint32_t words[4];
    rng_block(CASE_SEED, 0, i / 4, words);
    return rng_uniform_of(words[i % 4]);
}

REF_MAP(dropout, dropout_draw((uint64_t)i) >= (float)f[0] ? x / (1 - f[0]) : 0)
REF_MAP(add_noise, x + f[0] * rng_normal_at(CASE_SEED, 0, (uint64_t)i))
