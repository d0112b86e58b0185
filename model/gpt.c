#include "model/gpt.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"

#define GPT_STD 0.02f /* GPT-2 */
#define GPT_EPS 1e-5f

static const struct nn_block_names NAMES = {
    .ln1 = "norm1",
    .ln2 = "norm2",
    .qkv = "self_attn.in_proj_weight",
    .qkv_bias = "self_attn.in_proj_bias",
    .proj = "self_attn.out_proj",
    .fc = "linear1",
    .fc_out = "linear2",
};

int gpt_config_check(const struct gpt_config *c, struct err *e)
{
    const struct nn_limit limits[] = {
        { "layers", c->layers, 1, 128 },   { "width", c->width, 1, 16384 },
        { "heads", c->heads, 1, 256 },     { "tokens", c->tokens, 1, 4096 },
        { "vocab", c->vocab, 2, 1 << 20 }, { "cond_dim", c->cond_dim, 1, 8192 },
    };

    if (nn_check_limits("gpt", limits, (int)(sizeof limits / sizeof *limits), e))
        return -1;
    if (c->width % c->heads)
        return err_set(e, ERR_INVALID, "gpt.width: %d is no multiple of gpt.heads %d", c->width,
                       c->heads);
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_set(e, ERR_INVALID, "gpt.dropout: %g is outside 0..1", (double)c->dropout);
    return 0;
}

static void init_blocks(struct gpt *m, struct param_list *l)
{
    const struct gpt_config *c = &m->config;
    /* The residual stream sums 2 * layers branches; GPT-2 keeps its variance. */
    float residual = GPT_STD / sqrtf(2.0f * (float)c->layers);
    struct nn_block_start start = {
        .qkv = GPT_STD, .proj = residual, .fc = GPT_STD, .fc_out = residual
    };
    char prefix[32];

    for (int i = 0; i < c->layers; i++) {
        snprintf(prefix, sizeof prefix, "blocks.%d.encoder.", i);
        nn_block_init(&m->blocks[i], l, c->width, &start, &NAMES, prefix);
    }
}

int gpt_init(struct gpt *m, const struct gpt_config *c, struct param_list *l, struct err *e)
{
    int64_t positions[] = { 1, c->tokens, c->width }, table[] = { c->vocab, c->width };
    int64_t cond[] = { c->cond_dim };

    *m = (struct gpt){ .config = *c };
    if (gpt_config_check(c, e))
        return -1;
    m->blocks = mem_alloc((size_t)c->layers, sizeof *m->blocks);
    if (!m->blocks)
        return err_set(e, ERR_NOMEM, "gpt: no memory for %d blocks", c->layers);
    m->positions = param_add(l, 0, START_NORMAL, GPT_STD, 3, positions, "pos_emb");
    m->token_embedding = param_add(l, 0, START_NORMAL, GPT_STD, 2, table, "tok_emb.weight");
    if (c->null_cond)
        m->null_cond = param_add(l, 0, START_NORMAL, GPT_STD, 1, cond, "null_cond");
    nn_linear_init(&m->cond_proj, l, c->width, c->cond_dim, true, GPT_STD, "cond_proj");
    init_blocks(m, l);
    nn_norm_init(&m->norm, l, c->width, "norm");
    nn_linear_init(&m->head, l, c->vocab, c->width, true, GPT_STD, "head");
    if (!param_list_check(l, e))
        return 0;
    gpt_release(m);
    return -1;
}

void gpt_release(struct gpt *m)
{
    mem_free(m->blocks);
    *m = (struct gpt){ 0 };
}

/* [B, D] -> [B, 1, D]: one position of every sequence */
static struct tensor *as_position(struct pass *p, const struct gpt *m, const struct tensor *x)
{
    return op_reshape(p, x, 3, (int64_t[]){ -1, 1, m->config.width });
}

/* cond?, tokens? -> [B, T', D] */
static struct tensor *embed(struct pass *p, const struct gpt *m, const struct tensor *cond,
                            const struct tensor *tokens)
{
    struct tensor *c = cond ? as_position(p, m, nn_linear(p, &m->cond_proj, cond)) : NULL;
    struct tensor *t = tokens ? op_embedding(p, m->token_embedding, tokens) : NULL;

    if (cond && tokens)
        return op_concat(p, c, t, 1);
    return cond ? c : t;
}

/* Embeddings of positions pos[b] .. pos[b] + n - 1 -> [B, n, D]. Shifting the table by t does the
 * addition, so that pos may stay on the device. */
static struct tensor *positions_at(struct pass *p, const struct gpt *m, const struct tensor *table,
                                   const struct tensor *pos, int64_t n)
{
    struct tensor *rows = as_position(p, m, op_embedding(p, table, pos));

    for (int64_t t = 1; t < n; t++) {
        struct tensor *shifted = op_slice(p, table, 0, t, m->config.tokens - t);
        rows = op_concat(p, rows, as_position(p, m, op_embedding(p, shifted, pos)), 1);
    }
    return rows;
}

/* x [B, T', D] plus its positions: from 0 with a condition, from kv->pos without. */
static struct tensor *add_positions(struct pass *p, const struct gpt *m, const struct tensor *x,
                                    bool from_start, const struct kv *kv)
{
    const struct gpt_config *c = &m->config;
    struct tensor *table = op_reshape(p, m->positions, 2, (int64_t[]){ c->tokens, c->width });

    if (!x)
        return NULL;
    if (from_start)
        return op_add(p, x, op_slice(p, table, 0, 0, x->dim[1]));
    return op_add(p, x, positions_at(p, m, table, kv->pos, x->dim[1]));
}

struct tensor *gpt_forward(struct pass *p, const struct gpt *m, const struct tensor *cond,
                           const struct tensor *tokens, struct kv *kv)
{
    const struct gpt_config *c = &m->config;
    struct tensor *x; /* [B, T', D] */

    if (!cond && !(tokens && kv))
        return pass_fail(p, ERR_INTERNAL, "gpt: a sequence starts with its condition");
    x = embed(p, m, cond, tokens);
    x = op_dropout(p, add_positions(p, m, x, cond, kv), c->dropout);
    for (int i = 0; i < c->layers; i++)
        x = nn_block(p, &m->blocks[i], x, c->heads, true, NN_GELU, c->dropout, kv, i);
    x = nn_layernorm(p, &m->norm, x, GPT_EPS);
    return nn_linear(p, &m->head, x); /* [B, T', V] */
}

struct tensor *gpt_drop_cond(struct pass *p, const struct gpt *m, const struct tensor *cond,
                             const struct tensor *mask)
{
    if (!m->null_cond)
        return pass_fail(p, ERR_UNSUPPORTED, "gpt: this model has no null condition");
    return op_replace_rows(p, cond, mask, m->null_cond);
}
