/*
 * The nearest row of a codebook.
 *
 * |z - c|^2 = |z|^2 + (|c|^2 - 2 z.c): the bracket for all codes is a product of matrices, fast but
 * rounded. It only proposes: every code whose bracket is within the rounding error of the least one
 * so far is measured again, in double, and that decides. So the answer is the true one, the lowest
 * on a tie, and a row's answer does not depend on how the product was cut.
 */
#include <float.h>
#include <math.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/map.h"

#define VQ_ROWS 64    /* rows of z that a thread takes at a time */
#define VQ_CODES 2048 /* codes of one product: their scores stay in the second-level cache */
#define VQ_SEGMENT 32 /* scores looked at together */

/* The codes of one product. */
struct codes {
    const float *row; /* [n, d] */
    int64_t first, n, d;
    const float *square; /* [n] |c|^2 */
    double longest;      /* |c| */
};

struct best {
    double distance; /* of the code chosen so far, measured in double */
    float score;     /* the least bracket so far */
    float slack;     /* by which brackets may mislead, the most so far */
    int32_t code;
};

static double distance(const float *z, const float *c, int64_t d)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < d; j++) {
        double diff = (double)z[j] - c[j];
        sum += diff * diff;
    }
    return sum;
}

static double square(const float *x, int64_t d)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < d; j++)
        sum += (double)x[j] * x[j];
    return sum;
}

/* Scores the codes in place (dot -> bracket) and returns the least. */
static float score_segment(float *dot, const float *squares, int64_t n)
{
    float least = INFINITY;

    for (int64_t k = 0; k < n; k++) {
        dot[k] = squares[k] - 2.0f * dot[k];
        least = dot[k] < least ? dot[k] : least;
    }
    return least;
}

/* Measures the codes of a segment that may be the nearest. */
static void measure_segment(const struct codes *codes, const float *z, const float *score,
                            int64_t first, int64_t n, struct best *best)
{
    for (int64_t k = 0; k < n; k++) {
        if (!(score[k] <= best->score + best->slack))
            continue;
        double d = distance(z, codes->row + (first + k) * codes->d, codes->d);
        if (d < best->distance) {
            best->distance = d;
            best->code = (int32_t)(codes->first + first + k);
        }
    }
}

/* Twice the rounding error of a bracket: a product of d terms, and the sum after it. */
static float slack_of(const struct codes *codes, const float *z)
{
    double length = sqrt(square(z, codes->d));

    return (float)(FLT_EPSILON * ((double)codes->d + 4) * codes->longest *
                   (2 * length + codes->longest));
}

static void search_row(const struct codes *codes, const float *z, float *dot, struct best *best)
{
    best->slack = fmaxf(best->slack, slack_of(codes, z));
    for (int64_t k = 0; k < codes->n; k += VQ_SEGMENT) {
        int64_t n = par_min(VQ_SEGMENT, codes->n - k);
        float least = score_segment(dot + k, codes->square + k, n);
        if (least > best->score + best->slack)
            continue;
        best->score = least < best->score ? least : best->score;
        measure_segment(codes, z, dot + k, k, n, best);
    }
}

/* Squares and the longest of codes first..first + n. */
static struct codes codes_of(const float *codebook, int64_t d, int64_t first, int64_t n,
                             float *squares)
{
    double longest = 0;

    for (int64_t k = 0; k < n; k++) {
        double s = square(codebook + (first + k) * d, d);
        squares[k] = (float)s;
        longest = s > longest ? s : longest;
    }
    return (struct codes){ codebook + first * d, first, n, d, squares, sqrt(longest) };
}

/* Ids of n <= VQ_ROWS rows of z. */
static void search_rows(const float *z, int64_t n, const float *codebook, int64_t K, int64_t d,
                        float *scratch, int32_t *ids)
{
    float *squares = scratch, *dot = scratch + VQ_CODES;
    struct best best[VQ_ROWS];

    for (int64_t i = 0; i < n; i++)
        best[i] = (struct best){ INFINITY, INFINITY, 0.0f, 0 };
    for (int64_t k = 0; k < K; k += VQ_CODES) {
        struct codes codes = codes_of(codebook, d, k, par_min(VQ_CODES, K - k), squares);
        CPU(sgemm)(false, true, n, codes.n, d, 1.0f, z, d, codes.row, d, 0.0f, dot, codes.n);
        for (int64_t i = 0; i < n; i++)
            search_row(&codes, z + i * d, dot + i * codes.n, &best[i]);
    }
    for (int64_t i = 0; i < n; i++)
        ids[i] = best[i].code;
}

int CPU(nearest_code)(void *ctx, ctensor *z, ctensor *codebook, struct tensor *ids, struct err *e)
{
    const struct cpu *c = ctx;
    const float *pz = z->data, *pcode = codebook->data;
    int32_t *pids = ids->data;
    int64_t rows = tensor_rows(z), d = tensor_cols(z), K = tensor_rows(codebook);
    int64_t work = rows * K * d;

    _Static_assert((VQ_ROWS + 1) * VQ_CODES <= CPU_SCRATCH_BYTES / sizeof(float), "scratch");
    if (CPU_ALL_F32("nearest_code", e, z, codebook) || CPU_ALL_I32("nearest_code", e, ids))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, work)) schedule(dynamic)
    for (int64_t i = 0; i < rows; i += VQ_ROWS)
        search_rows(pz + i * d, par_min(VQ_ROWS, rows - i), pcode, K, d, cpu_scratch(c), pids + i);
    return 0;
}
