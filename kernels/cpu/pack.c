/*
 * Rows of a matrix -> panels (packed.h). A block at a time goes through a tile of floats, whatever
 * the rows are of; panels are independent.
 */
#include <math.h>

#include "base/num.h"
#include "kernels/cpu/packed.h"

/* BLOCK_DEPTH numbers of each row of a panel. */
struct pack_tile {
    float at[PANEL][BLOCK_DEPTH];
};

/* ---- formats: one block ---- */

static void put_f32(const struct pack_tile *t, void *block)
{
    float(*to)[PANEL] = block;
    for (int k = 0; k < BLOCK_DEPTH; k++)
        for (int j = 0; j < PANEL; j++)
            to[k][j] = t->at[j][k];
}

static void put_f16(const struct pack_tile *t, void *block)
{
    uint16_t(*to)[PANEL] = block;
    for (int k = 0; k < BLOCK_DEPTH; k++)
        for (int j = 0; j < PANEL; j += VEC_LANES) {
            float column[VEC_LANES];
            for (int l = 0; l < VEC_LANES; l++)
                column[l] = t->at[j + l][k];
            vec_store_f16(to[k] + j, vec_load(column));
        }
}

static void put_bf16(const struct pack_tile *t, void *block)
{
    uint16_t(*to)[PANEL] = block;
    for (int k = 0; k < BLOCK_DEPTH; k++)
        for (int j = 0; j < PANEL; j++)
            to[k][j] = half_to_bf16(t->at[j][k]);
}

/* The number of largest magnitude, with its sign. */
static float extreme(const float *x)
{
    float most = 0, least = 0;
    for (int k = 0; k < BLOCK_DEPTH; k++) {
        most = x[k] > most ? x[k] : most;
        least = x[k] < least ? x[k] : least;
    }
    return -least > most ? least : most;
}

/* The scale as it will be read, so that rounding it costs nothing; and what to multiply with. */
static uint16_t round_scale(float scale, float *ret_inverse)
{
    uint16_t rounded = half_to_f16(scale);
    float read = half_from_f16(rounded);
    *ret_inverse = read != 0 ? 1 / read : 0;
    return rounded;
}

static uint8_t clamp_round(float x, float most)
{
    float up = x > 0 ? x : 0;
    return (uint8_t)((up > most ? most : up) + 0.5f);
}

static void put_q8(const struct pack_tile *t, void *block)
{
    struct block_q8 *to = block;
    for (int j = 0; j < PANEL; j++) {
        float inverse;
        to->scale[j] = round_scale(fabsf(extreme(t->at[j])) / 127, &inverse);
        for (int k = 0; k < BLOCK_DEPTH; k++)
            to->q[k / 4][j][k % 4] = clamp_round(t->at[j][k] * inverse + Q8_ZERO, 255);
    }
}

static void put_q4(const struct pack_tile *t, void *block)
{
    struct block_q4 *to = block;
    for (int j = 0; j < PANEL; j++) {
        float inverse;
        to->scale[j] = round_scale(extreme(t->at[j]) / -8, &inverse);
        for (int k = 0; k < BLOCK_DEPTH / 2; k++) {
            uint8_t low = clamp_round(t->at[j][k] * inverse + Q4_ZERO, 15);
            uint8_t high = clamp_round(t->at[j][k + BLOCK_DEPTH / 2] * inverse + Q4_ZERO, 15);
            to->q[k / 4][j][k % 4] = (uint8_t)(low | high << 4);
        }
    }
}

static const struct format {
    void (*put)(const struct pack_tile *t, void *block);
    size_t bytes; /* of a block */
    float limit;  /* largest magnitude that it can hold */
} FORMATS[] = {
    [DTYPE_F32] = { put_f32, BLOCK_DEPTH *PANEL * sizeof(float), INFINITY },
    [DTYPE_F16] = { put_f16, BLOCK_DEPTH *PANEL * sizeof(uint16_t), 65504 },
    [DTYPE_BF16] = { put_bf16, BLOCK_DEPTH *PANEL * sizeof(uint16_t), 0x1.fep127f },
    [DTYPE_Q8_0] = { put_q8, sizeof(struct block_q8), 65504.0f * 127 },
    [DTYPE_Q4_0] = { put_q4, sizeof(struct block_q4), 65504.0f * 8 },
};

size_t CPU(packed_block_bytes)(enum dtype format)
{
    return (size_t)format < sizeof FORMATS / sizeof *FORMATS ? FORMATS[format].bytes : 0;
}

bool CPU(packed_bytes)(void *ctx, enum dtype format, int64_t n, int64_t k, size_t *ret_bytes)
{
    (void)ctx;
    size_t bytes = CPU(packed_block_bytes)(format);
    if (!bytes || n < 1 || k < 1 || n > INT64_MAX - PANEL || k > INT64_MAX - BLOCK_DEPTH)
        return false;
    return num_mul(bytes, (size_t)packed_panels(n), &bytes) &&
           num_mul(bytes, (size_t)packed_blocks(k), ret_bytes);
}

/* ---- rows ---- */

static void read_f32(const unsigned char *from, int64_t n, float *to)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}

static void read_f16(const unsigned char *from, int64_t n, float *to)
{
    for (int64_t i = 0; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store(to + i, vec_load_f16(from + 2 * i));
    for (int64_t i = n / VEC_LANES * VEC_LANES; i < n; i++)
        to[i] = half_from_f16((uint16_t)(from[2 * i] | from[2 * i + 1] << 8));
}

static void read_bf16(const unsigned char *from, int64_t n, float *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = half_from_bf16((uint16_t)(from[2 * i] | from[2 * i + 1] << 8));
}

static const struct source {
    void (*read)(const unsigned char *from, int64_t n, float *to);
    int64_t size;
} SOURCES[] = {
    [DTYPE_F32] = { read_f32, 4 },
    [DTYPE_F16] = { read_f16, 2 },
    [DTYPE_BF16] = { read_bf16, 2 },
};

/* One matrix on its way. */
struct packing {
    const struct format *format;
    const struct source *source;
    const unsigned char *rows;
    int64_t n, k;
    unsigned char *to;
};

/* Rows j.. of the panel, columns k.. of the block; zeros where there are none. */
static void fill_tile(const struct packing *p, int64_t j, int64_t k, struct pack_tile *t)
{
    int64_t rows = par_min(PANEL, p->n - j), cols = par_min(BLOCK_DEPTH, p->k - k);
    if (rows < PANEL || cols < BLOCK_DEPTH)
        *t = (struct pack_tile){ 0 };
    for (int64_t r = 0; r < rows; r++)
        p->source->read(p->rows + ((j + r) * p->k + k) * p->source->size, cols, t->at[r]);
}

/* The first row that holds a number beyond the limit, or none; PANEL: all are well. */
static int misfit_row(const struct pack_tile *t, float limit)
{
    int misfit = PANEL;
    for (int r = PANEL; r-- > 0;) {
        float sum = 0, top = fabsf(extreme(t->at[r]));
        for (int k = 0; k < BLOCK_DEPTH; k++)
            sum += t->at[r][k] * 0; /* NaN where one is NaN or infinite */
        if (limit < INFINITY && (sum != 0 || top > limit))
            misfit = r;
    }
    return misfit;
}

/* Returns the first row that does not fit, or n. */
static int64_t pack_panel(const struct packing *p, int64_t panel)
{
    int64_t j = panel * PANEL, blocks = packed_blocks(p->k), misfit = PANEL;
    unsigned char *to = p->to + (size_t)(panel * blocks) * p->format->bytes;

    for (int64_t b = 0; b < blocks; b++) {
        struct pack_tile t;
        fill_tile(p, j, b * BLOCK_DEPTH, &t);
        misfit = par_min(misfit, misfit_row(&t, p->format->limit));
        p->format->put(&t, to + (size_t)b * p->format->bytes);
    }
    return misfit < PANEL ? j + misfit : p->n;
}

int CPU(pack_wait)(void *ctx, enum dtype type, const void *rows, struct tensor *w, struct err *e)
{
    const struct cpu *c = ctx;
    if ((size_t)type >= sizeof SOURCES / sizeof *SOURCES)
        return err_set(e, ERR_UNSUPPORTED, "pack: rows of %s, the CPU reads f32, f16 and bf16",
                       dtype_name(type));
    struct packing p = { &FORMATS[w->dtype], &SOURCES[type], rows, w->dim[0], w->dim[1], w->data };
    int64_t misfit = p.n;

#pragma omp parallel for num_threads(c->threads) schedule(static) reduction(min : misfit)
    for (int64_t i = 0; i < packed_panels(p.n); i++)
        misfit = par_min(misfit, pack_panel(&p, i));
    if (misfit < p.n)
        return err_set(e, ERR_FORMAT, "row %lld holds a number beyond what %s can hold, +-%g",
                       (long long)misfit, dtype_name(w->dtype), (double)p.format->limit);
    return 0;
}
