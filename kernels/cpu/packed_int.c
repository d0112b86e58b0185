/*
 * Quantised rows times a panel of quantised blocks.
 */
#include "kernels/cpu/dot.h"

struct int_sums {
    ivec at[INT_ROWS][PANEL_VECS];
};

INLINE ivec dot(enum dtype format, ivec sum, ivec w, ivec x)
{
    return format == DTYPE_Q8_0 ? dot_q8(sum, w, x) : dot_q4(sum, w, x);
}

INLINE void start(const struct x_block *x, int64_t ldx, int rows, struct int_sums *s)
{
    EACH (r, rows)
        EACH (v, PANEL_VECS)
            s->at[r][v] = ivec_fill(x[r * ldx].start);
}

/* Four numbers of each row, from the at-th quad of the block, times a panel's weights for them. */
INLINE void add_quad(enum dtype format, const ivec w[PANEL_VECS], int at, const struct x_block *x,
                     int64_t ldx, int rows, struct int_sums *s)
{
    EACH (r, rows) {
        ivec x4 = ivec_fill_bytes(x[r * ldx].q + 4 * at);
        EACH (v, PANEL_VECS)
            s->at[r][v] = dot(format, s->at[r][v], w[v], x4);
    }
}

INLINE void add_q8(const struct block_q8 *b, const struct x_block *x, int64_t ldx, int rows,
                   struct int_sums *s)
{
    EACH (i, QUADS) {
        ivec w[PANEL_VECS];
        EACH (v, PANEL_VECS)
            w[v] = ivec_load(b->q[i][v * VEC_LANES]);
        add_quad(DTYPE_Q8_0, w, i, x, ldx, rows, s);
    }
}

INLINE void add_q4(const struct block_q4 *b, const struct x_block *x, int64_t ldx, int rows,
                   struct int_sums *s)
{
    const ivec low_bits = ivec_fill(0x0f0f0f0f);
    EACH (i, QUADS / 2) {
        ivec low[PANEL_VECS], high[PANEL_VECS];
        EACH (v, PANEL_VECS) {
            ivec both = ivec_load(b->q[i][v * VEC_LANES]);
            low[v] = both & low_bits;
            high[v] = both >> 4 & low_bits;
        }
        add_quad(DTYPE_Q4_0, low, i, x, ldx, rows, s);
        add_quad(DTYPE_Q4_0, high, i + QUADS / 2, x, ldx, rows, s);
    }
}

/* `format` and `rows` are constants at every call: the loops over rows and vectors vanish. */
INLINE void panel_of(enum dtype format, const unsigned char *w, int64_t blocks,
                     const struct x_block *x, int rows, struct ahead ahead, struct panel_sums *sums)
{
    const size_t bytes = format == DTYPE_Q8_0 ? sizeof(struct block_q8) : sizeof(struct block_q4);
    vec sum[INT_ROWS][PANEL_VECS] = { 0 };

    for (int64_t b = 0; b < blocks; b++, w += bytes) {
        struct int_sums s;
        ahead_ask(&ahead);
        start(x + b, blocks, rows, &s);
        if (format == DTYPE_Q8_0)
            add_q8((const void *)w, x + b, blocks, rows, &s);
        else
            add_q4((const void *)w, x + b, blocks, rows, &s);
        EACH (v, PANEL_VECS) {
            vec scale = vec_load_f16(w + (size_t)v * VEC_LANES * sizeof(uint16_t));
            EACH (r, rows)
                sum[r][v] += ivec_to_vec(s.at[r][v]) * (x[r * blocks + b].scale * scale);
        }
    }
    EACH (r, rows)
        EACH (v, PANEL_VECS)
            vec_store(sums[r].at + v * VEC_LANES, sum[r][v]);
}

#define ROWS(n)                                                                                    \
    case n:                                                                                        \
        panel_of(format, w, blocks, x, n, ahead, sums);                                            \
        break;

INLINE void group_of(enum dtype format, const unsigned char *w, int64_t blocks,
                     const struct x_block *x, int rows, struct ahead ahead, struct panel_sums *sums)
{
    switch (rows) {
        ROWS(1)
        ROWS(2)
        ROWS(3)
        ROWS(4)
    }
}

void CPU_DOT(int_panel)(enum dtype format, const void *panel, int64_t blocks,
                        const struct x_block *x, int rows, struct ahead ahead,
                        struct panel_sums *sums)
{
    if (format == DTYPE_Q8_0)
        group_of(DTYPE_Q8_0, panel, blocks, x, rows, ahead, sums);
    else
        group_of(DTYPE_Q4_0, panel, blocks, x, rows, ahead, sums);
}
