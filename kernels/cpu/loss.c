/*
 * Losses: scalars. Sums run in double over parts that the shape alone decides, then over the parts
 * in their order.
 */
#include <math.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/row.h"

#define LOSS_PARTS 64

static double sum_parts(const double *part)
{
    double sum = 0;

    for (int i = 0; i < LOSS_PARTS; i++)
        sum += part[i];
    return sum;
}

static float scalar(ctensor *t)
{
    return *(const float *)t->data;
}

/* ---- cross entropy ---- */

/* log(sum(exp(x))) */
static float log_sum_exp(const float *x, int64_t n)
{
    float top = row_max(x, n);
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += vm_exp(x[j] - top);
    return (float)(top + log(sum));
}

/* Sum of the losses of rows r; a target out of range gives NaN, as op_embedding does. */
static double cross_entropy_rows(const float *x, const int32_t *target, int64_t n, float *lse,
                                 struct par_range r)
{
    double sum = 0;

    for (int64_t i = r.begin; i < r.end; i++) {
        bool known = target[i] >= 0 && target[i] < n;
        float row = log_sum_exp(x + i * n, n);
        sum += known ? (double)row - x[i * n + target[i]] : NAN;
        if (lse)
            lse[i] = row;
    }
    return sum;
}

int CPU(cross_entropy)(void *ctx, ctensor *logits, ctensor *targets, struct tensor *loss,
                       struct tensor *lse, struct err *e)
{
    const struct cpu *c = ctx;
    int64_t rows = tensor_rows(logits), n = tensor_cols(logits);
    double part[LOSS_PARTS];

    if (CPU_ALL_F32("cross_entropy", e, logits, loss, lse) ||
        CPU_ALL_I32("cross_entropy", e, targets))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 8 * rows * n))
    for (int i = 0; i < LOSS_PARTS; i++)
        part[i] = cross_entropy_rows(logits->data, targets->data, n, lse ? lse->data : NULL,
                                     par_range(rows, LOSS_PARTS, i));
    *(float *)loss->data = (float)(sum_parts(part) / (double)rows);
    return 0;
}

/* dx += scale (softmax(x) - onehot(target)) */
static void cross_entropy_bwd_row(const float *restrict x, int32_t target, float lse, float scale,
                                  float *restrict dx, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        dx[j] += scale * vm_exp(x[j] - lse);
    if (target >= 0 && target < n)
        dx[target] -= scale;
}

int CPU(cross_entropy_bwd)(void *ctx, ctensor *logits, ctensor *targets, ctensor *lse,
                           ctensor *dout, struct tensor *dlogits, struct err *e)
{
    const struct cpu *c = ctx;
    const float *x = logits->data, *plse = lse->data;
    const int32_t *target = targets->data;
    float *dx = dlogits->data;
    int64_t rows = tensor_rows(logits), n = tensor_cols(logits);

    if (CPU_ALL_F32("cross_entropy_bwd", e, logits, lse, dout, dlogits) ||
        CPU_ALL_I32("cross_entropy_bwd", e, targets))
        return -1;
    float scale = scalar(dout) / (float)rows;
#pragma omp parallel for num_threads(map_threads(c, 8 * rows * n))
    for (int64_t i = 0; i < rows; i++)
        cross_entropy_bwd_row(x + i * n, target[i], plse[i], scale, dx + i * n, n);
    return 0;
}

/* ---- means over elements ---- */

/* Sum over the elements r of f(a, b); b is NULL for losses of one tensor. */
typedef double loss_sum(const float *a, const float *b, float sign, struct par_range r);

static double sum_l1(const float *a, const float *b, float sign, struct par_range r)
{
    double sum = 0;

    (void)sign;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = r.begin; i < r.end; i++)
        sum += fabsf(a[i] - b[i]);
    return sum;
}

static double sum_l2(const float *a, const float *b, float sign, struct par_range r)
{
    double sum = 0;

    (void)sign;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = r.begin; i < r.end; i++) {
        float d = a[i] - b[i];
        sum += (double)d * d;
    }
    return sum;
}

static double sum_hinge(const float *a, const float *b, float sign, struct par_range r)
{
    double sum = 0;

    (void)b;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = r.begin; i < r.end; i++) {
        float short_by = 1.0f - sign * a[i];
        sum += short_by < 0.0f ? 0.0f : short_by;
    }
    return sum;
}

static double sum_plain(const float *a, const float *b, float sign, struct par_range r)
{
    double sum = 0;

    (void)b;
    (void)sign;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = r.begin; i < r.end; i++)
        sum += a[i];
    return sum;
}

static void mean_of(const struct cpu *c, loss_sum *f, ctensor *a, ctensor *b, float sign,
                    struct tensor *loss)
{
    int64_t n = tensor_count(a);
    double part[LOSS_PARTS];

#pragma omp parallel for num_threads(map_threads(c, n))
    for (int i = 0; i < LOSS_PARTS; i++)
        part[i] = f(a->data, b ? b->data : NULL, sign, par_range(n, LOSS_PARTS, i));
    *(float *)loss->data = (float)(sum_parts(part) / (double)n);
}

int CPU(l1)(void *ctx, ctensor *a, ctensor *b, struct tensor *loss, struct err *e)
{
    if (CPU_ALL_F32("l1", e, a, b, loss))
        return -1;
    mean_of(ctx, sum_l1, a, b, 0.0f, loss);
    return 0;
}

int CPU(l2)(void *ctx, ctensor *a, ctensor *b, struct tensor *loss, struct err *e)
{
    if (CPU_ALL_F32("l2", e, a, b, loss))
        return -1;
    mean_of(ctx, sum_l2, a, b, 0.0f, loss);
    return 0;
}

int CPU(hinge)(void *ctx, ctensor *x, float sign, struct tensor *loss, struct err *e)
{
    if (CPU_ALL_F32("hinge", e, x, loss))
        return -1;
    mean_of(ctx, sum_hinge, x, NULL, sign, loss);
    return 0;
}

int CPU(mean)(void *ctx, ctensor *x, struct tensor *loss, struct err *e)
{
    if (CPU_ALL_F32("mean", e, x, loss))
        return -1;
    mean_of(ctx, sum_plain, x, NULL, 0.0f, loss);
    return 0;
}

/* ---- their adjoints; scale: dout / count ---- */

static float sign_of(float x)
{
    return (float)((x > 0.0f) - (x < 0.0f));
}

static float mean_scale(ctensor *dout, ctensor *x)
{
    return scalar(dout) / (float)tensor_count(x);
}

int CPU(l1_bwd)(void *ctx, ctensor *a, ctensor *b, ctensor *dout, struct tensor *da,
                struct tensor *db, struct err *e)
{
    const struct cpu *c = ctx;
    const float *pa = a->data, *pb = b->data;
    float *pda = da ? da->data : NULL, *pdb = db ? db->data : NULL;
    int64_t n = tensor_count(a);

    if (CPU_ALL_F32("l1_bwd", e, a, b, dout, da, db))
        return -1;
    float scale = mean_scale(dout, a);
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i++) {
        float g = scale * sign_of(pa[i] - pb[i]);
        if (pda)
            pda[i] += g;
        if (pdb)
            pdb[i] -= g;
    }
    return 0;
}

int CPU(l2_bwd)(void *ctx, ctensor *a, ctensor *b, ctensor *dout, struct tensor *da,
                struct tensor *db, struct err *e)
{
    const struct cpu *c = ctx;
    const float *pa = a->data, *pb = b->data;
    float *pda = da ? da->data : NULL, *pdb = db ? db->data : NULL;
    int64_t n = tensor_count(a);

    if (CPU_ALL_F32("l2_bwd", e, a, b, dout, da, db))
        return -1;
    float scale = 2.0f * mean_scale(dout, a);
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i++) {
        float g = scale * (pa[i] - pb[i]);
        if (pda)
            pda[i] += g;
        if (pdb)
            pdb[i] -= g;
    }
    return 0;
}

int CPU(hinge_bwd)(void *ctx, ctensor *x, float sign, ctensor *dout, struct tensor *dx,
                   struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *pdx = dx->data;
    int64_t n = tensor_count(x);

    if (CPU_ALL_F32("hinge_bwd", e, x, dout, dx))
        return -1;
    float scale = sign * mean_scale(dout, x);
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i++)
        pdx[i] -= 1.0f - sign * px[i] > 0.0f ? scale : 0.0f;
    return 0;
}

int CPU(mean_bwd)(void *ctx, ctensor *dout, struct tensor *dx, struct err *e)
{
    const struct cpu *c = ctx;
    float *pdx = dx->data;
    int64_t n = tensor_count(dx);

    if (CPU_ALL_F32("mean_bwd", e, dout, dx))
        return -1;
    float scale = mean_scale(dout, dx);
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i++)
        pdx[i] += scale;
    return 0;
}
