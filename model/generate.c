/*
 * Sequences and the rows they own. A handle is the index of a sequence; rows are places in the
 * cache. A finished sequence keeps its handle until gen_drop, but gives its rows back at once, so
 * there are twice as many handles as rows: others may begin while finished ones wait for pixels.
 */
#include "model/generate.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/gen_net.h"

#define NO_ROW (-1)

struct sequence {
    bool used;
    int row, null_row; /* NO_ROW: none */
    struct gen_settings settings;
    int n;           /* tokens so far */
    int32_t *tokens; /* [T], owned by gen, as is cond */
    float *cond;     /* [E], and behind it [E] of the negative one */
    bool negative;   /* guidance leads away from that, not from the null condition */
};

struct gen {
    struct gen_net net;
    int n_tokens, embed_dim; /* T, E */
    int n_sequences, rows_free, handles_free;
    struct sequence *sequence; /* [n_sequences] */
    bool *row_used;            /* [net.rows] */
    int32_t *tokens;           /* [n_sequences, T] */
    float *conds;              /* [n_sequences, 2, E] */
    struct gen_line *lines;    /* [n_sequences]: a step's sequences, */
    int *line_sequence;        /* their handles, */
    int32_t *drawn;            /* and their tokens */
};

/* ---- the whole ---- */

static int take_host(struct gen *g, struct err *e)
{
    size_t n = 2 * (size_t)g->net.rows;

    g->n_sequences = g->handles_free = (int)n;
    g->rows_free = g->net.rows;
    g->sequence = mem_alloc(n, sizeof *g->sequence);
    g->row_used = mem_alloc((size_t)g->net.rows, sizeof *g->row_used);
    g->tokens = mem_alloc(n * (size_t)g->n_tokens, sizeof *g->tokens);
    g->conds = mem_alloc(n * 2 * (size_t)g->embed_dim, sizeof *g->conds);
    g->lines = mem_alloc(n, sizeof *g->lines);
    g->line_sequence = mem_alloc(n, sizeof *g->line_sequence);
    g->drawn = mem_alloc(n, sizeof *g->drawn);
    if (!g->sequence || !g->row_used || !g->tokens || !g->conds || !g->lines || !g->line_sequence ||
        !g->drawn)
        return err_set(e, ERR_NOMEM, "no memory for %d sequences", g->n_sequences);
    for (size_t i = 0; i < n; i++) {
        g->sequence[i].tokens = g->tokens + i * (size_t)g->n_tokens;
        g->sequence[i].cond = g->conds + i * 2 * (size_t)g->embed_dim;
    }
    return 0;
}

int gen_new(struct bundle *b, int rows, struct gen **ret_gen, struct err *e)
{
    struct gen *g = mem_alloc(1, sizeof *g);

    if (!g)
        return err_set(e, ERR_NOMEM, "no memory for generation");
    g->n_tokens = b->config.gpt.tokens;
    g->embed_dim = b->config.clip.embed_dim;
    if (gen_net_init(&g->net, b, rows, e) || take_host(g, e)) {
        gen_free(g);
        return err_prefix(e, "generation: ");
    }
    *ret_gen = g;
    return 0;
}

void gen_free(struct gen *g)
{
    if (!g)
        return;
    gen_net_release(&g->net);
    mem_free(g->sequence);
    mem_free(g->row_used);
    mem_free(g->tokens);
    mem_free(g->conds);
    mem_free(g->lines);
    mem_free(g->line_sequence);
    mem_free(g->drawn);
    mem_free(g);
}

size_t gen_bytes(const struct gen *g)
{
    return g->net.arena.size + kv_bytes(&g->net.kv);
}

int gen_plan(struct bundle *b, int rows, size_t *ret_bytes, struct err *e)
{
    return gen_net_plan(b, rows, ret_bytes, e) ? err_prefix(e, "generation: ") : 0;
}

/* ---- embeddings ---- */

int gen_embed_text(struct gen *g, const int32_t *ids, int end, float *ret_embed, struct err *e)
{
    int context = g->net.b->config.clip.text.context;

    if (end < 0 || end >= context)
        return err_set(e, ERR_INTERNAL, "end token: %d is outside 0..%d", end, context - 1);
    return gen_net_text(&g->net, ids, end, ret_embed, e);
}

static int fit_over_white(const struct image *img, int side, enum image_filter filter,
                          struct image *ret_square, struct err *e)
{
    static const uint8_t WHITE[3] = { 255, 255, 255 };
    struct image rgb;
    int rc;

    if (image_flatten(img, WHITE, &rgb, e))
        return -1;
    rc = image_fit_square(&rgb, side, filter, ret_square, e);
    image_release(&rgb);
    return rc;
}

int gen_fit_image(const struct gen *g, const struct image *img, struct image *ret_square,
                  struct err *e)
{
    const struct clip_config *c = &g->net.b->config.clip;
    enum image_filter filter = c->bilinear ? IMAGE_BILINEAR : IMAGE_BICUBIC;

    return fit_over_white(img, c->image.size, filter, ret_square, e);
}

int gen_fit_picture(const struct gen *g, const struct image *img, struct image *ret_square,
                    struct err *e)
{
    return fit_over_white(img, g->net.b->config.vqgan.resolution, IMAGE_BILINEAR, ret_square, e);
}

int gen_embed_image(struct gen *g, const struct image *img, float *ret_embed, struct err *e)
{
    struct image square;
    int rc;

    if (gen_fit_image(g, img, &square, e))
        return -1;
    rc = gen_net_image(&g->net, &square, ret_embed, e);
    image_release(&square);
    return rc;
}

/* ---- rows ---- */

int gen_rows_free(const struct gen *g)
{
    return g->rows_free < g->handles_free ? g->rows_free : g->handles_free;
}

int gen_rows_needed(const struct gen_settings *s)
{
    return s->guidance != 1 ? 2 : 1;
}

static int take_row(struct gen *g)
{
    int row = 0;

    while (g->row_used[row])
        row++;
    g->row_used[row] = true;
    g->rows_free--;
    return row;
}

static void give_row(struct gen *g, int *row)
{
    if (*row == NO_ROW)
        return;
    g->row_used[*row] = false;
    g->rows_free++;
    *row = NO_ROW;
}

static void give_rows(struct gen *g, struct sequence *s)
{
    give_row(g, &s->row);
    give_row(g, &s->null_row);
}

/* ---- admission ---- */

static int check_settings(const struct gen *g, const struct gen_settings *s, const float *negative,
                          struct err *e)
{
    if (!(s->temperature >= 0) || isinf(s->temperature))
        return err_set(e, ERR_INVALID, "temperature: %g is no number from 0 on",
                       (double)s->temperature);
    if (s->top_k < 0)
        return err_set(e, ERR_INVALID, "top_k: %d is below 0", s->top_k);
    if (!(s->top_p >= 0 && s->top_p <= 1))
        return err_set(e, ERR_INVALID, "top_p: %g is outside 0..1", (double)s->top_p);
    if (!isfinite(s->guidance))
        return err_set(e, ERR_INVALID, "guidance: %g is no number", (double)s->guidance);
    if (gen_rows_needed(s) == 2 && !negative && !g->net.b->gpt.null_cond)
        return err_set(e, ERR_UNSUPPORTED, "guidance: %g needs a null condition; %s has none",
                       (double)s->guidance, g->net.b->config.name);
    return 0;
}

static int check_cond(const struct gen *g, const float *cond, struct err *e)
{
    for (int i = 0; i < g->embed_dim; i++)
        if (!isfinite(cond[i]))
            return err_set(e, ERR_INVALID, "condition: element %d is no number", i);
    return 0;
}

static int check_room(const struct gen *g, const struct gen_settings *s, struct err *e)
{
    int needed = gen_rows_needed(s);

    if (g->handles_free == 0 || g->rows_free < needed)
        return err_set(e, ERR_BUSY, "generation: %d of %d rows are free, %d needed",
                       gen_rows_free(g), g->net.rows, needed);
    return 0;
}

static int find_handle(const struct gen *g)
{
    int i = 0;

    while (g->sequence[i].used)
        i++;
    return i;
}

int gen_condition(struct gen *g, const float *embed, enum gen_source source, float *ret_cond,
                  struct err *e)
{
    return gen_net_condition(&g->net, embed, source, ret_cond, e);
}

static void keep_conditions(const struct gen *g, struct sequence *q, const float *cond,
                            const float *negative)
{
    size_t bytes = (size_t)g->embed_dim * sizeof *cond;

    memcpy(q->cond, cond, bytes);
    q->negative = negative != NULL;
    if (negative)
        memcpy(q->cond + g->embed_dim, negative, bytes);
}

int gen_admit(struct gen *g, const float *cond, const float *negative, const struct gen_settings *s,
              int *ret_slot, struct err *e)
{
    struct sequence *q;
    int handle;

    if (check_settings(g, s, negative, e) || check_cond(g, cond, e) ||
        (negative && check_cond(g, negative, e)) || check_room(g, s, e))
        return -1;
    handle = find_handle(g);
    q = &g->sequence[handle];
    keep_conditions(g, q, cond, negative);
    q->used = true;
    q->settings = *s;
    q->n = 0;
    q->row = take_row(g);
    q->null_row = gen_rows_needed(s) == 2 ? take_row(g) : NO_ROW;
    g->handles_free--;
    *ret_slot = handle;
    return 0;
}

void gen_drop(struct gen *g, int slot)
{
    struct sequence *q = &g->sequence[slot];

    if (!q->used)
        return;
    give_rows(g, q);
    q->used = false;
    g->handles_free++;
}

/* ---- steps ---- */

static bool live(const struct gen *g, const struct sequence *q)
{
    return q->used && q->n < g->n_tokens;
}

/* Puts the unfinished sequences that begin (or those that go on) into g->lines. */
static int collect(struct gen *g, bool beginning)
{
    int n = 0;

    for (int i = 0; i < g->n_sequences; i++) {
        const struct sequence *q = &g->sequence[i];
        if (!live(g, q) || (q->n == 0) != beginning)
            continue;
        g->line_sequence[n] = i;
        g->lines[n++] = (struct gen_line){
            .row = q->row,
            .null_row = q->null_row,
            .position = q->n,
            .last = q->n ? q->tokens[q->n - 1] : 0,
            .cond = q->cond,
            .negative = q->negative ? q->cond + g->embed_dim : NULL,
            .settings = &q->settings,
        };
    }
    return n;
}

static int append(struct gen *g, struct sequence *q, int32_t token, struct err *e)
{
    int vocab = g->net.b->config.gpt.vocab;

    if (token < 0 || token >= vocab)
        return err_set(e, ERR_INTERNAL,
                       "token %d of a sequence is %d, outside 0..%d: weights that "
                       "are no numbers?",
                       q->n, token, vocab - 1);
    q->tokens[q->n++] = token;
    if (q->n == g->n_tokens)
        give_rows(g, q);
    return 0;
}

static int step_some(struct gen *g, bool beginning, struct err *e)
{
    int n = collect(g, beginning);

    if (n == 0)
        return 0;
    if (gen_net_step(&g->net, g->lines, n, g->drawn, e))
        return -1;
    for (int i = 0; i < n; i++)
        if (append(g, &g->sequence[g->line_sequence[i]], g->drawn[i], e))
            return -1;
    return 0;
}

int gen_step(struct gen *g, struct err *e)
{
    /* Those that go on first: one that begins would otherwise go on in the same step. */
    return step_some(g, false, e) || step_some(g, true, e) ? -1 : 0;
}

int gen_live(const struct gen *g)
{
    int n = 0;

    for (int i = 0; i < g->n_sequences; i++)
        n += live(g, &g->sequence[i]);
    return n;
}

int gen_position(const struct gen *g, int slot)
{
    return g->sequence[slot].n;
}

bool gen_done(const struct gen *g, int slot)
{
    return g->sequence[slot].n == g->n_tokens;
}

const int32_t *gen_tokens(const struct gen *g, int slot)
{
    return g->sequence[slot].tokens;
}

/* ---- pictures ---- */

static int check_tokens(const struct gen *g, const int32_t *tokens, struct err *e)
{
    int vocab = g->net.b->config.gpt.vocab;

    for (int i = 0; i < g->n_tokens; i++)
        if (tokens[i] < 0 || tokens[i] >= vocab)
            return err_set(e, ERR_INVALID, "tokens[%d]: %d is outside 0..%d", i, tokens[i],
                           vocab - 1);
    return 0;
}

int gen_decode(struct gen *g, const int32_t *tokens, struct image *ret_img, struct err *e)
{
    int side = g->net.b->config.vqgan.resolution;
    struct image img;

    if (check_tokens(g, tokens, e) || image_new(side, side, 3, &img, e))
        return -1;
    if (gen_net_decode(&g->net, tokens, &img, e)) {
        image_release(&img);
        return -1;
    }
    *ret_img = img;
    return 0;
}

int gen_encode(struct gen *g, const struct image *img, int32_t *ret_tokens, struct err *e)
{
    struct image square;
    int rc;

    if (gen_fit_picture(g, img, &square, e))
        return -1;
    rc = gen_net_encode(&g->net, &square, ret_tokens, e);
    image_release(&square);
    return rc;
}

int gen_image(struct gen *g, int slot, struct image *ret_img, struct err *e)
{
    if (!gen_done(g, slot))
        return err_set(e, ERR_INTERNAL, "generation: slot %d has %d of %d tokens", slot,
                       gen_position(g, slot), g->n_tokens);
    return gen_decode(g, gen_tokens(g, slot), ret_img, e);
}
