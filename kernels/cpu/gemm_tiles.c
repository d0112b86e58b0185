/*
 * Large products on tile.h.
 *
 * A as rows: it is read where it lies; B is packed into thread 0's scratch, as many panels as fit,
 * and tasks are blocks of rows of one panel. A as columns (the adjoint to weights): both are read
 * where they lie, a chunk of k at a time; what does not fill a tile is copied.
 */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/vmath.h"

#define TASK_ROWS 64
#define DEPTH_MAX 8192  /* k of a packed panel */
#define CHUNK_DEPTH 256 /* k of columns: a task's operands stay in cache */

/* Part of a product: k0 .. k0 + depth of it, columns of one panel. */
struct piece {
    int64_t k0, depth;
    int64_t j, cols;
    int vecs;
};

static struct piece piece_of(struct panels p, int64_t panel, int64_t k0, int64_t depth)
{
    return (struct piece){ k0, depth, panel_start(p, panel) * VEC_LANES, panel_cols(p, panel),
                           panel_vecs(p, panel) };
}

static inline void finish_row(float *restrict c, int64_t n, const float *restrict bias,
                              enum backend_act act)
{
    if (bias)
        for (int64_t j = 0; j < n; j++)
            c[j] += bias[j];
    if (act == ACT_GELU)
        for (int64_t j = 0; j < n; j++)
            c[j] = vm_gelu(c[j]);
}

/* c (+)= alpha sum; the last piece of k also brings bias and activation. */
static void put_tile(const struct backend_gemm *g, const struct piece *p, const struct tile *t,
                     int64_t i, int64_t rows)
{
    float beta = p->k0 > 0 ? 1 : g->beta;
    for (int64_t r = 0; r < rows; r++) {
        const float *restrict sum = t->at[r];
        float *restrict c = g->c + (i + r) * g->ldc + p->j;
        if (beta != 0)
            for (int64_t j = 0; j < p->cols; j++)
                c[j] = g->alpha * sum[j] + beta * c[j];
        else
            for (int64_t j = 0; j < p->cols; j++)
                c[j] = g->alpha * sum[j];
        if (p->k0 + p->depth == g->k)
            finish_row(c, p->cols, g->bias ? g->bias + p->j : NULL, g->act);
    }
}

/* ---- A as rows ---- */

static void pack_piece(const struct backend_gemm *g, const struct piece *p, float *to)
{
    int64_t k_step = g->trans_b ? 1 : g->ldb, j_step = g->trans_b ? g->ldb : 1;
    panel_pack(g->b + p->k0 * k_step + p->j * j_step, k_step, j_step, p->depth, p->cols, p->vecs,
               to);
}

static void rows_task(const struct backend_gemm *g, const struct piece *p, const float *panel,
                      int64_t begin, int64_t end)
{
    struct tile t;
    for (int64_t i = begin; i < end; i += TILE_ROWS) {
        const float *row[TILE_ROWS];
        for (int64_t r = 0; r < TILE_ROWS; r++)
            row[r] = g->a + par_min(i + r, end - 1) * g->lda + p->k0;
        tile_rows(p->vecs, row, 1, p->depth, panel, &t);
        put_tile(g, p, &t, i, par_min(TILE_ROWS, end - i));
    }
}

/* Panels first .. end of columns, k0 .. k0 + depth. */
static void rows_panels(const struct cpu *c, const struct backend_gemm *g, struct panels cols,
                        struct par_range range, int64_t k0, int64_t depth)
{
    float *packed = (float *)c->scratch[0];
    int64_t n = range.end - range.begin, blocks = (g->m + TASK_ROWS - 1) / TASK_ROWS;

#pragma omp parallel num_threads(c->threads)
    {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < n; i++) {
            struct piece p = piece_of(cols, range.begin + i, k0, depth);
            pack_piece(g, &p, packed + i * depth * TILE_COLS);
        }
#pragma omp for schedule(dynamic, 2)
        for (int64_t i = 0; i < blocks * n; i++) {
            struct piece p = piece_of(cols, range.begin + i % n, k0, depth);
            rows_task(g, &p, packed + i % n * depth * TILE_COLS, i / n * TASK_ROWS,
                      par_min((i / n + 1) * TASK_ROWS, g->m));
        }
    }
}

static void gemm_rows_side(const struct cpu *c, const struct backend_gemm *g)
{
    struct panels cols = panels_of(g->n);
    int64_t depth = par_min(DEPTH_MAX, g->k), at_once = CPU_SCRATCH_FLOATS / (depth * TILE_COLS);
    for (int64_t k = 0; k < g->k; k += depth)
        for (int64_t i = 0; i < cols.count; i += at_once)
            rows_panels(c, g, cols, (struct par_range){ i, par_min(i + at_once, cols.count) }, k,
                        par_min(depth, g->k - k));
}

/* ---- A as columns ---- */

/* B of a piece with whole vectors of columns: where it lies, or packed. */
static const float *b_columns(const struct backend_gemm *g, const struct piece *p, float *copy,
                              int64_t *ret_ld)
{
    bool whole = !g->trans_b && p->cols == p->vecs * VEC_LANES;
    *ret_ld = whole ? g->ldb : p->vecs * VEC_LANES;
    if (whole)
        return g->b + p->k0 * g->ldb + p->j;
    pack_piece(g, p, copy);
    return copy;
}

/* Columns i .. i + count of A, a whole tile of them. */
static const float *a_columns(const struct backend_gemm *g, const struct piece *p, int64_t i,
                              int64_t count, float *copy, int64_t *ret_ld)
{
    const float *a = g->a + p->k0 * g->lda + i;
    *ret_ld = count == TILE_ROWS ? g->lda : TILE_ROWS;
    if (count == TILE_ROWS)
        return a;
    for (int64_t k = 0; k < p->depth; k++)
        for (int64_t j = 0; j < TILE_ROWS; j++)
            copy[k * TILE_ROWS + j] = j < count ? a[k * g->lda + j] : 0;
    return copy;
}

static void columns_task(const struct backend_gemm *g, struct panels cols, int64_t panel,
                         int64_t begin, int64_t end, float *scratch)
{
    float *b_copy = scratch, *a_copy = scratch + CHUNK_DEPTH * TILE_COLS;
    struct tile t;

    for (int64_t k = 0; k < g->k; k += CHUNK_DEPTH) {
        struct piece p = piece_of(cols, panel, k, par_min(CHUNK_DEPTH, g->k - k));
        int64_t lda, ldb;
        const float *b = b_columns(g, &p, b_copy, &ldb);
        for (int64_t i = begin; i < end; i += TILE_ROWS) {
            int64_t count = par_min(TILE_ROWS, end - i);
            const float *a = a_columns(g, &p, i, count, a_copy, &lda);
            tile_columns(p.vecs, a, lda, b, ldb, p.depth, &t);
            put_tile(g, &p, &t, i, count);
        }
    }
}

static void gemm_columns_side(const struct cpu *c, const struct backend_gemm *g)
{
    struct panels cols = panels_of(g->n);
    int64_t blocks = (g->m + TASK_ROWS - 1) / TASK_ROWS;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < blocks * cols.count; i++)
        columns_task(g, cols, i % cols.count, i / cols.count * TASK_ROWS,
                     par_min((i / cols.count + 1) * TASK_ROWS, g->m), cpu_scratch(c));
}

void CPU(gemm_tiles)(const struct cpu *c, const struct backend_gemm *g)
{
    if (g->trans_a)
        gemm_columns_side(c, g);
    else
        gemm_rows_side(c, g);
}
