/*
 * Large products on tile.h.
 *
 * The sum over k is cut into stretches, and the columns of B into groups of panels that fit,
 * packed, into thread 0's scratch. Tasks are blocks of rows times some panels of the group. A as
 * rows is read where it lies; A as columns (the adjoint to weights) is packed by the task: elements
 * a whole row apart would meet in few sets of the cache.
 *
 * An output's bits depend on how k is cut and on nothing else, so tasks may be cut as it suits.
 */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/vmath.h"

#define DEPTH_MAX 512 /* of a stretch of k: a block of A and a panel of B stay in cache */

/* Rows of a task. A as rows: the more, the less often a panel is read; A as columns is packed, and
 * room for it is kept small. */
#define ROWS_TASK 128
#define COLUMNS_TASK 64

/* What a thread packs of B at a time. As rows: all panels of some rows, which lie one behind the
 * other. As columns: one panel, since a column's elements lie one behind the other. */
#define PACK_ROWS_DEPTH 64
#define PACK_COLUMNS_DEPTH 256

/* Rows of A that are packed at a time: what is read and what is written are whole cache lines. */
#define PACK_STEP 8
/* Rows in advance: the machine does not see that the next row will be wanted. */
#define PACK_AHEAD 16

/* Scratch: every thread's packed block of A; behind thread 0's the packed panels of B. */
#define A_FLOATS (COLUMNS_TASK * DEPTH_MAX)
#define B_FLOATS (CPU_SCRATCH_FLOATS - A_FLOATS)

/* What is multiplied between two barriers: a stretch of k, a group of panels. */
struct stage {
    const struct backend_gemm *g;
    struct panels cols;
    struct par_range k, panels;
    float *packed; /* panel i at i - panels.begin times depth * TILE_COLS */
};

/* Part of a stage's product: one panel. */
struct piece {
    int64_t j, cols;
    int vecs;
    const float *panel;
};

static int64_t depth_of(const struct stage *s)
{
    return s->k.end - s->k.begin;
}

static float *panel_data(const struct stage *s, int64_t panel)
{
    return s->packed + (panel - s->panels.begin) * depth_of(s) * TILE_COLS;
}

static struct piece piece_of(const struct stage *s, int64_t panel)
{
    return (struct piece){ panel_start(s->cols, panel) * VEC_LANES, panel_cols(s->cols, panel),
                           panel_vecs(s->cols, panel), panel_data(s, panel) };
}

/* ---- what becomes of the sums: c = act(alpha sum + beta c + bias) ---- */

/* c is added to after the first stretch of k; the last one brings bias and activation. */
struct finish {
    float alpha, beta;
    const float *bias;
    enum backend_act act;
};

static struct finish finish_of(const struct stage *s)
{
    bool last = s->k.end == s->g->k;
    return (struct finish){ s->g->alpha, s->k.begin > 0 ? 1 : s->g->beta, last ? s->g->bias : NULL,
                            last ? s->g->act : ACT_NONE };
}

static inline void gelu_row(float *c, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        c[j] = vm_gelu(c[j]);
}

/* A whole tile, from registers. */
INLINE void put_whole(int vecs, const struct tile_sums *s, const struct finish *f, float *c,
                      int64_t ldc)
{
    vec bias[TILE_VECS];
    EACH (v, vecs)
        bias[v] = f->bias ? vec_load(f->bias + v * VEC_LANES) : (vec){ 0 };
    EACH (i, TILE_ROWS)
        EACH (v, vecs) {
            float *to = c + i * ldc + v * VEC_LANES;
            vec x = f->alpha * s->at[i][v] + bias[v];
            vec_store(to, f->beta != 0 ? f->beta * vec_load(to) + x : x);
        }
    for (int i = 0; f->act == ACT_GELU && i < TILE_ROWS; i++)
        gelu_row(c + i * ldc, vecs * VEC_LANES);
}

/* The part of a tile that exists, at the lower or right edge. */
static void put_part(const struct tile *t, const struct finish *f, int64_t rows, int64_t cols,
                     float *c, int64_t ldc)
{
    for (int64_t i = 0; i < rows; i++, c += ldc) {
        const float *sum = t->at[i];
        for (int64_t j = 0; j < cols; j++) {
            float x = f->alpha * sum[j] + (f->bias ? f->bias[j] : 0);
            c[j] = f->beta != 0 ? f->beta * c[j] + x : x;
        }
        if (f->act == ACT_GELU)
            gelu_row(c, cols);
    }
}

INLINE void put(int vecs, const struct tile_sums *s, const struct finish *f, int64_t rows,
                int64_t cols, float *c, int64_t ldc)
{
    struct tile t;
    if (rows == TILE_ROWS && cols == vecs * VEC_LANES) {
        put_whole(vecs, s, f, c, ldc);
        return;
    }
    tile_store(vecs, s, &t);
    put_part(&t, f, rows, cols, c, ldc);
}

/* Asks for a tile's place in memory, which is needed when its sums are there. */
INLINE void expect_tile(int vecs, const float *c, int64_t ldc, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        EACH (v, vecs)
            __builtin_prefetch(c + i * ldc + v * VEC_LANES, 1);
}

/* ---- a block of rows times one panel ---- */

INLINE void rows_of(int vecs, const struct stage *s, const struct piece *p, struct par_range rows)
{
    const struct backend_gemm *g = s->g;
    struct finish f = finish_of(s);
    if (f.bias)
        f.bias += p->j;
    for (int64_t i = rows.begin; i < rows.end; i += TILE_ROWS) {
        const float *row[TILE_ROWS];
        struct tile_sums sums;
        for (int64_t r = 0; r < TILE_ROWS; r++)
            row[r] = g->a + par_min(i + r, rows.end - 1) * g->lda + s->k.begin;
        float *c = g->c + i * g->ldc + p->j;
        int64_t n = par_min(TILE_ROWS, rows.end - i);
        expect_tile(vecs, c, g->ldc, n);
        tile_clear(vecs, &sums);
        tile_add_rows(vecs, row, p->panel, tile_side_by_side(vecs), depth_of(s), &sums);
        put(vecs, &sums, &f, n, p->cols, c, g->ldc);
    }
}

/* a: the rows' tiles, packed one after the other, [depth, TILE_ROWS] each. */
INLINE void columns_of(int vecs, const struct stage *s, const struct piece *p,
                       struct par_range rows, const float *a)
{
    const struct backend_gemm *g = s->g;
    struct finish f = finish_of(s);
    if (f.bias)
        f.bias += p->j;
    for (int64_t i = rows.begin; i < rows.end; i += TILE_ROWS, a += depth_of(s) * TILE_ROWS) {
        struct tile_sums sums;
        float *c = g->c + i * g->ldc + p->j;
        int64_t n = par_min(TILE_ROWS, rows.end - i);
        expect_tile(vecs, c, g->ldc, n);
        tile_clear(vecs, &sums);
        tile_add_columns(vecs, a, TILE_ROWS, p->panel, tile_side_by_side(vecs), depth_of(s), &sums);
        put(vecs, &sums, &f, n, p->cols, c, g->ldc);
    }
}

/* Columns i .. i + cols of A at rows k .. k + depth of the stretch, as part of a tile. */
static inline void pack_tile(const struct stage *s, int64_t i, int64_t cols, int64_t k,
                             int64_t depth, float *to)
{
    const float *a = s->g->a + (s->k.begin + k) * s->g->lda + i;
    for (int64_t d = 0; d < depth; d++, a += s->g->lda, to += TILE_ROWS) {
        __builtin_prefetch(a + PACK_AHEAD * s->g->lda);
        if (cols == TILE_ROWS)
            memcpy(to, a, TILE_ROWS * sizeof *a);
        else
            for (int64_t r = 0; r < TILE_ROWS; r++)
                to[r] = r < cols ? a[r] : 0;
    }
}

static void pack_columns(const struct stage *s, struct par_range rows, float *to)
{
    for (int64_t k = 0; k < depth_of(s); k += PACK_STEP)
        for (int64_t i = rows.begin; i < rows.end; i += TILE_ROWS)
            pack_tile(s, i, par_min(TILE_ROWS, rows.end - i), k,
                      par_min(PACK_STEP, depth_of(s) - k),
                      to + (i - rows.begin) * depth_of(s) + k * TILE_ROWS);
}

/* ---- a product ---- */

static void rows_task(const struct stage *s, struct par_range rows, struct par_range panels)
{
    for (int64_t i = panels.begin; i < panels.end; i++) {
        struct piece p = piece_of(s, i);
        TILE_WIDTHS(rows_of, p.vecs, s, &p, rows);
    }
}

static void columns_task(const struct stage *s, struct par_range rows, struct par_range panels,
                         float *packed)
{
    pack_columns(s, rows, packed);
    for (int64_t i = panels.begin; i < panels.end; i++) {
        struct piece p = piece_of(s, i);
        TILE_WIDTHS(columns_of, p.vecs, s, &p, rows, packed);
    }
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* k .. k + depth of one panel; k counts from the stretch's begin. */
static void pack_panel(const struct stage *s, int64_t panel, int64_t k, int64_t depth)
{
    const struct backend_gemm *g = s->g;
    struct piece p = piece_of(s, panel);
    int64_t k_step = g->trans_b ? 1 : g->ldb, j_step = g->trans_b ? g->ldb : 1;
    panel_pack(g->b + (s->k.begin + k) * k_step + p.j * j_step, k_step, j_step, depth, p.cols,
               p.vecs, panel_data(s, panel) + k * p.vecs * VEC_LANES);
}

/* Row by row through all panels. */
static void pack_rows(const struct stage *s, int64_t k, int64_t depth)
{
    for (int64_t i = k; i < k + depth; i++)
        for (int64_t panel = s->panels.begin; panel < s->panels.end; panel++)
            pack_panel(s, panel, i, 1);
}

static void pack_stage(const struct stage *s)
{
    int64_t depth = s->g->trans_b ? PACK_COLUMNS_DEPTH : PACK_ROWS_DEPTH;
    int64_t panels = s->g->trans_b ? s->panels.end - s->panels.begin : 1;
    int64_t parts = ceil_div(depth_of(s), depth);

#pragma omp for schedule(static)
    for (int64_t i = 0; i < panels * parts; i++) {
        int64_t k = i % parts * depth, n = par_min(depth, depth_of(s) - k);
        if (s->g->trans_b)
            pack_panel(s, s->panels.begin + i / parts, k, n);
        else
            pack_rows(s, k, n);
    }
}

/* Into how many groups the panels of a block's task are cut. Every group packs its block of A
 * anew; one is enough when there are blocks for all threads. */
static int64_t groups_of(const struct cpu *c, const struct stage *s, int64_t blocks)
{
    int64_t panels = s->panels.end - s->panels.begin;
    return s->g->trans_a ? par_min(panels, ceil_div(2 * c->threads, blocks)) : panels;
}

static void run_task(const struct stage *s, struct par_range rows, struct par_range group,
                     float *scratch)
{
    struct par_range panels = { s->panels.begin + group.begin, s->panels.begin + group.end };
    if (s->g->trans_a)
        columns_task(s, rows, panels, scratch);
    else
        rows_task(s, rows, panels);
}

static void run_stage(const struct cpu *c, const struct stage *s)
{
    int64_t m = s->g->m, block = s->g->trans_a ? COLUMNS_TASK : ROWS_TASK;
    int64_t blocks = ceil_div(m, block), groups = groups_of(c, s, blocks);

#pragma omp parallel num_threads(c->threads)
    {
        pack_stage(s);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < blocks * groups; i++) {
            int64_t first = i / groups * block;
            run_task(s, (struct par_range){ first, par_min(first + block, m) },
                     par_range(s->panels.end - s->panels.begin, groups, i % groups),
                     cpu_scratch(c));
        }
    }
}

void CPU(gemm_tiles)(const struct cpu *c, const struct backend_gemm *g)
{
    struct stage s = { .g = g,
                       .cols = panels_of(g->n),
                       .packed = (float *)c->scratch[0] + A_FLOATS };
    int64_t stretches = ceil_div(g->k, DEPTH_MAX);
    for (int64_t i = 0; i < stretches; i++) {
        s.k = par_range(g->k, stretches, i);
        int64_t at_once = B_FLOATS / (depth_of(&s) * TILE_COLS);
        for (int64_t j = 0; j < s.cols.count; j += at_once) {
            s.panels = (struct par_range){ j, par_min(j + at_once, s.cols.count) };
            run_stage(c, &s);
        }
    }
}
