/*
 * References: losses, the optimiser, sampling.
 */
#include "tests/kernels/ref.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/test.h"

static double *scalar(struct array *out)
{
    array_init(out, DTYPE_F32, 0, NULL);
    return out->v;
}

/* ---- losses ---- */

/* -log softmax(x[0], x[step], ...)[target], n elements */
static double surprise(const double *x, int64_t n, int64_t step, int64_t target)
{
    double sum = 0, top = -INFINITY;

    for (int64_t j = 0; j < n; j++)
        top = fmax(top, x[j * step]);
    for (int64_t j = 0; j < n; j++)
        sum += exp(x[j * step] - top);
    return log(sum) + top - x[target * step];
}

void ref_cross_entropy(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *logits = &in[0], *targets = &in[1];
    int64_t N = logits->dim[0], V = logits->dim[1];
    double *loss = scalar(out);

    (void)k;
    for (int64_t n = 0; n < N; n++)
        *loss += surprise(logits->v + n * V, V, 1, (int64_t)targets->v[n]) / (double)N;
}

void ref_contrastive(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t N = in->dim[0];
    double *loss = scalar(out);

    (void)k;
    for (int64_t n = 0; n < N; n++)
        *loss += (surprise(in->v + n * N, N, 1, n) + surprise(in->v + n, N, N, n)) / 2 / (double)N;
}

#define REF_MEAN(name, y)                                                                          \
    void ref_##name(const struct kernel_case *k, const struct array *in, struct array *out)        \
    {                                                                                              \
        int64_t n = array_count(in);                                                               \
        double *loss = scalar(out);                                                                \
        (void)k;                                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            double a = in[0].v[i], b = in[1].v ? in[1].v[i] : 0;                                   \
            (void)b;                                                                               \
            *loss += (y) / (double)n;                                                              \
        }                                                                                          \
    }

REF_MEAN(l1, fabs(a - b))
REF_MEAN(l2, (a - b) * (a - b))
REF_MEAN(hinge, fmax(0, 1 - k->f[0] * a))
REF_MEAN(mean, a)

/* ---- optimiser ---- */

/* in: w, gradients [steps, n], m, v, factor -> w, m, v after all steps */
void ref_adamw(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t n = array_count(&in[0]), steps = in[1].dim[0];
    double lr = k->f[0], b1 = k->f[1], b2 = k->f[2], eps = k->f[3], decay = k->f[4];

    array_copy(&out[0], &in[0]);
    array_copy(&out[1], &in[2]);
    array_copy(&out[2], &in[3]);
    double *w = out[0].v, *m = out[1].v, *v = out[2].v;
    for (int64_t t = 1; t <= steps; t++) {
        for (int64_t i = 0; i < n; i++) {
            double g = in[1].v[(t - 1) * n + i] * in[4].v[0];
            w[i] -= lr * decay * w[i];
            m[i] = b1 * m[i] + (1 - b1) * g;
            v[i] = b2 * v[i] + (1 - b2) * g * g;
            double m_hat = m[i] / (1 - pow(b1, (double)t)), v_hat = v[i] / (1 - pow(b2, (double)t));
            w[i] -= lr * m_hat / (sqrt(v_hat) + eps);
        }
    }
}

/* in: two gradients -> norm, factor */
void ref_clip(const struct kernel_case *k, const struct array *in, struct array *out)
{
    double sum = 0;

    for (int g = 0; g < 2; g++)
        for (int64_t i = 0; i < array_count(&in[g]); i++)
            sum += in[g].v[i] * in[g].v[i];
    *scalar(&out[0]) = sqrt(sum);
    *scalar(&out[1]) = fmin(1, k->f[0] / (sqrt(sum) + 1e-6));
}

void ref_ema(const struct kernel_case *k, const struct array *in, struct array *out)
{
    array_copy(out, &in[0]);
    for (int64_t i = 0; i < array_count(out); i++)
        out->v[i] = k->f[0] * in[0].v[i] + (1 - k->f[0]) * in[1].v[i];
}

/* ---- sampling; in: logits, cond_row, uncond_row, guidance, temperature, top_k, top_p ---- */

struct token {
    double logit;
    int64_t index;
};

static int by_rank(const void *a, const void *b)
{
    const struct token *x = a, *y = b;

    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Guided logits of sequence n over the temperature (if any), best first. */
static void ranked(const struct array *in, int64_t n, struct token *token)
{
    int64_t V = in[0].dim[1], uncond = (int64_t)in[2].v[n];
    const double *c = in[0].v + (int64_t)in[1].v[n] * V, *u = in[0].v + uncond * V;
    double s = in[3].v[n], temperature = in[4].v[n];

    for (int64_t j = 0; j < V; j++) {
        double logit = uncond < 0 ? c[j] : u[j] + s * (c[j] - u[j]);
        token[j] = (struct token){ temperature > 0 ? logit / temperature : logit, j };
    }
    qsort(token, (size_t)V, sizeof *token, by_rank);
}

/* Probabilities of ranked tokens after both filters. */
static void filtered(const struct token *token, int64_t V, int64_t top_k, double top_p,
                     double *probs)
{
    double all = 0, before = 0, kept = 0;
    int64_t n = V;

    if (top_k > 0 && top_k < V)
        for (n = top_k; n < V && token[n].logit == token[top_k - 1].logit;)
            n++;
    for (int64_t i = 0; i < n; i++)
        all += exp(token[i].logit - token[0].logit);
    for (int64_t i = 0; i < n && (top_p >= 1 || before <= top_p); i++) {
        double weight = exp(token[i].logit - token[0].logit);
        before += weight / all;
        kept += weight;
        probs[token[i].index] = weight;
    }
    for (int64_t j = 0; j < V; j++)
        probs[j] /= kept;
}

void ref_sample_probs(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t N = in[1].dim[0], V = in[0].dim[1];
    struct token *token = mem_alloc((size_t)V, sizeof *token);

    (void)k;
    assert_non_null(token);
    array_init(out, DTYPE_F32, 2, (int64_t[]){ N, V });
    for (int64_t n = 0; n < N; n++) {
        ranked(in, n, token);
        filtered(token, V, (int64_t)in[5].v[n], in[6].v[n], out->v + n * V);
    }
    mem_free(token);
}

/* Temperature 0: the best token. */
void ref_greedy(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t N = in[1].dim[0], V = in[0].dim[1];
    struct token *token = mem_alloc((size_t)V, sizeof *token);

    (void)k;
    assert_non_null(token);
    array_init(out, DTYPE_I32, 1, &N);
    for (int64_t n = 0; n < N; n++) {
        ranked(in, n, token);
        out->v[n] = (double)token[0].index;
    }
    mem_free(token);
}
