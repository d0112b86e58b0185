/*
 * The transformer that turns a condition into a grid of codebook tokens: HFAiLab/clip-gen (model.md
 * section 2). The sequence is [cond, z0 .. z(T-2)]; the logits at position i predict z_i.
 */
#ifndef MODEL_GPT_H
#define MODEL_GPT_H

#include "kernels/kv.h"
#include "kernels/op.h"
#include "model/nn.h"

struct gpt_config {
    int layers, width, heads;
    int tokens;   /* T: positions = tokens of a picture */
    int vocab;    /* K: codebook entries */
    int cond_dim; /* of the CLIP embedding */
    float dropout;
    bool null_cond; /* has the learned null condition for guidance (`null_cond` [cond_dim]) */
};

int gpt_config_check(const struct gpt_config *c, struct err *e);

struct gpt {
    struct gpt_config config;
    struct tensor *token_embedding, *positions, *null_cond;
    struct nn_linear cond_proj, head;
    struct nn_block *blocks;
    struct nn_norm norm;
};

int gpt_init(struct gpt *m, const struct gpt_config *c, struct param_list *l, struct err *e);
void gpt_release(struct gpt *m);

/*
 * cond? [B, cond_dim], tokens? I32 [B, n] (one of them may be NULL) -> logits [B, T', V], T' =
 * (cond ? 1 : 0) + n. kv NULL: whole sequences from position 0, causal (cond required). With kv:
 * row b continues slot kv->slot[b] at position kv->pos[b] (0 exactly when cond is given).
 */
struct tensor *gpt_forward(struct pass *p, const struct gpt *m, const struct tensor *cond,
                           const struct tensor *tokens, struct kv *kv);
/* Rows of cond with mask != 0 replaced by the learned null condition. */
struct tensor *gpt_drop_cond(struct pass *p, const struct gpt *m, const struct tensor *cond,
                             const struct tensor *mask);

#endif
