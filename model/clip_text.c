/*
 * CLIP's text tower: a causal transformer over the tokens; the end token, which has seen all
 * others, is the text's feature. No padding mask: what follows the end token is never looked at.
 */
#include "model/clip.h"

#define EPS 1e-5f

/* x [B, T, W] -> its rows end_rows of [B*T, W] -> [B, W] */
static struct tensor *pick_rows(struct pass *p, const struct tensor *x, int width,
                                const struct tensor *rows)
{
    return op_embedding(p, op_reshape(p, x, 2, (int64_t[]){ -1, width }), rows);
}

struct tensor *clip_text(struct pass *p, const struct clip *m, const struct tensor *ids,
                         const struct tensor *end_rows)
{
    const struct clip_config *c = &m->config;
    enum nn_mlp mlp = c->quick_gelu ? NN_QUICK_GELU : NN_GELU;
    struct tensor *x = op_embedding(p, m->token_embedding, ids); /* [B, T, W] */

    x = op_add(p, x, m->text_positions);
    for (int i = 0; i < c->text.layers; i++)
        x = nn_block(p, &m->text_blocks[i], x, c->text.heads, true, mlp, 0, NULL, i);
    x = pick_rows(p, x, c->text.width, end_rows); /* [B, W] */
    x = nn_layernorm(p, &m->ln_final, x, EPS);    /* of the picked rows alone: the same numbers */
    return nn_project(p, m->text_proj, x);        /* [B, E] */
}
