/*
 * Rows times a panel of floats, 16-bit ones widened on their way to the registers.
 */
#include "kernels/cpu/packed.h"

INLINE vec load(enum dtype format, const unsigned char *p)
{
    return format == DTYPE_F16    ? vec_load_f16(p)
           : format == DTYPE_BF16 ? vec_load_bf16(p)
                                  : vec_load((const float *)(const void *)p);
}

/* `format` and `rows` are constants at every call: the loops over rows and vectors vanish. */
INLINE void panel_of(enum dtype format, const unsigned char *w, int64_t k, const float *x, int rows,
                     struct ahead ahead, struct panel_sums *sums)
{
    const size_t bytes = VEC_LANES * (format == DTYPE_F32 ? sizeof(float) : sizeof(uint16_t));
    vec sum[FLOAT_ROWS][PANEL_VECS] = { 0 };

    for (int64_t block = 0; block < k; block += BLOCK_DEPTH) {
        int64_t depth = par_min(BLOCK_DEPTH, k - block);
        ahead_ask(&ahead);
        for (int64_t i = 0; i < depth; i++, w += PANEL_VECS * bytes, x += rows) {
            vec col[PANEL_VECS];
            EACH (v, PANEL_VECS)
                col[v] = load(format, w + (size_t)v * bytes);
            EACH (r, rows)
                EACH (v, PANEL_VECS)
                    sum[r][v] += x[r] * col[v];
        }
    }
    EACH (r, rows)
        EACH (v, PANEL_VECS)
            vec_store(sums[r].at + v * VEC_LANES, sum[r][v]);
}

#define ROWS(n)                                                                                    \
    case n:                                                                                        \
        panel_of(format, w, k, x, n, ahead, sums);                                                 \
        break;

INLINE void group_of(enum dtype format, const unsigned char *w, int64_t k, const float *x, int rows,
                     struct ahead ahead, struct panel_sums *sums)
{
    switch (rows) {
        ROWS(1)
        ROWS(2)
        ROWS(3)
        ROWS(4)
#if FLOAT_ROWS > 4
        ROWS(5)
        ROWS(6)
        ROWS(7)
        ROWS(8)
#endif
    }
}

void CPU(float_panel)(enum dtype format, const void *panel, int64_t k, const float *x, int rows,
                      struct ahead ahead, struct panel_sums *sums)
{
    if (format == DTYPE_F16)
        group_of(DTYPE_F16, panel, k, x, rows, ahead, sums);
    else if (format == DTYPE_BF16)
        group_of(DTYPE_BF16, panel, k, x, rows, ahead, sums);
    else
        group_of(DTYPE_F32, panel, k, x, rows, ahead, sums);
}
