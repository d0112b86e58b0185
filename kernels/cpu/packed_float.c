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
                     struct panel_sums *sums)
{
    const size_t bytes = VEC_LANES * (format == DTYPE_F32 ? sizeof(float) : sizeof(uint16_t));
    vec sum[FLOAT_ROWS][PANEL_VECS] = { 0 };

    for (int64_t i = 0; i < k; i++, w += PANEL_VECS * bytes, x += rows) {
        vec col[PANEL_VECS];
        EACH (v, PANEL_VECS)
            col[v] = load(format, w + (size_t)v * bytes);
        EACH (r, rows)
            EACH (v, PANEL_VECS)
                sum[r][v] += x[r] * col[v];
    }
    EACH (r, rows)
        EACH (v, PANEL_VECS)
            vec_store(sums[r].at + v * VEC_LANES, sum[r][v]);
}

INLINE void group_of(enum dtype format, const unsigned char *w, int64_t k, const float *x, int rows,
                     struct panel_sums *sums)
{
    if (rows == FLOAT_ROWS)
        panel_of(format, w, k, x, FLOAT_ROWS, sums);
    else if (rows == 4)
        panel_of(format, w, k, x, 4, sums);
    else if (rows == 2)
        panel_of(format, w, k, x, 2, sums);
    else
        panel_of(format, w, k, x, 1, sums);
}

void CPU(float_panel)(enum dtype format, const void *panel, int64_t k, const float *x, int rows,
                      struct panel_sums *sums)
{
    if (format == DTYPE_F16)
        group_of(DTYPE_F16, panel, k, x, rows, sums);
    else if (format == DTYPE_BF16)
        group_of(DTYPE_BF16, panel, k, x, rows, sums);
    else
        group_of(DTYPE_F32, panel, k, x, rows, sums);
}
