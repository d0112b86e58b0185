/*
 * Convolutions by winograd.h: a thread takes a block of cells, turns what they see into planes,
 * multiplies those with the weights' planes a panel of channels at a time, and turns each panel
 * back while it is in cache.
 *
 * The weights' planes are made anew for every call: that is a few percent of the work, and no
 * second copy of the weights is kept.
 *
 * Every output is computed from its own cell, in an order that the shapes fix: neighbours, batch
 * and threads do not show.
 *
 * The shared memory holds the weights' planes; a thread's scratch its block's planes, products of
 * one panel, and a window that leaves the picture.
 */
#include "kernels/cpu/winograd_conv.h"

#include "kernels/cpu/panel.h"
#include "kernels/cpu/winograd_cells.h"

#define BLOCK_CELLS 96
#define BLOCK_FLOATS (224 * 1024) /* of planes and products: they stay in cache */
#define WEIGH_DEPTH 64            /* channels whose weights are turned at once */

struct job {
    const struct winograd_conv *c;
    const struct winograd *f;
    struct winograd_cells cells;
    int64_t n;      /* cells */
    int64_t depth;  /* channels of the source */
    int64_t planes; /* of a cell */
    int64_t block;  /* cells of a task, a multiple of TILE_ROWS */
    int64_t plane;  /* floats from one plane of a block to the next */
    struct panels panels;
};

/* ---- weights ---- */

/* Where a panel's planes [planes, depth, width] begin. */
static int64_t panel_at(const struct job *j, int64_t panel)
{
    return panel_start(j->panels, panel) * VEC_LANES * j->planes * j->depth;
}

/* The planes of a panel's weights from channels k0 .. k0 + depth; taps: room for those. */
static void weigh_part(const struct job *j, int64_t panel, int64_t k0, int64_t depth, float *taps,
                       float *to)
{
    const struct winograd_conv *c = j->c;
    int vecs = panel_vecs(j->panels, panel);
    int64_t width = vecs * VEC_LANES, first = panel_start(j->panels, panel) * VEC_LANES;
    struct square from = { taps, 3 * depth * width, depth * width };
    struct square planes = { to + k0 * width, j->f->side * j->depth * width, j->depth * width };

    for (int64_t t = 0; t < WINOGRAD_TAPS; t++)
        panel_pack(c->w + c->tap[t] + k0 * c->k_step + first * c->j_step, c->k_step, c->j_step,
                   depth, panel_cols(j->panels, panel), vecs, taps + t * depth * width);
    j->f->weigh(from, planes, depth * width);
}

static void weigh_all(const struct cpu *c, const struct job *j)
{
    int64_t parts = (j->depth + WEIGH_DEPTH - 1) / WEIGH_DEPTH;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < j->panels.count * parts; i++) {
        int64_t panel = i / parts, k = i % parts * WEIGH_DEPTH;
        weigh_part(j, panel, k, par_min(WEIGH_DEPTH, j->depth - k), cpu_scratch(c),
                   cpu_shared(c) + panel_at(j, panel));
    }
}

/* ---- blocks ---- */

/* One panel's products [planes, n], as tiles. */
static void multiply(const struct job *j, int64_t n, const float *seen, const float *weights,
                     int vecs, struct tile *to)
{
    const float *row[TILE_ROWS];
    int64_t tiles = j->block / TILE_ROWS;

    for (int64_t p = 0; p < j->planes; p++)
        for (int64_t i = 0; i < n; i += TILE_ROWS) {
            for (int64_t r = 0; r < TILE_ROWS; r++)
                row[r] = seen + p * j->plane + par_min(i + r, n - 1) * j->depth;
            tile_rows(vecs, row, 1, j->depth, weights + p * j->depth * vecs * VEC_LANES,
                      to + p * tiles + i / TILE_ROWS);
        }
}

/* Where output y, x of picture b lies, counted from the first. */
static int64_t output(const struct job *j, int64_t b, int64_t y, int64_t x)
{
    return ((b * j->c->out_height + y) * j->c->out_width + x) * j->c->n;
}

/* to = sum + bias, n floats. */
static inline void put_pixel(const float *sum, const float *bias, int64_t n, float *to)
{
    int64_t k = 0;
    for (; k + VEC_LANES <= n; k += VEC_LANES)
        vec_store(to + k, vec_load(sum + k) + vec_load(bias + k));
    for (; k + 4 <= n; k += 4)
        quad_store(to + k, quad_load(sum + k) + quad_load(bias + k));
    for (; k < n; k++)
        to[k] = sum[k] + bias[k];
}

/* to = (sum + bias) + plus, as two ops would round it; plus may be to. */
static inline void put_pixel_plus(const float *sum, const float *bias, const float *plus, int64_t n,
                                  float *to)
{
    int64_t k = 0;
    for (; k + VEC_LANES <= n; k += VEC_LANES)
        vec_store(to + k, (vec_load(sum + k) + vec_load(bias + k)) + vec_load(plus + k));
    for (; k + 4 <= n; k += 4)
        quad_store(to + k, (quad_load(sum + k) + quad_load(bias + k)) + quad_load(plus + k));
    for (; k < n; k++)
        to[k] = (sum[k] + bias[k]) + plus[k];
}

/* The outputs of a cell that are inside the picture, columns k0 .. k0 + n; sums: squares of
 * TILE_COLS floats. */
static void put_cell(const struct job *j, struct winograd_cell at, const float *sums,
                     const float *bias, int64_t k0, int64_t n)
{
    int64_t out = j->f->out, y0 = at.y * out, x0 = at.x * out;
    int64_t rows = par_min(out, j->c->out_height - y0), cols = par_min(out, j->c->out_width - x0);

    for (int64_t y = 0; y < rows; y++) {
        int64_t to = output(j, at.b, y0 + y, x0) + k0;
        for (int64_t x = 0; x < cols; x++, to += j->c->n) {
            const float *sum = sums + (y * out + x) * TILE_COLS;
            if (j->c->plus)
                put_pixel_plus(sum, bias, j->c->plus + to, n, j->c->y + to);
            else
                put_pixel(sum, bias, n, j->c->y + to);
        }
    }
}

/* Tells the cache that these columns of a cell's outputs will be written soon. */
static void expect_cell(const struct job *j, struct winograd_cell at, int64_t k0, int64_t n)
{
    int64_t out = j->f->out, y0 = at.y * out;
    struct par_range x = strip_inside(at.x * out, out, j->c->out_width);

    for (int64_t y = y0; y < par_min(y0 + out, j->c->out_height); y++)
        for (int64_t i = x.begin; i < x.end; i++)
            for (int64_t k = 0; k < n; k += STRIP_LINE) {
                int64_t to = output(j, at.b, y, at.x * out + i) + k0 + k;
                __builtin_prefetch(j->c->y + to, 1);
                if (j->c->plus)
                    __builtin_prefetch(j->c->plus + to);
            }
}

/* A panel's products of n cells, turned back. */
static void show_panel(const struct job *j, struct winograd_cell at, int64_t n, int64_t panel,
                       const struct tile *products)
{
    _Alignas(64) float sums[WINOGRAD_OUT_MAX * WINOGRAD_OUT_MAX * TILE_COLS];
    float bias[TILE_COLS] = { 0 };
    int64_t k0 = panel_start(j->panels, panel) * VEC_LANES, cols = panel_cols(j->panels, panel);
    int64_t plane = j->block * TILE_COLS;

    if (j->c->bias)
        memcpy(bias, j->c->bias + k0, (size_t)cols * sizeof *bias);
    for (int64_t i = 0; i < n; i++, winograd_next(j->cells.rows, j->cells.cols, &at)) {
        struct square from = { (float *)products->at[0] + i * TILE_COLS, j->f->side * plane,
                               plane };
        struct square to = { sums, j->f->out * TILE_COLS, TILE_COLS };
        expect_cell(j, (struct winograd_cell){ at.b, at.y, at.x + WINOGRAD_AHEAD }, k0, cols);
        j->f->show(from, to, panel_vecs(j->panels, panel) * VEC_LANES);
        put_cell(j, at, sums, bias, k0, cols);
    }
}

static void run_block(const struct cpu *c, const struct job *j, int64_t first, int64_t n)
{
    float *seen = cpu_scratch(c);
    struct tile *products = (struct tile *)(seen + j->planes * j->plane);
    float *room = (float *)(products + j->planes * j->block / TILE_ROWS);
    struct winograd_cell at = winograd_cell(j->cells.rows, j->cells.cols, first);

    CPU(winograd_turn_cells)(&j->cells, first, n, seen, j->depth, j->plane, room);
    for (int64_t i = 0; i < j->panels.count; i++) {
        multiply(j, n, seen, cpu_shared(c) + panel_at(j, i), panel_vecs(j->panels, i), products);
        show_panel(j, at, n, i, products);
    }
}

/* ---- whole ---- */

/* Cells of a block: as many as keep its planes in cache, and fewer for pictures so small that
 * threads would wait. */
static int64_t block_of(const struct cpu *c, const struct job *j)
{
    int64_t share = (j->n + c->threads - 1) / c->threads;
    int64_t n =
        par_min(par_min(BLOCK_FLOATS / (j->planes * (j->depth + TILE_COLS)), share), BLOCK_CELLS);
    return n > TILE_ROWS ? (n + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS : TILE_ROWS;
}

static struct job job_of(const struct cpu *cpu, const struct winograd_conv *c)
{
    const struct winograd *f = c->form;
    struct job j = {
        .c = c,
        .f = f,
        .depth = c->source.n,
        .planes = f->side * f->side,
        .panels = panels_of(c->n),
    };
    j.cells = (struct winograd_cells){
        .source = c->source,
        .rows = (c->out_height + f->out - 1) / f->out,
        .cols = (c->out_width + f->out - 1) / f->out,
        .top = c->top,
        .left = c->left,
        .window = f->window,
        .step = f->step,
        .turn = f->see,
        .side = f->side,
    };
    j.n = c->source.batch * j.cells.rows * j.cells.cols;
    j.block = block_of(cpu, &j);
    /* Whole lines of the cache, as the tiles behind them want; and some more, since planes a power
     * of two apart would fall into the same lines. */
    j.plane = (j.block * j.depth / STRIP_LINE + 2) * STRIP_LINE;
    return j;
}

void CPU(winograd_run)(const struct cpu *c, const struct winograd_conv *conv)
{
    struct job j = job_of(c, conv);

    weigh_all(c, &j);
#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < j.n; i += j.block)
        run_block(c, &j, i, par_min(j.block, j.n - i));
}

bool CPU(winograd_fits)(const struct winograd *f, int64_t depth, int64_t n)
{
    int64_t planes = f->side * f->side, width = panels_of(n).vecs * VEC_LANES;
    int64_t seen = planes * TILE_ROWS * (depth + TILE_COLS), room = f->window * f->window * depth;
    return depth >= VEC_LANES && n >= VEC_LANES && planes * depth * width <= CPU_SHARED_FLOATS &&
           2 * (seen + room) <= CPU_SCRATCH_FLOATS;
}
