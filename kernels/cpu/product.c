#include "kernels/cpu/product.h"

struct packed CPU(pack)(const float *b, int64_t k_step, int64_t j_step, int64_t depth, int64_t n,
                        float *to)
{
    for (int64_t j = 0; j < n; j += VEC_LANES)
        panel_pack(b + j * j_step, k_step, j_step, depth, par_min(VEC_LANES, n - j), 1,
                   to + j * depth);
    return (struct packed){ depth, n, to };
}

INLINE void put_whole(int vecs, const struct tile_sums *s, const struct product_to *to, float *c)
{
    EACH (i, TILE_ROWS)
        EACH (v, vecs) {
            float *at = c + i * to->ldc + v * VEC_LANES;
            vec x = to->alpha * s->at[i][v];
            vec_store(at, to->add ? vec_load(at) + x : x);
        }
}

static void put_part(const struct tile *t, int64_t cols, const struct product_to *to, float *c)
{
    for (int64_t i = 0; i < to->rows; i++, c += to->ldc)
        for (int64_t j = 0; j < cols; j++) {
            float x = to->alpha * t->at[i][j];
            c[j] = to->add ? c[j] + x : x;
        }
}

/* Sums of vectors v .. v + vecs of the columns. */
INLINE void put(int vecs, int64_t v, const struct tile_sums *s, const struct product_to *to)
{
    struct tile t;
    int64_t cols = par_min(vecs * VEC_LANES, to->cols - v * VEC_LANES);
    if (to->rows == TILE_ROWS && cols == vecs * VEC_LANES) {
        put_whole(vecs, s, to, to->c + v * VEC_LANES);
        return;
    }
    tile_store(vecs, s, &t);
    put_part(&t, cols, to, to->c + v * VEC_LANES);
}

static inline const float *packed_vec(const struct packed *b, int64_t v)
{
    return b->data + v * b->depth * VEC_LANES;
}

static inline struct tile_steps packed_steps(const struct packed *b)
{
    return (struct tile_steps){ VEC_LANES, b->depth * VEC_LANES };
}

INLINE void rows_of(int vecs, int64_t v, const float *const *a, int64_t depth,
                    const struct packed *b, const struct product_to *to)
{
    struct tile_sums s;
    tile_clear(vecs, &s);
    tile_add_rows(vecs, a, packed_vec(b, v), packed_steps(b), depth, &s);
    put(vecs, v, &s, to);
}

INLINE void columns_of(int vecs, int64_t v, const float *a, int64_t lda, int64_t depth,
                       const struct packed *b, int64_t k0, const struct product_to *to)
{
    struct tile_sums s;
    tile_clear(vecs, &s);
    tile_add_columns(vecs, a, lda, packed_vec(b, v) + k0 * VEC_LANES, packed_steps(b), depth, &s);
    put(vecs, v, &s, to);
}

/* Vectors of the next tile, so that those of all are nearly equal. */
static inline int tile_vecs(int64_t left)
{
    return left == 4 ? 2 : left < TILE_VECS ? (int)left : TILE_VECS;
}

void CPU(product_rows)(const float *const a[TILE_ROWS], int64_t depth, const struct packed *b,
                       const struct product_to *to)
{
    int64_t n = vecs_of(to->cols);
    for (int64_t v = 0, vecs; v < n; v += vecs) {
        vecs = tile_vecs(n - v);
        TILE_WIDTHS(rows_of, vecs, v, a, depth, b, to);
    }
}

void CPU(product_columns)(const float *a, int64_t lda, int64_t depth, const struct packed *b,
                          int64_t k0, const struct product_to *to)
{
    int64_t n = vecs_of(to->cols);
    for (int64_t v = 0, vecs; v < n; v += vecs) {
        vecs = tile_vecs(n - v);
        TILE_WIDTHS(columns_of, vecs, v, a, lda, depth, b, k0, to);
    }
}
