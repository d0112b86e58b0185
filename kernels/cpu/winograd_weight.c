/*
 * The adjoint of a convolution to its weights by winograd.h: the planes of the pictures times the
 * planes of their gradients, plane by plane, summed over all cells, and turned back once.
 *
 * The cells go by in blocks: all threads turn a block's cells into planes, then share its products.
 * Every sum takes the cells in their order, so threads do not show.
 *
 * The shared memory holds the sums, then a block's planes.
 */
#include "kernels/cpu/conv.h"
#include "kernels/cpu/panel.h"
#include "kernels/cpu/winograd_cells.h"

#define BLOCK_FLOATS (2 * 1024 * 1024) /* of planes, both kinds together */
#define BLOCK_CELLS_MIN 16             /* fewer do not repay the reading of the sums */
#define TURN_CELLS 16                  /* of one task */
#define TASK_OUTPUTS 64

struct job {
    const struct winograd *f;
    struct winograd_cells x, dy;
    int64_t planes, in, out;
    int64_t n, block;            /* cells, and of one block */
    int64_t x_pitch, dy_pitch;   /* floats from a cell's channels to the next cell's */
    float *sums;                 /* [planes, out, in] */
    float *x_planes, *dy_planes; /* [planes, block, pitch] */
};

/* Rows a power of two apart would fall into the same few lines of the cache. */
static int64_t pitch_of(int64_t n)
{
    int64_t vecs = (n + VEC_LANES - 1) / VEC_LANES;
    return vecs > 2 ? (vecs | 1) * VEC_LANES : n;
}

/* Floats that a cell's planes take. */
static int64_t cell_size(const struct winograd *f, int64_t in, int64_t out)
{
    return f->side * f->side * (pitch_of(in) + pitch_of(out));
}

/* Cells of a block; tiles read up to a tile's width past the last. */
static int64_t block_of(const struct winograd *f, int64_t in, int64_t out)
{
    int64_t room = CPU_SHARED_FLOATS - f->side * f->side * in * out - 2 * TILE_COLS;
    return par_min(room, BLOCK_FLOATS) / cell_size(f, in, out);
}

static struct winograd_cells cells_of(const struct winograd *f, ctensor *source, ctensor *dy)
{
    return (struct winograd_cells){
        .source = strip_source(source),
        .rows = (dy->dim[1] + f->out - 1) / f->out,
        .cols = (dy->dim[2] + f->out - 1) / f->out,
        .side = f->side,
    };
}

static struct job job_of(const struct cpu *c, const struct winograd *f, ctensor *x, ctensor *dy,
                         struct conv_pad pad)
{
    struct job j = { .f = f, .in = x->dim[3], .out = dy->dim[3], .planes = f->side * f->side };
    j.x = cells_of(f, x, dy);
    j.x.top = pad.top;
    j.x.left = pad.left;
    j.x.window = f->window;
    j.x.step = f->step;
    j.x.turn = f->see;
    j.dy = cells_of(f, dy, dy);
    j.dy.window = j.dy.step = f->out;
    j.dy.turn = f->spread;
    j.n = x->dim[0] * j.x.rows * j.x.cols;
    j.block = par_min(block_of(f, j.in, j.out), j.n);
    j.x_pitch = pitch_of(j.in);
    j.dy_pitch = pitch_of(j.out);
    j.sums = cpu_shared(c);
    j.x_planes = j.sums + j.planes * j.out * j.in;
    j.dy_planes = j.x_planes + j.planes * j.block * j.x_pitch + TILE_COLS;
    return j;
}

static void turn_block(const struct cpu *c, const struct job *j, int64_t first, int64_t n)
{
    int64_t tasks = (n + TURN_CELLS - 1) / TURN_CELLS;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < 2 * tasks; i++) {
        int64_t at = i / 2 * TURN_CELLS, m = par_min(TURN_CELLS, n - at);
        if (i % 2)
            CPU(winograd_turn_cells)
        (&j->x, first + at, m, j->x_planes + at * j->x_pitch, j->x_pitch, j->block * j->x_pitch,
         cpu_scratch(c));
        else CPU(winograd_turn_cells)(&j->dy, first + at, m, j->dy_planes + at * j->dy_pitch,
                                      j->dy_pitch, j->block * j->dy_pitch, cpu_scratch(c));
    }
}

static inline void put_tile(const struct tile *t, int64_t rows, int64_t cols, bool add, float *to,
                            int64_t ld)
{
    for (int64_t i = 0; i < rows; i++) {
        float *restrict sum = to + i * ld;
        const float *restrict more = t->at[i];
        if (add)
            for (int64_t k = 0; k < cols; k++)
                sum[k] += more[k];
        else
            memcpy(sum, more, (size_t)cols * sizeof *sum);
    }
}

/* Plane p's sums of some outputs (+)= the products of n cells. */
static void multiply(const struct job *j, int64_t p, struct par_range outputs, int64_t n, bool add)
{
    const float *x = j->x_planes + p * j->block * j->x_pitch;
    const float *dy = j->dy_planes + p * j->block * j->dy_pitch;
    float *sums = j->sums + p * j->out * j->in;
    struct panels cols = panels_of(j->in);
    struct tile t;

    for (int64_t i = 0; i < cols.count; i++) {
        int64_t k = panel_start(cols, i) * VEC_LANES;
        for (int64_t o = outputs.begin; o < outputs.end; o += TILE_ROWS) {
            tile_columns(panel_vecs(cols, i), dy + o, j->dy_pitch, x + k, j->x_pitch, n, &t);
            put_tile(&t, par_min(TILE_ROWS, outputs.end - o), panel_cols(cols, i), add,
                     sums + o * j->in + k, j->in);
        }
    }
}

static void multiply_block(const struct cpu *c, const struct job *j, int64_t n, bool add)
{
    int64_t tasks = (j->out + TASK_OUTPUTS - 1) / TASK_OUTPUTS;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < j->planes * tasks; i++)
        multiply(j, i / tasks, par_range(j->out, tasks, i % tasks), n, add);
}

/* dw [out, 3, 3, in] += the sums, turned back. */
static void gather(const struct cpu *c, const struct job *j, float *dw)
{
    int64_t size = j->out * j->in, row = WINOGRAD_TAPS * j->in;

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t o = 0; o < j->out; o++) {
        float *restrict taps = cpu_scratch(c), *restrict to = dw + o * row;
        struct square from = { j->sums + o * j->in, j->f->side * size, size };
        j->f->gather(from, (struct square){ taps, 3 * j->in, j->in }, j->in);
        for (int64_t k = 0; k < row; k++)
            to[k] += taps[k];
    }
}

bool CPU(winograd_weight_fits)(const struct winograd *f, int64_t in, int64_t out)
{
    int64_t window = f->window * f->window * (in > out ? in : out);
    return in >= VEC_LANES && out >= VEC_LANES && block_of(f, in, out) >= BLOCK_CELLS_MIN &&
           window <= CPU_SCRATCH_FLOATS && WINOGRAD_TAPS * in <= CPU_SCRATCH_FLOATS;
}

void CPU(winograd_weight)(const struct cpu *c, const struct winograd *f, struct conv_pad pad,
                          ctensor *x, ctensor *dy, struct tensor *dw)
{
    struct job j = job_of(c, f, x, dy, pad);

    for (int64_t i = 0; i < j.n; i += j.block) {
        int64_t n = par_min(j.block, j.n - i);
        turn_block(c, &j, i, n);
        multiply_block(c, &j, n, i > 0);
    }
    gather(c, &j, dw->data);
}
