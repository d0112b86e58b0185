/*
 * Rows of a matrix -> panels (packed.h). A block at a time goes through a tile of floats, whatever
 * the rows are of; panels are independent.
 */
#include <math.h>

#include "base/num.h"
#include "kernels/blocks.h"
#include "kernels/cpu/packed.h"

_Static_assert(BLOCK_DEPTH == BLOCK_NUMBERS, "blocks of files and of panels are the same numbers");

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

/* A row's block, as files have it, into its place. */
static void place_q8(const void *block, int j, void *panel)
{
    struct block_q8 *to = panel;
    struct q8_0 from;
    memcpy(&from, block, sizeof from);
    to->scale[j] = from.scale;
    for (int k = 0; k < BLOCK_DEPTH; k++)
        to->q[k / 4][j][k % 4] = (uint8_t)(from.q[k] + Q8_ZERO);
}

static void place_q4(const void *block, int j, void *panel)
{
    struct block_q4 *to = panel;
    struct q4_0 from;
    memcpy(&from, block, sizeof from);
    to->scale[j] = from.scale;
    for (int k = 0; k < BLOCK_DEPTH / 2; k++)
        to->q[k / 4][j][k % 4] = from.q[k];
}

static void put_q8(const struct pack_tile *t, void *block)
{
    for (int j = 0; j < PANEL; j++) {
        struct q8_0 row;
        q8_0_round(t->at[j], &row);
        place_q8(&row, j, block);
    }
}

static void put_q4(const struct pack_tile *t, void *block)
{
    for (int j = 0; j < PANEL; j++) {
        struct q4_0 row;
        q4_0_round(t->at[j], &row);
        place_q4(&row, j, block);
    }
}

static const struct format {
    void (*put)(const struct pack_tile *t, void *block);
    size_t bytes;                                         /* of a block */
    float limit;                                          /* largest magnitude that it can hold */
    void (*place)(const void *block, int j, void *panel); /* NULL: files have no such blocks */
} FORMATS[] = {
    [DTYPE_F32] = { put_f32, BLOCK_DEPTH *PANEL * sizeof(float), INFINITY, NULL },
    [DTYPE_F16] = { put_f16, BLOCK_DEPTH *PANEL * sizeof(uint16_t), 65504, NULL },
    [DTYPE_BF16] = { put_bf16, BLOCK_DEPTH *PANEL * sizeof(uint16_t), 0x1.fep127f, NULL },
    [DTYPE_Q8_0] = { put_q8, sizeof(struct block_q8), Q8_0_MAX, place_q8 },
    [DTYPE_Q4_0] = { put_q4, sizeof(struct block_q4), Q4_0_MAX, place_q4 },
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

/* n is a block's: rows are whole blocks. */
static void read_q8_0(const unsigned char *from, int64_t n, float *to)
{
    struct q8_0 b;
    (void)n;
    memcpy(&b, from, sizeof b);
    q8_0_read(&b, to);
}

static void read_q4_0(const unsigned char *from, int64_t n, float *to)
{
    struct q4_0 b;
    (void)n;
    memcpy(&b, from, sizeof b);
    q4_0_read(&b, to);
}

static const struct source {
    void (*read)(const unsigned char *from, int64_t n, float *to);
    int64_t numbers, bytes; /* numbers that lie together in as many bytes */
} SOURCES[] = {
    [DTYPE_F32] = { read_f32, 1, 4 },
    [DTYPE_F16] = { read_f16, 1, 2 },
    [DTYPE_BF16] = { read_bf16, 1, 2 },
    [DTYPE_Q8_0] = { read_q8_0, BLOCK_NUMBERS, sizeof(struct q8_0) },
    [DTYPE_Q4_0] = { read_q4_0, BLOCK_NUMBERS, sizeof(struct q4_0) },
};

/* One matrix on its way. */
struct packing {
    const struct format *format;
    const struct source *source;
    bool moved; /* its blocks are those of the format: as they are, not rounded again */
    const unsigned char *rows;
    int64_t n, k;
    unsigned char *to;
};

static const unsigned char *numbers_at(const struct packing *p, int64_t row, int64_t k)
{
    return p->rows + (row * p->k + k) / p->source->numbers * p->source->bytes;
}

/* Rows j.. of the panel, columns k.. of the block; zeros where there are none. */
static void fill_tile(const struct packing *p, int64_t j, int64_t k, struct pack_tile *t)
{
    int64_t rows = par_min(PANEL, p->n - j), cols = par_min(BLOCK_DEPTH, p->k - k);
    if (rows < PANEL || cols < BLOCK_DEPTH)
        *t = (struct pack_tile){ 0 };
    for (int64_t r = 0; r < rows; r++)
        p->source->read(numbers_at(p, j + r, k), cols, t->at[r]);
}

/* The first row that holds a number beyond the limit, or none; PANEL: all are well. */
static int misfit_row(const struct pack_tile *t, float limit)
{
    int misfit = PANEL;
    for (int r = PANEL; r-- > 0;) {
        float sum = 0, top = fabsf(block_extreme(t->at[r]));
        for (int k = 0; k < BLOCK_DEPTH; k++)
            sum += t->at[r][k] * 0; /* NaN where one is NaN or infinite */
        if (limit < INFINITY && (sum != 0 || top > limit))
            misfit = r;
    }
    return misfit;
}

static int round_block(const struct packing *p, int64_t j, int64_t k, void *to)
{
    struct pack_tile t;
    fill_tile(p, j, k, &t);
    p->format->put(&t, to);
    return misfit_row(&t, p->format->limit);
}

#define F16_INFINITE 0x7c00u /* the exponent of infinities and of what is no number */

static int move_block(const struct packing *p, int64_t j, int64_t k, void *to)
{
    int64_t rows = par_min(PANEL, p->n - j), misfit = PANEL;
    if (rows < PANEL)
        p->format->put(&(struct pack_tile){ 0 }, to);
    for (int64_t r = rows; r-- > 0;) {
        const unsigned char *block = numbers_at(p, j + r, k);
        p->format->place(block, (int)r, to);
        if (((block[1] << 8) & F16_INFINITE) == F16_INFINITE) /* the scale comes first */
            misfit = r;
    }
    return (int)misfit;
}

/* Returns the first row that does not fit, or n. */
static int64_t pack_panel(const struct packing *p, int64_t panel)
{
    int64_t j = panel * PANEL, blocks = packed_blocks(p->k), misfit = PANEL;
    unsigned char *to = p->to + (size_t)(panel * blocks) * p->format->bytes;

    for (int64_t b = 0; b < blocks; b++, to += p->format->bytes)
        misfit = par_min(misfit, p->moved ? move_block(p, j, b * BLOCK_DEPTH, to)
                                          : round_block(p, j, b * BLOCK_DEPTH, to));
    return misfit < PANEL ? j + misfit : p->n;
}

static int check_source(enum dtype type, const struct tensor *w, struct err *e)
{
    if ((size_t)type >= sizeof SOURCES / sizeof *SOURCES || !SOURCES[type].read)
        return err_set(e, ERR_UNSUPPORTED,
                       "pack: rows of %s, the CPU reads f32, f16, bf16, q8_0 and q4_0",
                       dtype_name(type));
    if (w->dim[1] % SOURCES[type].numbers)
        return err_set(e, ERR_INTERNAL, "pack: rows of %lld numbers are not whole blocks of %d",
                       (long long)w->dim[1], BLOCK_NUMBERS);
    return 0;
}

int CPU(pack_wait)(void *ctx, enum dtype type, const void *rows, struct tensor *w, struct err *e)
{
    const struct cpu *c = ctx;
    if (check_source(type, w, e))
        return -1;
    struct packing p = { .format = &FORMATS[w->dtype],
                         .source = &SOURCES[type],
                         .moved = type == w->dtype && FORMATS[type].place,
                         .rows = rows,
                         .n = w->dim[0],
                         .k = w->dim[1],
                         .to = w->data };
    int64_t misfit = p.n;

#pragma omp parallel for num_threads(c->threads) schedule(static) reduction(min : misfit)
    for (int64_t i = 0; i < packed_panels(p.n); i++)
        misfit = par_min(misfit, pack_panel(&p, i));
    if (misfit < p.n)
        return err_set(e, ERR_FORMAT, "row %lld holds a number beyond what %s can hold, +-%g",
                       (long long)misfit, dtype_name(w->dtype), (double)p.format->limit);
    return 0;
}
