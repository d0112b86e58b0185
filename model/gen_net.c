#include "model/gen_net.h"

#include <string.h>

#include "base/mem.h"
#include "kernels/sample.h"

_Static_assert(GEN_ROWS_MAX <= OP_LINEAR_ROWS, "a row must not depend on its company");

#define ALIGN_WORDS 16 /* columns begin at multiples of 64 bytes, as tensors do */

/* What a step is told. The first four are one number a row, the others one a sequence. */
enum column {
    COL_TOKEN,
    COL_SLOT,
    COL_POS,
    COL_NO_COND, /* 1: the null condition takes this row's place */
    COL_COND_ROW,
    COL_UNCOND_ROW,
    COL_POSITION,
    COL_TOP_K,
    COL_TOP_P,
    COL_TEMPERATURE,
    COL_GUIDANCE,
    COL_SEED, /* two words a sequence: two columns wide */
    N_COLUMNS = COL_SEED + 2,
};

static int64_t embed_dim(const struct gen_net *net)
{
    return net->b->config.clip.embed_dim;
}

/* ---- what the passes are made of: the same code plans and runs them ---- */

static struct tensor *unit(struct pass *p, const struct tensor *raw)
{
    return op_l2norm(p, raw, CLIP_NORM_EPS);
}

static struct tensor *pass_text(struct pass *p, const struct gen_net *net, const int32_t *ids,
                                int32_t end)
{
    int64_t dim[] = { 1, net->b->config.clip.text.context }, one = 1;
    struct tensor *in = pass_upload(p, DTYPE_I32, 2, dim, ids);

    return unit(p, clip_text(p, &net->b->clip, in, pass_upload(p, DTYPE_I32, 1, &one, &end)));
}

static struct tensor *pass_image(struct pass *p, const struct gen_net *net, const uint8_t *px)
{
    const struct clip_config *c = &net->b->config.clip;
    int64_t dim[] = { 1, c->image.size, c->image.size, 3 };
    float mul[3], add[3];
    struct tensor *in = pass_upload(p, DTYPE_U8, 4, dim, px);

    clip_pixel_scale(c, mul, add);
    return unit(p, clip_image(p, &net->b->clip, op_pixels_in(p, in, mul, add)));
}

static struct tensor *pass_condition(struct pass *p, const struct gen_net *net, const float *embed,
                                     enum gen_source source)
{
    int64_t dim[] = { 1, embed_dim(net) };
    struct tensor *in = pass_upload(p, DTYPE_F32, 2, dim, embed);

    return source == GEN_TEXT ? condition_from_text(p, &net->b->condition, in)
                              : condition_from_image(p, &net->b->condition, in, 0);
}

static struct tensor *pass_encode(struct pass *p, const struct gen_net *net, const uint8_t *px)
{
    static const float MUL[3] = { 2 / 255.0f, 2 / 255.0f, 2 / 255.0f }, ADD[3] = { -1, -1, -1 };
    const struct vqgan *m = net->b->vqgan;
    int64_t side = net->b->config.vqgan.resolution, dim[] = { 1, side, side, 3 };
    struct tensor *in = op_pixels_in(p, pass_upload(p, DTYPE_U8, 4, dim, px), MUL, ADD);
    struct tensor *ids = NULL, *rows;

    vqgan_quantize(p, m, vqgan_encode(p, m, in), &ids, &rows);
    return ids;
}

static struct tensor *pass_decode(struct pass *p, const struct gen_net *net, const int32_t *tokens)
{
    const struct vqgan *m = net->b->vqgan;
    int64_t n = net->b->config.gpt.tokens;
    struct tensor *ids = pass_upload(p, DTYPE_I32, 1, &n, tokens);

    return op_pixels_out(p, vqgan_decode(p, m, vqgan_lookup(p, m, ids, 1)));
}

/* A column of the uploaded block as a tensor of its own; no memory while planning. */
static struct tensor column(const struct tensor *block, enum column c, enum dtype dtype, int64_t n)
{
    char *data = block->data;
    size_t at = (size_t)c * (size_t)block->dim[1] * sizeof(union gen_word);

    return (struct tensor){
        .dtype = dtype, .n_dims = 1, .dim = { n }, .data = data ? data + at : NULL
    };
}

/* The conditions of rows that begin; where no_cond is set, the null condition. */
static struct tensor *conditions(struct pass *p, const struct gen_net *net, int64_t rows,
                                 const struct tensor *no_cond)
{
    int64_t dim[] = { rows, embed_dim(net) };
    struct tensor *cond = pass_upload(p, DTYPE_F32, 2, dim, net->cond);

    return net->b->gpt.null_cond ? gpt_drop_cond(p, &net->b->gpt, cond, no_cond) : cond;
}

/* The next position of `rows` rows -> logits [rows, V] */
static struct tensor *logits(struct pass *p, struct gen_net *net, const struct tensor *block,
                             int64_t rows, bool first)
{
    struct tensor slot = column(block, COL_SLOT, DTYPE_I32, rows);
    struct tensor pos = column(block, COL_POS, DTYPE_I32, rows);
    struct tensor no_cond = column(block, COL_NO_COND, DTYPE_I32, rows);
    struct tensor token = column(block, COL_TOKEN, DTYPE_I32, rows);
    struct tensor *y;

    net->kv.slot = &slot;
    net->kv.pos = &pos;
    token.n_dims = 2; /* [rows, 1] */
    token.dim[1] = 1;
    y = gpt_forward(p, &net->b->gpt, first ? conditions(p, net, rows, &no_cond) : NULL,
                    first ? NULL : &token, &net->kv);
    net->kv.slot = net->kv.pos = NULL;
    return op_reshape(p, y, 2, (int64_t[]){ rows, -1 });
}

/* logits -> one token for each of n sequences */
static struct tensor *draw(struct pass *p, const struct tensor *block, int64_t n,
                           const struct tensor *y)
{
    struct tensor cond_row = column(block, COL_COND_ROW, DTYPE_I32, n);
    struct tensor uncond_row = column(block, COL_UNCOND_ROW, DTYPE_I32, n);
    struct tensor position = column(block, COL_POSITION, DTYPE_I32, n);
    struct tensor top_k = column(block, COL_TOP_K, DTYPE_I32, n);
    struct tensor top_p = column(block, COL_TOP_P, DTYPE_F32, n);
    struct tensor temperature = column(block, COL_TEMPERATURE, DTYPE_F32, n);
    struct tensor guidance = column(block, COL_GUIDANCE, DTYPE_F32, n);
    struct tensor seed = column(block, COL_SEED, DTYPE_I32, n);
    const struct sample_rows rows = {
        .logits = y,
        .cond_row = &cond_row,
        .uncond_row = &uncond_row,
        .guidance = &guidance,
        .temperature = &temperature,
        .top_k = &top_k,
        .top_p = &top_p,
        .seed = &seed,
        .position = &position,
    };

    seed.n_dims = 2; /* [n, 2] */
    seed.dim[1] = 2;
    return sample_draw(p, &rows);
}

static struct tensor *pass_step(struct pass *p, struct gen_net *net, int64_t n, int64_t rows,
                                bool first)
{
    int64_t dim[] = { N_COLUMNS, net->stride };
    struct tensor *block = pass_upload(p, DTYPE_I32, 2, dim, net->words);

    return block ? draw(p, block, n, logits(p, net, block, rows, first)) : NULL;
}

/* ---- memory ---- */

/* Every pass at its largest, on an arena that only counts. */
static int plan(struct gen_net *net, struct arena *a, struct err *e)
{
    struct pass p;

    pass_init(&p, NULL, a, NULL);
    pass_text(&p, net, NULL, 0);
    arena_release_all(a);
    pass_image(&p, net, NULL);
    arena_release_all(a);
    pass_condition(&p, net, NULL, GEN_TEXT);
    arena_release_all(a);
    if (!net->b->config.vqgan.decoder_only)
        pass_encode(&p, net, NULL);
    arena_release_all(a);
    pass_decode(&p, net, NULL);
    arena_release_all(a);
    pass_step(&p, net, net->rows, net->rows, true);
    arena_release_all(a);
    pass_step(&p, net, net->rows, net->rows, false);
    return pass_finish(&p, e);
}

/* Bytes of the arena. */
static int plan_arena(struct gen_net *net, size_t *ret_bytes, struct err *e)
{
    struct arena planned;
    int rc = arena_init_planning(&planned, ARENA_HOST_BYTES, e);

    if (rc)
        return -1;
    rc = plan(net, &planned, e);
    *ret_bytes = arena_peak(&planned);
    arena_free(&planned);
    return rc ? -1 : 0;
}

/* In f32 all of it is; beside coarser weights a finer cache would only cost time. */
static enum dtype cache_dtype(const struct bundle *b)
{
    return b->format == PARAM_PLAIN || b->format == PARAM_F32 ? DTYPE_F32 : DTYPE_F16;
}

static int take_host(struct gen_net *net, struct err *e)
{
    net->words = mem_alloc((size_t)N_COLUMNS * (size_t)net->stride, sizeof *net->words);
    net->cond = mem_alloc((size_t)(net->rows * embed_dim(net)), sizeof *net->cond);
    if (!net->words || !net->cond)
        return err_set(e, ERR_NOMEM, "no memory for %d rows", net->rows);
    return 0;
}

static int take_device(struct gen_net *net, struct err *e)
{
    const struct gpt_config *c = &net->b->config.gpt;
    size_t bytes;

    if (kv_init(&net->kv, net->b->dev, cache_dtype(net->b), c->layers, net->rows, c->tokens,
                c->width, e) ||
        plan_arena(net, &bytes, e))
        return -1;
    return arena_init(&net->arena, net->b->dev, bytes, ARENA_HOST_BYTES, e);
}

static int begin_net(struct gen_net *net, struct bundle *b, int rows, struct err *e)
{
    *net = (struct gen_net){ .b = b, .rows = rows };
    if (rows < 1 || rows > GEN_ROWS_MAX)
        return err_set(e, ERR_INVALID, "rows: %d is outside 1..%d", rows, GEN_ROWS_MAX);
    net->stride = (rows + ALIGN_WORDS - 1) / ALIGN_WORDS * ALIGN_WORDS;
    return 0;
}

int gen_net_plan(struct bundle *b, int rows, size_t *ret_bytes, struct err *e)
{
    const struct gpt_config *c = &b->config.gpt;
    struct gen_net net;
    size_t bytes;

    if (begin_net(&net, b, rows, e) ||
        kv_plan(&net.kv, cache_dtype(b), c->layers, rows, c->tokens, c->width, e) ||
        plan_arena(&net, &bytes, e))
        return -1;
    *ret_bytes = bytes + kv_bytes(&net.kv);
    return 0;
}

int gen_net_init(struct gen_net *net, struct bundle *b, int rows, struct err *e)
{
    if (begin_net(net, b, rows, e))
        return -1;
    if (take_host(net, e) || take_device(net, e)) {
        gen_net_release(net);
        return -1;
    }
    gen_graphs_init(&net->graphs, b->dev, rows);
    return 0;
}

void gen_net_release(struct gen_net *net)
{
    gen_graphs_release(&net->graphs);
    mem_free(net->words);
    mem_free(net->cond);
    kv_release(&net->kv);
    arena_free(&net->arena);
    *net = (struct gen_net){ 0 };
}

/* ---- running ---- */

static struct pass begin(struct gen_net *net)
{
    struct pass p;

    arena_release_all(&net->arena);
    pass_init(&p, net->b->dev, &net->arena, NULL);
    return p;
}

/* Brings all of y to the host, if the pass went well. */
static int finish(struct gen_net *net, struct pass *p, const struct tensor *y, void *ret,
                  struct err *e)
{
    if (pass_finish(p, e))
        return -1;
    return device_download(net->b->dev, y, 0, ret, tensor_bytes(y), e);
}

int gen_net_text(struct gen_net *net, const int32_t *ids, int end, float *ret_embed, struct err *e)
{
    struct pass p = begin(net);

    return finish(net, &p, pass_text(&p, net, ids, end), ret_embed, e);
}

int gen_net_image(struct gen_net *net, const struct image *img, float *ret_embed, struct err *e)
{
    struct pass p = begin(net);

    return finish(net, &p, pass_image(&p, net, img->px), ret_embed, e);
}

int gen_net_condition(struct gen_net *net, const float *embed, enum gen_source source,
                      float *ret_cond, struct err *e)
{
    struct pass p = begin(net);

    return finish(net, &p, pass_condition(&p, net, embed, source), ret_cond, e);
}

int gen_net_encode(struct gen_net *net, const struct image *img, int32_t *ret_tokens, struct err *e)
{
    struct pass p = begin(net);

    return finish(net, &p, pass_encode(&p, net, img->px), ret_tokens, e);
}

int gen_net_decode(struct gen_net *net, const int32_t *tokens, struct image *img, struct err *e)
{
    struct pass p = begin(net);

    return finish(net, &p, pass_decode(&p, net, tokens), img->px, e);
}

static union gen_word *words_of(struct gen_net *net, enum column c)
{
    return net->words + (size_t)c * (size_t)net->stride;
}

/* A row of the cache and what it begins with; cond NULL: the null condition. */
static void put_row(struct gen_net *net, int row, const struct gen_line *line, int slot,
                    const float *cond)
{
    size_t width = (size_t)embed_dim(net);

    words_of(net, COL_TOKEN)[row].i = line->last;
    words_of(net, COL_SLOT)[row].i = slot;
    words_of(net, COL_POS)[row].i = line->position;
    words_of(net, COL_NO_COND)[row].i = !cond;
    if (cond && line->position == 0)
        memcpy(net->cond + (size_t)row * width, cond, width * sizeof *net->cond);
}

static void put_sampling(struct gen_net *net, int i, const struct gen_line *line)
{
    const struct gen_settings *s = line->settings;

    words_of(net, COL_POSITION)[i].i = line->position;
    words_of(net, COL_TOP_K)[i].i = s->top_k;
    words_of(net, COL_TOP_P)[i].f = s->top_p;
    words_of(net, COL_TEMPERATURE)[i].f = s->temperature;
    words_of(net, COL_GUIDANCE)[i].f = s->guidance;
    words_of(net, COL_SEED)[2 * i].i = (int32_t)(uint32_t)s->seed;
    words_of(net, COL_SEED)[2 * i + 1].i = (int32_t)(uint32_t)(s->seed >> 32);
}

/* Fills the columns; returns the rows that the lines take. */
static int put_lines(struct gen_net *net, const struct gen_line *lines, int n)
{
    int rows = 0;

    for (int i = 0; i < n; i++) {
        bool guided = lines[i].null_row >= 0;
        put_sampling(net, i, &lines[i]);
        words_of(net, COL_COND_ROW)[i].i = rows;
        words_of(net, COL_UNCOND_ROW)[i].i = guided ? rows + 1 : -1;
        put_row(net, rows++, &lines[i], lines[i].row, lines[i].cond);
        if (guided)
            put_row(net, rows++, &lines[i], lines[i].null_row, lines[i].negative);
    }
    return rows;
}

/* ---- steps as graphs ---- */

/* Rows that no sequence has: outside the cache, their tokens are not looked at. */
static void put_idle(struct gen_net *net, int n, int rows, int all)
{
    static const struct gen_settings GREEDY = { .top_p = 1, .guidance = 1 };
    const struct gen_line idle = { .row = -1, .null_row = -1, .settings = &GREEDY };

    for (int i = n; i < all; i++) {
        put_sampling(net, i, &idle);
        words_of(net, COL_COND_ROW)[i].i = 0;
        words_of(net, COL_UNCOND_ROW)[i].i = -1;
    }
    for (int row = rows; row < all; row++) {
        words_of(net, COL_TOKEN)[row].i = 0;
        words_of(net, COL_SLOT)[row].i = -1;
        words_of(net, COL_POS)[row].i = 0;
    }
}

/* Records what a step does once it has its words. The pass begins with all of the arena, so its
 * memory is the same whenever the step comes again. */
static int record(struct gen_net *net, struct gen_graph *g, struct err *e)
{
    struct pass p = begin(net);
    int64_t dim[] = { N_COLUMNS, net->stride };
    struct tensor *words = pass_tensor(&p, DTYPE_I32, 2, dim), *tokens;
    void *graph = NULL;

    if (pass_finish(&p, e) || device_graph_begin(net->b->dev, e))
        return -1;
    tokens = draw(&p, words, g->rows, logits(&p, net, words, g->rows, false));
    device_graph_end(net->b->dev, &graph, &p.err);
    if (pass_finish(&p, e)) {
        device_graph_free(net->b->dev, graph);
        return -1;
    }
    g->graph = graph;
    g->words = *words;
    g->tokens = *tokens;
    return 0;
}

static int replay(struct gen_net *net, struct gen_graph *g, int n, int32_t *ret_tokens,
                  struct err *e)
{
    struct device *dev = net->b->dev;

    if (device_upload(dev, &g->words, 0, net->words, tensor_bytes(&g->words), e) ||
        device_graph_replay(dev, g->graph, e))
        return -1;
    return device_download(dev, &g->tokens, 0, ret_tokens, (size_t)n * sizeof *ret_tokens, e);
}

static bool is_ready(struct gen_net *net, struct gen_graph *g)
{
    struct err e;

    if (!g->graph && g->met)
        net->graphs.usable = !record(net, g, &e);
    g->met = true;
    return g->graph;
}

/* The graph for these lines, NULL when there is none: what begins brings conditions, and a device
 * that fails to record does without from then on; if it is broken, the step itself will tell. */
static struct gen_graph *graph_for(struct gen_net *net, const struct gen_line *lines, int n,
                                   int rows)
{
    struct gen_graph *g;

    if (!net->graphs.usable || lines[0].position == 0)
        return NULL;
    g = gen_graphs_find(&net->graphs, rows);
    if (!is_ready(net, g))
        return NULL;
    put_idle(net, n, rows, g->rows);
    return g;
}

int gen_net_step(struct gen_net *net, const struct gen_line *lines, int n, int32_t *ret_tokens,
                 struct err *e)
{
    int rows = put_lines(net, lines, n);
    struct gen_graph *g = graph_for(net, lines, n, rows);
    struct pass p;

    if (g)
        return replay(net, g, n, ret_tokens, e);
    p = begin(net);
    return finish(net, &p, pass_step(&p, net, n, rows, lines[0].position == 0), ret_tokens, e);
}
