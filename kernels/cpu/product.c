#include "kernels/cpu/product.h"

struct packed CPU(pack)(const float *b, int64_t k_step, int64_t j_step, int64_t depth, int64_t n,
                        float *to)
{
    struct packed p = { panels_of(n), depth, to };
    for (int64_t i = 0; i < p.cols.count; i++) {
        int64_t j = panel_start(p.cols, i) * VEC_LANES;
        panel_pack(b + j * j_step, k_step, j_step, depth, panel_cols(p.cols, i),
                   panel_vecs(p.cols, i), to + j * depth);
    }
    return p;
}

static inline void put_tile(const struct tile *t, int64_t rows, int64_t cols, struct product_to to)
{
    for (int64_t i = 0; i < rows; i++) {
        float *restrict c = to.c + i * to.ldc;
        const float *restrict sum = t->at[i];
        if (to.add)
            for (int64_t j = 0; j < cols; j++)
                c[j] += to.alpha * sum[j];
        else
            for (int64_t j = 0; j < cols; j++)
                c[j] = to.alpha * sum[j];
    }
}

static struct product_to moved(struct product_to to, int64_t rows, int64_t cols)
{
    to.c += rows * to.ldc + cols;
    return to;
}

void CPU(product_rows)(const float *a, int64_t lda, int64_t m, int64_t depth,
                       const struct packed *b, int64_t n, struct product_to to)
{
    struct tile t;
    for (int64_t p = 0; p < b->cols.count && panel_start(b->cols, p) * VEC_LANES < n; p++) {
        int64_t j = panel_start(b->cols, p) * VEC_LANES;
        for (int64_t i = 0; i < m; i += TILE_ROWS) {
            const float *row[TILE_ROWS];
            for (int64_t r = 0; r < TILE_ROWS; r++)
                row[r] = a + par_min(i + r, m - 1) * lda;
            tile_rows(panel_vecs(b->cols, p), row, 1, depth, b->data + j * b->depth, &t);
            put_tile(&t, par_min(TILE_ROWS, m - i), panel_cols(b->cols, p), moved(to, i, j));
        }
    }
}

void CPU(product_columns)(const float *a, int64_t lda, int64_t m, const struct packed *b,
                          struct product_to to)
{
    struct tile t;
    for (int64_t p = 0; p < b->cols.count; p++) {
        int64_t j = panel_start(b->cols, p) * VEC_LANES;
        int vecs = panel_vecs(b->cols, p);
        for (int64_t i = 0; i < m; i += TILE_ROWS) {
            tile_columns(vecs, a + i, lda, b->data + j * b->depth, vecs * VEC_LANES, b->depth, &t);
            put_tile(&t, par_min(TILE_ROWS, m - i), panel_cols(b->cols, p), moved(to, i, j));
        }
    }
}
